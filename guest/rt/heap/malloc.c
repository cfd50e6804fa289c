#include "rt/heap/heap.h"

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

void *__wrap_malloc(size_t size)
{
	void *made;

	if (!heap_is_watched())
		return __real_malloc(size);
	mote_rt_heap_depth++;
	made = __real_malloc(size);
	mote_rt_heap_depth--;
	mote_rt_heap_report(NULL, made, size);
	return made;
}
