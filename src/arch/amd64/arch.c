#include "arch/arch.h"

#include <elf.h>

#include "arch/amd64/boot.h"
#include "arch/amd64/core.h"
#include "arch/amd64/step.h"
#include "arch/amd64/trap.h"
#include "arch/amd64/unwind.h"
#include "arch/bare.h"

/* The first of them are in the same order. */
static void bare_registers(const struct mti_bare_state *state, uint64_t *out)
{
	int i;

	for (i = MTI_RAX; i <= MTI_RFLAGS; i++)
		out[i] = state->general[i];
	out[MTI_FS_BASE] = state->segments[MTI_BARE_FS].base;
	out[MTI_GS_BASE] = state->segments[MTI_BARE_GS].base;
}

const struct mti_arch mti_arch_amd64 = {
	.name = "amd64",
	.title = "x86-64",
	.machine = EM_X86_64,
	.user_limit = UINT64_C(1) << 47,
	.cpuid = true,
	.state = {
		[MTI_CPU_BASE_0] = { "fs_base", 0, true },
		[MTI_CPU_BASE_1] = { "gs_base", 0, true },
		/* Another bit is an exception (SDM 1, 10.2.3). */
		[MTI_CPU_WORD_0] = { "mxcsr", 0xffff, false },
		[MTI_CPU_WORD_1] = { "x87_control", 0xffff, false },
	},
	.new_state = {
		.mxcsr = MTI_MXCSR_RESET,
		.x87_control = MTI_X87_CONTROL_RESET,
	},
	.register_names = mti_amd64_register_names,
	.register_count = MTI_AMD64_REGISTERS,
	.pc_register = MTI_RIP,
	.dwarf_registers = mti_amd64_dwarf_registers,
	.dwarf_count = MTI_AMD64_DWARF_REGISTERS,
	.dwarf_stack = MTI_AMD64_DWARF_RSP,
	.dwarf_frame = MTI_AMD64_DWARF_RBP,
	.call_before = mti_amd64_call_before,
	.next_jump = mti_amd64_next_jump,
	.saves_frame = mti_amd64_saves_frame,
	.syscall_caller = mti_amd64_syscall_caller,
	.prstatus_size = MTI_AMD64_PRSTATUS_BYTES,
	.prstatus = mti_amd64_prstatus,
	.prstatus_read = mti_amd64_prstatus_read,
	.core_vector = mti_amd64_core_vector,
	.core_fp_size = 512, /* FXSAVE */
	.core_vector_note = NT_X86_XSTATE,
	.debug = &mti_amd64_debug,
	.fault = mti_amd64_fault,
	.pt = &mti_pt_amd64,
	.bare_registers = bare_registers,
	.supervisor_page = mti_amd64_supervisor_page,
	.syscall_page = mti_amd64_syscall_page,
	.put_control = mti_amd64_put_control,
};
