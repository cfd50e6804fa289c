/*
 * Bare x86 guests among the plug-in's kinds.
 */
#include <elf.h>

#include "hv/soft/bare.h"
#include "hv/soft/soft.h"

struct bare_vm {
	struct mti_vm vm;
	struct mti_soft_bare *bare;
};

static struct mti_soft_bare *bare_of(struct mti_vm *vm)
{
	return ((struct bare_vm *)vm)->bare;
}

static bool takes(const struct mti_vm_config *config)
{
	return config->bare && (config->arch->machine == EM_X86_64 ||
				config->arch->machine == EM_386);
}

static mote_status init(struct mti_vm *vm, const struct mti_vm_config *config,
			mote_error *err)
{
	return mti_soft_bare_new(&vm->hv->allocator, config,
				 &((struct bare_vm *)vm)->bare, err);
}

static void fini(struct mti_vm *vm)
{
	mti_soft_bare_free(bare_of(vm));
}

static mote_status run(struct mti_vm *vm, struct mti_exit *exit,
		       mote_error *err)
{
	return mti_soft_bare_run(bare_of(vm), exit, err);
}

static void kick(struct mti_vm *vm, bool on)
{
	mti_soft_bare_kick(bare_of(vm), on);
}

static mote_status bare_get(struct mti_vm *vm, struct mti_bare_state *state,
			    mote_error *err)
{
	return mti_soft_bare_get(bare_of(vm), state, err);
}

static mote_status bare_set(struct mti_vm *vm,
			    const struct mti_bare_state *state, mote_error *err)
{
	return mti_soft_bare_set(bare_of(vm), state, err);
}

const struct mti_soft_kind mti_soft_bare = {
	.name = "bare guests of x86",
	.takes = takes,
	.vm_size = sizeof(struct bare_vm),
	.init = init,
	.fini = fini,
	.ops = {
		.run = run,
		.kick = kick,
		.bare_get = bare_get,
		.bare_set = bare_set,
	},
};
