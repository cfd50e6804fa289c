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
	bool own; /* may be written as it is, unless mapping forbids it */
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

static struct mti_pt_ops operations(const struct mti_virtual *space)
{
	if (space->memory->cow)
		return mti_cow_ops(space->memory->cow);
	return (struct mti_pt_ops){
		.context = space->memory,
		.read = read_entry,
	};
}

/* Of a mapping one page: some may be there that the next one is not. */
static uint64_t place(const struct mti_virtual *space, struct piece *piece)
{
	const struct mti_memory *memory = space->memory;
	const struct mti_mapping *mapping;
	uint64_t home;
	uint8_t *own;

	piece->own = !memory->cow;
	if (memory->cow) {
		own = mti_cow_physical(memory->cow, piece->gpa, &home);
		if (own) {
			piece->own = true;
			piece->mapping = NULL;
			piece->host = own;
			piece->gpa = home;
			return MOTE_PAGE_SIZE - home % MOTE_PAGE_SIZE;
		}
	}
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
	const struct mti_pt_ops ops = operations(space);
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

/* A copy of a page takes its place. */
static enum mti_virtual_copied copy_page(const struct mti_virtual *space,
					 uint64_t address,
					 const struct piece *piece)
{
	uint64_t within = address % MOTE_PAGE_SIZE;
	uint64_t home = piece->gpa - within;
	struct mti_memory *memory = space->memory;
	uint32_t flags = piece->flags & (MTI_PT_USER | MTI_PT_EXECUTE);
	const uint8_t *from = piece->host - within;
	bool is_new = !mti_cow_at(memory->cow, home);
	uint8_t page[MOTE_PAGE_SIZE];
	uint8_t *to;

	if (is_new && piece->mapping) {
		if (mti_os_copy_memory(page, from, sizeof(page)) < 0)
			return MTI_VIRTUAL_GONE;
		from = page;
	}
	if (piece->flags & MTI_PT_COW)
		flags |= MTI_PT_WRITE;
	to = mti_cow_copy(memory->cow, address - within, home, flags);
	if (!to)
		return MTI_VIRTUAL_FULL;
	if (is_new)
		memcpy(to, from, MOTE_PAGE_SIZE);
	mti_dirty_add(&memory->dirty, home, MOTE_PAGE_SIZE);
	return MTI_VIRTUAL_COPIED;
}

enum mti_virtual_copied mti_virtual_copy(const struct mti_virtual *space,
					 uint64_t address)
{
	const uint32_t marked = MTI_PT_USER | MTI_PT_COW;
	struct piece piece;

	if (!find(space, address, 0, 1, &piece) || piece.own ||
	    (piece.flags & marked) != marked ||
	    (piece.mapping && !piece.mapping->writable))
		return MTI_VIRTUAL_NOT_MARKED;
	return copy_page(space, address, &piece);
}

const uint8_t *mti_virtual_scratch(const struct mti_virtual *space,
				   uint64_t address)
{
	struct piece piece;

	if (!find(space, address, 0, 1, &piece) || !piece.own)
		return NULL;
	return piece.host;
}

/* Where the host may write it: it is no page that others have, too. */
static bool make_own(const struct mti_virtual *space, uint64_t address,
		     struct piece *piece)
{
	size_t size = piece->size;

	if (piece->own)
		return true;
	if (copy_page(space, address, piece) != MTI_VIRTUAL_COPIED)
		return false;
	/* The program has not asked for it: the CPU may know the other. */
	space->memory->cow->stale = true;
	return find(space, address, 0, size, piece) && piece->own;
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

/*
 * Of code that was written. An x86 CPU finds out for itself, and nothing is
 * done. Arm's must be told, by the addresses that it has here: good where the
 * cache of instructions goes by physical ones (Arm ARM, CTR_EL0.L1Ip: PIPT).
 */
static void tell_cpu(const struct piece *piece)
{
	char *begin = (char *)piece->host;

	if (piece->flags & MTI_PT_EXECUTE)
		__builtin___clear_cache(begin, begin + piece->size);
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
		if (!find(space, address, done, size, &piece) ||
		    !make_own(space, address + done, &piece))
			return false;
		if (!piece.mapping)
			mti_dirty_add(&space->memory->dirty, piece.gpa,
				      piece.size);
		if (!copy(&piece, piece.host, in + done))
			return false;
		tell_cpu(&piece);
	}
	return true;
}

bool mti_virtual_executable(const struct mti_virtual *space, uint64_t address)
{
	struct piece piece;

	return find(space, address, 0, 1, &piece) &&
	       (piece.flags & MTI_PT_USER) && (piece.flags & MTI_PT_EXECUTE);
}
