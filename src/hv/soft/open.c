/*
 * Making an emulator.
 */
#include "base/error.h"
#include "hv/soft/soft.h"
#include "os/os.h"

/*
 * It reserves so much for code when it first runs, and ends the process if it
 * does not get it.
 */
#define TRANSLATOR_BYTES (UINT64_C(1) << 30)

mote_status mti_soft_open(uc_arch arch, uc_mode mode, uc_engine **uc,
			  mote_error *err)
{
	int os = mti_os_try_code(TRANSLATOR_BYTES);
	uc_err error;

	if (os < 0)
		return mti_error_os(err, MOTE_E_NO_MEMORY, "create VM", -os,
				    "1 GiB of addresses for code, for the "
				    "emulator");
	error = uc_open(arch, mode, uc);
	if (error != UC_ERR_OK)
		return mti_soft_error(err, "create VM", "uc_open", error);
	return MOTE_OK;
}

mote_status mti_soft_error(mote_error *err, const char *operation,
			   const char *what, uc_err error)
{
	return mti_error_set(err, MOTE_E_HYPERVISOR, operation, "%s: %s", what,
			     uc_strerror(error));
}
