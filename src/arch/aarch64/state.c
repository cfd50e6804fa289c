#include "arch/aarch64/state.h"

#include <string.h>

#include "arch/aarch64/boot.h"
#include "arch/aarch64/core.h"
#include "base/error.h"

static mote_status check_control(const char *operation, uint32_t fpcr,
				 uint32_t fpsr, mote_error *err)
{
	if (!(fpcr & ~MTI_AARCH64_FPCR_BITS) &&
	    !(fpsr & ~MTI_AARCH64_FPSR_BITS))
		return MOTE_OK;
	return mti_error_set(err, MOTE_E_INVALID, operation,
			     "FPCR 0x%x, FPSR 0x%x: bits that there are not",
			     fpcr, fpsr);
}

mote_status mti_aarch64_check_state(const struct mti_cpu_state *state,
				    mote_error *err)
{
	static const char operation[] = "restore CPU";

	if (state->gs_base != 0)
		return mti_error_set(err, MOTE_E_INVALID, operation,
				     "a second thread pointer, 0x%llx",
				     (unsigned long long)state->gs_base);
	return check_control(operation, state->mxcsr, state->x87_control, err);
}

mote_status mti_aarch64_check_machine(uint64_t pc, uint64_t user_limit,
				      const uint8_t *vector,
				      uint32_t vector_size, mote_error *err)
{
	static const char operation[] = "set registers";
	uint32_t fpsr;
	uint32_t fpcr;

	if (pc >= user_limit)
		return mti_error_set(err, MOTE_E_INVALID, operation,
				     "no code of a guest can be at 0x%llx",
				     (unsigned long long)pc);
	if (vector_size != MTI_AARCH64_FPSIMD_BYTES)
		return mti_error_set(err, MOTE_E_INVALID, operation,
				     "%u bytes of vector registers, not %u",
				     vector_size, MTI_AARCH64_FPSIMD_BYTES);
	memcpy(&fpsr, vector + MTI_AARCH64_FPSIMD_FPSR, sizeof(fpsr));
	memcpy(&fpcr, vector + MTI_AARCH64_FPSIMD_FPCR, sizeof(fpcr));
	return check_control(operation, fpcr, fpsr, err);
}
