/*
 * Between the records of .eh_frame and the instructions in them.
 */
#ifndef MTI_DEBUG_CFI_PROGRAM_H
#define MTI_DEBUG_CFI_PROGRAM_H

#include "debug/cfi.h"

/* What the functions of one object file have in common: a CIE. */
struct mti_cfi_common {
	uint64_t code_unit;
	int64_t data_unit;
	uint64_t return_register; /* below MTI_CFI_REGISTERS */
	uint8_t encoding;         /* of addresses */
	bool sized;  /* a function's record has data of this kind, too */
	bool signal;
	struct mti_cursor program;
};

/* cfi.c: an address in .eh_frame. */
uint64_t mti_cfi_take_address(const struct mti_object *object,
			      struct mti_cursor *cursor, uint8_t encoding);

/*
 * Runs the instructions of a function that starts at start, up to address.
 */
bool mti_cfi_run(const struct mti_object *object,
		 const struct mti_cfi_common *common,
		 const struct mti_cursor *program, uint64_t start,
		 uint64_t address, struct mti_cfi_row *row);

#endif
