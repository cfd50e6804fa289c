#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Hosts with vm.memfd_noexec=2 ask for it; the C library does not know it. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8u
#endif

#define NS_PER_S UINT64_C(1000000000)
/* Of the pages that a kernel calls huge, the common ones. */
#define HUGE_BYTES (UINT64_C(2) << 20)

static int result(int value)
{
	return value < 0 ? -errno : value;
}

int mti_os_open(const char *path, int flags)
{
	int fd;

	do {
		fd = open(path, flags | O_CLOEXEC);
	} while (fd < 0 && errno == EINTR);
	return result(fd);
}

void mti_os_close(int fd)
{
	if (fd >= 0)
		close(fd);
}

int mti_os_duplicate(int fd)
{
	return result(fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

int mti_os_ioctl(int fd, unsigned long request, void *argument)
{
	int value;

	do {
		value = ioctl(fd, request, argument);
	} while (value < 0 && errno == EINTR);
	return result(value);
}

int mti_os_ioctl_value(int fd, unsigned long request, unsigned long number)
{
	int value;

	do {
		value = ioctl(fd, request, number);
	} while (value < 0 && errno == EINTR);
	return result(value);
}

int mti_os_run(int fd, unsigned long request)
{
	return result(ioctl(fd, request, 0UL));
}

int64_t mti_os_file_size(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	return st.st_size;
}

int64_t mti_os_read(int fd, void *buffer, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = read(fd, (char *)buffer + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (int64_t)done;
}

int64_t mti_os_next_data(int fd, uint64_t offset, uint64_t size)
{
	off_t data = lseek(fd, (off_t)offset, SEEK_DATA);

	if (data >= 0)
		return data;
	/* Some file systems do not know; others say that all is data. */
	if (errno == EINVAL)
		return (int64_t)offset;
	return errno == ENXIO ? (int64_t)size : -errno;
}

int64_t mti_os_pread(int fd, void *buffer, size_t size, uint64_t offset)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = pread(fd, (char *)buffer + done, size - done,
				  (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (int64_t)done;
}

int mti_os_write(int fd, const void *data, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = write(fd, (const char *)data + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	return 0;
}

int mti_os_truncate(int fd, uint64_t size)
{
	int status;

	do {
		status = ftruncate(fd, (off_t)size);
	} while (status < 0 && errno == EINTR);
	return result(status);
}

int mti_os_pwrite(int fd, const void *data, size_t size, uint64_t offset)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = pwrite(fd, (const char *)data + done, size - done,
				   (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ENOSPC;
		done += (size_t)n;
	}
	return 0;
}

/* Moves on behind the bytes that are written. */
static void skip_pieces(struct iovec **pieces, size_t *count, size_t done)
{
	while (*count > 0 && done >= (*pieces)->iov_len) {
		done -= (*pieces)->iov_len;
		(*pieces)++;
		(*count)--;
	}
	if (*count > 0) {
		(*pieces)->iov_base = (char *)(*pieces)->iov_base + done;
		(*pieces)->iov_len -= done;
	}
}

int mti_os_pwritev(int fd, struct iovec *pieces, size_t count, uint64_t offset)
{
	skip_pieces(&pieces, &count, 0);
	while (count > 0) {
		ssize_t n = pwritev(fd, pieces,
				    (int)(count < IOV_MAX ? count : IOV_MAX),
				    (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ENOSPC;
		offset += (uint64_t)n;
		skip_pieces(&pieces, &count, (size_t)n);
	}
	return 0;
}

int mti_os_memfd(const char *name, uint64_t size)
{
	const unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = memfd_create(name, flags | MFD_NOEXEC_SEAL);
	int status;

	/* Before Linux 6.3 the flag is unknown. */
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(name, flags);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)size) < 0) {
		status = -errno;
		close(fd);
		return status;
	}
	return fd;
}

int mti_os_memfd_seal(int fd)
{
	return result(fcntl(fd, F_ADD_SEALS,
			    F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK |
				    F_SEAL_SEAL));
}

int mti_os_reserve(size_t size, void **address)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return -errno;
	*address = p;
	return 0;
}

int mti_os_try_code(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE | PROT_EXEC,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return -errno;
	munmap(memory, size);
	return 0;
}

int mti_os_map_zero(void *address, size_t size)
{
	void *p = mmap(address, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED,
		       -1, 0);

	return p == MAP_FAILED ? -errno : 0;
}

int mti_os_map_private(void *address, size_t size, int fd, uint64_t offset)
{
	void *p = mmap(address, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, fd,
		       (off_t)offset);

	return p == MAP_FAILED ? -errno : 0;
}

void mti_os_advise_guest(void *address, size_t size)
{
	/* Huge pages would make an idle sandbox cost 2 MiB a touch. */
	(void)madvise(address, size, MADV_NOHUGEPAGE);
	(void)madvise(address, size, MADV_DONTDUMP);
	(void)madvise(address, size, MADV_DONTFORK);
}

int mti_os_discard(void *address, size_t size)
{
	return result(madvise(address, size, MADV_DONTNEED));
}

int mti_os_map_file(size_t size, int fd, const void **address)
{
	void *p = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		return -errno;
	(void)madvise(p, size, MADV_DONTDUMP);
	*address = p;
	return 0;
}

int mti_os_map_staging(size_t size, void **address)
{
	const uintptr_t align = HUGE_BYTES - 1;
	uintptr_t start;
	uintptr_t from;
	void *p = mmap(NULL, size + HUGE_BYTES, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return -errno;
	start = (uintptr_t)p;
	from = (start + align) & ~align;
	if (from > start)
		munmap(p, from - start);
	munmap((void *)(from + size), start + HUGE_BYTES - from);
	p = (void *)from;
	(void)madvise(p, size, MADV_HUGEPAGE);
	(void)madvise(p, size, MADV_DONTDUMP);
	*address = p;
	return 0;
}

void mti_os_populate(void *address, size_t size)
{
	/* Before Linux 5.14 it is unknown. */
	(void)madvise(address, size, MADV_POPULATE_WRITE);
}

int mti_os_take_page(void *address)
{
	size_t size = (size_t)sysconf(_SC_PAGESIZE);

	if (mprotect(address, size, PROT_READ) != 0)
		return -errno;
	return result(mprotect(address, size, PROT_READ | PROT_WRITE));
}

int mti_os_protect(void *address, size_t size)
{
	return result(mprotect(address, size, PROT_READ));
}

int mti_os_map_instead(void *address, size_t size, int fd)
{
	const void *file;
	int status = mti_os_map_file(size, fd, &file);
	void *p;

	if (status < 0)
		return status;
	p = mremap((void *)(uintptr_t)file, size, size,
		   MREMAP_MAYMOVE | MREMAP_FIXED, address);
	if (p != MAP_FAILED)
		return 0;
	status = -errno;
	munmap((void *)(uintptr_t)file, size);
	return status;
}

int mti_os_map_part(int fd, uint64_t offset, size_t size, bool private,
		    void **address)
{
	void *p = mmap(NULL, size, private ? PROT_READ | PROT_WRITE : PROT_READ,
		       private ? MAP_PRIVATE | MAP_NORESERVE : MAP_SHARED, fd,
		       (off_t)offset);

	if (p == MAP_FAILED)
		return -errno;
	mti_os_advise_guest(p, size);
	*address = p;
	return 0;
}

int mti_os_copy_memory(void *to, const void *from, size_t size)
{
	const struct iovec remote = { (void *)(uintptr_t)from, size };
	const struct iovec local = { to, size };
	ssize_t n = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);

	if (n < 0)
		return -errno;
	return (size_t)n == size ? 0 : -EFAULT;
}

int mti_os_map_device(size_t size, int fd, void **address)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		return -errno;
	*address = p;
	return 0;
}

void mti_os_unmap(void *address, size_t size)
{
	if (address)
		munmap(address, size);
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t mti_os_monotonic_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

uint64_t mti_os_realtime_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

uint64_t mti_os_thread_cpu_ns(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

int mti_os_random(void *buffer, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = getrandom((char *)buffer + done, size - done, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	return 0;
}

int mti_os_timer_new(int signal, timer_t *timer)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID,
				  .sigev_signo = signal };

	event._sigev_un._tid = mti_os_thread_id();
	return result(timer_create(CLOCK_MONOTONIC, &event, timer));
}

int mti_os_timer_arm(timer_t timer, uint64_t deadline_ns)
{
	struct itimerspec when = { 0 };

	when.it_value.tv_sec = (time_t)(deadline_ns / NS_PER_S);
	when.it_value.tv_nsec = (long)(deadline_ns % NS_PER_S);
	return result(timer_settime(timer, TIMER_ABSTIME, &when, NULL));
}

void mti_os_timer_free(timer_t timer)
{
	timer_delete(timer);
}

int mti_os_signal_install(int signal, void (*handler)(int))
{
	/* Threads with small stacks, and Go, want their alternate one used. */
	struct sigaction action = { .sa_handler = handler,
				    .sa_flags = SA_RESTART | SA_ONSTACK };
	struct sigaction old;

	/* A fault of the program must not come to a handler that returns. */
	if (signal == SIGSEGV || signal == SIGBUS || signal == SIGILL ||
	    signal == SIGFPE || signal == SIGTRAP || signal == SIGABRT)
		return -EINVAL;

	if (sigaction(signal, NULL, &old) < 0)
		return -errno;
	if (old.sa_handler == handler)
		return 0;
	if (old.sa_handler != SIG_DFL)
		return -EBUSY;
	sigemptyset(&action.sa_mask);
	return result(sigaction(signal, &action, NULL));
}

static int change_mask(int how, int signal)
{
	sigset_t set;
	sigset_t before;
	int error;

	sigemptyset(&set);
	sigaddset(&set, signal);
	error = pthread_sigmask(how, &set, &before);
	return error ? -error : sigismember(&before, signal);
}

int mti_os_signal_unblock(int signal)
{
	return change_mask(SIG_UNBLOCK, signal);
}

int mti_os_signal_block(int signal)
{
	return change_mask(SIG_BLOCK, signal);
}

int32_t mti_os_thread_id(void)
{
	return (int32_t)syscall(SYS_gettid);
}

int mti_os_thread_signal(int32_t thread, int signal)
{
	int saved = errno;
	int status = result(
		(int)syscall(SYS_tgkill, getpid(), (pid_t)thread, signal));

	errno = saved;
	return status;
}

int mti_os_signal_take(int signal)
{
	const struct timespec at_once = { 0 };
	sigset_t set;
	int taken;

	sigemptyset(&set);
	sigaddset(&set, signal);
	do {
		taken = sigtimedwait(&set, NULL, &at_once);
	} while (taken < 0 && errno == EINTR);
	return taken == signal;
}

int mti_os_signal_pending(sigset_t *set)
{
	return result(sigpending(set));
}
