/*
 * Kicks.
 *
 * uc_emu_start takes back a stop that came before it, at some moment while it
 * starts. So every run begins with an instruction of our own that calls a
 * hook: from there on a stop counts, and the hook looks for a kick that came
 * earlier. A kick after the hook finds `running` set. There is no moment
 * between: the handler runs on the same thread.
 */
#include <stdatomic.h>

#include "base/error.h"
#include "hv/soft/soft.h"

void mti_soft_kick(struct mti_vm *vm, bool on)
{
	if (vm->kind->ops.kick) {
		vm->kind->ops.kick(vm, on);
		return;
	}
	vm->kicked = on;
	atomic_signal_fence(memory_order_seq_cst);
	/* Sets two flags; the emulator looks at them before each block. */
	if (on && vm->running)
		uc_emu_stop(vm->uc);
}

void mti_soft_run_begin(struct mti_vm *vm)
{
	vm->running = true;
	atomic_signal_fence(memory_order_seq_cst);
	if (vm->kicked)
		uc_emu_stop(vm->uc);
}

void mti_soft_run_end(struct mti_vm *vm)
{
	vm->running = false;
	atomic_signal_fence(memory_order_seq_cst);
}

mote_status mti_soft_error(mote_error *err, const char *operation,
			   const char *what, uc_err error)
{
	return mti_error_set(err, MOTE_E_HYPERVISOR, operation, "%s: %s", what,
			     uc_strerror(error));
}
