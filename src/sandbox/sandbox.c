/*
 * The life of a sandbox.
 */
#include "sandbox/sandbox.h"

#include <string.h>

#include "base/error.h"
#include "sandbox/bare.h"
#include "sandbox/debug.h"
#include "sandbox/mapping.h"
#include "sandbox/profile.h"

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

static mote_status run_from_start(mote_sandbox *box,
				  struct mti_template *template,
				  const mote_sandbox_options *options,
				  mote_error *err)
{
	const struct mti_snap_cpu cpu = {
		.state = box->image->arch->new_state,
	};
	mote_status status = mti_sandbox_attach(box, template, template->store,
						err);

	if (status == MOTE_OK && mti_is_bare(box->image))
		return mti_bare_start_image(box, err);
	if (status == MOTE_OK)
		status = mti_sandbox_resume(box, &cpu, MTI_RANDOM_FIRST,
					    err);
	if (status == MOTE_OK)
		status = mti_mapping_add_all(box, options->mappings,
					     options->mapping_count, err);
	if (status == MOTE_OK)
		status = run_init(box, err);
	return status;
}

/* false if nobody has put it there yet; else its store is a reference. */
static bool get_started(mote_image *image, struct mti_template *template,
			struct mti_snap *started)
{
	pthread_mutex_lock(&image->lock);
	*started = template->started;
	if (started->store)
		mti_store_ref(started->store);
	pthread_mutex_unlock(&image->lock);
	return started->store != NULL;
}

/* If it fails, constructors will run once more: no harm. */
static void put_started(mote_sandbox *box, struct mti_template *template)
{
	struct mti_snap snap;
	struct mti_store *unused;

	if (mti_snap_take(box, &snap, NULL) != MOTE_OK)
		return;
	unused = snap.store;
	pthread_mutex_lock(&box->image->lock);
	if (!template->started.store) {
		template->started = snap;
		unused = NULL;
	}
	pthread_mutex_unlock(&box->image->lock);
	mti_store_unref(unused);
}

static mote_status start(mote_sandbox *box, const mote_sandbox_options *options,
			 mote_error *err)
{
	const struct mti_layout_sizes sizes = {
		.heap = options->heap_bytes,
		.stack = options->stack_bytes,
		.io = options->io_bytes,
	};
	struct mti_template *template = NULL;
	/* What a debugger has touched is not for others. */
	bool share = (options->flags & MOTE_SANDBOX_SHARE_INIT) &&
		     !options->gdb;
	struct mti_snap started;
	mote_status status;

	status = mti_template_get(box->image, &sizes, &template, err);
	if (status != MOTE_OK)
		return status;
	if (share && get_started(box->image, template, &started)) {
		status = mti_sandbox_begin(box, template, &started, err);
		mti_store_unref(started.store);
	} else {
		status = run_from_start(box, template, options, err);
		if (status == MOTE_OK && share)
			put_started(box, template);
	}
	mti_template_unref(template);
	return status;
}

static mote_status init(mote_sandbox *box, const mote_sandbox_options *options,
			const mote_snapshot *snapshot, mote_error *err)
{
	mote_status status;

	if (mti_is_bare(box->image)) {
		status = mti_bare_options(options, err);
		if (status != MOTE_OK)
			return status;
	}
	box->flags = options->flags;
	box->output = options->output;
	box->output_user = options->output_user;
	box->usage.measured = options->flags & MOTE_SANDBOX_CALL_STATS;
	box->limits.time.deadline_ns = options->deadline_ns;
	box->limits.time.cpu_ns = options->cpu_ns;
	box->limits.log_bytes = options->max_log_bytes;
	box->limits.growth_bytes = options->max_growth_bytes;
	box->limits.host_calls = options->max_host_calls;
	box->limits.output_bytes = options->max_output_bytes;
	box->stats.struct_size = sizeof(box->stats);
	status = mti_observe_init(box, options, err);
	if (status == MOTE_OK && options->gdb)
		status = mti_debug_new(box, options->gdb, err);
	if (status == MOTE_OK)
		status = mti_host_resolve(box, options, err);
	if (status == MOTE_OK)
		status = mti_profile_init(box, options, err);
	if (status != MOTE_OK)
		return status;
	if (options->gdb && options->gdb_ready)
		mti_debug_tell(box, options);
	if (!snapshot)
		return start(box, options, err);
	status = mti_sandbox_begin(box, snapshot->template, &snapshot->snap,
				   err);
	if (status == MOTE_OK)
		status = mti_mapping_add_all(box, options->mappings,
					     options->mapping_count, err);
	return status;
}

/* snapshot NULL: from the start. */
static mote_status new_sandbox(mote_image *image,
			       const mote_sandbox_options *options,
			       const mote_snapshot *snapshot,
			       mote_sandbox **out, mote_error *err)
{
	mote_status status = mti_fork_own(image->engine, "new sandbox", err);
	mote_sandbox *box;

	if (status != MOTE_OK)
		return status;
	box = mti_alloc_apart(&image->engine->allocator, sizeof(*box));
	if (!box)
		return mti_error_set(err, MOTE_E_NO_MEMORY, "new sandbox",
				     "no memory for the sandbox");
	box->image = image;
	box->last.function = "";
	box->last.error.struct_size = sizeof(box->last.error);
	box->generation = mti_fork_generation();
	mti_image_ref(image);
	box->interrupt = mti_interrupt_new(image->engine);
	if (!box->interrupt) {
		mti_sandbox_free(box);
		return mti_error_set(err, MOTE_E_NO_MEMORY, "new sandbox",
				     "no memory for its interrupt handle");
	}
	/* Host functions that the constructors call may not use it. */
	status = mti_sandbox_acquire(box, err);
	if (status == MOTE_OK)
		status = init(box, options, snapshot, err);
	if (status != MOTE_OK) {
		mti_sandbox_free(box);
		return status;
	}
	mti_observe_created(box);
	mti_sandbox_release(box);
	*out = box;
	return MOTE_OK;
}

mote_status mti_sandbox_new(mote_image *image,
			    const mote_sandbox_options *options,
			    mote_sandbox **out, mote_error *err)
{
	return new_sandbox(image, options, NULL, out, err);
}

mote_status mti_sandbox_from_snapshot(mote_snapshot *snapshot,
				      const mote_sandbox_options *options,
				      mote_sandbox **out, mote_error *err)
{
	return new_sandbox(snapshot->image, options, snapshot, out, err);
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
	mti_sandbox_detach(box);
	mti_profile_fini(box);
	mti_observe_fini(box);
	mti_free(allocator, box->host_functions);
	mti_free(allocator, box->resolved);
	mti_interrupt_unref(box->interrupt);
	mti_free_apart(allocator, box);
	mti_image_unref(image);
}
