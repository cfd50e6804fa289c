#include "libc/libc.h"

#include <errno.h>
#include <sys/syscall.h>

#include "syscalls_cpu.h"

#define CASE_SERVED(name, handler) \
	case SYS_##name:           \
		return handler(args);
#define CASE_NOOP(name)  \
	case SYS_##name: \
		return 0;
#define CASE_REFUSED(name, error) \
	case SYS_##name:          \
		return -(error);

static long serve(uint64_t number, const uint64_t *args)
{
	switch (number) {
		MOTE_SYSCALL_TABLE(CASE_SERVED, CASE_NOOP, CASE_REFUSED)
	}
	return -ENOSYS;
}

uint64_t mote_rt_syscall(const struct mote_rt_syscall *call)
{
	return (uint64_t)serve(call->number, call->args);
}
