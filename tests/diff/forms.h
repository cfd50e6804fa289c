/*
 * The instructions that the generator knows, by form: opcode, operands, flags.
 */
#ifndef DIFF_FORMS_H
#define DIFF_FORMS_H

#include <stddef.h>
#include <stdint.h>

enum diff_kind {
	DIFF_BYTE = 1,      /* 8-bit general operands */
	DIFF_SIZED = 2,     /* 16, 32 or 64 bits */
	DIFF_WIDE = 4,      /* 32 or 64 bits */
	DIFF_MODRM = 8,
	DIFF_REG_ONLY = 16, /* no memory operand */
	DIFF_MEM_ONLY = 32,
	DIFF_LOCK = 64,     /* LOCK is allowed with memory */
	DIFF_XREG = 128,    /* the reg field is a vector register */
	DIFF_XRM = 256,     /* and r/m, if it is a register */
	DIFF_ALIGNED = 512, /* memory at a multiple of 16 */
	DIFF_PLUS = 1024,   /* the register is in the opcode */
	DIFF_SMALL = 2048,  /* the immediate is below the operand's bits */
	DIFF_KEEPS = 4096,  /* no general register is written */
	DIFF_FLOAT = 16384, /* it computes with floats */
	DIFF_THREE = 8192,  /* three bits of the immediate are used */
};

enum diff_immediate {
	DIFF_IMM_NONE,
	DIFF_IMM_8,
	DIFF_IMM_SIZED, /* as the operand, at most 32 bits */
	DIFF_IMM_FULL,  /* as the operand */
};

struct diff_form {
	const char *name;
	uint8_t prefix; /* 0, 0x66, 0xf2, 0xf3 */
	uint8_t map;    /* 0: one byte, 1: 0f, 2: 0f 38, 3: 0f 3a */
	uint8_t opcode;
	int8_t extension; /* the reg field, -1: it is an operand */
	uint16_t kind;
	uint8_t immediate;
	uint16_t reads;
	uint16_t defines;
	uint16_t undefines;
};

extern const struct diff_form diff_integer_forms[];
extern const size_t diff_integer_count;
extern const struct diff_form diff_vector_forms[];
extern const size_t diff_vector_count;
extern const struct diff_form diff_x87_forms[];
extern const size_t diff_x87_count;

#endif
