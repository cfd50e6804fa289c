/*
 * Registers in core files: struct elf_prstatus of Linux (linux/elfcore.h)
 * with user_regs_struct (x86 asm/user_64.h).
 */
#include <string.h>

#include "arch/amd64/core.h"

enum {
	PRSTATUS_SIGNO = 0,
	PRSTATUS_CURSIG = 12,
	PRSTATUS_PID = 32,
	PRSTATUS_REGISTERS = 112,
	PRSTATUS_FPVALID = 328,
};

/* Those that are not among ours have the values of a Linux process. */
#define NONE 0xff
#define ORIG_RAX_NONE UINT64_MAX
#define LINUX_CODE 0x33
#define LINUX_DATA 0x2b

static const struct {
	uint8_t index; /* in mote_fault.registers */
	uint64_t value;
} order[27] = {
	{ MTI_R15, 0 }, { MTI_R14, 0 }, { MTI_R13, 0 }, { MTI_R12, 0 },
	{ MTI_RBP, 0 }, { MTI_RBX, 0 }, { MTI_R11, 0 }, { MTI_R10, 0 },
	{ MTI_R9, 0 },  { MTI_R8, 0 },  { MTI_RAX, 0 }, { MTI_RCX, 0 },
	{ MTI_RDX, 0 }, { MTI_RSI, 0 }, { MTI_RDI, 0 },
	{ NONE, ORIG_RAX_NONE },
	{ MTI_RIP, 0 },
	{ NONE, LINUX_CODE },
	{ MTI_RFLAGS, 0 },
	{ MTI_RSP, 0 },
	{ NONE, LINUX_DATA },
	{ MTI_FS_BASE, 0 }, { MTI_GS_BASE, 0 },
	{ NONE, 0 }, { NONE, 0 }, { NONE, 0 }, { NONE, 0 },
};

_Static_assert(PRSTATUS_REGISTERS + sizeof(uint64_t) * 27 == PRSTATUS_FPVALID,
	       "struct elf_prstatus");
_Static_assert(MTI_AMD64_PRSTATUS_BYTES <= MTI_ARCH_PRSTATUS_MAX, "room");

void mti_amd64_prstatus(const uint64_t *general, uint32_t signal, uint32_t pid,
			uint8_t *out)
{
	const uint32_t valid = 1;
	size_t i;

	memset(out, 0, MTI_AMD64_PRSTATUS_BYTES);
	memcpy(out + PRSTATUS_SIGNO, &signal, sizeof(signal));
	memcpy(out + PRSTATUS_CURSIG, &signal, sizeof(uint16_t));
	memcpy(out + PRSTATUS_PID, &pid, sizeof(pid));
	memcpy(out + PRSTATUS_FPVALID, &valid, sizeof(valid));
	for (i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		uint64_t value = order[i].index == NONE ?
					 order[i].value :
					 general[order[i].index];

		memcpy(out + PRSTATUS_REGISTERS + i * sizeof(value), &value,
		       sizeof(value));
	}
}

void mti_amd64_prstatus_read(const uint8_t *status, uint64_t *general)
{
	size_t i;

	for (i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		if (order[i].index != NONE)
			memcpy(&general[order[i].index],
			       status + PRSTATUS_REGISTERS +
				       i * sizeof(uint64_t),
			       sizeof(uint64_t));
}

/*
 * Linux notes XCR0 where software may (SDM 1, 13.4.1). Debuggers take from
 * there what is in the area, expect that size, and know where Intel's CPUs
 * have AVX-512: it is left out where it lies elsewhere.
 */
uint32_t mti_amd64_core_vector(uint8_t *vector, uint32_t size,
			       const uint32_t *offset)
{
	enum { XCR0_AT = 464, XSTATE_BV_AT = 512, SSE_END = 576,
	       AVX_END = 832, OPMASK = 5, OPMASK_AT = 1088,
	       AVX512_END = 2688 };
	const uint64_t avx = 4;
	const uint64_t avx512 = 0xe0;
	uint64_t xcr0 = 3;
	uint64_t used;

	if (size < SSE_END)
		return size;
	memcpy(&used, vector + XSTATE_BV_AT, sizeof(used));
	size = size < AVX_END ? SSE_END : size;
	if (size >= AVX_END)
		xcr0 |= avx;
	if (size >= AVX512_END && (used & avx512) == avx512 &&
	    offset[OPMASK] == OPMASK_AT) {
		xcr0 |= avx512;
		size = AVX512_END;
	} else if (size > AVX_END) {
		size = AVX_END;
	}
	used &= xcr0;
	memcpy(vector + XSTATE_BV_AT, &used, sizeof(used));
	memcpy(vector + XCR0_AT, &xcr0, sizeof(xcr0));
	return size;
}
