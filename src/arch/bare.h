/*
 * The x86 CPU of a bare guest: all of its state, and how it starts. Pure.
 */
#ifndef MTI_ARCH_BARE_H
#define MTI_ARCH_BARE_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/bare.h"
#include "arch/pt.h"

/* Of a segment register, or of GDTR, IDTR: then only base and limit. */
struct mti_bare_segment {
	uint64_t base;
	uint32_t limit; /* in bytes */
	uint16_t selector;
	/* Bits 8 to 23 of the descriptor's second word (SDM 3, 3.4.5), >> 8. */
	uint16_t attributes;
	bool unusable;
};

enum mti_bare_register {
	MTI_BARE_CS,
	MTI_BARE_SS,
	MTI_BARE_DS,
	MTI_BARE_ES,
	MTI_BARE_FS,
	MTI_BARE_GS,
	MTI_BARE_LDT,
	MTI_BARE_TR,
	MTI_BARE_SEGMENTS
};

/* MSRs that a bare guest may use and that a snapshot keeps. */
enum mti_bare_msr {
	MTI_BARE_STAR,
	MTI_BARE_LSTAR,
	MTI_BARE_CSTAR,
	MTI_BARE_SFMASK,
	MTI_BARE_KERNEL_GS_BASE,
	MTI_BARE_SYSENTER_CS,
	MTI_BARE_SYSENTER_ESP,
	MTI_BARE_SYSENTER_EIP,
	MTI_BARE_PAT,
	MTI_BARE_MSRS
};

/* All of a bare x86 CPU, between two instructions. */
struct mti_bare_state {
	/* rax rbx rcx rdx rsi rdi rbp rsp r8 to r15 rip rflags. */
	uint64_t general[18];
	struct mti_bare_segment segments[MTI_BARE_SEGMENTS];
	struct mti_bare_segment gdt;
	struct mti_bare_segment idt;
	uint64_t cr0;
	uint64_t cr2;
	uint64_t cr3;
	uint64_t cr4;
	uint64_t cr8;
	uint64_t efer;
	uint64_t xcr0; /* 0: as after reset */
	uint64_t dr[4];
	uint64_t dr6;
	uint64_t dr7;
	uint64_t msrs[MTI_BARE_MSRS];
	/* The XSAVE area, standard format; 0 bytes: as after reset. */
	uint8_t vector[4096];
	uint32_t vector_size;
};

/* Where a guest finds what at its start; addresses are guest-physical. */
struct mti_bare_start {
	uint32_t mode; /* enum mote_abi_bare_mode */
	uint64_t entry;
	uint64_t stack_end;
	uint64_t info;
	uint64_t page_table;
};

/* The state of abi/bare.h. */
void mti_bare_start(const struct mti_bare_start *start,
		    struct mti_bare_state *state);

/* Whether the host makes page tables for the mode; their format, or NULL. */
const struct mti_pt *mti_bare_mode_pt(uint32_t mode);

/*
 * How the CPU reads addresses just now: the format of its page tables and
 * their root, or NULL if it uses none. Four levels at most.
 */
const struct mti_pt *mti_bare_paging(const struct mti_bare_state *state,
				     uint64_t *root);

/*
 * The member that no CPU can have like this, as snapshots in files call it,
 * and what it holds; NULL: some CPU can be in that state.
 */
const char *mti_bare_wrong(const struct mti_bare_state *state, uint64_t *value);

/* The address of an instruction that CS:IP means. */
uint64_t mti_bare_pc(const struct mti_bare_state *state);

#endif
