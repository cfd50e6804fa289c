/*
 * The registers of an architecture in gdb's order: a table of its own, and
 * what registers.c does with every table. A further architecture is a file
 * and a line in registers.c. Pure.
 */
#ifndef MTI_DEBUG_GDB_LAYOUT_H
#define MTI_DEBUG_GDB_LAYOUT_H

#include "debug/gdb/registers.h"

/* Registers that lie next to each other and are of one kind. */
struct mti_gdb_run {
	const char *feature;
	const char *name;   /* before the number, if there are several */
	const char *suffix; /* behind it */
	const char *type;
	uint8_t first; /* the number in the name */
	uint8_t count;
	uint8_t bytes;
	/* Where they are: of these only the architecture knows more. */
	uint8_t place;
	uint16_t at;
	uint8_t component;
	uint8_t stride;
};

#define MTI_GDB_ONE(feature, name, type, bytes, place, at) \
	{ feature, name, "", type, 0, 1, bytes, place, at, 0, 0 }

/* A part of the description, which is made anew each time. */
struct mti_gdb_window {
	uint64_t skip; /* bytes still before it */
	uint8_t *out;
	size_t used;
	size_t size;
};

/* Bits of a register of flags; the last one of a list has no name. */
struct mti_gdb_field {
	const char *name;
	uint8_t first;
	uint8_t last;
};

void mti_gdb_put(struct mti_gdb_window *window, const char *text);
/* A type of 4 bytes. */
void mti_gdb_put_flags(struct mti_gdb_window *window, const char *id,
		       const struct mti_gdb_field *fields);

/* Numbers of the registers that gdb wants to know at each stop. */
#define MTI_GDB_STOP_REGISTERS 3
#define MTI_GDB_BASES 2
#define MTI_GDB_NO_BASE UINT32_MAX

struct mti_gdb_layout {
	uint32_t machine; /* e_machine */
	const char *name; /* gdb's: "set architecture" */
	/* In gdb's order. */
	const struct mti_gdb_run *runs;
	size_t run_count;
	/* Whether the CPU has it. NULL: it has them all. */
	bool (*has)(const struct mti_gdb_registers *registers,
		    const struct mti_gdb_run *run);
	/* Number index of a run: run->bytes into or from value. */
	void (*get)(const struct mti_gdb_registers *registers,
		    const struct mti_gdb_run *run, uint32_t index,
		    uint8_t *value);
	/* false: the CPU would not take this. */
	bool (*set)(struct mti_gdb_registers *registers,
		    const struct mti_gdb_run *run, uint32_t index,
		    const uint8_t *value);
	/* Types that the registers of a feature use. */
	void (*put_types)(struct mti_gdb_window *window, const char *feature);
	uint8_t stop[MTI_GDB_STOP_REGISTERS];
	/* Which of mti_gdb_registers.general is mti_cpu_state.bases[i]. */
	uint32_t bases[MTI_GDB_BASES];
};

extern const struct mti_gdb_layout mti_gdb_amd64;
extern const struct mti_gdb_layout mti_gdb_aarch64;

#endif
