/*
 * What the rest of the library needs of a guest architecture. Pure. Page
 * tables are in pt.h.
 */
#ifndef MTI_ARCH_ARCH_H
#define MTI_ARCH_ARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mote/error.h>

#include "arch/pt.h"

/* What an architecture needs to tell one fault from another. */
struct mti_trap {
	uint32_t vector;
	/* The end of the interrupt stack's page, where the CPU's frame lies. */
	const void *stack_end;
	uint64_t address; /* the CPU's fault address register */
	/* [guard, stack) is the unmapped room below the guest's stack. */
	uint64_t guard;
	uint64_t stack;
};

/* The longest call instruction, and one byte. */
#define MTI_ARCH_CALL_BYTES 8

/* The longest NT_PRSTATUS of a core file. */
#define MTI_ARCH_PRSTATUS_MAX 512
/* The longest instruction. */
#define MTI_ARCH_CODE_BYTES 15

struct mti_bare_state;

enum mti_step_kind {
	MTI_STEP_PLAIN,
	/* It clears the flag; what comes behind it runs at full speed. */
	MTI_STEP_LOSES_FLAG,
	/* It leaves the flag in the word at the top of the stack. */
	MTI_STEP_PUSHES_FLAG,
};

/* Debugging without the help of a hypervisor. */
struct mti_arch_debug {
	uint8_t breakpoint; /* an instruction of one byte */
	/* Its exception, with the pc behind it. */
	uint32_t breakpoint_vector;
	/* After each instruction, while the flag is set. */
	uint32_t step_vector;
	uint32_t stack_register;
	uint64_t step_flag; /* as it is pushed */
	/* In registers in the order of register_names. */
	void (*set_step)(uint64_t *general, bool on);
	/* Of the instruction at code; *length if it loses the flag. */
	enum mti_step_kind (*step_kind)(const uint8_t *code, size_t size,
					size_t *length);
};

struct mti_arch {
	const char *name;
	uint32_t machine;    /* e_machine of its ELF files */
	uint64_t user_limit; /* the first address that is not the guest's */

	/* Of mote_fault.registers. */
	const char *const *register_names;
	uint32_t register_count;
	uint32_t pc_register;

	const struct mti_arch_debug *debug;

	/*
	 * By the number that DWARF gives a register: its index in
	 * register_names. The last stands for the return address.
	 */
	const uint8_t *dwarf_registers;
	uint32_t dwarf_count;
	uint32_t dwarf_stack; /* number of the stack pointer */
	uint32_t dwarf_frame; /* number of the frame pointer */
	/*
	 * Whether the bytes before an address end with a call. *target is
	 * where it goes, 0 if only the CPU knows.
	 */
	bool (*call_before)(const uint8_t code[MTI_ARCH_CALL_BYTES],
			    uint64_t address, uint64_t *target);

	/*
	 * The next jump that there may be from offset *at on in size bytes of
	 * code at an address: where it goes, and *at is behind its first
	 * byte. false: there is none.
	 */
	bool (*next_jump)(const uint8_t *code, uint64_t size, uint64_t address,
			  uint64_t *at, uint64_t *target);

	/* Registers in core files: prstatus_size bytes as Linux has them. */
	uint32_t prstatus_size;
	void (*prstatus)(const uint64_t *general, uint32_t signal,
			 uint32_t pid, uint8_t *out);
	void (*prstatus_read)(const uint8_t *status, uint64_t *general);
	/*
	 * Makes of mti_machine.vector what debuggers expect in a core; the
	 * size that it has then. offset: of each component.
	 */
	uint32_t (*core_vector)(uint8_t *vector, uint32_t size,
				const uint32_t *offset);

	/*
	 * Completes a fault whose registers are those of the exception stub:
	 * kind, vector, error code, address, pc, and the guest's own registers.
	 */
	void (*fault)(const struct mti_trap *trap, mote_fault *fault);

	const struct mti_pt *pt; /* of user-mode guests */

	/* Bare guests, bare.h: the registers in the order of register_names. */
	void (*bare_registers)(const struct mti_bare_state *state,
			       uint64_t *general);

	/* Fill the pages at MOTE_GVA_SUPERVISOR and MOTE_GVA_SYSCALL. */
	void (*supervisor_page)(uint8_t *page);
	void (*syscall_page)(uint8_t *page);
};

extern const struct mti_arch mti_arch_amd64;
extern const struct mti_arch mti_arch_i686; /* bare guests only */

#endif
