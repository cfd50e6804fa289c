/*
 * What a guest's ELF file tells for debugging: made once per image, then
 * constant. The bounds on work are those of its parts.
 */
#ifndef MTI_DEBUG_INFO_H
#define MTI_DEBUG_INFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"
#include "debug/cfi.h"
#include "debug/lines.h"
#include "debug/object.h"
#include "debug/symbols.h"

struct mti_debug_info {
	struct mti_object object;
	struct mti_symbols symbols;
	struct mti_cfi cfi;
};

/* Borrows the file's bytes. False if memory ran out: then nothing is held. */
bool mti_debug_info_init(struct mti_debug_info *info, const void *file,
			 size_t size, uint64_t bias,
			 const struct mti_allocator *allocator);
void mti_debug_info_fini(struct mti_debug_info *info,
			 const struct mti_allocator *allocator);

#define MTI_PLACE_NAME_MAX 128

/* A place in the guest's code. */
struct mti_place {
	uint64_t pc;
	bool returns;      /* the place is the call before pc */
	/* Answers; 0 and "" are not known. */
	uint64_t function; /* where it starts */
	uint32_t line;
	char name[MTI_PLACE_NAME_MAX];
	char file[MTI_LINE_FILE_MAX];
};

/*
 * Fills in the answers, in one pass over the file for each
 * MTI_DESCRIBE_TOGETHER places. False if memory ran out.
 */
#define MTI_DESCRIBE_TOGETHER 1024
bool mti_debug_describe(const struct mti_debug_info *info,
			struct mti_place *places, size_t count,
			const struct mti_allocator *allocator);

#endif
