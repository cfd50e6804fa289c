/*
 * What a snapshot is: plain data, without a VM. sandbox/ takes it from a
 * sandbox and puts it back; layout.c and its neighbours save and load it.
 */
#ifndef MTI_SNAP_SNAP_H
#define MTI_SNAP_SNAP_H

#include <stddef.h>
#include <stdint.h>

#include <mote/error.h>

#include "arch/arch.h"
#include "arch/bare.h"
#include "base/alloc.h"
#include "base/features.h"
#include "mem/layout.h"
#include "mem/store.h"

/* Registers and runtime state; not trusted when they come from a file. */
struct mti_snap_cpu {
	struct mti_cpu_state state;
	uint64_t dispatch_pc;
	uint64_t dispatch_sp;
};

/* Registers of the serial port that bare guests have. */
#define MTI_SERIAL_BYTES 8

/* The same for a bare guest. */
struct mti_snap_bare {
	struct mti_bare_state cpu;
	/* Snapshots on the way from the start to this one, itself included. */
	uint32_t generation;
	uint8_t serial[MTI_SERIAL_BYTES];
};

#define MTI_SNAP_BACKEND_BYTES 16

/* Where and for what it was made; checked when it is loaded. */
struct mti_snap_origin {
	uint32_t machine;     /* e_machine */
	uint32_t abi_version; /* of the guest runtime */
	char backend[MTI_SNAP_BACKEND_BYTES];
	/* That the guest may have found; those mti_os_cpu_features tells. */
	uint64_t features[MTI_CPU_FEATURE_WORDS];
};

/* All but references and locks. */
struct mti_snap {
	struct mti_layout layout;
	struct mti_store *store; /* a reference */
	struct mti_snap_cpu cpu;
	struct mti_snap_bare bare; /* instead of cpu, if layout.bare */
	struct mti_snap_origin origin;
};

/* The guest's ELF file, which a layout holds as a blob of its own. */
struct mti_snap_program {
	const uint8_t *data;
	size_t size;
};

#endif
