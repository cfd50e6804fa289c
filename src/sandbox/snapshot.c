/*
 * Snapshots: taking them, and the object.
 */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "mem/freeze.h"
#include "os/os.h"
#include "sandbox/bare.h"
#include "sandbox/sandbox.h"

/* What a snapshot does not keep: messages, and frames of exceptions. */
static const enum mti_area transient[] = {
	MTI_AREA_INTERRUPT_STACK, MTI_AREA_POST, MTI_AREA_CALL,
	MTI_AREA_REPLY, MTI_AREA_OUT,
};

#define TRANSIENT (sizeof(transient) / sizeof(transient[0]))

/*
 * The guest's tables are not those that a snapshot has: these are of its plan,
 * and say where the homes of pages are. The base has them but for what is
 * mapped.
 */
static mote_status frozen_tables(const mote_sandbox *box,
				 struct mti_tables *tables, mote_error *err)
{
	const struct mti_allocator *allocator = mti_sandbox_allocator(box);
	struct mti_layout *layout = mti_alloc_raw(allocator, 1,
						  sizeof(*layout));
	bool built = false;

	tables->allocator = allocator;
	tables->pages = NULL;
	if (layout) {
		*layout = box->template->layout;
		mti_window_extend(&box->window, layout);
		built = mti_tables_build(tables, box->image->arch, layout,
					 allocator);
	}
	mti_free(allocator, layout);
	if (built)
		return MOTE_OK;
	return mti_error_set(err, MOTE_E_NO_MEMORY, "take snapshot",
			     "no memory for its page tables");
}

static mote_status freeze_memory(mote_sandbox *box, struct mti_store **store,
				 mote_error *err)
{
	const struct mti_region *regions[TRANSIENT];
	struct mti_tables tables;
	struct mti_freeze freeze = {
		.allocator = mti_sandbox_allocator(box),
		.memory = &box->memory,
		.base = box->store,
		.transient = regions,
		.transient_count = TRANSIENT,
		.hole = box->template->layout.hole,
		.hole_end = box->template->layout.hole_end,
		.window = &box->window,
	};
	mote_status status = mti_sandbox_collect(box, err);
	size_t i;

	if (status != MOTE_OK)
		return status;
	for (i = 0; i < TRANSIENT; i++)
		regions[i] = &box->template->layout.regions[transient[i]];
	if (!box->memory.cow || box->window.count == 0)
		return mti_store_freeze(&freeze, store, err);
	status = frozen_tables(box, &tables, err);
	freeze.tables = &tables;
	if (status == MOTE_OK)
		status = mti_store_freeze(&freeze, store, err);
	mti_tables_fini(&tables);
	return status;
}

static void describe_origin(const mote_sandbox *box,
			    struct mti_snap_origin *origin)
{
	const char *backend = mti_ops_of(box)->name;

	memset(origin, 0, sizeof(*origin));
	origin->machine = box->image->arch->machine;
	origin->abi_version = box->image->elf.abi_version;
	snprintf(origin->backend, sizeof(origin->backend), "%s", backend);
}

/* What the control page has to say to a sandbox of the snapshot. */
static void note_control(mote_sandbox *box)
{
	box->control->clock_monotonic_ns = mti_os_monotonic_ns() +
					   box->clock_ahead_ns;
	/* A sandbox of this one goes on with others than it had. */
	box->control->repeat = box->repeats ? box->repeat : 0;
}

mote_status mti_snap_take(mote_sandbox *box, struct mti_snap *snap,
			  mote_error *err)
{
	mote_status status;

	memset(&snap->cpu.state, 0, sizeof(snap->cpu.state));
	if (mti_is_bare(box->image))
		status = mti_bare_snap(box, &snap->bare, err);
	else
		status = mti_ops_of(box)->state_get(box->vm, &snap->cpu.state,
						    err);
	note_control(box);
	if (status == MOTE_OK)
		status = freeze_memory(box, &snap->store, err);
	if (status != MOTE_OK)
		return status;
	snap->layout = box->template->layout;
	mti_window_extend(&box->window, &snap->layout);
	snap->cpu.dispatch_pc = box->dispatch_pc;
	snap->cpu.dispatch_sp = box->dispatch_sp;
	describe_origin(box, &snap->origin);
	/* That has another plan: box keeps the store that fits its own. */
	if (box->window.count > 0)
		return MOTE_OK;
	/* What is the same in both stores is so in memory too. */
	mti_store_ref(snap->store);
	mti_store_unref(box->store);
	box->store = snap->store;
	return MOTE_OK;
}

static mote_snapshot *new_snapshot(mote_image *image)
{
	mote_snapshot *snapshot = mti_alloc(&image->engine->allocator, 1,
					    sizeof(*snapshot));

	if (!snapshot)
		return NULL;
	snapshot->references = 1;
	snapshot->image = image;
	mti_image_ref(image);
	return snapshot;
}

/* The files that are in store and not in before. */
static uint32_t new_files(const struct mti_store *store,
			  const struct mti_store *before)
{
	uint32_t files = 0;
	size_t i;
	size_t j;

	for (i = 0; i < MTI_STORE_FILES; i++) {
		bool shared = store->files[i] == NULL;

		for (j = 0; j < MTI_STORE_FILES; j++)
			if (store->files[i] == before->files[j])
				shared = true;
		if (!shared)
			files |= 1u << i;
	}
	return files;
}

