#include "rt/heap/heap.h"

void __real_free(void *block);
void __wrap_free(void *block);

void __wrap_free(void *block)
{
	if (!heap_is_watched()) {
		__real_free(block);
		return;
	}
	/* Before: nobody can have the address again by then. */
	mote_rt_heap_report(block, NULL, 0);
	mote_rt_heap_depth++;
	__real_free(block);
	mote_rt_heap_depth--;
}
