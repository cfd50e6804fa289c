/*
 * From a form to an instruction with random operands.
 */
#ifndef DIFF_ENCODE_H
#define DIFF_ENCODE_H

#include "case.h"
#include "forms.h"

/* Registers that programs rely on and rarely write. */
#define DIFF_INDEX 12   /* r12: below 256 */
#define DIFF_POINTER 14 /* r14: the middle of the first page of data */
#define DIFF_COUNTER 15 /* r15: of loops */

void diff_encode(struct random_source *random, const struct diff_form *form,
		 struct diff_insn *insn);

/* Appends to an instruction. */
void diff_put(struct diff_insn *insn, uint64_t value, size_t bytes);

/* Clears, and puts bytes. */
void diff_plain(struct diff_insn *insn, const char *name, const void *bytes,
		size_t size);

/* mov $value, a general register of 64 bits */
void diff_load(struct diff_insn *insn, unsigned int reg, uint64_t value);

/* An address that is not simply data. */
uint64_t diff_odd_address(struct random_source *random);

#endif
