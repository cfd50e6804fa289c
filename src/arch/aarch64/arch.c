#include "arch/arch.h"

#include <elf.h>

#include "arch/aarch64/boot.h"
#include "arch/aarch64/core.h"
#include "arch/aarch64/step.h"
#include "arch/aarch64/trap.h"
#include "arch/aarch64/unwind.h"

static const struct mti_arch_page doorbells[] = {
	{
		.gva = MOTE_GVA_DOORBELL,
		.gpa = MOTE_GPA_DOORBELL,
		.flags = MTI_PT_WRITE | MTI_PT_USER | MTI_PT_DEVICE,
	},
	{
		.gva = MOTE_GVA_DOORBELL_FAULT,
		.gpa = MOTE_GPA_DOORBELL_FAULT,
		.flags = MTI_PT_WRITE | MTI_PT_DEVICE,
	},
};

const struct mti_arch mti_arch_aarch64 = {
	.name = "aarch64",
	.title = "AArch64",
	.machine = EM_AARCH64,
	/* TTBR0_EL1 translates 48 bits; the ABI's addresses end below 47. */
	.user_limit = UINT64_C(1) << 47,
	.gpa_limit = MOTE_GPA_DOORBELL,
	.tls_head = 16,
	.state = {
		[MTI_CPU_BASE_0] = { "tpidr_el0", UINT64_MAX, false },
		[MTI_CPU_WORD_0] = { "fpcr", MTI_AARCH64_FPCR_BITS, false },
		[MTI_CPU_WORD_1] = { "fpsr", MTI_AARCH64_FPSR_BITS, false },
	},
	.register_names = mti_aarch64_register_names,
	.register_count = MTI_AARCH64_REGISTERS,
	.pc_register = MTI_AARCH64_PC,
	.debug = &mti_aarch64_debug,
	.dwarf_registers = mti_aarch64_dwarf_registers,
	.dwarf_count = MTI_AARCH64_DWARF_REGISTERS,
	.dwarf_stack = MTI_AARCH64_DWARF_SP,
	.dwarf_frame = MTI_AARCH64_DWARF_FRAME,
	.dwarf_link = MTI_AARCH64_DWARF_LINK,
	.call_before = mti_aarch64_call_before,
	.next_jump = mti_aarch64_next_jump,
	.prstatus_size = MTI_AARCH64_PRSTATUS_BYTES,
	.prstatus = mti_aarch64_prstatus,
	.prstatus_read = mti_aarch64_prstatus_read,
	.core_vector = mti_aarch64_core_vector,
	.core_fp_size = MTI_AARCH64_FPSIMD_BYTES,
	.fault = mti_aarch64_fault,
	.pt = &mti_pt_aarch64,
	.pages = doorbells,
	.page_count = sizeof(doorbells) / sizeof(doorbells[0]),
	.supervisor_page = mti_aarch64_supervisor_page,
	.syscall_page = mti_aarch64_syscall_page,
	.put_control = mti_aarch64_put_control,
};
