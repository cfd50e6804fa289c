/*
 * Program files that are loaded when they are needed.
 */
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

int mti_os_load(const char *path, const char *symbol, const void **object,
		char *text, size_t size)
{
	const char *why;
	void *library;

	if (access(path, F_OK) < 0) {
		snprintf(text, size, "it is not there");
		return -ENOENT;
	}
	library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	*object = library ? dlsym(library, symbol) : NULL;
	if (*object)
		return 0;
	why = dlerror();
	snprintf(text, size, "%s", why ? why : "it cannot be loaded");
	return -ENOEXEC;
}
