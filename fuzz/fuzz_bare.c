/*
 * A file of a bare guest: whatever is accepted keeps the promises of
 * elf/elf.h, and can be planned or not, but never over something else.
 */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>

#include "abi/bare.h"
#include "elf/parse.h"
#include "harness/elf_promises.h"
#include "mem/layout.h"

static void plan(const struct mti_elf *elf)
{
	const struct mti_layout_sizes sizes = {
		.heap = 16 << 20, .stack = 1 << 20, .io = 1 << 20
	};
	const struct mti_bare_plan wanted = {
		.mode = elf->bare_mode,
		.size = elf->bare_size,
		.end = elf->bare_end,
		.scratch = elf->bare_scratch,
	};
	struct mti_layout layout;

	if (!mti_layout_plan_bare(&wanted, &sizes, &layout))
		return;
	if (layout.hole < elf->bare_end || layout.hole >= layout.hole_end ||
	    layout.hole_end > layout.regions[MTI_AREA_HEAP].gpa ||
	    layout.regions[MTI_AREA_HEAP].size < elf->bare_scratch)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	mote_error err = MOTE_ERROR_INIT;
	const char *broken;
	struct mti_elf elf;
	mote_status status;

	if (!mti_elf_is_bare(data, size))
		return 0;
	status = mti_elf_bare_parse(data, size, &elf, &err);
	if (status != MOTE_OK) {
		if (status != MOTE_E_IMAGE || err.text[0] == '\0')
			abort();
		return 0;
	}
	broken = elf_broken_promise(&elf, data, size);
	if (broken) {
		fprintf(stderr, "%s\n", broken);
		abort();
	}
	plan(&elf);
	return 0;
}
