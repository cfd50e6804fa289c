/*
 * Descriptor 0 is at its end, 1 and 2 go to the host, there are no others
 * and no files.
 */
#include "libc/libc.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "port.h"

#define DESCRIPTORS 3
/* writev's limit in Linux. */
#define VECTORS_MAX 1024

static uint32_t closed; /* a bit for each descriptor */

static bool is_open(uint64_t fd)
{
	/* Linux takes an int. */
	uint32_t number = (uint32_t)fd;

	return number < DESCRIPTORS && (closed >> number & 1) == 0;
}

static bool is_output(uint64_t fd)
{
	return is_open(fd) && (uint32_t)fd != 0;
}

static void put(uint64_t fd, const char *data, size_t size)
{
	uint32_t kind = (uint32_t)fd == 1 ? MOTE_POST_STDOUT : MOTE_POST_STDERR;

	mote_rt_post_output(kind, data, size);
}

static bool has_line_end(const char *data, size_t size)
{
	while (size > 0)
		if (data[--size] == '\n')
			return true;
	return false;
}

static bool by_lines(void)
{
	return (control()->features & MOTE_FEATURE_OUTPUT_LINES) != 0;
}

long mote_libc_write(const uint64_t *args)
{
	const char *data = (const char *)args[1];
	size_t size = args[2];

	if (!is_output(args[0]))
		return -EBADF;
	if (size > INT64_MAX)
		return -EINVAL;
	put(args[0], data, size);
	if (by_lines() && has_line_end(data, size))
		mote_rt_post_flush();
	return (long)size;
}

long mote_libc_writev(const uint64_t *args)
{
	const struct iovec *vectors = (const struct iovec *)args[1];
	bool line = false;
	size_t total = 0;
	size_t i;

	if (!is_output(args[0]))
		return -EBADF;
	if (args[2] > VECTORS_MAX)
		return -EINVAL;
	for (i = 0; i < args[2]; i++) {
		const char *data = vectors[i].iov_base;
		size_t size = vectors[i].iov_len;

		put(args[0], data, size);
		line = line || (by_lines() && has_line_end(data, size));
		total += size;
	}
	if (line)
		mote_rt_post_flush();
	return (long)total;
}

long mote_libc_read(const uint64_t *args)
{
	return is_open(args[0]) && (uint32_t)args[0] == 0 ? 0 : -EBADF;
}

long mote_libc_readv(const uint64_t *args)
{
	return mote_libc_read(args);
}

long mote_libc_close(const uint64_t *args)
{
	if (!is_open(args[0]))
		return -EBADF;
	closed |= UINT32_C(1) << (uint32_t)args[0];
	return 0;
}

long mote_libc_lseek(const uint64_t *args)
{
	return is_open(args[0]) ? -ESPIPE : -EBADF;
}

long mote_libc_ioctl(const uint64_t *args)
{
	if (!is_open(args[0]))
		return -EBADF;
	/* libc asks this to learn whether to send line by line. */
	if ((uint32_t)args[1] != TIOCGWINSZ || !is_output(args[0]))
		return -ENOTTY;
	zero_bytes((void *)args[2], sizeof(struct winsize));
	return 0;
}

long mote_libc_fcntl(const uint64_t *args)
{
	if (!is_open(args[0]))
		return -EBADF;
	switch ((uint32_t)args[1]) {
	case F_GETFD:
	case F_SETFD:
	case F_SETFL:
		return 0;
	case F_GETFL:
		return is_output(args[0]) ? O_WRONLY : O_RDONLY;
	default:
		return -EINVAL;
	}
}

long mote_libc_fstat(const uint64_t *args)
{
	/* On this architecture libc's struct is the kernel's. */
	struct stat *status = (struct stat *)args[1];

	if (!is_open(args[0]))
		return -EBADF;
	zero_bytes(status, sizeof(*status));
	status->st_mode = S_IFCHR | 0600;
	status->st_nlink = 1;
	status->st_blksize = MOTE_PAGE_SIZE;
	return 0;
}

static long open_flags(uint64_t flags)
{
	return (flags & O_CREAT) != 0 ? -EROFS : -ENOENT;
}

long mote_libc_open(const uint64_t *args)
{
	return open_flags(args[1]);
}

long mote_libc_openat(const uint64_t *args)
{
	return open_flags(args[2]);
}
