/*
 * Kicks.
 *
 * A stop that comes from a signal handler cannot be used: uc_emu_start takes
 * back one that came before it, and Unicorn 2.0 also acts on it behind an
 * access to memory, in the middle of a block, where the program counter is
 * that of the block's start. So the handler sets a flag only. A hook that the
 * emulator calls before each block looks at it, and stops there: from such a
 * hook a stop takes effect before the block's first instruction.
 */
#include "hv/soft/soft.h"

void mti_soft_kick(struct mti_vm *vm, bool on)
{
	if (vm->kind->ops.kick) {
		vm->kind->ops.kick(vm, on);
		return;
	}
	vm->kicked = on;
}

static void on_block(uc_engine *uc, uint64_t address, uint32_t size,
		     void *context)
{
	const struct mti_vm *vm = context;

	(void)address;
	(void)size;
	if (vm->kicked && !vm->deaf)
		uc_emu_stop(uc);
}

mote_status mti_soft_watch_kicks(struct mti_vm *vm, mote_error *err)
{
	uc_hook hook;
	uc_err uc = uc_hook_add(vm->uc, &hook, UC_HOOK_BLOCK, (void *)on_block,
				vm, (uint64_t)1, (uint64_t)0);

	if (uc != UC_ERR_OK)
		return mti_soft_error(err, "create VM", "uc_hook_add", uc);
	return MOTE_OK;
}
