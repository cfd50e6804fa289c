/*
 * The part of DWARF expressions that call frame information uses: no
 * branches, so that each byte is run once. Pure.
 */
#ifndef MTI_DEBUG_EXPRESSION_H
#define MTI_DEBUG_EXPRESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "debug/cursor.h"

/* Longer ones are refused. */
#define MTI_EXPRESSION_MAX 256

/* What an expression can look at. */
struct mti_expression_scope {
	void *context;
	/* The value of a register, by its DWARF number; false if lost. */
	bool (*get)(void *context, uint64_t number, uint64_t *value);
	/* Guest memory; all size bytes or false. */
	bool (*read)(void *context, uint64_t address, void *buffer,
		     size_t size);
};

/* first: on the stack at the start, or NULL. */
bool mti_expression_run(struct mti_bytes expression,
			const struct mti_expression_scope *scope,
			const uint64_t *first, uint64_t *result);

#endif
