/*
 * The registers as gdb numbers them, and the description that tells it so,
 * of every architecture that has a table (layout.h). Pure.
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

struct mti_gdb_layout;

struct mti_gdb_registers {
	const struct mti_gdb_layout *layout;
	/* In the order of mti_arch.register_names. */
	uint64_t general[MOTE_FAULT_REGISTERS_MAX];
	/*
	 * amd64: XSAVE area, standard format (SDM 1, 13.4), 576 bytes or
	 * more. AArch64: as arch/aarch64/core.h has it.
	 */
	uint8_t vector[MTI_GDB_VECTOR_MAX];
	uint32_t vector_size;
	/* amd64: where in it state component i lies; 0: there is none. */
	uint32_t component[MTI_GDB_COMPONENTS];
};

/* By e_machine; NULL: gdb is not for guests of it. */
const struct mti_gdb_layout *mti_gdb_layout_find(uint32_t machine);

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

/* What mti_cpu_state.bases[which] is to be; the first has thread-locals. */
uint64_t mti_gdb_register_base(const struct mti_gdb_registers *registers,
			       uint32_t which);

/* Numbers of those that gdb wants to know at each stop; how many. */
size_t mti_gdb_stop_registers(const struct mti_gdb_registers *registers,
			      const uint8_t **numbers);

#endif
