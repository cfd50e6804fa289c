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

static bool is_output(const char *path)
{
	return strcmp(path, "-") == 0;
}

static bool same_file(const struct stat *a, const char *path)
{
	struct stat b;

	return stat(path, &b) == 0 && a->st_dev == b.st_dev &&
	       a->st_ino == b.st_ino;
}

static int open_path(const char *path, bool is_core)
{
	const int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY;

	if (is_output(path))
		return fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
	/* A FIFO that nobody reads would keep it waiting. */
	return open(path, flags | O_NONBLOCK, is_core ? 0600 : 0666);
}

bool cli_new_file_open(struct cli_new_file *file, const char *option,
		       const char *path, enum cli_new_file_kind kind,
		       const char *guest, struct cli_failure *failure)
{
	bool is_core = kind == CLI_FILE_CORE;
	struct stat st;

	if (!path)
		return true;
	if (is_core && is_output(path))
		return cannot(option, path, "not a regular file", failure);
	file->path = path;
	file->fd = open_path(path, is_core);
	if (file->fd < 0 || fstat(file->fd, &st) < 0)
		return cannot(option, path, strerror(errno), failure);
	file->regular = S_ISREG(st.st_mode);
	file->device = st.st_dev;
	file->inode = st.st_ino;
	if (is_output(path))
		return true;
	if (!file->regular && (is_core || !S_ISCHR(st.st_mode)))
		return cannot(option, path, "not a regular file", failure);
	if (same_file(&st, guest))
		return cannot(option, path, "that is the guest", failure);
	/* It has the guest's secrets; one that is there may be anybody's. */
	if (fcntl(file->fd, F_SETFL, 0) < 0 ||
	    (is_core && fchmod(file->fd, 0600) < 0))
		return cannot(option, path, strerror(errno), failure);
	return true;
}

bool cli_new_file_empty(struct cli_new_file *file, const char *option,
			struct cli_failure *failure)
{
	if (!file->path || is_output(file->path) || !file->regular ||
	    ftruncate(file->fd, 0) == 0)
		return true;
	return cannot(option, file->path, strerror(errno), failure);
}

bool cli_new_file_same(const struct cli_new_file *a,
		       const struct cli_new_file *b)
{
	return a->path && b->path && a->regular && b->regular &&
	       a->device == b->device && a->inode == b->inode;
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
