#include "mem/access.h"

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

/* The host's address of gva, and in *span how much is there, not 0. */
static uint8_t *find(const struct mti_access *access, uint64_t gva,
		     size_t *span, uint32_t *flags)
{
	const struct mti_pt_ops ops = {
		.context = access->memory,
		.read = read_entry,
	};
	struct mti_memory *memory = access->memory;
	struct mti_pt_translation found;

	if (!access->arch->translate(&ops, access->root, gva, &found) ||
	    found.gpa >= memory->size)
		return NULL;
	*span = memory->size - (size_t)found.gpa;
	if (found.span < *span)
		*span = (size_t)found.span;
	*flags = found.flags;
	return memory->base + found.gpa;
}

size_t mti_access_read(const struct mti_access *access, uint64_t gva,
		       void *buffer, size_t size)
{
	uint8_t *out = buffer;
	size_t done = 0;

	while (done < size) {
		size_t span = 0;
		uint32_t flags;
		uint64_t at;
		const uint8_t *here;

		if (!mti_add_u64(gva, done, &at))
			break;
		here = find(access, at, &span, &flags);
		if (!here)
			break;
		if (span > size - done)
			span = size - done;
		memcpy(out + done, here, span);
		done += span;
	}
	return done;
}

static bool writable(const struct mti_access *access, uint64_t gva,
		     size_t size)
{
	size_t done = 0;

	while (done < size) {
		size_t span = 0;
		uint32_t flags;
		uint64_t at;

		if (!mti_add_u64(gva, done, &at) ||
		    !find(access, at, &span, &flags) ||
		    !(flags & MTI_PT_USER))
			return false;
		done += span;
	}
	return true;
}

bool mti_access_write(const struct mti_access *access, uint64_t gva,
		      const void *data, size_t size)
{
	const uint8_t *in = data;
	size_t done = 0;

	if (!writable(access, gva, size))
		return false;
	while (done < size) {
		size_t span = 0;
		uint32_t flags;
		uint8_t *here = find(access, gva + done, &span, &flags);

		if (!here)
			return false;
		if (span > size - done)
			span = size - done;
		memcpy(here, in + done, span);
		done += span;
	}
	return true;
}

bool mti_access_executable(const struct mti_access *access, uint64_t gva)
{
	size_t span;
	uint32_t flags;

	return find(access, gva, &span, &flags) && (flags & MTI_PT_USER) &&
	       (flags & MTI_PT_EXECUTE);
}
