/*
 * The seam to the operating system: every system call that the library makes
 * goes through here, so that tests can make them fail (the linker wraps each
 * function, see tests/vm/test_failures.c).
 *
 * Functions return 0 or a result, or -errno. Thread-safe; no state.
 */
#ifndef MTI_OS_OS_H
#define MTI_OS_OS_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>
#include <time.h>

#include "base/features.h"

/* open(2) with O_CLOEXEC. */
int mti_os_open(const char *path, int flags);
void mti_os_close(int fd);
/* The same open file, close-on-exec. */
int mti_os_duplicate(int fd);
int mti_os_ioctl(int fd, unsigned long request, void *argument);
int mti_os_ioctl_value(int fd, unsigned long request, unsigned long value);

/* KVM_RUN and its like: an ioctl that blocks. -EINTR is not retried. */
int mti_os_run(int fd, unsigned long request);

/* The size of an open regular file; -EINVAL for anything else. */
int64_t mti_os_file_size(int fd);
/* Reads until size bytes or end of file; the count. */
int64_t mti_os_read(int fd, void *buffer, size_t size);
/* Writes all of it, to whatever fd is. */
int mti_os_write(int fd, const void *data, size_t size);
/* Writes all of it. */
int mti_os_pwrite(int fd, const void *data, size_t size, uint64_t offset);
/* Writes all pieces, one after the other; changes them. */
int mti_os_pwritev(int fd, struct iovec *pieces, size_t count, uint64_t offset);
int mti_os_truncate(int fd, uint64_t size);

/* Reads until size bytes or end of file; the count. */
int64_t mti_os_pread(int fd, void *buffer, size_t size, uint64_t offset);
/* Where a file that has holes goes on from offset; the size if nowhere. */
int64_t mti_os_next_data(int fd, uint64_t offset, uint64_t size);

/*
 * The next twelve: files.c. Names are single components below the folder dir.
 */
/* A folder that is there; links in the path are followed. */
int mti_os_open_folder(const char *path);
int mti_os_make_folder(const char *path);
/* No link, waits for nothing. */
int mti_os_open_folder_at(int dir, const char *name);
int mti_os_make_folder_at(int dir, const char *name);
int mti_os_open_at(int dir, const char *name);
/* Calls found for each entry until it does not give 0; what it gave last. */
typedef int (*mti_os_name_fn)(void *user, const char *name);
int mti_os_folder_each(int dir, mti_os_name_fn found, void *user);
/* For writing; -EEXIST if anything of that name is there. */
int mti_os_create_at(int dir, const char *name);
/* Replaces what is at the new name. */
int mti_os_rename_at(int dir, const char *from, const char *to);
int mti_os_unlink_at(int dir, const char *name);
/* To the disk. */
int mti_os_sync(int fd);
/* Waits until no other open file of that folder holds the lock. */
int mti_os_lock(int fd);
/* Also if other processes have the same open file, or if fd is negative. */
void mti_os_unlock(int fd);

/* An anonymous file of that size, close-on-exec, that may be sealed. */
int mti_os_memfd(const char *name, uint64_t size);
/* Nobody can write, grow or shrink it from now on. */
int mti_os_memfd_seal(int fd);

/* Memory that is zero and reserves no swap. */
int mti_os_reserve(size_t size, void **address);
/* Whether that much could be had now that is writable and executable. */
int mti_os_try_code(size_t size);
/* Makes a piece of such memory as it was first. */
int mti_os_map_zero(void *address, size_t size);
/* Replaces a piece of it by private copies of a file's pages. */
int mti_os_map_private(void *address, size_t size, int fd, uint64_t offset);
/*
 * Takes no huge pages and is neither dumped nor inherited by a child: to be
 * repeated for pieces that were mapped anew. Advice only: an old kernel
 * without one of them is no reason to refuse.
 */
void mti_os_advise_guest(void *address, size_t size);
/* Forgets what was written to private pages: what lies below shows again. */
int mti_os_discard(void *address, size_t size);
/* A file, read-only, through the page cache. */
int mti_os_map_file(size_t size, int fd, const void **address);
/*
 * Memory that is going to be filled at once, in huge pages if the system has
 * them for it: to get small ones costs three times as much as to fill them.
 */
int mti_os_map_staging(size_t size, void **address);
/* Gets what is about to be filled; what fails comes when it is written. */
void mti_os_populate(void *address, size_t size);
/*
 * A page that can be read and written: hypervisors that have mapped it lose it
 * until they use it again.
 */
int mti_os_take_page(void *address);
/* Nobody writes to it from now on. */
int mti_os_protect(void *address, size_t size);
/*
 * A file, read-only, in the place of memory that holds the same: who reads it
 * meanwhile sees the one or the other.
 */
int mti_os_map_instead(void *address, size_t size, int fd);
/*
 * A piece of a file for a guest, with the advice above: read-only and
 * shared, or private and writable.
 */
