/*
 * Kicks.
 *
 * uc_emu_start takes back a stop that came before it, at some moment while it
 * starts. So every run begins with an instruction of our own that calls a
 * hook: from there on a stop counts, and the hook looks for a kick that came
 * earlier.
 *
 * Later ones are found by a hook before each block of code. The signal handler
 * must not stop the emulator itself: it then stops between two blocks, and
 * where these jump into each other directly the PC is that of an earlier one
 * if a hook has provided memory before (seen with Unicorn 2.0.1). A hook is
 * told the PC, and the emulator stops right there.
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
}

static void on_block(uc_engine *uc, uint64_t pc, uint32_t size, void *context)
{
	const struct mti_vm *vm = context;

	(void)pc;
	(void)size;
	if (vm->kicked && vm->running)
		uc_emu_stop(uc);
}

uc_err mti_soft_hook_blocks(struct mti_vm *vm)
{
	uc_hook hook;

	return uc_hook_add(vm->uc, &hook, UC_HOOK_BLOCK, (void *)on_block, vm,
			   (uint64_t)1, (uint64_t)0);
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
