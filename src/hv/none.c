/*
 * No hypervisor: an engine that reads images and makes no sandboxes. Not in
 * the table of backends, because "auto" must never choose it.
 */
#include "hv/none.h"
#include "base/error.h"

static void probe(mote_backend_info *info)
{
	info->reason = MOTE_BACKEND_READY;
}

static mote_status open_nothing(const struct mti_allocator *allocator,
				struct mti_hv **hv, mote_error *err)
{
	(void)allocator;
	(void)err;
	*hv = NULL;
	return MOTE_OK;
}

static void close_nothing(struct mti_hv *hv)
{
	(void)hv;
}

static mote_status vm_new(struct mti_hv *hv, const struct mti_vm_config *config,
			  struct mti_vm **vm, mote_error *err)
{
	(void)hv;
	(void)config;
	(void)vm;
	return mti_error_set(err, MOTE_E_NO_HYPERVISOR, "new sandbox",
			     "the engine was made with backend \"none\"");
}

static void vm_free(struct mti_vm *vm)
{
	(void)vm;
}

/* Without a VM none of the other operations can be reached. */
const struct mti_hv_ops mti_hv_none_ops = {
	.name = "none",
	.probe = probe,
	.open = open_nothing,
	.close = close_nothing,
	.vm_new = vm_new,
	.vm_free = vm_free,
};
