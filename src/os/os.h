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
#include <time.h>

/* open(2) with O_CLOEXEC. */
int mti_os_open(const char *path, int flags);
void mti_os_close(int fd);
int mti_os_ioctl(int fd, unsigned long request, void *argument);
int mti_os_ioctl_value(int fd, unsigned long request, unsigned long value);

/* KVM_RUN and its like: an ioctl that blocks. -EINTR is not retried. */
int mti_os_run(int fd, unsigned long request);

/* The size of an open regular file; -EINVAL for anything else. */
int64_t mti_os_file_size(int fd);
/* Reads until size bytes or end of file; the count. */
int64_t mti_os_read(int fd, void *buffer, size_t size);
/* Writes all of it. */
int mti_os_pwrite(int fd, const void *data, size_t size, uint64_t offset);

/* An anonymous file of that size, close-on-exec, that may be sealed. */
int mti_os_memfd(const char *name, uint64_t size);
/* Nobody can write, grow or shrink it from now on. */
int mti_os_memfd_seal(int fd);

/*
 * Memory that is zero, reserves no swap, takes no huge pages and is neither
 * dumped nor inherited by a child.
 */
int mti_os_reserve(size_t size, void **address);
/* Replaces the start of such memory by private copies of a file's pages. */
int mti_os_map_private(void *address, size_t size, int fd);
/* Shared mapping of a device's memory. */
int mti_os_map_device(size_t size, int fd, void **address);
void mti_os_unmap(void *address, size_t size);

/* Nanoseconds; no system call where the kernel offers a vDSO. */
uint64_t mti_os_monotonic_ns(void);
uint64_t mti_os_realtime_ns(void);

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
int mti_os_signal_unblock(int signal);

/*
 * Sockets (socket.c): close-on-exec, and none of these blocks. A path is
 * for the user alone; a port is one of 127.0.0.1.
 */
int mti_os_listen_path(const char *path);
int mti_os_listen_port(uint16_t port);
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
