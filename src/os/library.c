/*
 * Program files that are loaded when they are needed.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/os.h"

/* The path of the program, which the dynamic linker gives no name. */
static int program_path(char *path, size_t size)
{
	ssize_t length = readlink("/proc/self/exe", path, size);

	if (length < 0)
		return -errno;
	if ((size_t)length == size)
		return -ENAMETOOLONG;
	path[length] = '\0';
	return 0;
}

int mti_os_folder_of(const void *address, char *folder, size_t size)
{
	struct link_map *map = NULL;
	Dl_info info;
	char *real;
	char *slash;
	int os = 0;

	if (!dladdr1(address, &info, (void **)&map, RTLD_DL_LINKMAP) || !map)
		return -ENOENT;
	if (!map->l_name || !map->l_name[0]) {
		os = program_path(folder, size);
	} else {
		real = realpath(map->l_name, NULL);
		if (!real)
			return -errno;
		if (strlen(real) < size)
			memcpy(folder, real, strlen(real) + 1);
		else
			os = -ENAMETOOLONG;
		free(real);
	}
	if (os < 0)
		return os;
	slash = strrchr(folder, '/');
	if (!slash)
		return -ENOENT;
	*slash = '\0';
	return 0;
}

/* A group with the user's own number has nobody else in it. */
static bool is_own_group(gid_t group)
{
	return group == getegid() && group == geteuid() && group != 0;
}

/* A list of access rights shows in the group's. */
static bool is_open(const struct stat *found, bool above, const char *name,
		    char *text, size_t size)
{
	mode_t writers = found->st_mode & (S_IWGRP | S_IWOTH);

	if (is_own_group(found->st_gid))
		writers &= ~(mode_t)S_IWGRP;
	if (writers == 0 || (above && (found->st_mode & S_ISVTX)))
		return false;
	snprintf(text, size, "%s can be written to by %s", name,
		 writers & S_IWOTH ? "anybody" : "its group");
	return true;
}

/*
 * Why others may have put it there; false: nobody but root and the user.
 * above: in a sticky folder, such as /tmp, they cannot put anything in the
 * place of what is root's or the user's, as the next one has to be.
 */
static bool of_others(int fd, mode_t kind, bool above, const char *name,
		      char *text, size_t size)
{
	struct stat found;

	if (fstat(fd, &found) < 0)
		snprintf(text, size, "%s cannot be looked at", name);
	else if ((found.st_mode & S_IFMT) != kind)
		snprintf(text, size, "%s is no %s", name,
			 kind == S_IFDIR ? "folder" : "file");
	else if (found.st_uid != 0 && found.st_uid != geteuid())
		snprintf(text, size, "%s belongs to user %u", name,
			 (unsigned int)found.st_uid);
	else
		return is_open(&found, above, name, text, size);
	return true;
}

/*
 * Looks at a path that has no links, one step after the other, each from what
 * was looked at before. Cuts path and restores it.
 */
static int walk(char *path, bool file, char *text, size_t size)
{
	char *at = path;
	int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int os = fd < 0 ? -errno : 0;

	if (os == 0 && of_others(fd, S_IFDIR, true, "/", text, size))
		os = -EPERM;
	while (os == 0 && at && at[1]) {
		char *end = strchr(at + 1, '/');
		bool last = file && !end;
		bool above = end && (!file || strchr(end + 1, '/'));
		int next;

		if (end)
			*end = '\0';
		next = openat(fd, at + 1,
			      O_PATH | O_NOFOLLOW | O_CLOEXEC |
				      (last ? 0 : O_DIRECTORY));
		os = next < 0 ? -errno : 0;
		close(fd);
		fd = next;
		if (os < 0)
			snprintf(text, size, "%s cannot be opened", path);
		else if (of_others(fd, last ? S_IFREG : S_IFDIR, above, path,
				   text, size))
			os = -EPERM;
		if (end)
			*end = '/';
		at = end;
	}
	if (fd >= 0)
		close(fd);
	return os;
}

/* Where a path leads to, if that is nobody else's; to be freed. */
static int find(const char *path, bool file, char **real, char *text,
		size_t size)
{
	int os;

	*real = realpath(path, NULL);
	if (!*real) {
		os = -errno;
		snprintf(text, size, "%s cannot be found", path);
		return os;
	}
	os = walk(*real, file, text, size);
	if (os < 0)
		free(*real);
	return os;
}

int mti_os_find_trusted(const char *folder, const char *name, char **real,
			char *text, size_t size)
{
	char path[PATH_MAX];
	int count = snprintf(path, sizeof(path), "%s/%s", folder, name);
	int os;

	if (count < 0 || (size_t)count >= sizeof(path) ||
	    access(path, F_OK) < 0)
		return -ENOENT;
	/* Who can write there can make a link to whatever there is. */
	os = find(folder, false, real, text, size);
	if (os < 0)
		return os;
	free(*real);
	return find(path, true, real, text, size);
}

int mti_os_load(const char *path, const char *symbol, const void **object,
		char *text, size_t size)
{
	/*
	 * Not /proc/self/fd/N: the linker takes a name that it has loaded
	 * something under for the same thing, and numbers are used again.
	 */
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	size_t length = strlen(path);
	const char *why;

	*object = library ? dlsym(library, symbol) : NULL;
	if (*object)
		return 0;
	why = dlerror();
	if (!why)
		why = "it cannot be loaded";
	/* The caller says which. */
	if (strncmp(why, path, length) == 0 && why[length] == ':')
		why += length + 1 + strspn(why + length + 1, " ");
	snprintf(text, size, "%s", why);
	return -ENOEXEC;
}
