/*
 * The life of a sandbox.
 */
#include "sandbox/sandbox.h"

#include <string.h>

#include "base/error.h"
#include "os/os.h"
#include "sandbox/debug.h"

/* Everything the guest's runtime is told. */
static mote_status fill_control(mote_sandbox *box, uint32_t flags,
				mote_error *err)
{
	const struct mti_hv_ops *ops = box->image->engine->ops;
	const struct mti_layout_sizes *sizes = &box->template->layout.sizes;
	struct mote_abi_control control = {
		.magic = MOTE_CONTROL_MAGIC,
		.abi_version = MOTE_ABI_VERSION,
		.heap_size = sizes->heap,
		.stack_size = sizes->stack,
		.io_size = sizes->io,
		.post_size = MTI_POST_BYTES,
		.features = ops->features(box->vm),
		.tick_ns = ops->tick_ns(box->vm),
	};
	int os = mti_os_random(control.random, sizeof(control.random));

	if (os < 0)
		return mti_error_os(err, MOTE_E_OS, "new sandbox", -os,
				    "getrandom");
	if (flags & MOTE_SANDBOX_OUTPUT_LINES)
		control.features |= MOTE_FEATURE_OUTPUT_LINES;
	memcpy((void *)(uintptr_t)box->control, &control, sizeof(control));
	return MOTE_OK;
}

static void *area(const mote_sandbox *box, enum mti_area which)
{
	return mti_memory_region(&box->memory,
				 &box->template->layout.regions[which]);
}

static mote_status create_vm(mote_sandbox *box, uint32_t flags, mote_error *err)
{
	const struct mti_template *plan = box->template;
	const mote_engine *engine = box->image->engine;
	struct mti_vm_config config;
	mote_status status;

	status = mti_memory_init(&box->memory, &plan->layout, plan->fd,
				 plan->image_size, err);
	if (status != MOTE_OK)
		return status;
	box->control = area(box, MTI_AREA_CONTROL);
	box->post = area(box, MTI_AREA_POST);
	box->call = area(box, MTI_AREA_CALL);
	box->reply = area(box, MTI_AREA_REPLY);
	box->out = area(box, MTI_AREA_OUT);
	box->io_size = plan->layout.sizes.io;
	config.memory = box->memory.base;
	config.memory_size = box->memory.size;
	config.page_table_gpa = plan->layout.page_table_gpa;
	status = engine->ops->vm_new(engine->hv, &config, &box->vm, err);
	if (status != MOTE_OK)
		return status;
	box->kick.kick = engine->ops->kick;
	box->kick.vm = box->vm;
	return fill_control(box, flags, err);
}

/* Runs the runtime's start and the program's constructors. */
static mote_status run_init(mote_sandbox *box, mote_error *err)
{
	const struct mti_entry entry = {
		.pc = box->image->elf.entry,
		.sp = MOTE_GVA_STACK_TOP,
		.argument0 = MOTE_GVA_CONTROL,
	};

	return mti_sandbox_run(box, MTI_PHASE_INIT, &entry, err);
}

static mote_status init(mote_sandbox *box, const mote_sandbox_options *options,
			mote_error *err)
{
	const struct mti_layout_sizes sizes = {
		.heap = options->heap_bytes,
		.stack = options->stack_bytes,
		.io = options->io_bytes,
	};
	mote_status status;

	box->output = options->output;
	box->output_user = options->output_user;
	box->limits.deadline_ns = options->deadline_ns;
	box->limits.host_calls = options->max_host_calls;
	box->limits.output_bytes = options->max_output_bytes;
	box->stats.struct_size = sizeof(box->stats);
	if (options->gdb) {
		status = mti_debug_new(box, options->gdb, err);
		if (status != MOTE_OK)
			return status;
		box->kick.slice_ns = MTI_DEBUG_SLICE_NS;
	}
	status = mti_host_resolve(box, options, err);
	if (status == MOTE_OK)
		status = mti_template_get(box->image, &sizes, &box->template,
					  err);
	if (status == MOTE_OK)
		status = create_vm(box, options->flags, err);
	if (status == MOTE_OK)
		status = run_init(box, err);
	return status;
}

mote_status mti_sandbox_new(mote_image *image,
			    const mote_sandbox_options *options,
			    mote_sandbox **out, mote_error *err)
{
	mote_sandbox *box = mti_alloc(&image->engine->allocator, 1,
				      sizeof(*box));
	mote_status status;

	if (!box)
		return mti_error_set(err, MOTE_E_NO_MEMORY, "new sandbox",
				     "no memory for the sandbox");
	box->image = image;
	box->generation = mti_fork_generation();
	mti_image_ref(image);
	/* Host functions that the constructors call may not use it. */
	status = mti_sandbox_acquire(box, err);
	if (status == MOTE_OK)
		status = init(box, options, err);
	if (status != MOTE_OK) {
		mti_sandbox_free(box);
		return status;
	}
	mti_sandbox_release(box);
	*out = box;
	return MOTE_OK;
}

void mti_sandbox_free(mote_sandbox *box)
{
	const struct mti_allocator *allocator;
	mote_image *image;

	if (!box)
		return;
	image = box->image;
	allocator = &image->engine->allocator;
	mti_debug_free(box);
	if (box->vm)
		image->engine->ops->vm_free(box->vm);
	/* A child has no guest memory; what is there now is not ours. */
	if (box->generation == mti_fork_generation())
		mti_memory_fini(&box->memory);
	mti_template_unref(box->template);
	mti_free(allocator, box->host_functions);
	mti_free(allocator, box->resolved);
	mti_free(allocator, box);
	mti_image_unref(image);
}
