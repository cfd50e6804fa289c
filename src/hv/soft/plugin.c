/*
 * The plug-in: the one object that the library looks for, and the operations
 * that find out what kind of guest a VM has.
 */
#include "hv/soft/plugin.h"

#include <stdio.h>
#include <string.h>

#include <mote/version.h>

#include "base/error.h"
#include "hv/soft/bare.h"
#include "hv/soft/soft.h"

extern const struct mti_soft_plugin mote_soft_plugin;

/* Every kind of guest that there is; a further one is a row. */
static const struct mti_soft_kind *const kinds[] = {
	&mti_soft_user_amd64,
	&mti_soft_user_aarch64,
	&mti_soft_bare,
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void probe(mote_backend_info *info)
{
	struct mti_soft_quirks quirks;
	mote_error err = MOTE_ERROR_INIT;
	unsigned int major = 0;
	unsigned int minor = 0;

	(void)uc_version(&major, &minor);
	if (mti_soft_probe_quirks(&quirks, &err) != MOTE_OK) {
		info->reason = MOTE_BACKEND_TOO_OLD;
		snprintf(info->text, sizeof(info->text), "%.*s",
			 (int)sizeof(info->text) - 1, err.text);
		return;
	}
	info->reason = MOTE_BACKEND_READY;
	snprintf(info->text, sizeof(info->text),
		 "CPU emulator Unicorn %u.%u; not isolation", major, minor);
}

static mote_status open_hv(const struct mti_allocator *allocator,
			   struct mti_hv **out, mote_error *err)
{
	struct mti_hv *hv = mti_alloc(allocator, 1, sizeof(*hv));
	mote_status status;

	if (!hv)
		return mti_error_set(err, MOTE_E_NO_MEMORY, "open soft",
				     "no memory for the backend");
	hv->allocator = *allocator;
	status = mti_soft_probe_quirks(&hv->quirks, err);
	if (status != MOTE_OK) {
		mti_free(allocator, hv);
		return status;
	}
	*out = hv;
	return MOTE_OK;
}

static void close_hv(struct mti_hv *hv)
{
	struct mti_allocator allocator;

	if (!hv)
		return;
	allocator = hv->allocator;
	mti_free(&allocator, hv);
}

static void cpu_features(bool bare, uint64_t *features)
{
	if (bare)
		mti_soft_bare_features(features);
	else
		mti_soft_user_features(features);
}

static void vm_free(struct mti_vm *vm)
{
	if (!vm)
		return;
	vm->kind->fini(vm);
	mti_free(&vm->hv->allocator, vm->slots);
	mti_free_apart(&vm->hv->allocator, vm);
}

static const struct mti_soft_kind *kind_of(const struct mti_vm_config *config)
{
	size_t i;

	for (i = 0; i < KINDS; i++)
		if (kinds[i]->takes(config))
			return kinds[i];
	return NULL;
}

static mote_status unsupported(const struct mti_vm_config *config,
			       mote_error *err)
{
	char names[128] = "";
	size_t used = 0;
	size_t i;

	for (i = 0; i < KINDS && used < sizeof(names); i++)
		used += (size_t)snprintf(names + used, sizeof(names) - used,
					 "%s%s", i > 0 ? " and " : "",
					 kinds[i]->name);
	return mti_error_set(err, MOTE_E_UNSUPPORTED, "create VM",
			     "the backend \"soft\" runs %s, not %s guests of "
			     "%s",
			     names, config->bare ? "bare" : "user-mode",
			     config->arch->name);
}

static mote_status vm_new(struct mti_hv *hv, const struct mti_vm_config *config,
			  struct mti_vm **out, mote_error *err)
{
	const struct mti_soft_kind *kind = kind_of(config);
	struct mti_vm *vm;
	mote_status status;
	uint32_t i;

	if (!kind)
		return unsupported(config, err);
	vm = mti_alloc_apart(&hv->allocator, kind->vm_size);
	if (!vm)
		return mti_error_set(err, MOTE_E_NO_MEMORY, "create VM",
				     "no memory for the VM");
	vm->hv = hv;
	vm->kind = kind;
	for (i = 0; i < config->range_count; i++)
		vm->ranges[i] = (struct mti_soft_piece){
			.gpa = config->ranges[i].gpa,
			.size = config->ranges[i].size,
			.memory = config->ranges[i].memory,
			.writable = config->ranges[i].writable,
		};
	status = kind->init(vm, config, err);
	if (status != MOTE_OK) {
		vm_free(vm);
		return status;
	}
	*out = vm;
	return MOTE_OK;
}

/* ---------------------------------------------- by the kind of the guest */

static mote_status lacks(const struct mti_vm *vm, const char *operation,
			 mote_error *err)
{
	return mti_error_set(err, MOTE_E_UNSUPPORTED, operation,
			     "the backend \"soft\" cannot do this with %s",
			     vm->kind->name);
}

/* No WRFSBASE, and bare guests are told nothing. */
static uint32_t features(const struct mti_vm *vm)
{
	(void)vm;
	return 0;
}

/*
 * amd64 guests read the host's TSC, of which nobody says how fast it is;
 * CNTVCT_EL0 counts, but not as fast as CNTFRQ_EL0 says.
 */
static uint64_t tick_ns(const struct mti_vm *vm)
{
	(void)vm;
	return 0;
}

static void set_entry(struct mti_vm *vm, const struct mti_entry *entry)
{
	if (vm->kind->ops.set_entry)
		vm->kind->ops.set_entry(vm, entry);
}

static mote_status run(struct mti_vm *vm, struct mti_exit *exit,
		       mote_error *err)
{
	return vm->kind->ops.run(vm, exit, err);
}

static void changed(struct mti_vm *vm)
{
	if (vm->kind->ops.changed)
		vm->kind->ops.changed(vm);
}

static mote_status registers(struct mti_vm *vm, mote_fault *fault,
			     uint64_t *fault_address, mote_error *err)
{
	if (!vm->kind->ops.registers)
		return lacks(vm, "read registers", err);
	return vm->kind->ops.registers(vm, fault, fault_address, err);
}

static mote_status set_fs_base(struct mti_vm *vm, uint64_t base,
			       mote_error *err)
{
	if (!vm->kind->ops.set_fs_base)
		return lacks(vm, "set registers", err);
	return vm->kind->ops.set_fs_base(vm, base, err);
}

static mote_status state_get(struct mti_vm *vm, struct mti_cpu_state *state,
			     mote_error *err)
{
	if (!vm->kind->ops.state_get)
		return lacks(vm, "save CPU", err);
	return vm->kind->ops.state_get(vm, state, err);
}

static mote_status state_set(struct mti_vm *vm,
			     const struct mti_cpu_state *state, bool clean,
			     mote_error *err)
{
	if (!vm->kind->ops.state_set)
		return lacks(vm, "restore CPU", err);
	return vm->kind->ops.state_set(vm, state, clean, err);
}

static mote_status bare_get(struct mti_vm *vm, struct mti_bare_state *state,
			    mote_error *err)
{
	if (!vm->kind->ops.bare_get)
		return lacks(vm, "save CPU", err);
	return vm->kind->ops.bare_get(vm, state, err);
}

static mote_status bare_set(struct mti_vm *vm,
			    const struct mti_bare_state *state,
			    mote_error *err)
{
	if (!vm->kind->ops.bare_set)
		return lacks(vm, "restore CPU", err);
	return vm->kind->ops.bare_set(vm, state, err);
}

static bool is_lost(const struct mti_vm *vm)
{
	return vm->broken;
}

static mote_status map(struct mti_vm *vm, uint32_t slot,
		       const struct mti_vm_mapping *mapping, mote_error *err)
{
	if (!vm->kind->forget)
		return lacks(vm, "map memory", err);
	return mti_soft_map(vm, slot, mapping, err);
}

/* The caller scans. */
static bool tracks(const struct mti_vm *vm)
{
	(void)vm;
	return false;
}

static mote_status machine_get(struct mti_vm *vm, struct mti_machine *machine,
			       mote_error *err)
{
	if (!vm->kind->ops.machine_get)
		return lacks(vm, "read registers", err);
	return vm->kind->ops.machine_get(vm, machine, err);
}

static mote_status machine_set(struct mti_vm *vm,
			       const struct mti_machine *machine,
			       mote_error *err)
{
	if (!vm->kind->ops.machine_set)
		return lacks(vm, "set registers", err);
	return vm->kind->ops.machine_set(vm, machine, err);
}

static const struct mti_hv_ops ops = {
	.name = "soft",
	.probe = probe,
	.open = open_hv,
	.close = close_hv,
	.vm_new = vm_new,
	.vm_free = vm_free,
	.cpu_features = cpu_features,
	.features = features,
	.tick_ns = tick_ns,
	.set_entry = set_entry,
	.run = run,
	.kick = mti_soft_kick,
	.changed = changed,
	.registers = registers,
	.set_fs_base = set_fs_base,
	.state_get = state_get,
	.state_set = state_set,
	.bare_get = bare_get,
	.bare_set = bare_set,
	.tracks = tracks,
	.map = map,
	.unmap = mti_soft_unmap,
	.machine_get = machine_get,
	.machine_set = machine_set,
	.is_lost = is_lost,
};

__attribute__((visibility("default")))
const struct mti_soft_plugin mote_soft_plugin = {
	.interface = MTI_SOFT_INTERFACE,
	.sizes = MTI_SOFT_SIZES,
	.version = MOTE_VERSION_STRING,
	.ops = &ops,
};
