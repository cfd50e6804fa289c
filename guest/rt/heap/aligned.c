#include "rt/heap/heap.h"

void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

/* memalign and posix_memalign of libc use this one. */
void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
	void *made;

	if (!heap_is_watched())
		return __real_aligned_alloc(alignment, size);
	mote_rt_heap_depth++;
	made = __real_aligned_alloc(alignment, size);
	mote_rt_heap_depth--;
	mote_rt_heap_report(NULL, made, size);
	return made;
}
