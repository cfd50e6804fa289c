/*
 * The debugging information of an untrusted ELF file, and a guest whose
 * memory and registers are this file too: answers end where they must, work
 * and memory are bounded, everything is released.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "arch/amd64/trap.h"
#include "debug/unwind.h"
#include "harness/failing_allocator.h"

#define BIAS UINT64_C(0x400000)
#define PLACES 48
#define FRAMES 64

struct memory {
	const uint8_t *data;
	size_t size;
};

/* The file, over and over. */
static bool read_guest(void *context, uint64_t address, void *buffer,
		       size_t size)
{
	const struct memory *memory = context;
	uint8_t *out = buffer;
	size_t i;

	if (memory->size == 0 || address % 7 == 3)
		return false;
	for (i = 0; i < size; i++)
		out[i] = memory->data[(address + i) % memory->size];
	return true;
}

static bool is_code(void *context, uint64_t address)
{
	(void)context;
	return address % 5 != 0;
}

static void describe(const struct mti_debug_info *info,
		     const struct mti_allocator *allocator)
{
	struct mti_place places[PLACES] = { { .pc = 0 } };
	size_t i;

	for (i = 0; i < PLACES; i++) {
		if (i < 16 && i < info->symbols.count)
			places[i].pc = info->symbols.rows[i].start;
		else if (i < 32 && i < info->cfi.count)
			places[i].pc = info->cfi.ranges[i].start + i;
		else
			places[i].pc = 0x401000 + 16 * (i - 16);
		places[i].pc += BIAS;
		places[i].returns = i % 2;
	}
	if (!mti_debug_describe(info, places, PLACES, allocator))
		abort();
	for (i = 0; i < PLACES; i++)
		if (!memchr(places[i].name, 0, sizeof(places[i].name)) ||
		    !memchr(places[i].file, 0, sizeof(places[i].file)) ||
		    (places[i].line == 0 && places[i].file[0] != '\0'))
			abort();
}

static void unwind(const struct mti_debug_info *info,
		   const struct memory *memory)
{
	struct memory copy = *memory;
	const struct mti_unwind_guest guest = {
		.arch = &mti_arch_amd64,
		.info = info,
		.context = &copy,
		.read = read_guest,
		.code = is_code,
	};
	struct mti_unwind_frame frames[FRAMES];
	uint64_t general[MTI_AMD64_REGISTERS] = { 0 };
	size_t count;
	size_t i;

	for (i = 0; i < 8; i++) {
		general[MTI_RIP] = info->cfi.count > i ?
					   info->cfi.ranges[i].start + BIAS :
					   0x401001 + i;
		general[MTI_RSP] = 8 * i;
		general[MTI_RBP] = 64 * i;
		count = mti_unwind(&guest, general, frames, FRAMES);
		if (count == 0 || count > FRAMES)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct failing_allocator memory;
	const struct memory guest = { data, size };
	struct mti_debug_info info;

	failing_allocator_init(&memory, 0, false);
	if (!mti_debug_info_init(&info, data, size, BIAS, &memory.allocator))
		abort();
	/* What info.h and its parts promise. */
	if (memory.bytes > 3 * size)
		abort();
	describe(&info, &memory.allocator);
	unwind(&info, &guest);
	mti_debug_info_fini(&info, &memory.allocator);
	if (memory.live != 0)
		abort();
	return 0;
}
