#include "base/error.h"
#include "sandbox/sandbox.h"

/* Its address is different in every living thread. */
static __thread char self;

mote_status mti_sandbox_acquire(mote_sandbox *box, mote_error *err)
{
	uintptr_t nobody = 0;

	if (box->generation != mti_fork_generation())
		return mti_error_set(err, MOTE_E_STATE, "use sandbox",
				     "the sandbox is the parent's: it cannot "
				     "be used after fork()");
	if (atomic_compare_exchange_strong_explicit(&box->owner, &nobody,
						    (uintptr_t)&self,
						    memory_order_acquire,
						    memory_order_relaxed))
		return MOTE_OK;
	if (nobody == (uintptr_t)&self)
		return mti_error_set(err, MOTE_E_STATE, "use sandbox",
				     "a host function may not use the sandbox "
				     "that called it");
	if (box->pool && nobody == (uintptr_t)box->pool)
		return mti_error_set(err, MOTE_E_BUSY, "use sandbox",
				     "the sandbox was given back to its pool");
	return mti_error_set(err, MOTE_E_BUSY, "use sandbox",
			     "another thread is using the sandbox");
}

mote_status mti_sandbox_acquire_ready(mote_sandbox *box, const char *operation,
				      mote_error *err)
{
	mote_status status = mti_sandbox_acquire(box, err);
	uint32_t state;

	if (status != MOTE_OK)
		return status;
	state = atomic_load_explicit(&box->state, memory_order_relaxed);
	if (state == MOTE_SANDBOX_READY)
		return MOTE_OK;
	mti_sandbox_release(box);
	if (state == MOTE_SANDBOX_EXITED)
		return mti_error_set(err, MOTE_E_STATE, operation,
				     "%s has ended; restore or free the "
				     "sandbox",
				     box->image->elf.bare_mode ? "the guest" :
								 "main");
	return mti_error_set(err, MOTE_E_POISONED, operation,
			     "an earlier call did not run to its end; restore "
			     "or free the sandbox");
}

bool mti_sandbox_inside(const mote_sandbox *box)
{
	return atomic_load_explicit(&box->owner, memory_order_relaxed) ==
	       (uintptr_t)&self;
}

void mti_sandbox_release(mote_sandbox *box)
{
	/* Once it is nobody's, it may be gone. */
	bool doomed = box->doomed;

	box->doomed = false;
	atomic_store_explicit(&box->owner, 0, memory_order_release);
	if (doomed)
		mti_sandbox_give_up(box);
}

void mti_sandbox_park(mote_sandbox *box)
{
	atomic_store_explicit(&box->owner, (uintptr_t)box->pool,
			      memory_order_release);
}

bool mti_sandbox_parked(const mote_sandbox *box)
{
	return box->pool &&
	       atomic_load_explicit(&box->owner, memory_order_relaxed) ==
		       (uintptr_t)box->pool;
}

void mti_sandbox_unpark(mote_sandbox *box)
{
	atomic_store_explicit(&box->owner, 0, memory_order_release);
}
