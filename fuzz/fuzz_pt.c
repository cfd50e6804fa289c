/*
 * Page tables of every format that somebody else has written: every operation
 * ends with so many reads as pt.h says, and touches nothing but what it was
 * given. The input: a format, a root, addresses, and memory from address 0.
 */
#include "fuzz.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/pt.h"

#define PAGE 4096u
#define INPUT_PAGES 16
#define PAGES (INPUT_PAGES + 24) /* with those that alloc gives */
#define SEEN 16
#define HEADER 40

static const struct mti_pt *const formats[] = {
	&mti_pt_amd64,	       &mti_pt_i686,	    &mti_pt_i686_pse,
	&mti_pt_i686_pae,      &mti_pt_i686_pae_nx, &mti_pt_aarch64,
	&mti_pt_aarch64_upper,
};

#define FORMATS (sizeof(formats) / sizeof(formats[0]))

/* What an operation came to, by format. */
static const char *const goals[] = {
	"translate", "walk", "walk together", "share", "link", "map", "unmap",
	"clear",
};

enum goal {
	TRANSLATE, WALK, WALK_TOGETHER, SHARE, LINK, MAP, UNMAP, CLEAR, GOALS
};

static bool reached[FORMATS][GOALS];
static size_t format;

static struct {
	uint8_t bytes[PAGES * PAGE];
	bool taken[PAGES];
	uint64_t reads;
	uint64_t writes;
} memory;

static void expect(bool condition)
{
	if (!condition)
		abort();
}

static void reach(enum goal goal, enum mti_pt_result result)
{
	if (result == MTI_PT_OK)
		reached[format][goal] = true;
}

size_t fuzz_missing(void)
{
	size_t missing = 0;
	size_t i;
	size_t j;

	for (i = 0; i < FORMATS; i++)
		for (j = 0; j < GOALS; j++)
			if (!reached[i][j]) {
				fprintf(stderr, "no input can %s with %s\n",
					goals[j], formats[i]->name);
				missing++;
			}
	return missing;
}

static bool read_entry(void *context, uint64_t gpa, uint64_t *entry)
{
	(void)context;
	memory.reads++;
	expect(gpa % 8 == 0);
	if (gpa >= sizeof(memory.bytes))
		return false;
	memcpy(entry, memory.bytes + gpa, sizeof(*entry));
	return true;
}

static bool write_entry(void *context, uint64_t gpa, uint64_t entry)
{
	(void)context;
	memory.writes++;
	expect(gpa % 8 == 0);
	if (gpa >= sizeof(memory.bytes))
		return false;
	memcpy(memory.bytes + gpa, &entry, sizeof(entry));
	return true;
}

static bool alloc_table(void *context, uint64_t *gpa)
{
	size_t i;

	(void)context;
	for (i = INPUT_PAGES; i < PAGES; i++)
		if (!memory.taken[i]) {
			memory.taken[i] = true;
			memset(memory.bytes + i * PAGE, 0, PAGE);
			*gpa = i * PAGE;
			return true;
		}
	return false;
}

static void free_table(void *context, uint64_t gpa)
{
	(void)context;
	if (gpa / PAGE < PAGES)
		memory.taken[gpa / PAGE] = false;
}

static const struct mti_pt_ops ops = {
	.read = read_entry,
	.write = write_entry,
	.alloc = alloc_table,
	.free = free_table,
};

static void translate(const struct mti_pt *pt, uint64_t root, uint64_t gva)
{
	struct mti_pt_translation found;
	enum mti_pt_result result;

	memory.reads = 0;
	result = mti_pt_translate(pt, &ops, root, gva, &found);
	reach(TRANSLATE, result);
	if (result == MTI_PT_OK)
		expect(found.span > 0 && found.span <= UINT64_C(1) << 30);
	expect(memory.reads <= pt->levels);
}

