/*
 * An untrusted file: whatever is accepted keeps the promises of elf/elf.h,
 * and everything that was allocated is released.
 */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>

#include "harness/elf_promises.h"
#include "harness/failing_allocator.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct failing_allocator memory;
	mote_error err = MOTE_ERROR_INIT;
	const char *broken;
	struct mti_elf elf;
	mote_status status;

	failing_allocator_init(&memory, 0, false);
	status = mti_elf_parse(data, size, &memory.allocator, &elf, &err);
	if (status == MOTE_OK) {
		broken = elf_broken_promise(&elf, data, size);
		if (broken) {
			fprintf(stderr, "%s\n", broken);
			abort();
		}
		mti_elf_fini(&elf, &memory.allocator);
	} else if (status != MOTE_E_IMAGE || err.text[0] == '\0') {
		abort();
	}
	if (memory.live != 0 || memory.bytes > size)
		abort();
	return 0;
}
