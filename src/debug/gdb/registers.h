/*
 * The registers as gdb numbers them, and the description that tells it so.
 * amd64 only so far. Pure.
 */
#ifndef MTI_DEBUG_GDB_REGISTERS_H
#define MTI_DEBUG_GDB_REGISTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mote/error.h>

#define MTI_GDB_VECTOR_MAX 4096
#define MTI_GDB_COMPONENTS 8
/* The widest: half of a ZMM register. */
#define MTI_GDB_REGISTER_MAX 32

struct mti_gdb_registers {
	/* In the order of mti_arch.register_names. */
	uint64_t general[MOTE_FAULT_REGISTERS_MAX];
	/* XSAVE area, standard format (SDM 1, 13.4), 576 bytes or more. */
	uint8_t vector[MTI_GDB_VECTOR_MAX];
	uint32_t vector_size;
	/* Where in it state component i lies; 0: the CPU does not have it. */
	uint32_t component[MTI_GDB_COMPONENTS];
};

/* Numbers are below this. */
uint32_t mti_gdb_register_count(const struct mti_gdb_registers *registers);

/* Its bytes, little endian, into value; how many, or 0: no such register. */
size_t mti_gdb_register_get(const struct mti_gdb_registers *registers,
			    uint32_t number,
			    uint8_t value[MTI_GDB_REGISTER_MAX]);

/*
 * The reverse. What a user-mode guest has no say in (segments, most flags)
 * stays as it is. false: no such register, another size, or a value that the
 * CPU would not take.
 */
bool mti_gdb_register_set(struct mti_gdb_registers *registers,
			  uint32_t number, const uint8_t *value, size_t size);

/*
 * target.xml from offset on, at most size bytes. How many; fewer than size
 * only at the end.
 */
size_t mti_gdb_description(const struct mti_gdb_registers *registers,
			   uint64_t offset, uint8_t *out, size_t size);

/* Where the thread-local variables end. */
uint64_t
mti_gdb_register_fs_base(const struct mti_gdb_registers *registers);
uint64_t
mti_gdb_register_gs_base(const struct mti_gdb_registers *registers);

/* Numbers of those that gdb wants to know at each stop. */
#define MTI_GDB_RBP 6
#define MTI_GDB_RSP 7
#define MTI_GDB_RIP 16

#endif
