#include "mem/memory.h"

#include <assert.h>

#include "base/checked.h"
#include "base/error.h"
#include "os/os.h"

mote_status mti_memory_init(struct mti_memory *memory,
			    const struct mti_layout *layout, int image_fd,
			    uint64_t image_size, mote_error *err)
{
	static const char *const operation = "map guest memory";
	void *base;
	int status;

	status = mti_os_reserve(layout->memory_size, &base);
	if (status < 0)
		return mti_error_os(err, MOTE_E_NO_MEMORY, operation, -status,
				    "mmap of %llu bytes",
				    (unsigned long long)layout->memory_size);
	status = mti_os_map_private(base, image_size, image_fd);
	if (status < 0) {
		mti_os_unmap(base, layout->memory_size);
		return mti_error_os(err, MOTE_E_NO_MEMORY, operation, -status,
				    "mmap of the image, %llu bytes",
				    (unsigned long long)image_size);
	}
	memory->base = base;
	memory->size = layout->memory_size;
	return MOTE_OK;
}

void mti_memory_fini(struct mti_memory *memory)
{
	mti_os_unmap(memory->base, memory->size);
	memory->base = NULL;
}

void *mti_memory_region(const struct mti_memory *memory,
			const struct mti_region *region)
{
	assert(mti_range_ok(region->gpa, region->size, memory->size));
	return memory->base + region->gpa;
}
