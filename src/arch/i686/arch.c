/*
 * 32-bit x86: only bare guests, see abi/bare.h.
 */
#include "arch/arch.h"

#include <elf.h>

#include "arch/bare.h"

/* As gdb numbers them, then what a kernel's crash is understood by. */
static const char *const register_names[] = {
	"eax", "ecx", "edx",	"ebx", "esp", "ebp", "esi", "edi", "eip",
	"eflags", "cs", "ss",	"ds",  "es",  "fs",  "gs",  "cr0", "cr2",
	"cr3", "cr4",
};

#define REGISTERS (sizeof(register_names) / sizeof(register_names[0]))
#define EIP 8

/* Indices of mti_bare_state.general, in the order of the names. */
static const uint8_t general_order[] = { 0, 2, 3, 1, 7, 6, 4, 5, 16, 17 };

static const uint8_t segment_order[] = {
	MTI_BARE_CS, MTI_BARE_SS, MTI_BARE_DS,
	MTI_BARE_ES, MTI_BARE_FS, MTI_BARE_GS,
};

static void bare_registers(const struct mti_bare_state *state, uint64_t *out)
{
	unsigned int i;

	for (i = 0; i < sizeof(general_order); i++)
		*out++ = (uint32_t)state->general[general_order[i]];
	for (i = 0; i < sizeof(segment_order); i++)
		*out++ = state->segments[segment_order[i]].selector;
	*out++ = state->cr0;
	*out++ = state->cr2;
	*out++ = state->cr3;
	*out++ = state->cr4;
}

const struct mti_arch mti_arch_i686 = {
	.name = "i686",
	.title = "x86",
	.machine = EM_386,
	.user_limit = UINT64_C(1) << 32,
	.register_names = register_names,
	.register_count = REGISTERS,
	.pc_register = EIP,
	.pt = &mti_pt_i686,
	.bare_registers = bare_registers,
};
