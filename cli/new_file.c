/*
 * See new_file.h.
 */
#include "new_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io.h"
#include "text.h"

static bool cannot(const char *option, const char *path, const char *why,
		   struct cli_failure *failure)
{
	char name[512];
	struct cli_text text;

	cli_text_init(&text, name, sizeof(name));
	cli_text_clean(&text, path, strlen(path));
	return cli_fail(failure, CLI_EXIT_USAGE, MOTE_E_INVALID,
			"%s: %.200s: %s", option, name, why);
}

static bool same_file(const struct stat *a, const char *path)
{
	struct stat b;

	return stat(path, &b) == 0 && a->st_dev == b.st_dev &&
	       a->st_ino == b.st_ino;
}

bool cli_new_file_open(struct cli_new_file *file, const char *option,
		       const char *path, enum cli_new_file_kind kind,
		       const char *guest, struct cli_failure *failure)
{
	bool is_core = kind == CLI_FILE_CORE;
	struct stat st;

	if (!path)
		return true;
	file->path = path;
	/* A FIFO that nobody reads would keep it waiting. */
	file->fd = open(path,
			O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
			is_core ? 0600 : 0666);
	if (file->fd < 0 || fstat(file->fd, &st) < 0)
		return cannot(option, path, strerror(errno), failure);
	if (!S_ISREG(st.st_mode) && (is_core || !S_ISCHR(st.st_mode)))
		return cannot(option, path, "not a regular file", failure);
	if (same_file(&st, guest))
		return cannot(option, path, "that is the guest", failure);
	if ((S_ISREG(st.st_mode) && ftruncate(file->fd, 0) < 0) ||
	    fcntl(file->fd, F_SETFL, 0) < 0)
		return cannot(option, path, strerror(errno), failure);
	return true;
}

void cli_new_file_close(struct cli_new_file *file)
{
	if (file->path && file->fd >= 0)
		close(file->fd);
	file->fd = -1;
}

void cli_new_file_write(struct cli_new_file *file, const void *data,
			size_t size)
{
	int error = cli_write_all(file->fd, data, size);

	if (error)
		cli_new_file_fail(file, error);
	else
		file->written = true;
}

void cli_new_file_fail(struct cli_new_file *file, int os_errno)
{
	file->os_errno = os_errno;
	snprintf(file->error, sizeof(file->error), "%s", strerror(os_errno));
}

bool cli_new_file_is(const struct cli_new_file *file, const char *ending)
{
	size_t length = strlen(file->path);
	size_t tail = strlen(ending);

	return length >= tail &&
	       strcmp(file->path + length - tail, ending) == 0;
}
