#include "arch/aarch64/step.h"

#include "arch/aarch64/boot.h"
#include "arch/aarch64/trap.h"

/* svc #imm16 (Arm ARM C6.2, "SVC"). */
#define SVC_MASK UINT32_C(0xffe0001f)
#define SVC UINT32_C(0xd4000001)
#define INSTRUCTION_BYTES 4

static void set_step(uint64_t *general, bool on)
{
	if (on)
		general[MTI_AARCH64_PSTATE] |= MTI_AARCH64_PSTATE_SS;
	else
		general[MTI_AARCH64_PSTATE] &= ~MTI_AARCH64_PSTATE_SS;
}

/* SVC would be left in the handler: libc's system calls are one step. */
static enum mti_step_kind step_kind(const uint8_t *code, size_t size,
				    size_t *length)
{
	uint32_t word;

	if (size < INSTRUCTION_BYTES)
		return MTI_STEP_PLAIN;
	word = code[0] | (uint32_t)code[1] << 8 | (uint32_t)code[2] << 16 |
	       (uint32_t)code[3] << 24;
	if ((word & SVC_MASK) != SVC)
		return MTI_STEP_PLAIN;
	*length = INSTRUCTION_BYTES;
	return MTI_STEP_LOSES_FLAG;
}

const struct mti_arch_debug mti_aarch64_debug = {
	.breakpoint = { 0x00, 0x00, 0x20, 0xd4 }, /* brk #0 */
	.breakpoint_mask = { 0x1f, 0x00, 0xe0, 0xff },
	.breakpoint_size = INSTRUCTION_BYTES,
	.breakpoint_vector = MTI_ESR_BRK,
	.breakpoint_after = 0,
	.step_vector = MTI_ESR_STEP,
	.stack_register = MTI_AARCH64_SP,
	.step_flag = MTI_AARCH64_PSTATE_SS,
	.set_step = set_step,
	.step_kind = step_kind,
};
