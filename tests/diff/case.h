/*
 * One case of the differential fuzzer: a short program, the registers and the
 * memory that it starts with. Everything follows from one number.
 */
#ifndef DIFF_CASE_H
#define DIFF_CASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/layout.h"
#include "harness/random.h"

/*
 * The program's address space: code, two pages of data, one that is read
 * only, and nothing behind each. Stack and the rest are as a guest has them.
 *
 * Code has room for many programs, so that each can go where none was before:
 * to see that code has changed costs an emulator more than to run it.
 */
#define DIFF_CODE UINT64_C(0x400000)
#define DIFF_SLOT_BYTES 1024u
#define DIFF_SLOTS 512u
#define DIFF_CODE_BYTES (UINT64_C(512) * DIFF_SLOT_BYTES)
/* The first one is not for programs: a syscall lands there. */
#define DIFF_SLOT_FIRST 1u
/* For those that run into the page that is not there. */
#define DIFF_SLOT_LAST (DIFF_SLOTS - 1)
#define DIFF_DATA UINT64_C(0x500000)
#define DIFF_DATA_BYTES UINT64_C(8192)
#define DIFF_CONST (DIFF_DATA + DIFF_DATA_BYTES)
#define DIFF_CONST_BYTES UINT64_C(4096)
#define DIFF_STACK_BYTES UINT64_C(16384)

#define DIFF_INSNS_MAX 40
#define DIFF_FXSAVE_BYTES 512

/* Flags that instructions compute. */
#define DIFF_CF 0x001u
#define DIFF_PF 0x004u
#define DIFF_AF 0x010u
#define DIFF_ZF 0x040u
#define DIFF_SF 0x080u
#define DIFF_OF 0x800u
#define DIFF_ALL 0x8d5u

struct diff_insn {
	const char *name;
	uint8_t bytes[24];
	uint8_t size;
	/* Those of one group other than 0 come and go together. */
	uint8_t group;
	/* The last byte is a distance: over so many, or back so many. */
	uint8_t skip;
	uint8_t back;
	/* Where a distance from the end of the instruction is; 0: nowhere. */
	uint8_t relative_at;
	uint64_t relative_to;
	bool aligned; /* memory operand: must be at a multiple of 16 */
	bool floats;
	bool twice;   /* one register is both operands */
	/* What it makes of the flags, see SDM 1, appendix A. */
	uint16_t reads;
	uint16_t defines;
	uint16_t undefines;
};

struct diff_case {
	uint64_t seed;
	struct diff_insn insns[DIFF_INSNS_MAX];
	size_t count;
	/* In the order of mti_amd64_register, up to the flags. */
	uint64_t general[18];
	uint8_t fxsave[DIFF_FXSAVE_BYTES];
	uint64_t data_seed;
	uint32_t slot;
	bool ends_at_port; /* else with int3 */
	bool at_page_end; /* the code runs into the page that is not there */
	bool raw;         /* random bytes: nothing is known about its flags */

	/* What diff_assemble makes of it. */
	uint8_t code[DIFF_SLOT_BYTES];
	uint64_t base; /* of the code: that of its slot */
	uint64_t start;
	size_t code_size; /* without what was cut off at the page's end */
	uint64_t address[DIFF_INSNS_MAX + 1];
	/* Flags that are undefined in front of each. */
	uint16_t undefined[DIFF_INSNS_MAX + 1];
};

/* raw: some cases are random bytes. */
void diff_generate(struct diff_case *test, uint64_t seed, bool raw);

/*
 * Lays the instructions out. false: one of them would read a flag that an
 * earlier one left undefined, or a jump is too far.
 */
bool diff_assemble(struct diff_case *test);

/* int3: most programs end so, and wherever else they go. */
#define DIFF_NO_CODE 0xcc

/* Of code where no program is: int3, and at the start out, for syscall. */
void diff_no_code(uint8_t *code);

/* Flags that do not count when the program has stopped there. */
uint32_t diff_undefined_at(const struct diff_case *test, uint64_t pc);

/* A number, or two floats, or a double; seldom not a number. */
uint64_t diff_number(struct random_source *random);

/* What is in data and in the page behind it. */
void diff_fill(const struct diff_case *test, uint8_t *data, uint8_t *constant);

#endif
