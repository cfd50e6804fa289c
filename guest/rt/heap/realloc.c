#include "rt/heap/heap.h"

void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_realloc(void *old, size_t size)
{
	void *made;

	if (!heap_is_watched())
		return __real_realloc(old, size);
	mote_rt_heap_depth++;
	made = __real_realloc(old, size);
	mote_rt_heap_depth--;
	/* If there is no memory the old block stays. */
	if (made != NULL)
		mote_rt_heap_report(old, made, size);
	return made;
}
