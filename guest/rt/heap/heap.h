/*
 * malloc and the like, reported to a host that asks for it. mote-cc has the
 * linker put __wrap_malloc in place of malloc (ld(1), --wrap). Each in a file
 * of its own: a program gets what it uses.
 */
#ifndef MOTE_RT_HEAP_HEAP_H
#define MOTE_RT_HEAP_HEAP_H

#include "rt/rt.h"

/* Not 0: inside of one of them, which may use another. */
HIDDEN extern uint32_t mote_rt_heap_depth;

/* Leaves the guest. */
HIDDEN void mote_rt_heap_report(const void *freed, const void *allocated,
				size_t size);

static inline bool heap_is_watched(void)
{
	return __builtin_expect((control()->features & MOTE_FEATURE_HEAP) != 0,
				0) &&
	       mote_rt_heap_depth == 0;
}

#endif
