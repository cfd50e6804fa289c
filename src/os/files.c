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

static int each_entry(DIR *entries, mti_os_name_fn found, void *user)
{
	const struct dirent *entry;
	int status;

	for (errno = 0; (entry = readdir(entries)) != NULL; errno = 0) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		status = found(user, entry->d_name);
		if (status != 0)
			return status;
	}
	return -errno;
}

int mti_os_folder_each(int dir, mti_os_name_fn found, void *user)
{
	/* A descriptor of its own: where it stands is not shared with dir. */
	int fd = openat(dir, ".", FOLDER);
	DIR *entries;
	int status;

	if (fd < 0)
		return -errno;
	entries = fdopendir(fd);
	if (!entries) {
		status = -errno;
		close(fd);
		return status;
	}
	status = each_entry(entries, found, user);
	closedir(entries);
	return status;
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

void mti_os_unlock(int fd)
{
	(void)flock(fd, LOCK_UN);
}
