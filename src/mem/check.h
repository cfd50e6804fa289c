/*
 * A check of restores for builds that are tested (MOTE_CHECK_RESTORE):
 * whether a page was missed that still holds what a guest has written. It
 * asks the kernel, independently of how pages are found; it is slow, so a
 * test program has to switch it on.
 */
#ifndef MTI_MEM_CHECK_H
#define MTI_MEM_CHECK_H

#include <stdatomic.h>
#include <stdbool.h>

#include "mem/memory.h"

#ifdef MOTE_CHECK_RESTORE
extern _Atomic bool mti_check_restores;

/* Ends the process, with a message, if memory is not what store says. */
void mti_memory_check(const struct mti_memory *memory,
		      const struct mti_store *store);
#else
static inline void mti_memory_check(const struct mti_memory *memory,
				    const struct mti_store *store)
{
	(void)memory;
	(void)store;
}
#endif

#endif
