/*
 * What the two halves of the line reader share: the header of one unit of
 * .debug_line (DWARF 5, 6.2.4).
 */
#ifndef MTI_DEBUG_LINE_UNIT_H
#define MTI_DEBUG_LINE_UNIT_H

#include "debug/lines.h"

struct mti_line_unit {
	const struct mti_object *object;
	uint16_t version;
	uint8_t offset_size; /* 4 or 8: 32-bit or 64-bit DWARF */
	uint8_t address_size;
	uint8_t instruction_length;
	int8_t line_base;
	uint8_t line_range;
	uint8_t opcode_base;
	const uint8_t *operand_counts; /* of opcodes 1 to opcode_base - 1 */
	struct mti_cursor tables;      /* folders and files */
	struct mti_cursor program;
};

typedef uint64_t (*mti_line_key_fn)(const struct mti_line_query *query);

/* line_files.c: n log n for every input, and no memory. */
void mti_line_sort(struct mti_line_query **queries, size_t count,
		   mti_line_key_fn key);

/*
 * line_files.c: names the files of queries that have a file_number in this
 * unit. The pointers come into another order.
 */
void mti_line_unit_name(const struct mti_line_unit *unit,
			struct mti_line_query **queries, size_t count);

#endif
