#include "mem/virtual.h"

#include <string.h>

#include "abi/layout.h"
#include "base/checked.h"
#include "os/os.h"

/* Memory in one piece. */
struct piece {
	uint8_t *host;
	size_t size; /* not 0 */
	uint64_t gpa;
	uint32_t flags;
	const struct mti_mapping *mapping; /* NULL: the sandbox's own */
};

static bool read_entry(void *context, uint64_t gpa, uint64_t *entry)
{
	const struct mti_memory *memory = context;

	if (!mti_range_ok(gpa, sizeof(*entry), memory->size) ||
	    (gpa >= memory->hole && gpa < memory->hole_end))
		return false;
	memcpy(entry, memory->base + gpa, sizeof(*entry));
	return true;
}

/* Of a mapping one page: some may be there that the next one is not. */
static uint64_t place(const struct mti_virtual *space, struct piece *piece)
{
	const struct mti_memory *memory = space->memory;
	const struct mti_mapping *mapping;

	if (piece->gpa >= memory->hole && piece->gpa < memory->hole_end)
		return 0;
	if (piece->gpa < memory->size) {
		piece->mapping = NULL;
		piece->host = memory->base + piece->gpa;
		return (piece->gpa < memory->hole ? memory->hole :
						    memory->size) -
		       piece->gpa;
	}
	mapping = mti_window_find_gpa(space->window, piece->gpa);
	if (!mapping)
		return 0;
	piece->mapping = mapping;
	piece->host = (uint8_t *)mapping->memory + (piece->gpa - mapping->gpa);
	return MOTE_PAGE_SIZE - piece->gpa % MOTE_PAGE_SIZE;
}

/* What is at address + offset, at most size bytes. */
static bool find(const struct mti_virtual *space, uint64_t address,
		 size_t offset, size_t size, struct piece *piece)
{
	const struct mti_pt_ops ops = {
		.context = space->memory,
		.read = read_entry,
	};
	struct mti_pt_translation found;
	uint64_t at;
	uint64_t there;

	if (!mti_add_u64(address, offset, &at))
		return false;
	if (!space->pt)
		found = (struct mti_pt_translation){
			.gpa = at,
			.span = UINT64_MAX,
			.flags = MTI_PT_RIGHTS,
		};
	else if (mti_pt_translate(space->pt, &ops, space->root, at, &found) !=
		 MTI_PT_OK)
		return false;
	piece->gpa = found.gpa;
	piece->flags = found.flags;
	there = place(space, piece);
	if (there == 0)
		return false;
	if (there > found.span)
		there = found.span;
	piece->size = there < size - offset ? (size_t)there : size - offset;
	return true;
}

/* A file that was cut short raises SIGBUS, for this process. */
static bool copy(const struct piece *piece, void *to, const void *from)
{
	if (piece->mapping)
		return mti_os_copy_memory(to, from, piece->size) == 0;
	memcpy(to, from, piece->size);
	return true;
}

size_t mti_virtual_read(const struct mti_virtual *space, uint64_t address,
			void *buffer, size_t size)
{
	struct piece piece;
	size_t done = 0;

	while (done < size &&
	       find(space, address, done, size, &piece) &&
	       copy(&piece, (uint8_t *)buffer + done, piece.host))
		done += piece.size;
	return done;
}

static bool writable(const struct mti_virtual *space, uint64_t address,
		     size_t size)
{
	struct piece piece;
	size_t done = 0;

	for (; done < size; done += piece.size)
		if (!find(space, address, done, size, &piece) ||
		    !(piece.flags & MTI_PT_USER) ||
		    (piece.mapping && !piece.mapping->writable))
			return false;
	return true;
}

bool mti_virtual_write(const struct mti_virtual *space, uint64_t address,
		       const void *data, size_t size)
{
	const uint8_t *in = data;
	struct piece piece;
	size_t done = 0;

	if (!writable(space, address, size))
		return false;
	for (; done < size; done += piece.size) {
		if (!find(space, address, done, size, &piece))
			return false;
		if (!piece.mapping)
			mti_dirty_add(&space->memory->dirty, piece.gpa,
				      piece.size);
		if (!copy(&piece, piece.host, in + done))
			return false;
	}
	return true;
}

bool mti_virtual_executable(const struct mti_virtual *space, uint64_t address)
{
	struct piece piece;

	return find(space, address, 0, 1, &piece) &&
	       (piece.flags & MTI_PT_USER) && (piece.flags & MTI_PT_EXECUTE);
}
