#include "mem/virtual.h"

#include <string.h>

#include "base/checked.h"

static bool read_entry(void *context, uint64_t gpa, uint64_t *entry)
{
	const struct mti_memory *memory = context;

	if (!mti_range_ok(gpa, sizeof(*entry), memory->size))
		return false;
	memcpy(entry, memory->base + gpa, sizeof(*entry));
	return true;
}

/* Finds the page of an address, as far as it lies in memory. */
static bool find(struct mti_virtual *space, uint64_t address)
{
	const struct mti_memory *memory = space->memory;
	/* Only read. */
	const struct mti_pt_ops ops = {
		.context = (void *)(uintptr_t)memory,
		.read = read_entry,
	};
	struct mti_pt_translation found;
	uint64_t there;

	if (address >= space->page && address - space->page < space->page_size)
		return true;
	if (mti_pt_translate(space->arch->pt, &ops, space->root, address,
			     &found) != MTI_PT_OK ||
	    found.gpa >= memory->size)
		return false;
	there = memory->size - found.gpa;
	space->page = address;
	space->page_size = found.span < there ? found.span : there;
	space->bytes = memory->base + found.gpa;
	return true;
}

size_t mti_virtual_read(struct mti_virtual *space, uint64_t address,
			void *buffer, size_t size)
{
	size_t done = 0;
	uint64_t at;
	uint64_t part;

	while (done < size && find(space, address + done)) {
		at = address + done - space->page;
		part = space->page_size - at;
		if (part > size - done)
			part = size - done;
		memcpy((uint8_t *)buffer + done, space->bytes + at, part);
		done += part;
	}
	return done;
}