static void walk(const struct mti_pt *pt, uint64_t root, uint64_t gva,
		 uint64_t last)
{
	struct mti_pt_page page;
	struct mti_pt_walk one;

	memory.reads = 0;
	if (mti_pt_walk_begin(&one, pt, &ops, root, gva, last, 3000) !=
	    MTI_PT_OK)
		return;
	while (mti_pt_walk_next(&one, &page) == MTI_PT_OK) {
		reach(WALK, MTI_PT_OK);
		expect(page.gva + (page.size - 1) >= gva && page.gva <= last);
	}
	expect(memory.reads <= 3000);
}

static void walk_together(const struct mti_pt *pt, uint64_t root, uint64_t gva,
			  uint64_t last)
{
	const uint64_t roots[] = { root, (root + PAGE) % (8 * PAGE), root };
	uint64_t built[] = { roots[0], roots[1], MTI_PT_NO_ROOT };
	struct mti_pt_seen seen[SEEN];
	struct mti_pt_spaces spaces = {
		.pt = pt,
		.ops = &ops,
		.roots = roots,
		.root_count = 3,
		.gva = gva,
		.last = last,
		.seen = seen,
		.seen_max = SEEN,
	};
	struct mti_pt_found shared = { .depth = 0 };
	struct mti_pt_found found;

	memory.reads = 0;
	if (mti_pt_spaces_begin(&spaces) != MTI_PT_OK)
		return;
	while (mti_pt_spaces_next(&spaces, &found) == MTI_PT_OK) {
		expect(found.space < 3 && found.owner <= found.space);
		reach(found.depth ? SHARE : WALK_TOGETHER, MTI_PT_OK);
		if (found.depth)
			shared = found;
	}
	expect(memory.reads <=
	       PAGE / pt->entry_bytes * (SEEN + 3 * (2u * pt->levels - 1)));
	if (shared.depth) {
		built[shared.space] = roots[shared.space];
		reach(LINK, mti_pt_link(pt, &ops, &shared, built, 3));
	}
}

static void edit(const struct mti_pt *pt, uint64_t root, uint64_t gva,
		 uint64_t size, uint32_t flags)
{
	const struct mti_pt_mapping mapping = {
		.gva = gva & ~(uint64_t)(PAGE - 1),
		.gpa = gva & 0x7ffff000,
		.size = (size & 0x3ff) * PAGE,
		.flags = flags,
	};
	const uint64_t entries = mapping.size / PAGE;
	/* For each entry its path; for each table whether it is empty. */
	const uint64_t bound = entries * 32 + 4096 * 32;

	memory.reads = 0;
	memory.writes = 0;
	reach(MAP, mti_pt_map(pt, &ops, root, &mapping));
	expect(memory.reads + memory.writes <= bound);
	if (flags & MTI_PT_USER)
		reach(UNMAP, mti_pt_unmap(pt, &ops, root, &mapping));
	else
		reach(CLEAR, mti_pt_clear(pt, &ops, root, mapping.gva,
					  mapping.size));
	expect(memory.reads + memory.writes <= 2 * bound);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t header[HEADER / 8];
	const struct mti_pt *pt;
	uint64_t gva;
	uint64_t last;

	if (size < HEADER)
		return 0;
	memcpy(header, data, HEADER);
	data += HEADER;
	size -= HEADER;
	memset(&memory, 0, sizeof(memory));
	memcpy(memory.bytes, data,
	       size < INPUT_PAGES * PAGE ? size : INPUT_PAGES * PAGE);
	format = header[0] % FORMATS;
	pt = formats[format];
	gva = header[2];
	last = header[3];
	translate(pt, header[1], gva);
	translate(pt, header[1], last);
	walk(pt, header[1], gva, last);
	walk(pt, header[1], pt->high_if == 0 ? pt->high : 0,
	     pt->high | ((UINT64_C(1) << pt->address_bits) - 1));
	walk_together(pt, header[1], gva, last);
	walk_together(pt, header[1], pt->high_if == 0 ? pt->high : 0,
		      pt->high | ((UINT64_C(1) << pt->address_bits) - 1));
	edit(pt, header[1], gva, header[4], (uint32_t)(header[4] >> 32));
	return 0;
}
