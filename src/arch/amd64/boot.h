/*
 * What a user-mode guest needs around it: descriptor tables, exception stubs,
 * the syscall page, and the control registers. Pure.
 */
#ifndef MTI_ARCH_AMD64_BOOT_H
#define MTI_ARCH_AMD64_BOOT_H

#include <stddef.h>
#include <stdint.h>

#include "abi/layout.h"
#include "abi/trap.h"
#include "arch/arch.h"

/* Offsets in the supervisor page, mapped read-execute, supervisor only. */
#define MTI_SUPERVISOR_GDT 0x000
#define MTI_SUPERVISOR_TSS 0x080
#define MTI_SUPERVISOR_IDT 0x200
#define MTI_SUPERVISOR_STUBS 0x400

/* Selectors: SYSRET wants user data 8 below user code (SDM 2B, SYSRET). */
#define MTI_SELECTOR_KERNEL_CODE 0x08
#define MTI_SELECTOR_KERNEL_DATA 0x10
#define MTI_SELECTOR_USER_DATA 0x1b
#define MTI_SELECTOR_USER_CODE 0x23
#define MTI_SELECTOR_TSS 0x28

#define MTI_GDT_BYTES (7 * 8)
#define MTI_IDT_BYTES (32 * 16)
/* The I/O bitmap ends with a byte of ones (SDM 1, I/O Permission Bit Map). */
#define MTI_TSS_BYTES (104 + MOTE_PORT_LAST / 8 + 2)

#define MTI_CR0_VALUE                                                     \
	((1u << 0) /* PE */ | (1u << 1) /* MP */ | (1u << 4) /* ET */ |   \
	 (1u << 5) /* NE */ | (1u << 16) /* WP */ | (1u << 18) /* AM */ | \
	 (1u << 31) /* PG */)
#define MTI_CR4_PAE (1u << 5)
#define MTI_CR4_OSFXSR (1u << 9)
#define MTI_CR4_OSXMMEXCPT (1u << 10)
#define MTI_CR4_UMIP (1u << 11)
#define MTI_CR4_FSGSBASE (1u << 16)
#define MTI_CR4_OSXSAVE (1u << 18)
/* SMEP stays off: the syscall page is user-executable and entered at CPL0. */
#define MTI_CR4_BASE (MTI_CR4_PAE | MTI_CR4_OSFXSR | MTI_CR4_OSXMMEXCPT)
#define MTI_EFER_VALUE                                                       \
	((1u << 0) /* SCE */ | (1u << 8) /* LME */ | (1u << 10) /* LMA */ | \
	 (1u << 11) /* NXE */)

/* IA32_STAR: SYSCALL to kernel code, SYSRET to user code (SDM 4, MSRs). */
#define MTI_STAR_VALUE                                 \
	(((uint64_t)MTI_SELECTOR_KERNEL_DATA << 48) | \
	 ((uint64_t)MTI_SELECTOR_KERNEL_CODE << 32))
/* Cleared on SYSCALL: TF, IF, DF, NT, AC. */
#define MTI_SFMASK_VALUE 0x44700u

#define MTI_RFLAGS_USER 0x202u
/* What user mode may change: CF PF AF ZF SF TF DF OF NT RF AC ID. */
#define MTI_RFLAGS_SETTABLE 0x254dd5u

/* After FNINIT; after reset. */
#define MTI_X87_CONTROL_RESET 0x37fu
#define MTI_MXCSR_RESET 0x1f80u

/*
 * Parts of what begins at MOTE_SYSCALL_RESTORE, offsets in the same page. The
 * first clears the segment registers, sets FS base to rcx and GS base to rdx,
 * and needs FSGSBASE; it goes on at r10. They all end at r11.
 */
#define MTI_RESTORE_SEGMENTS MOTE_SYSCALL_RESTORE
#define MTI_RESTORE_XSAVE (MOTE_SYSCALL_RESTORE + 48)
#define MTI_RESTORE_FXSAVE (MOTE_SYSCALL_RESTORE + 80)
/* Nothing is left to be cleared. */
#define MTI_RESTORE_END (MOTE_SYSCALL_RESTORE + 112)

/* Fills one zeroed page each. */
void mti_amd64_supervisor_page(uint8_t page[MOTE_PAGE_SIZE]);
void mti_amd64_syscall_page(uint8_t page[MOTE_PAGE_SIZE]);

/* What the restore code of that page loads. */
void mti_amd64_put_control(const struct mti_cpu_state *state,
			   struct mote_abi_control *control);

#endif
