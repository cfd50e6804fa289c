/*
 * What leaving a frame needs to know of the CPU. Register numbers: DWARF for
 * the Arm 64-bit Architecture, "DWARF register names". Instructions: Arm ARM
 * C4.1.66, "Branches, Exception Generating and System instructions".
 */
#include "arch/aarch64/unwind.h"

const uint8_t mti_aarch64_dwarf_registers[MTI_AARCH64_DWARF_REGISTERS] = {
	0,  1,  2,  3,  4,  5,  6,  7,  8,  9,	10, 11, 12, 13, 14, 15, 16,
	17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30,
	MTI_AARCH64_SP, MTI_AARCH64_PC,
};

#define INSTRUCTION_BYTES 4
#define BRANCH_MASK UINT32_C(0xfc000000)
#define BRANCH UINT32_C(0x14000000)
#define BRANCH_LINK UINT32_C(0x94000000)
#define BRANCH_FIELD UINT32_C(0x03ffffff)
/* BLR; BLRAA and its like, which check a signature. */
#define LINK_REGISTER_MASK UINT32_C(0xfffffc1f)
#define LINK_REGISTER UINT32_C(0xd63f0000)
#define LINK_SIGNED_MASK UINT32_C(0xfefff800)
#define LINK_SIGNED UINT32_C(0xd63f0800)

/* BR; BRAA and its like. */
#define JUMP_REGISTER_MASK UINT32_C(0xfffffc1f)
#define JUMP_REGISTER UINT32_C(0xd61f0000)
#define JUMP_SIGNED_MASK UINT32_C(0xfefff800)
#define JUMP_SIGNED UINT32_C(0xd61f0800)

static uint32_t word_at(const uint8_t *at)
{
	return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
	       (uint32_t)at[3] << 24;
}

/* Where B or BL at the address goes: 26 bits with a sign, in instructions. */
static uint64_t target_of(uint32_t word, uint64_t address)
{
	uint64_t distance = (uint64_t)(word & BRANCH_FIELD) << 2;

	if (distance >> 27)
		distance |= ~UINT64_C(0) << 28;
	return address + distance;
}

bool mti_aarch64_call_before(const uint8_t code[MTI_ARCH_CALL_BYTES],
			     uint64_t address, uint64_t *target)
{
	uint32_t word =
		word_at(code + MTI_ARCH_CALL_BYTES - INSTRUCTION_BYTES);

	*target = 0;
	if (address % INSTRUCTION_BYTES != 0)
		return false;
	if ((word & BRANCH_MASK) == BRANCH_LINK) {
		*target = target_of(word, address - INSTRUCTION_BYTES);
		return true;
	}
	return (word & LINK_REGISTER_MASK) == LINK_REGISTER ||
	       (word & LINK_SIGNED_MASK) == LINK_SIGNED;
}

static bool is_indirect_jump(uint32_t word)
{
	return (word & JUMP_REGISTER_MASK) == JUMP_REGISTER ||
	       (word & JUMP_SIGNED_MASK) == JUMP_SIGNED;
}

bool mti_aarch64_next_jump(const uint8_t *code, uint64_t size,
			   uint64_t address, uint64_t *at, uint64_t *target)
{
	uint64_t i = *at + (-(address + *at) & (INSTRUCTION_BYTES - 1));

	for (; i < size && size - i >= INSTRUCTION_BYTES;
	     i += INSTRUCTION_BYTES) {
		uint32_t word = word_at(code + i);

		if ((word & BRANCH_MASK) == BRANCH)
			*target = target_of(word, address + i);
		else if (is_indirect_jump(word))
			*target = 0;
		else
			continue;
		*at = i + 1;
		return true;
	}
	return false;
}
