#include "rt/heap/heap.h"

#include "abi/trap.h"

uint32_t mote_rt_heap_depth;

void mote_rt_heap_report(const void *freed, const void *allocated, size_t size)
{
	const struct mote_abi_heap record = {
		.freed = (uintptr_t)freed,
		.allocated = (uintptr_t)allocated,
		.size = size,
	};

	if (freed != NULL || allocated != NULL)
		mote_rt_exit(MOTE_PORT_SERVICE, MOTE_SERVICE_HEAP,
			     (uintptr_t)&record);
}
