/*
 * What a user-mode guest needs around it: the exception vectors, the syscall
 * page, and the system registers. Pure.
 */
#ifndef MTI_ARCH_AARCH64_BOOT_H
#define MTI_ARCH_AARCH64_BOOT_H

#include <stdint.h>

#include "abi/layout.h"
#include "abi/trap.h"
#include "arch/arch.h"

/* VBAR_EL1: the vectors are the first 2 KiB of the supervisor page. */
#define MTI_AARCH64_VBAR MOTE_GVA_SUPERVISOR
#define MTI_AARCH64_VECTOR_BYTES 128

/*
 * SCTLR_EL1 (Arm ARM D19.2): MMU and caches on, stack pointers checked,
 * DC ZVA allowed. Not allowed to EL0, and so a guest fault: WFI, WFE, DAIF,
 * CTR_EL0, cache maintenance, SETEND.
 */
#define MTI_AARCH64_SCTLR                                                    \
	((UINT64_C(1) << 0) /* M */ | (UINT64_C(1) << 2) /* C */ |           \
	 (UINT64_C(1) << 3) /* SA */ | (UINT64_C(1) << 4) /* SA0 */ |        \
	 (UINT64_C(1) << 7) /* ITD */ | (UINT64_C(1) << 8) /* SED */ |       \
	 (UINT64_C(1) << 11) /* EOS */ | (UINT64_C(1) << 12) /* I */ |       \
	 (UINT64_C(1) << 14) /* DZE */ | (UINT64_C(1) << 20) /* TSCXT */ |   \
	 (UINT64_C(1) << 22) /* EIS */ | (UINT64_C(1) << 23) /* SPAN */ |    \
	 (UINT64_C(1) << 28) /* nTLSMD */ | (UINT64_C(1) << 29) /* LSMAOE */)

/* TCR_EL1 but for IPS: 48 bits, 4 KiB, write-back; TTBR1_EL1 is not used. */
#define MTI_AARCH64_TCR                                                   \
	((UINT64_C(16) << 0) /* T0SZ */ | (UINT64_C(1) << 8) /* IRGN0 */ | \
	 (UINT64_C(1) << 10) /* ORGN0 */ | (UINT64_C(3) << 12) /* SH0 */ | \
	 (UINT64_C(16) << 16) /* T1SZ */ | (UINT64_C(1) << 23) /* EPD1 */)
#define MTI_AARCH64_TCR_IPS_SHIFT 32
/* Of 40 bits, the least that reaches the doorbells. */
#define MTI_AARCH64_TCR_IPS_40 UINT64_C(2)

/* Attributes 0: normal, write-back; 1, of MTI_PT_DEVICE: nGnRE. */
#define MTI_AARCH64_MAIR UINT64_C(0x04ff)
/* FPEN: floating point and vectors for all. */
#define MTI_AARCH64_CPACR (UINT64_C(3) << 20)
/* EL0VCTEN: EL0 may read CNTVCT_EL0 and CNTFRQ_EL0. */
#define MTI_AARCH64_CNTKCTL (UINT64_C(1) << 1)
/* TDCC: not the debug channel. */
#define MTI_AARCH64_MDSCR (UINT64_C(1) << 12)
#define MTI_AARCH64_MDSCR_SS (UINT64_C(1) << 0)

/* EL0t. */
#define MTI_AARCH64_PSTATE_USER UINT64_C(0)
#define MTI_AARCH64_PSTATE_SS (UINT64_C(1) << 21)
/* What user mode may change, N Z C V, and the step of debuggers. */
#define MTI_AARCH64_PSTATE_SETTABLE                 \
	((UINT64_C(0xf) << 28) | MTI_AARCH64_PSTATE_SS)
#define MTI_AARCH64_PSTATE_EL_MASK UINT64_C(0xc)

/*
 * Bits that there are (Arm ARM, FPCR, FPSR): FZ16 and EBF too, which EL0 may
 * set where the CPU has them.
 */
#define MTI_AARCH64_FPCR_BITS UINT64_C(0x07ffbf07)
#define MTI_AARCH64_FPSR_BITS UINT64_C(0xf800009f)

/* Fills one zeroed page each. */
void mti_aarch64_supervisor_page(uint8_t page[MOTE_PAGE_SIZE]);
void mti_aarch64_syscall_page(uint8_t page[MOTE_PAGE_SIZE]);

/* What the restore code of that page loads. */
void mti_aarch64_put_control(const struct mti_cpu_state *state,
			     struct mote_abi_control *control);

#endif
