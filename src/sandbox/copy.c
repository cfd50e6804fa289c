/*
 * Faults of guests whose page tables copy on write (mem/cow.c).
 *
 * What the fault says comes from the CPU, and from a frame in guest memory
 * that user mode cannot reach. If that is forged all the same, a page is
 * copied that need not have been, or the guest goes on somewhere in user
 * mode, as it could have anyway.
 */
#include "base/error.h"
#include "sandbox/sandbox.h"
#include "sandbox/usage.h"

static mote_status full(const mote_sandbox *box, mote_error *err)
{
	const struct mti_cow *cow = box->memory.cow;
	size_t copies = mti_cow_copies(cow, 0, UINT64_MAX);

	if (!mti_cow_full(cow))
		return mti_error_set(err, MOTE_E_NO_MEMORY, "run guest",
				     "no memory for the list of its %zu "
				     "copied pages",
				     copies);
	return mti_error_set(err, MOTE_E_GROWTH, "run guest",
			     "scratch_bytes: all of its %zu pages are in use, "
			     "%zu for copies and %zu for page tables",
			     cow->most, copies, cow->tables);
}

bool mti_copy_make_room(mote_sandbox *box)
{
	struct mti_memory *memory = &box->memory;
	size_t count;

	if (!memory->cow || !memory->cow->kept)
		return false;
	count = mti_cow_reclaim(memory->cow, memory->base, memory->size,
				box->store, &memory->dirty);
	mti_usage_forget(box, count);
	return count > 0;
}

/* That no guest can have such registers is the word of whoever forged them. */
static mote_status go_on(mote_sandbox *box, const mote_fault *fault,
			 mote_error *err)
{
	mote_error inner = MOTE_ERROR_INIT;
	mote_status status = mti_ops_of(box)->resume(
		box->vm, fault->registers, &inner);

	if (status == MOTE_E_INVALID)
		return mti_fault_other(box, MOTE_FAULT_MACHINE,
				       "a fault at which no guest can go on, "
				       "at",
				       fault->pc, &fault->pc, err);
	if (status != MOTE_OK)
		mti_error_copy(err, &inner);
	return status;
}

mote_status mti_copy_fault(mote_sandbox *box, uint32_t vector, bool *resolved,
			   mote_error *err)
{
	const struct mti_virtual space = mti_inspect_space(box);
	enum mti_virtual_copied copied;
	mote_fault fault = { 0 };
	mote_status status;

	status = mti_fault_take(box, vector, &fault, err);
	if (status != MOTE_OK || fault.kind != MOTE_FAULT_WRITE)
		return status;
	copied = mti_virtual_copy(&space, fault.address);
	if (copied == MTI_VIRTUAL_FULL && mti_copy_make_room(box))
		copied = mti_virtual_copy(&space, fault.address);
	switch (copied) {
	case MTI_VIRTUAL_COPIED:
		status = go_on(box, &fault, err);
		*resolved = status == MOTE_OK;
		return status;
	case MTI_VIRTUAL_FULL:
		return full(box, err);
	case MTI_VIRTUAL_GONE:
		return mti_fault_other(box, MOTE_FAULT_MACHINE,
				       "access to memory that the host took "
				       "away, address",
				       fault.address, &fault.pc, err);
	case MTI_VIRTUAL_NOT_MARKED:
	default:
		return MOTE_OK;
	}
}

mote_status mti_copy_enter(mote_sandbox *box, mote_error *err)
{
	const struct mti_hv_ops *ops = mti_ops_of(box);
	struct mti_cow *cow = box->memory.cow;
	mote_status status = MOTE_OK;

	if (!cow->stale)
		return MOTE_OK;
	if (ops->remapped)
		status = ops->remapped(box->vm, err);
	else if (ops->changed)
		ops->changed(box->vm);
	if (status == MOTE_OK)
		cow->stale = false;
	return status;
}
