/*
 * See profile.h: the heap. All numbers are the guest's word.
 *
 * What each stack held at the peak is not copied at each new peak, of which
 * there are many: a site remembers its own numbers when it first changes
 * after one.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "flame.h"
#include "profile.h"
#include "units.h"

/* Blocks that are followed at once. */
#define BLOCKS_MAX ((size_t)1 << 20)
#define FIRST_SLOTS 4096

struct cli_heap_block {
	uint64_t address; /* 0: free; 1: was one, the search goes on */
	uint64_t size;
	uint32_t site;
};

#define GONE 1

bool cli_heap_init(struct cli_heap *heap)
{
	heap->block_slots = FIRST_SLOTS;
	heap->blocks = calloc(FIRST_SLOTS, sizeof(*heap->blocks));
	return heap->blocks && cli_stacks_init(&heap->stacks);
}

void cli_heap_fini(struct cli_heap *heap)
{
	cli_stacks_fini(&heap->stacks);
	cli_new_file_close(&heap->file);
	free(heap->sites);
	free(heap->blocks);
}

/* The block at an address, or where it can be put. */
static struct cli_heap_block *find(const struct cli_heap *heap,
				   uint64_t address)
{
	size_t mask = heap->block_slots - 1;
	size_t at = (size_t)((address >> 4) * UINT64_C(0x9e3779b97f4a7c15) >>
			     20) & mask;
	struct cli_heap_block *place = NULL;

	for (;; at = (at + 1) & mask) {
		struct cli_heap_block *block = &heap->blocks[at];

		if (block->address == address)
			return block;
		if (block->address == GONE && !place)
			place = block;
		if (block->address == 0)
			return place ? place : block;
	}
}

/* Twice as large as needed, and without what is gone. */
static bool rehash(struct cli_heap *heap)
{
	struct cli_heap new = *heap;

	new.block_slots = FIRST_SLOTS;
	while (new.block_slots < 4 * heap->block_count)
		new.block_slots *= 2;
	new.blocks = calloc(new.block_slots, sizeof(*new.blocks));
	if (!new.blocks)
		return false;
	for (size_t i = 0; i < heap->block_slots; i++)
		if (heap->blocks[i].address > GONE)
			*find(&new, heap->blocks[i].address) = heap->blocks[i];
	free(heap->blocks);
	heap->blocks = new.blocks;
	heap->block_slots = new.block_slots;
	heap->gone = 0;
	return true;
}

static struct cli_heap_site *site_of(struct cli_heap *heap, uint32_t node)
{
	uint32_t count = heap->stacks.places.capacity;
	struct cli_heap_site *sites;

	if (node < heap->site_count)
		return &heap->sites[node];
	sites = realloc(heap->sites, count * sizeof(*sites));
	if (!sites)
		return NULL;
	memset(sites + heap->site_count, 0,
	       (count - heap->site_count) * sizeof(*sites));
	heap->sites = sites;
	heap->site_count = count;
	return &sites[node];
}

static void change(struct cli_heap *heap, struct cli_heap_site *site,
		   uint64_t size, bool added)
{
	if (site->change != heap->peaks) {
		site->peak_live = site->live;
		site->peak_blocks = site->blocks;
		site->change = heap->peaks;
	}
	if (added) {
		site->live += size;
		site->blocks++;
		heap->live += size;
	} else {
		site->live -= size;
		site->blocks--;
		heap->live -= size;
	}
	if (heap->live > heap->peak) {
		heap->peak = heap->live;
		heap->peaks++;
	}
}

static void release(struct cli_heap *heap, uint64_t address)
{
	struct cli_heap_block *block = find(heap, address);

	heap->frees++;
	if (address <= GONE || block->address != address) {
		heap->strange++;
		return;
	}
	change(heap, &heap->sites[block->site], block->size, false);
	block->address = GONE;
	heap->block_count--;
	heap->gone++;
}

static void allocate(struct cli_heap *heap, uint64_t address, uint64_t size,
		     const struct mote_frame *frames, size_t count)
{
	uint32_t node = cli_stacks_add(&heap->stacks, frames, count);
	struct cli_heap_site *site = site_of(heap, node);
	struct cli_heap_block *block = find(heap, address);

	heap->allocations++;
	/* A guest has at most 64 GiB, and lies if it says more. */
	if (!site || address <= GONE || block->address == address ||
	    size > (UINT64_C(1) << 36) || heap->block_count >= BLOCKS_MAX) {
		heap->strange++;
		return;
	}
	heap->gone -= block->address == GONE;
	*block = (struct cli_heap_block){ address, size, node };
	heap->block_count++;
	change(heap, site, size, true);
}

void cli_heap_event(void *user, uint32_t kind, uint64_t address, uint64_t size,
		    const struct mote_frame *frames, size_t count)
{
	struct cli_heap *heap = user;

	/* A search ends at a free slot. */
	if (2 * (heap->block_count + heap->gone) >= heap->block_slots &&
	    !rehash(heap)) {
		heap->strange++;
		return;
	}
	if (kind == MOTE_HEAP_FREE)
		release(heap, address);
	else
		allocate(heap, address, size, frames, count);
}

/* The values of the tree: what was live at the peak. */
static void set_values(struct cli_heap *heap)
{
	struct cli_tree *places = &heap->stacks.places;

	for (uint32_t i = 0; i < places->count && i < heap->site_count; i++) {
		struct cli_heap_site *site = &heap->sites[i];

		if (site->change != heap->peaks) {
			site->peak_live = site->live;
			site->peak_blocks = site->blocks;
		}
		places->nodes[i].value = site->peak_live;
	}
}

static void put(struct cli_heap *heap, const char *title, FILE *out)
{
	char subtitle[160];
	char peak[32];
	char left[32];
	const struct cli_flame flame = {
		.title = title,
		.subtitle = subtitle,
		.unit = "bytes",
		.bytes = true,
	};

	cli_format_size(heap->peak, peak, sizeof(peak));
	cli_format_size(heap->live, left, sizeof(left));
	snprintf(subtitle, sizeof(subtitle),
		 "heap at its peak: %s; left at the end: %s", peak, left);
	if (cli_new_file_is(&heap->file, ".svg"))
		cli_flame_svg(&heap->stacks, &flame, out);
	else if (cli_new_file_is(&heap->file, ".folded"))
		cli_flame_folded(&heap->stacks, out);
	else
		cli_heap_list(heap, title, out);
}

void cli_heap_write(struct cli_heap *heap, mote_image *image,
		    const char *title)
{
	char *data = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&data, &size);

	set_values(heap);
	if (out && cli_stacks_name(&heap->stacks, image, true))
		put(heap, title, out);
	else
		snprintf(heap->file.error, sizeof(heap->file.error),
			 "out of memory");
	if (out && fclose(out) == 0 && !heap->file.error[0])
		cli_new_file_write(&heap->file, data, size);
	free(data);
}
