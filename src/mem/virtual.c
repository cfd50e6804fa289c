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

/* How much is there in one piece, and where; 0: nothing. */
static size_t piece(const struct mti_virtual *space, uint64_t address,
		    const uint8_t **from)
{
	const struct mti_memory *memory = space->memory;
	struct mti_memory copy = *memory;
	const struct mti_pt_ops ops = {
		.context = &copy,
		.read = read_entry,
	};
	struct mti_pt_translation found;
	uint64_t there;

	if (mti_pt_translate(space->arch->pt, &ops, space->root, address,
			     &found) != MTI_PT_OK ||
	    found.gpa >= memory->size)
		return 0;
	there = memory->size - found.gpa;
	*from = memory->base + found.gpa;
	return found.span < there ? found.span : there;
}

size_t mti_virtual_read(const struct mti_virtual *space, uint64_t address,
			void *buffer, size_t size)
{
	const uint8_t *from = NULL;
	size_t done = 0;
	size_t part;

	while (done < size) {
		part = piece(space, address + done, &from);
		if (part == 0)
			break;
		if (part > size - done)
			part = size - done;
		memcpy((uint8_t *)buffer + done, from, part);
		done += part;
	}
	return done;
}
