#include "arch/amd64/step.h"

#include "arch/amd64/trap.h"

#define FLAG_TRAP (UINT64_C(1) << 8)

#define OPCODE_INT3 0xcc
#define OPCODE_PUSHF 0x9c
#define OPCODE_ESCAPE 0x0f
#define OPCODE_SYSCALL 0x05

/* SDM 2A, "Instruction Prefixes", and REX. */
static bool is_prefix(uint8_t byte)
{
	switch (byte) {
	case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65:
	case 0x66: case 0x67: case 0xf2: case 0xf3:
		return true;
	default:
		return (byte & 0xf0) == 0x40;
	}
}

static void set_step(uint64_t *general, bool on)
{
	if (on)
		general[MTI_RFLAGS] |= FLAG_TRAP;
	else
		general[MTI_RFLAGS] &= ~FLAG_TRAP;
}

/*
 * SYSCALL clears the trap flag (IA32_FMASK), and nothing sets it again on
 * the way back. PUSHF copies it to where the program may load it from.
 */
static enum mti_step_kind step_kind(const uint8_t *code, size_t size,
				    size_t *length)
{
	size_t i = 0;

	while (i < size && is_prefix(code[i]))
		i++;
	if (i < size && code[i] == OPCODE_PUSHF)
		return MTI_STEP_PUSHES_FLAG;
	if (i + 1 < size && code[i] == OPCODE_ESCAPE &&
	    code[i + 1] == OPCODE_SYSCALL) {
		*length = i + 2;
		return MTI_STEP_LOSES_FLAG;
	}
	return MTI_STEP_PLAIN;
}

const struct mti_arch_debug mti_amd64_debug = {
	.breakpoint = { OPCODE_INT3 },
	.breakpoint_mask = { 0xff },
	.breakpoint_size = 1,
	.breakpoint_vector = 3,
	.breakpoint_after = 1,
	.step_vector = 1,
	.stack_register = MTI_RSP,
	.step_flag = FLAG_TRAP,
	.set_step = set_step,
	.step_kind = step_kind,
};
