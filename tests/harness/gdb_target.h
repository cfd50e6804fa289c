/*
 * A guest that is none: what a gdb session asks of it is done on plain
 * memory, and every request is checked against what a session promises. It
 * aborts where the promise is broken.
 */
#ifndef HARNESS_GDB_TARGET_H
#define HARNESS_GDB_TARGET_H

#include "debug/gdb/session.h"

#define GDB_TARGET_BASE UINT64_C(0x400000)
#define GDB_TARGET_BYTES 65536
#define GDB_TARGET_BREAKPOINTS 8
/* IL and SS, which no debugger may change. */
#define GDB_TARGET_PSTATE UINT64_C(0x300000)

enum gdb_target_state {
	GDB_TARGET_STOPPED,
	GDB_TARGET_RUNNING,
	GDB_TARGET_INTERRUPTED, /* was asked to stop; still runs */
	GDB_TARGET_KILLED,
	GDB_TARGET_DETACHED,
};

struct gdb_target {
	struct mti_gdb_target ops;
	struct mti_gdb_program program;
	struct mti_gdb_registers registers;
	enum gdb_target_state state;
	struct mti_gdb_resume how; /* of the last resume */
	uint64_t breakpoints[GDB_TARGET_BREAKPOINTS];
	size_t breakpoint_count;
	uint64_t watched; /* bytes */
	bool no_registers; /* they cannot be had */
	uint8_t memory[GDB_TARGET_BYTES];
};

/* avx512: the CPU has all that there is, laid out as AMD does; else SSE. */
void gdb_target_init(struct gdb_target *target, bool avx512);

/* The guest's CPU is an AArch64 one. */
void gdb_target_init_aarch64(struct gdb_target *target);

/* It stops as asked; the session must be told. */
void gdb_target_stop(struct gdb_target *target);

#endif
