/*
 * The system calls below libc: lower half, see rt/rt.h. They return what
 * Linux returns, a negated errno for an error.
 */
#ifndef MOTE_LIBC_LIBC_H
#define MOTE_LIBC_LIBC_H

#include <stdint.h>

#include "libc/syscalls.h"
#include "rt/rt.h"

/* As mote_rt_syscall_entry pushes it. */
struct mote_rt_syscall {
	uint64_t args[6];
	uint64_t number;
};

HIDDEN uint64_t mote_rt_syscall(const struct mote_rt_syscall *call);

#define MOTE_LIBC_SERVED(name, handler) HIDDEN long handler(const uint64_t *);
#define MOTE_LIBC_IGNORED(...)
MOTE_SYSCALL_TABLE(MOTE_LIBC_SERVED, MOTE_LIBC_IGNORED, MOTE_LIBC_IGNORED)
#undef MOTE_LIBC_SERVED

/* Waits until the monotonic clock says so. */
HIDDEN void mote_libc_wait_until(uint64_t ns);

#endif
