/*
 * What leaving a frame needs to know of the CPU. Register numbers: System V
 * ABI, AMD64 supplement, "DWARF Register Number Mapping".
 */
#include "arch/amd64/unwind.h"

#include <string.h>

#include "abi/layout.h"

const uint8_t mti_amd64_dwarf_registers[MTI_AMD64_DWARF_REGISTERS] = {
	MTI_RAX, MTI_RDX, MTI_RCX, MTI_RBX, MTI_RSI, MTI_RDI, MTI_RBP, MTI_RSP,
	MTI_R8,  MTI_R9,  MTI_R10, MTI_R11, MTI_R12, MTI_R13, MTI_R14, MTI_R15,
	MTI_RIP,
};

#define SIB_NO_INDEX 4
#define CALL_NEAR 0xe8
#define CALL_NEAR_BYTES 5
#define JUMP_SHORT 0xeb
#define JUMP_NEAR 0xe9
#define GROUP_5 0xff
#define GROUP_5_CALL 2
#define GROUP_5_JUMP 4
#define PREFIX_NOTRACK 0x3e

/* SDM 2A, "ModR/M and SIB Bytes": bytes of FF /2 with this ModR/M and SIB. */
static unsigned int indirect_bytes(uint8_t modrm, uint8_t sib)
{
	unsigned int mod = modrm >> 6;
	unsigned int rm = modrm & 7;
	unsigned int bytes = 2;

	if (mod == 3)
		return bytes;
	if (rm == 4) {
		bytes++;
		if (mod == 0 && (sib & 7) == 5)
			bytes += 4;
	} else if (mod == 0 && rm == 5) {
		bytes += 4;
	}
	if (mod == 1)
		bytes += 1;
	else if (mod == 2)
		bytes += 4;
	return bytes;
}

static uint32_t distance_at(const uint8_t *at)
{
	return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
	       (uint32_t)at[3] << 24;
}

bool mti_amd64_call_before(const uint8_t code[MTI_ARCH_CALL_BYTES],
			   uint64_t address, uint64_t *target)
{
	const uint8_t *end = code + MTI_ARCH_CALL_BYTES;
	const uint8_t *near = end - CALL_NEAR_BYTES;
	unsigned int bytes;

	if (near[0] == CALL_NEAR) {
		*target = address + (uint64_t)(int32_t)distance_at(near + 1);
		return true;
	}
	*target = 0;
	for (bytes = 2; bytes <= 7; bytes++) {
		const uint8_t *at = end - bytes;

		if (at[0] == GROUP_5 && ((at[1] >> 3) & 7) == GROUP_5_CALL &&
		    indirect_bytes(at[1], bytes > 2 ? at[2] : 0) == bytes)
			return true;
	}
	return false;
}

/*
 * FF /4, but for what switches are made of: an index into a table, and
 * NOTRACK (SDM 1, "No-Track Prefix"). Behind another FF it is rather the end
 * of a negative distance, and the instruction after it.
 */
static bool is_indirect_jump(const uint8_t *code, uint64_t size, uint64_t i)
{
	uint8_t modrm = code[i + 1];
	bool has_sib = modrm >> 6 != 3 && (modrm & 7) == 4;
	uint8_t sib;

	if (code[i] != GROUP_5 || ((modrm >> 3) & 7) != GROUP_5_JUMP ||
	    (i > 0 &&
	     (code[i - 1] == GROUP_5 || code[i - 1] == PREFIX_NOTRACK)))
		return false;
	if (has_sib && i + 2 == size)
		return false;
	sib = has_sib ? code[i + 2] : 0;
	if (has_sib && ((sib >> 3) & 7) != SIB_NO_INDEX)
		return false;
	return indirect_bytes(modrm, sib) <= size - i;
}

/* At any byte: where instructions begin is not known. */
bool mti_amd64_next_jump(const uint8_t *code, uint64_t size, uint64_t address,
			 uint64_t *at, uint64_t *target)
{
	uint64_t i;

	for (i = *at; i + 2 <= size; i++) {
		if (code[i] == JUMP_SHORT)
			*target = address + i + 2 +
				  (uint64_t)(int8_t)code[i + 1];
		else if (code[i] == JUMP_NEAR && i + 5 <= size)
			*target = address + i + 5 +
				  (uint64_t)(int32_t)distance_at(code + i + 1);
		else if (is_indirect_jump(code, size, i))
			*target = 0;
		else
			continue;
		*at = i + 1;
		return true;
	}
	return false;
}

/* push %rbp; mov %rsp, %rbp; there may be ENDBR64 before it. */
bool mti_amd64_saves_frame(const uint8_t *code, uint64_t size)
{
	static const uint8_t endbr[] = { 0xf3, 0x0f, 0x1e, 0xfa };
	static const uint8_t save[] = { 0x55, 0x48, 0x89, 0xe5 };

	if (size >= sizeof(endbr) && memcmp(code, endbr, sizeof(endbr)) == 0) {
		code += sizeof(endbr);
		size -= sizeof(endbr);
	}
	return size >= sizeof(save) && memcmp(code, save, sizeof(save)) == 0;
}

/* See put_syscall in boot.c: its first instruction stores rcx. */
bool mti_amd64_syscall_caller(uint64_t offset, struct mti_arch_place *place)
{
	place->in_memory = offset != 0;
	place->at = place->in_memory ?
			    MOTE_GVA_CONTROL + MOTE_CONTROL_SYSCALL_RETURN :
			    MTI_AMD64_DWARF_RCX;
	return offset < MOTE_SYSCALL_RESTORE;
}
