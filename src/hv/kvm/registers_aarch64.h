/*
 * Names of registers for KVM_GET_ONE_REG and KVM_SET_ONE_REG (KVM api,
 * 4.68).
 */
#ifndef MTI_HV_KVM_REGISTERS_AARCH64_H
#define MTI_HV_KVM_REGISTERS_AARCH64_H

#include <linux/kvm.h>
#include <stddef.h>
#include <stdint.h>

#define KVM_CORE(field)                                                        \
	(KVM_REG_ARM64 | KVM_REG_ARM_CORE |                                    \
	 (uint64_t)KVM_REG_ARM_CORE_REG(field))

/* X0 to X30 */
#define KVM_X(i)                                                               \
	((KVM_CORE(regs.regs[0]) | KVM_REG_SIZE_U64) + 2 * (uint64_t)(i))
#define KVM_SP_EL0 (KVM_CORE(regs.sp) | KVM_REG_SIZE_U64)
#define KVM_PC (KVM_CORE(regs.pc) | KVM_REG_SIZE_U64)
#define KVM_PSTATE (KVM_CORE(regs.pstate) | KVM_REG_SIZE_U64)
#define KVM_ELR_EL1 (KVM_CORE(elr_el1) | KVM_REG_SIZE_U64)
#define KVM_SAVED_PSTATE (KVM_CORE(spsr[0]) | KVM_REG_SIZE_U64)
/* V0 to V31, of 16 bytes */
#define KVM_V(i)                                                               \
	((KVM_CORE(fp_regs.vregs[0]) | KVM_REG_SIZE_U128) + 4 * (uint64_t)(i))
#define KVM_FPSR (KVM_CORE(fp_regs.fpsr) | KVM_REG_SIZE_U32)
#define KVM_FPCR (KVM_CORE(fp_regs.fpcr) | KVM_REG_SIZE_U32)

#define KVM_SCTLR_EL1 ARM64_SYS_REG(3, 0, 1, 0, 0)
#define KVM_CPACR_EL1 ARM64_SYS_REG(3, 0, 1, 0, 2)
#define KVM_TTBR0_EL1 ARM64_SYS_REG(3, 0, 2, 0, 0)
#define KVM_TTBR1_EL1 ARM64_SYS_REG(3, 0, 2, 0, 1)
#define KVM_TCR_EL1 ARM64_SYS_REG(3, 0, 2, 0, 2)
#define KVM_ESR_EL1 ARM64_SYS_REG(3, 0, 5, 2, 0)
#define KVM_FAR_EL1 ARM64_SYS_REG(3, 0, 6, 0, 0)
#define KVM_MAIR_EL1 ARM64_SYS_REG(3, 0, 10, 2, 0)
#define KVM_VBAR_EL1 ARM64_SYS_REG(3, 0, 12, 0, 0)
#define KVM_TPIDR_EL1 ARM64_SYS_REG(3, 0, 13, 0, 4)
#define KVM_CNTKCTL_EL1 ARM64_SYS_REG(3, 0, 14, 1, 0)
#define KVM_TPIDR_EL0 ARM64_SYS_REG(3, 3, 13, 0, 2)
#define KVM_TPIDRRO_EL0 ARM64_SYS_REG(3, 3, 13, 0, 3)
#define KVM_MDSCR_EL1 ARM64_SYS_REG(2, 0, 0, 2, 2)

#endif
