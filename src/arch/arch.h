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

/*
 * What of the CPU outlives a call and so belongs to a snapshot. All else is
 * as after reset, or constant for user-mode guests. What it has not is 0.
 */
struct mti_cpu_state {
	union {
		uint64_t bases[2];
		struct { /* amd64 */
			uint64_t fs_base;
			uint64_t gs_base;
		};
		struct { /* AArch64 */
			uint64_t tpidr_el0;
			uint64_t no_base;
		};
	};
	union {
		uint32_t words[2];
		struct { /* amd64 */
			uint32_t mxcsr;
			uint32_t x87_control;
		};
		struct { /* AArch64 */
			uint32_t fpcr;
			uint32_t fpsr;
		};
	};
};

enum mti_cpu_part {
	MTI_CPU_BASE_0,
	MTI_CPU_BASE_1,
	MTI_CPU_WORD_0,
	MTI_CPU_WORD_1,
	MTI_CPU_PARTS
};

uint64_t mti_cpu_state_get(const struct mti_cpu_state *state,
			   enum mti_cpu_part part);
/* What does not fit is cut off. */
void mti_cpu_state_set(struct mti_cpu_state *state, enum mti_cpu_part part,
		       uint64_t value);

/* What an architecture needs to tell one fault from another. */
struct mti_trap {
	uint32_t vector;
	/*
	 * The end of the interrupt stack's page, where the CPU's frame lies;
	 * AArch64 has none.
	 */
	const void *stack_end;
	uint64_t address; /* the CPU's fault address register */
	/* [guard, stack) is the unmapped room below the guest's stack. */
	uint64_t guard;
	uint64_t stack;
};

/* Where a word is to be had. */
struct mti_arch_place {
	bool in_memory;
	uint64_t at; /* its address, or the DWARF number of a register */
};

/* The longest call instruction, and one byte. */
#define MTI_ARCH_CALL_BYTES 8

/* The longest NT_PRSTATUS of a core file. */
#define MTI_ARCH_PRSTATUS_MAX 512
/* The longest instruction. */
#define MTI_ARCH_CODE_BYTES 15
/* The longest instruction that is a breakpoint. */
#define MTI_ARCH_BREAKPOINT_MAX 4

struct mti_bare_state;
struct mote_abi_control;

enum mti_step_kind {
	MTI_STEP_PLAIN,
	/* It clears the flag; what comes behind it runs at full speed. */
	MTI_STEP_LOSES_FLAG,
	/* It leaves the flag in the word at the top of the stack. */
	MTI_STEP_PUSHES_FLAG,
};

/* Debugging without the help of a hypervisor. */
struct mti_arch_debug {
	uint8_t breakpoint[MTI_ARCH_BREAKPOINT_MAX]; /* an instruction */
	/* Bits that all its kinds have alike. */
	uint8_t breakpoint_mask[MTI_ARCH_BREAKPOINT_MAX];
	uint32_t breakpoint_size;
	/* mote_fault.vector of its exception, and how far behind it pc is. */
	uint32_t breakpoint_vector;
	uint32_t breakpoint_after;
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

/* A page that the CPU can write to and that no memory is behind. */
struct mti_arch_page {
	uint64_t gva;
	uint64_t gpa;
	uint32_t flags; /* MTI_PT_* */
};

struct mti_arch {
	const char *name;    /* in files */
	const char *title;   /* for people */
	uint32_t machine;    /* e_machine of its ELF files */
	uint64_t user_limit; /* the first address that is not the guest's */
	/* What guest-physical memory must stay below; 0: anything. */
	uint64_t gpa_limit;
	/*
	 * Thread-locals: 0 if they end at the thread pointer, else they start
	 * behind it, after so many bytes for its owner.
	 */
	uint32_t tls_head;
	bool cpuid; /* a snapshot notes which features the host's CPU has */

	/*
	 * mti_cpu_state by enum mti_cpu_part: the name in files, NULL if it
	 * is not there; the bits that may be set; whether it must be an
	 * address of the CPU's (then bits are not looked at).
	 */
	struct {
		const char *name;
		uint64_t bits;
		bool address;
	} state[MTI_CPU_PARTS];
	struct mti_cpu_state new_state; /* as a program finds it */

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
	/* Number of the register with a call's return address; 0: none has. */
	uint32_t dwarf_link;
	/*
	 * Whether the bytes before an address end with a call. *target is
	 * where it goes, 0 if only the CPU knows.
	 */
	bool (*call_before)(const uint8_t code[MTI_ARCH_CALL_BYTES],
			    uint64_t address, uint64_t *target);

	/*
	 * The next jump that there may be from offset *at on in size bytes of
	 * code at an address: where it goes, 0 if only the CPU knows, and *at
	 * is behind its first byte. false: there is none.
	 */
	bool (*next_jump)(const uint8_t *code, uint64_t size, uint64_t address,
			  uint64_t *at, uint64_t *target);
	/*
	 * Whether a function that begins so makes the frame pointer its own.
	 * NULL: that shows the lower end of a frame, where it does not matter.
	 */
	bool (*saves_frame)(const uint8_t *code, uint64_t size);
	/*
	 * Where the address behind a system call is while the CPU is at an
	 * offset of the syscall page. false: no code of the guest's called
	 * what is there. NULL: never.
	 */
	bool (*syscall_caller)(uint64_t offset, struct mti_arch_place *place);

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
	/* Of that in NT_FPREGSET; if there is more, all is in another note. */
	uint32_t core_fp_size;
	uint32_t core_vector_note;

	/*
	 * Completes a fault whose registers are those of the exception stub
	 * (AArch64: the guest's own, error_code its ESR_EL1): kind, vector,
	 * error code, address, pc, and the guest's own registers.
	 */
	void (*fault)(const struct mti_trap *trap, mote_fault *fault);

	const struct mti_pt *pt; /* of user-mode guests */
	/* Mapped beside all that is memory. */
	const struct mti_arch_page *pages;
	size_t page_count;

	/* Bare guests, bare.h: the registers in the order of register_names. */
	void (*bare_registers)(const struct mti_bare_state *state,
			       uint64_t *general);

	/* Fill the pages at MOTE_GVA_SUPERVISOR and MOTE_GVA_SYSCALL. */
	void (*supervisor_page)(uint8_t *page);
	void (*syscall_page)(uint8_t *page);
	/* What of the control page the code at MOTE_SYSCALL_RESTORE loads. */
	void (*put_control)(const struct mti_cpu_state *state,
			    struct mote_abi_control *control);
};

extern const struct mti_arch mti_arch_amd64;
extern const struct mti_arch mti_arch_aarch64;

/* All that have user-mode guests. */
extern const struct mti_arch *const mti_archs[];
extern const size_t mti_arch_count;

/* By e_machine, by name; or NULL. */
const struct mti_arch *mti_arch_find(uint32_t machine);
const struct mti_arch *mti_arch_named(const char *name);
/* "62 (x86-64) or 183 (AArch64)", in that many bytes at most. */
void mti_arch_list(char *text, size_t size);
#define MTI_ARCH_LIST_BYTES 80
extern const struct mti_arch mti_arch_i686; /* bare guests only */
/* Of those that bare guests can be for. */
const struct mti_arch *mti_arch_find_bare(uint32_t machine);
const struct mti_arch *mti_arch_named_bare(const char *name);

#endif
