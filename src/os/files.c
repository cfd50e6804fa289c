/*
 * Files and folders of a snapshot's layout. Everything below the folder that
 * the caller named is opened without following links, and without waiting
 * for a FIFO or a device.
 */
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER (O_RDONLY | O_DIRECTORY | O_CLOEXEC)
#define FILE_MODE 0666
#define FOLDER_MODE 0777

static int result(int value)
{
	return value < 0 ? -errno : value;
}

int mti_os_open_folder(const char *path)
{
	int fd;

	do {
		fd = open(path, FOLDER);
	} while (fd < 0 && errno == EINTR);
	return result(fd);
}

int mti_os_make_folder(const char *path)
{
	return result(mkdir(path, FOLDER_MODE));
}

int mti_os_open_folder_at(int dir, const char *name)
{
	int fd;

	do {
		fd = openat(dir, name, FOLDER | O_NOFOLLOW);
	} while (fd < 0 && errno == EINTR);
	return result(fd);
}

int mti_os_make_folder_at(int dir, const char *name)
{
	return result(mkdirat(dir, name, FOLDER_MODE));
}

int mti_os_open_at(int dir, const char *name)
{
	int fd;

	do {
		fd = openat(dir, name,
			    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY |
				    O_CLOEXEC);
	} while (fd < 0 && errno == EINTR);
	return result(fd);
}

int mti_os_create_at(int dir, const char *name)
{
	int fd;

	do {
		fd = openat(dir, name,
			    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			    FILE_MODE);
	} while (fd < 0 && errno == EINTR);
	return result(fd);
}

int mti_os_rename_at(int dir, const char *from, const char *to)
{
	return result(renameat(dir, from, dir, to));
}

int mti_os_unlink_at(int dir, const char *name)
{
	return result(unlinkat(dir, name, 0));
}

int mti_os_sync(int fd)
{
	int status;

	do {
		status = fsync(fd);
	} while (status < 0 && errno == EINTR);
	/* Of a folder, where the file system has nothing to do for it. */
	if (status < 0 && errno == EINVAL)
		return 0;
	return result(status);
}

int mti_os_lock(int fd)
{
	int status;

	do {
		status = flock(fd, LOCK_EX);
	} while (status < 0 && errno == EINTR);
	return result(status);
}