/* The plan that its memory has: that of box, and what is mapped. */
static mote_status take_plan(const mote_sandbox *box, mote_snapshot *snapshot,
			     mote_error *err)
{
	if (box->window.count > 0)
		return mti_template_new(box->image, &snapshot->snap.layout,
					snapshot->snap.store,
					&snapshot->template, err);
	snapshot->template = box->template;
	mti_template_ref(box->template);
	return MOTE_OK;
}

mote_status mti_snapshot_take(mote_sandbox *box, mote_snapshot **out,
			      mote_error *err)
{
	mote_snapshot *snapshot = new_snapshot(box->image);
	struct mti_store *before = box->store;
	mote_status status;

	if (!snapshot)
		return mti_error_set(err, MOTE_E_NO_MEMORY, "take snapshot",
				     "no memory for the snapshot");
	mti_store_ref(before);
	status = mti_snap_take(box, &snapshot->snap, err);
	if (status == MOTE_OK)
		status = take_plan(box, snapshot, err);
	if (status == MOTE_OK) {
		snapshot->own_files = new_files(snapshot->snap.store, before);
		mti_metric_count(&box->observe, MTI_METRIC_SNAPSHOTS_TAKEN, 1);
		*out = snapshot;
	} else {
		mti_snapshot_unref(snapshot);
	}
	mti_store_unref(before);
	return status;
}

static mote_status bad(mote_error *err, const char *text)
{
	return mti_error_set(err, MOTE_E_SNAPSHOT, "load snapshot", "%s", text);
}

/* Of what the host writes or reads nothing comes from the file. */
static bool is_apart(const struct mti_store *store,
		     const struct mti_region *region)
{
	const struct mti_extent *extent = mti_store_find(store, region->gpa);

	return !extent || extent->gpa >= region->gpa + region->size;
}

/* Where all of it lies is for the program and the sizes to say. */
static mote_status check_bare(const mote_image *image,
			      const struct mti_snap *snap,
			      struct mti_layout *plan, mote_error *err)
{
	const struct mti_layout *found = &snap->layout;
	mote_error inner = MOTE_ERROR_INIT;

	if (!mti_is_bare(image))
		return bad(err, "its program is not a bare guest");
	if (mti_bare_make_plan(image, &found->sizes, plan, &inner) != MOTE_OK)
		return bad(err, inner.text);
	if (found->memory_size != plan->memory_size ||
	    found->hole != plan->hole || found->hole_end != plan->hole_end)
		return bad(err, "bare.hole: is not where its program and its "
				"sizes have it");
	if (found->page_table_gpa != plan->page_table_gpa ||
	    found->page_table_max != plan->page_table_max)
		return bad(err, "memory.page_tables: are not where its program "
				"and its sizes have them");
	if (!mti_store_valid(snap->store) ||
	    snap->store->memory_size != plan->memory_size)
		return bad(err, "its memory does not fit its layout");
	if (snap->origin.machine != image->arch->machine)
		return bad(err, "it is not of this program's machine");
	return MOTE_OK;
}

static mote_status check_parts(const mote_image *image,
			       const struct mti_snap *snap, mote_error *err)
{
	const struct mti_arch *arch = image->arch;
	size_t i;

	if (mti_is_bare(image))
		return bad(err, "its program is a bare guest");
	if (!mti_store_valid(snap->store) ||
	    snap->store->memory_size != snap->layout.memory_size)
		return bad(err, "its memory does not fit its layout");
	for (i = 0; i < TRANSIENT; i++)
		if (!is_apart(snap->store,
			      &snap->layout.regions[transient[i]]))
			return bad(err, "it has memory where messages are");
	if (snap->cpu.dispatch_pc >= arch->user_limit ||
	    snap->cpu.dispatch_sp >= arch->user_limit)
		return bad(err, "its entry is not the guest's");
	if (snap->origin.machine != arch->machine ||
	    snap->origin.abi_version != image->elf.abi_version)
		return bad(err, "it is not of this program's machine and ABI");
	return MOTE_OK;
}

mote_status mti_snapshot_from_parts(mote_image *image,
				    const struct mti_snap *snap,
				    mote_snapshot **out, mote_error *err)
{
	mote_snapshot *made = new_snapshot(image);
	mote_status status;

	if (!made) {
		status = mti_error_set(err, MOTE_E_NO_MEMORY, "load snapshot",
				       "no memory for the snapshot");
		goto fail;
	}
	made->snap = *snap;
	made->snap.store = NULL;
	status = snap->layout.bare ?
			 check_bare(image, snap, &made->snap.layout, err) :
			 check_parts(image, snap, err);
	if (status == MOTE_OK)
		status = mti_template_new(image, &made->snap.layout,
					  snap->store, &made->template, err);
	if (status != MOTE_OK)
		goto fail;
	made->snap.store = snap->store;
	/* The last: what was new when it was taken. */
	made->own_files = 1u << (mti_store_file_count(snap->store) - 1);
	made->from_file = true;
	*out = made;
	return MOTE_OK;
fail:
	mti_snapshot_unref(made);
	mti_store_unref(snap->store);
	return status;
}

void mti_snapshot_ref(mote_snapshot *snapshot)
{
	atomic_fetch_add_explicit(&snapshot->references, 1,
				  memory_order_relaxed);
}

void mti_snapshot_unref(mote_snapshot *snapshot)
{
	mote_image *image;

	if (!snapshot || atomic_fetch_sub_explicit(&snapshot->references, 1,
						   memory_order_acq_rel) != 1)
		return;
	image = snapshot->image;
	mti_store_unref(snapshot->snap.store);
	mti_template_unref(snapshot->template);
	mti_cache_tidy(image->engine);
	mti_free(&image->engine->allocator, snapshot);
	mti_image_unref(image);
}
