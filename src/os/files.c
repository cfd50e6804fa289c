/*
 * Files and folders of a snapshot's layout. Everything below the folder that
 * the caller named is opened without following links, and without waiting
 * for a FIFO or a device.
 */
#include "os/os.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
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

static int first_other(DIR *entries, const char *except, char *name,
		       size_t size)
{
	const struct dirent *entry;

	for (errno = 0; (entry = readdir(entries)) != NULL; errno = 0) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0 ||
		    strcmp(entry->d_name, except) == 0)
			continue;
		snprintf(name, size, "%s", entry->d_name);
		return 1;
	}
	return -errno;
}

int mti_os_folder_other(int dir, const char *except, char *name, size_t size)
{
	/* A descriptor of its own: where it stands is not shared with dir. */
	int fd = openat(dir, ".", FOLDER);
	DIR *entries;
	int found;

	if (fd < 0)
		return -errno;
	entries = fdopendir(fd);
	if (!entries) {
		found = -errno;
		close(fd);
		return found;
	}
	found = first_other(entries, except, name, size);
	closedir(entries);
	return found;
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
