#include "harness/inject.h"

#include <string.h>

#include "os/os.h"

struct injection injected;
size_t injectable_calls[INJECTABLE_MAX];

static void count(const char *function)
{
	size_t i;

	for (i = 0; i < injectable_count; i++)
		if (strcmp(injectable[i], function) == 0)
			injectable_calls[i]++;
}

static bool inject(const char *function)
{
	count(function);
	if (!injected.function || strcmp(injected.function, function) != 0)
		return false;
	injected.seen++;
	if (injected.seen != injected.fail_at &&
	    !(injected.persistent && injected.seen > injected.fail_at))
		return false;
	injected.failed++;
	return true;
}

#define WRAP(type, name, parameters, arguments)  \
	type __real_##name parameters;           \
	type __wrap_##name parameters;           \
	type __wrap_##name parameters            \
	{                                        \
		if (inject(#name))               \
			return -injected.error;  \
		return __real_##name arguments;  \
	}

WRAP(int, mti_os_open, (const char *path, int flags), (path, flags))
WRAP(int, mti_os_ioctl, (int fd, unsigned long request, void *argument),
     (fd, request, argument))
WRAP(int, mti_os_ioctl_value,
     (int fd, unsigned long request, unsigned long value),
     (fd, request, value))
WRAP(int, mti_os_run, (int fd, unsigned long request), (fd, request))
WRAP(int64_t, mti_os_file_size, (int fd), (fd))
WRAP(int64_t, mti_os_read, (int fd, void *buffer, size_t size),
     (fd, buffer, size))
WRAP(int, mti_os_pwrite,
     (int fd, const void *data, size_t size, uint64_t offset),
     (fd, data, size, offset))
WRAP(int, mti_os_pwritev,
     (int fd, struct iovec *pieces, size_t count, uint64_t offset),
     (fd, pieces, count, offset))
WRAP(int, mti_os_memfd, (const char *name, uint64_t size), (name, size))
WRAP(int, mti_os_memfd_seal, (int fd), (fd))
WRAP(int, mti_os_reserve, (size_t size, void **address), (size, address))
WRAP(int, mti_os_map_zero, (void *address, size_t size), (address, size))
WRAP(int, mti_os_discard, (void *address, size_t size), (address, size))
WRAP(int, mti_os_scan_private,
     (const void *address, size_t size, size_t *from,
      struct mti_os_range *runs, size_t most),
     (address, size, from, runs, most))
WRAP(int, mti_os_map_private,
     (void *address, size_t size, int fd, uint64_t offset),
     (address, size, fd, offset))
WRAP(int, mti_os_map_file, (size_t size, int fd, const void **address),
     (size, fd, address))
WRAP(int, mti_os_map_staging, (size_t size, void **address), (size, address))
WRAP(int, mti_os_protect, (void *address, size_t size), (address, size))
WRAP(int, mti_os_map_instead, (void *address, size_t size, int fd),
     (address, size, fd))
WRAP(int, mti_os_map_part,
     (int fd, uint64_t offset, size_t size, bool private, void **address),
     (fd, offset, size, private, address))
WRAP(int, mti_os_copy_memory, (void *to, const void *from, size_t size),
     (to, from, size))
WRAP(int, mti_os_map_device, (size_t size, int fd, void **address),
     (size, fd, address))
WRAP(int, mti_os_random, (void *buffer, size_t size), (buffer, size))
WRAP(int, mti_os_timer_new, (int signal, timer_t *timer), (signal, timer))
WRAP(int, mti_os_timer_arm, (timer_t timer, uint64_t deadline_ns),
     (timer, deadline_ns))
WRAP(int, mti_os_signal_install, (int signal, void (*handler)(int)),
     (signal, handler))
WRAP(int, mti_os_signal_unblock, (int signal), (signal))

const char *const injectable[] = {
	"mti_os_open",
	"mti_os_ioctl",
	"mti_os_ioctl_value",
	"mti_os_run",
	"mti_os_file_size",
	"mti_os_read",
	"mti_os_pwrite",
	"mti_os_pwritev",
	"mti_os_memfd",
	"mti_os_memfd_seal",
	"mti_os_reserve",
	"mti_os_map_zero",
	"mti_os_discard",
	"mti_os_scan_private",
	"mti_os_map_private",
	"mti_os_map_file",
	"mti_os_map_staging",
	"mti_os_protect",
	"mti_os_map_instead",
	"mti_os_map_part",
	"mti_os_copy_memory",
	"mti_os_map_device",
	"mti_os_random",
	"mti_os_timer_new",
	"mti_os_timer_arm",
	"mti_os_signal_unblock",
};

const size_t injectable_count = sizeof(injectable) / sizeof(injectable[0]);

_Static_assert(sizeof(injectable) / sizeof(injectable[0]) <= INJECTABLE_MAX,
	       "room to count");
