/*
 * Registers in core files: struct elf_prstatus of Linux (linux/elfcore.h)
 * with user_pt_regs (arm64 asm/ptrace.h): x0 to x30, sp, pc, pstate.
 */
#include "arch/aarch64/core.h"

#include <string.h>

enum {
	PRSTATUS_SIGNO = 0,
	PRSTATUS_CURSIG = 12,
	PRSTATUS_PID = 32,
	PRSTATUS_REGISTERS = 112,
	PRSTATUS_FPVALID = 384,
};

#define REGISTERS (MTI_AARCH64_PSTATE + 1)

_Static_assert(PRSTATUS_REGISTERS + sizeof(uint64_t) * REGISTERS ==
		       PRSTATUS_FPVALID,
	       "struct elf_prstatus");
_Static_assert(MTI_AARCH64_PRSTATUS_BYTES <= MTI_ARCH_PRSTATUS_MAX, "room");

void mti_aarch64_prstatus(const uint64_t *general, uint32_t signal,
			  uint32_t pid, uint8_t *out)
{
	const uint32_t valid = 1;

	memset(out, 0, MTI_AARCH64_PRSTATUS_BYTES);
	memcpy(out + PRSTATUS_SIGNO, &signal, sizeof(signal));
	memcpy(out + PRSTATUS_CURSIG, &signal, sizeof(uint16_t));
	memcpy(out + PRSTATUS_PID, &pid, sizeof(pid));
	memcpy(out + PRSTATUS_FPVALID, &valid, sizeof(valid));
	memcpy(out + PRSTATUS_REGISTERS, general,
	       REGISTERS * sizeof(*general));
}

void mti_aarch64_prstatus_read(const uint8_t *status, uint64_t *general)
{
	memcpy(general, status + PRSTATUS_REGISTERS,
	       REGISTERS * sizeof(*general));
}

/* It is what Linux notes; a short one is none. */
uint32_t mti_aarch64_core_vector(uint8_t *vector, uint32_t size,
				 const uint32_t *offset)
{
	(void)vector;
	(void)offset;
	return size < MTI_AARCH64_FPSIMD_BYTES ?
		       0 :
		       MTI_AARCH64_FPSIMD_BYTES;
}
