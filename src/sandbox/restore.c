/*
 * Putting a sandbox into the state of a snapshot.
 */
#include <string.h>

#include "base/error.h"
#include "os/os.h"
#include "sandbox/bare.h"
#include "sandbox/mapping.h"
#include "sandbox/sandbox.h"

static const char operation[] = "restore";

static void set_state(mote_sandbox *box, uint32_t state)
{
	atomic_store_explicit(&box->state, state, memory_order_relaxed);
}

static mote_status differs(const char *field, uint64_t theirs, uint64_t ours,
			   mote_error *err)
{
	return mti_error_set(err, MOTE_E_INCOMPATIBLE, operation,
			     "%s: the snapshot has %llu, the sandbox %llu",
			     field, (unsigned long long)theirs,
			     (unsigned long long)ours);
}

static mote_status same_sizes(const struct mti_layout_sizes *theirs,
			      const struct mti_layout_sizes *ours,
			      mote_error *err)
{
	if (theirs->heap != ours->heap)
		return differs("heap_bytes", theirs->heap, ours->heap, err);
	if (theirs->stack != ours->stack)
		return differs("stack_bytes", theirs->stack, ours->stack, err);
	if (theirs->io != ours->io)
		return differs("io_bytes", theirs->io, ours->io, err);
	return MOTE_OK;
}

/* Whether box can take the state of snapshot; nothing is changed. */
static mote_status check_fit(const mote_sandbox *box,
			     const mote_snapshot *snapshot, mote_error *err)
{
	const mote_image *theirs = snapshot->image;
	const mote_image *ours = box->image;

	if (theirs->engine != ours->engine)
		return mti_error_set(err, MOTE_E_INCOMPATIBLE, operation,
				     "engine: the snapshot is of another than "
				     "the sandbox");
	if (theirs != ours && theirs->file_size != ours->file_size)
		return differs("size of the program", theirs->file_size,
			       ours->file_size, err);
	if (theirs != ours &&
	    memcmp(theirs->file, ours->file, ours->file_size) != 0)
		return mti_error_set(err, MOTE_E_INCOMPATIBLE, operation,
				     "program: the snapshot and the sandbox "
				     "have different ones");
	return same_sizes(&snapshot->snap.layout.sizes, &box->sizes, err);
}

static enum mti_random random_of(const mote_sandbox *box)
{
	return box->flags & MOTE_SANDBOX_REPRODUCIBLE ? MTI_RANDOM_KEEP :
							MTI_RANDOM_RESEED;
}

static mote_status resume(mote_sandbox *box, const struct mti_snap *snap,
			  mote_error *err)
{
	if (snap->layout.bare)
		return mti_bare_resume(box, &snap->bare, err);
	return mti_sandbox_resume(box, &snap->cpu, random_of(box), err);
}

mote_status mti_sandbox_begin(mote_sandbox *box, struct mti_template *template,
			      const struct mti_snap *snap, mote_error *err)
{
	mote_status status = mti_sandbox_attach(box, template, snap->store,
						err);

	if (status == MOTE_OK)
		status = resume(box, snap, err);
	if (status == MOTE_OK)
		set_state(box, MOTE_SANDBOX_READY);
	return status;
}

static mote_status restore(mote_sandbox *box, mote_snapshot *snapshot,
			   mote_error *err)
{
	const struct mti_snap *snap = &snapshot->snap;
	mote_status status;

	mti_mapping_drop_all(box);
	box->last.function = "";
	box->last.more = 0;
	box->last.error.code = MOTE_OK;
	/* The guest sees it: it says how many calls there were before. */
	box->next_id = 0;
	/* Another plan of memory is another VM: see cache.c. */
	if (box->template != snapshot->template ||
	    mti_sandbox_lost(box))
		mti_sandbox_detach(box);
	if (!box->vm)
		return mti_sandbox_begin(box, snapshot->template, snap, err);
	status = mti_sandbox_rewind(box, snap->store, err);
	if (status == MOTE_OK)
		status = resume(box, snap, err);
	if (status == MOTE_OK)
		set_state(box, MOTE_SANDBOX_READY);
	return status;
}

mote_status mti_sandbox_restore(mote_sandbox *box, mote_snapshot *snapshot,
				mote_error *err)
{
	uint64_t start_ns = box->observe.trace ? mti_os_monotonic_ns() : 0;
	mote_status status = check_fit(box, snapshot, err);

	if (status != MOTE_OK)
		return status;
	set_state(box, MOTE_SANDBOX_POISONED);
	status = restore(box, snapshot, err);
	if (status == MOTE_OK)
		mti_observe_restored(box, start_ns, box->memory.dirty.count);
	return status;
}
