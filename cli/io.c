/*
 * See io.h.
 */
#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_CAPACITY ((size_t)64 << 10)

/* Room for more; errno value. */
static int grow(void **data, size_t used, size_t *capacity)
{
	size_t wanted = *capacity;
	void *bigger;

	if (used < *capacity)
		return 0;
	wanted = wanted ? wanted * 2 : FIRST_CAPACITY;
	/* One byte more tells that there is more. */
	if (wanted > CLI_FILE_MAX + 1)
		wanted = CLI_FILE_MAX + 1;
	bigger = realloc(*data, wanted);
	if (!bigger)
		return ENOMEM;
	*data = bigger;
	*capacity = wanted;
	return 0;
}

static int read_fd(int fd, void **data, size_t *size)
{
	size_t capacity = 0;
	size_t used = 0;
	void *block = NULL;
	ssize_t got;
	int error;

	for (;;) {
		error = grow(&block, used, &capacity);
		if (error)
			goto fail;
		got = read(fd, (char *)block + used, capacity - used);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			error = errno;
			goto fail;
		}
		if (got == 0)
			break;
		used += (size_t)got;
		if (used > CLI_FILE_MAX) {
			error = EFBIG;
			goto fail;
		}
	}
	*data = block;
	*size = used;
	return 0;
fail:
	free(block);
	return error;
}

int cli_read_file(const char *path, void **data, size_t *size)
{
	struct stat about;
	int error;
	int fd;

	if (strcmp(path, "-") == 0)
		return read_fd(STDIN_FILENO, data, size);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return errno;
	if (fstat(fd, &about) < 0)
		error = errno;
	else if (S_ISDIR(about.st_mode))
		error = EISDIR;
	else if (S_ISREG(about.st_mode) && about.st_size > (off_t)CLI_FILE_MAX)
		error = EFBIG;
	else
		error = read_fd(fd, data, size);
	close(fd);
	return error;
}

int cli_write_all(int fd, const void *data, size_t size)
{
	const char *next = data;

	while (size > 0) {
		ssize_t done = write(fd, next, size);

		if (done < 0 && errno == EAGAIN) {
			/* Somebody made our terminal or pipe non-blocking. */
			struct pollfd wait = { fd, POLLOUT, 0 };

			(void)poll(&wait, 1, -1);
			continue;
		}
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return errno;
		next += done;
		size -= (size_t)done;
	}
	return 0;
}

void cli_open_standard_fds(void)
{
	static const int modes[] = { O_WRONLY, O_RDONLY, O_RDWR };

	/* A new descriptor is the lowest that is free. */
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0)
			(void)open("/dev/null", modes[fd] | O_NOCTTY);
	}
}