int mti_os_map_part(int fd, uint64_t offset, size_t size, bool private,
		    void **address);
/*
 * Copies memory that may not be there, or not any more: -EFAULT, where a
 * plain copy would end the process.
 */
int mti_os_copy_memory(void *to, const void *from, size_t size);
/* Shared mapping of a device's memory. */
int mti_os_map_device(size_t size, int fd, void **address);
void mti_os_unmap(void *address, size_t size);

struct mti_os_range {
	uint64_t start; /* from the address on */
	uint64_t end;
};

/*
 * Which pages of [address + *from, address + size) the process has of its
 * own, in memory or swapped out: up to most runs, their number is returned,
 * *from moves on to where the search stopped. Pages of zeros that were only
 * read may be among them. The first needs Linux 6.7, else -ENOTTY.
 */
int mti_os_scan_private(const void *address, size_t size, size_t *from,
			struct mti_os_range *runs, size_t most);
int mti_os_read_private(const void *address, size_t size, size_t *from,
			struct mti_os_range *runs, size_t most);

/* Nanoseconds; no system call where the kernel offers a vDSO. */
uint64_t mti_os_monotonic_ns(void);
uint64_t mti_os_realtime_ns(void);
/* What the calling thread has used; a system call. Async-signal-safe. */
uint64_t mti_os_thread_cpu_ns(void);

int mti_os_random(void *buffer, size_t size);

/* A monotonic timer whose expiry sends signal to the calling thread. */
int mti_os_timer_new(int signal, timer_t *timer);
/* Absolute time, one shot. Async-signal-safe. */
int mti_os_timer_arm(timer_t timer, uint64_t deadline_ns);
void mti_os_timer_free(timer_t timer);

/*
 * Installs handler for signal if nobody else has: -EBUSY if the program
 * handles or ignores it, -EINVAL if the CPU raises it for faults.
 */
int mti_os_signal_install(int signal, void (*handler)(int));
/* For the calling thread. 1: it was blocked. */
int mti_os_signal_unblock(int signal);
int mti_os_signal_block(int signal);

/* For mti_os_thread_signal. */
int32_t mti_os_thread_id(void);
/*
 * Sends signal to a thread of this process; -ESRCH if there is none of that
 * id. Async-signal-safe; errno stays as it is.
 */
int mti_os_thread_signal(int32_t thread, int signal);
/* Takes a signal that the thread blocks and that is pending: 1, or 0. */
int mti_os_signal_take(int signal);
/* The signals that the thread blocks and that are pending. */
int mti_os_signal_pending(sigset_t *set);

/*
 * cpu.c: features of this machine's CPU that a program in user mode may use;
 * all 0 where the machine has no CPUID.
 */
void mti_os_cpu_features(uint64_t features[MTI_CPU_FEATURE_WORDS]);
/* Of what a CPUID says, leaves the bits that count there. */
void mti_os_cpu_features_user(uint64_t features[MTI_CPU_FEATURE_WORDS]);
/* What the kernel told the process at its start: an AT_ of <sys/auxv.h>. */
unsigned long mti_os_auxiliary(unsigned long type);

/*
 * Program files (library.c). The folder of the one that an address is in, with
 * links resolved.
 */
int mti_os_folder_of(const void *address, char *folder, size_t size);
/*
 * The real path, to be freed with free(), of a file that nobody but root and
 * the process's effective user can have put there: it, the folder that its
 * name is in, and, with links resolved, it and every folder from / on belong
 * to one of them, and neither a group nor others may write to them. A sticky
 * folder is no exception: so nobody else can change what the path leads to.
 * -ENOENT: there is no such file; else text says what is wrong with which.
 */
int mti_os_find_trusted(const char *folder, const char *name, char **real,
			char *text, size_t size);
/*
 * Loads a program file for the rest of the process and finds an object in it.
 * -ENOEXEC: text says what is wrong with it.
 */
int mti_os_load(const char *path, const char *symbol, const void **object,
		char *text, size_t size);

/*
 * Sockets (socket.c): close-on-exec, and none of these blocks. A path is
 * for the user alone; a port is one of 127.0.0.1, and 0 becomes one that is
 * free.
 */
int mti_os_listen_path(const char *path);
int mti_os_listen_port(uint16_t *port);
void mti_os_remove(const char *path);
/* A client; -EAGAIN if none waits. */
int mti_os_accept(int listener);
/* The count; -EAGAIN: none now; receive: 0 when the other end has closed. */
int64_t mti_os_receive(int fd, void *buffer, size_t size);
int64_t mti_os_send(int fd, const void *data, size_t size);
/*
 * Waits until first can be written to, or else read, or second can be read,
 * or for a signal, or the time. A descriptor may be -1.
 */
void mti_os_wait(int first, bool writable, int second, int milliseconds);

#endif
