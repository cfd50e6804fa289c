#include "rt/heap/heap.h"

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

void *__wrap_calloc(size_t count, size_t size)
{
	void *made;

	if (!heap_is_watched())
		return __real_calloc(count, size);
	mote_rt_heap_depth++;
	made = __real_calloc(count, size);
	mote_rt_heap_depth--;
	mote_rt_heap_report(NULL, made, count * size);
	return made;
}
