/*
 * Source file and line of addresses, from .debug_line of an untrusted ELF
 * file: DWARF 2 to 5 as gcc and clang write it, not compressed. Pure.
 *
 * Bounds: MTI_LINES_BYTES_MAX of the section are read, each byte once, with
 * log n steps for a row of the table, where n is how many addresses are asked
 * for together. The answers cost two more passes over the file names of the
 * units that they are in.
 */
#ifndef MTI_DEBUG_LINES_H
#define MTI_DEBUG_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "debug/object.h"

#define MTI_LINES_BYTES_MAX (UINT64_C(64) << 20)
#define MTI_LINE_FILE_MAX 200

struct mti_line_query {
	uint64_t address; /* one of the file */
	/* Answers; line 0: not known. */
	uint32_t line;
	/*
	 * As the compiler was given it: relative names stay relative. Of a
	 * name that is too long the end, after "...". "" if not known.
	 */
	char file[MTI_LINE_FILE_MAX];
	/* Private. */
	uint64_t file_number;
	uint64_t folder_number;
	struct mti_bytes file_name;
	struct mti_bytes folder_name;
};

/* Answers the queries. scratch: room for 2 * count pointers. */
void mti_lines_find(const struct mti_object *object,
		    struct mti_line_query *queries, size_t count,
		    struct mti_line_query **scratch);

#endif
