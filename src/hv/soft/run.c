/*
 * Kicks.
 *
 * uc_emu_start takes back a stop that came before it, at some moment while it
 * starts. So every run begins with an instruction of our own that calls a
 * hook: from there on a stop counts, and the hook looks for a kick that came
 * earlier.
 *
 * Later ones must not stop the emulator just so. It stops between two blocks
 * of code, and where these jump into each other directly Unicorn 2.0.1 does
 * not keep the PC: it is that of some earlier block. Only a hook before an
 * instruction stops exactly at it, but one before each costs too much. So a
 * hook before each block, which is cheap, looks for a kick. It gives the block
 * that it finds itself in a hook before its first instruction, which counts
 * when this block is entered again. As long as the kick lasts all blocks are
 * given one: a guest that does not end enters some block twice.
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

static void on_stop(uc_engine *uc, uint64_t pc, uint32_t size, void *context)
{
	const struct mti_vm *vm = context;

	(void)pc;
	(void)size;
	if (vm->kicked && vm->running)
		uc_emu_stop(uc);
}

static void forget_stops(struct mti_vm *vm)
{
	while (vm->stop_count > 0)
		(void)uc_hook_del(vm->uc, vm->stops[--vm->stop_count].hook);
}

static void on_block(uc_engine *uc, uint64_t pc, uint32_t size, void *context)
{
	struct mti_vm *vm = context;
	struct mti_soft_stop *stop;
	uint32_t i;

	(void)size;
	if (!vm->kicked || !vm->running)
		return;
	for (i = 0; i < vm->stop_count; i++)
		if (vm->stops[i].pc == pc)
			return;
	if (vm->stop_count == MTI_SOFT_STOPS)
		forget_stops(vm);
	stop = &vm->stops[vm->stop_count];
	stop->pc = pc;
	if (uc_hook_add(uc, &stop->hook, UC_HOOK_CODE, (void *)on_stop, vm, pc,
			pc) != UC_ERR_OK)
		return;
	vm->stop_count++;
	/* It was translated without. */
	(void)uc_ctl_remove_cache(uc, pc, pc + 1);
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
