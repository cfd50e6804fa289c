/*
 * What the public entry points in api/ call, after they have validated and
 * defaulted their arguments. Statuses come with err filled.
 */
#ifndef MTI_SANDBOX_SANDBOX_H
#define MTI_SANDBOX_SANDBOX_H

#include "sandbox/types.h"

/* engine.c: backend is NULL for the first that is ready. */
mote_status mti_engine_new(const struct mti_allocator *allocator,
			   const char *backend, int kick_signal,
			   mote_engine **engine, mote_error *err);
void mti_engine_ref(mote_engine *engine);
void mti_engine_unref(mote_engine *engine);

/* image.c: takes file over, also when it fails. */
mote_status mti_image_new(mote_engine *engine, uint8_t *file, size_t size,
			  mote_image **image, mote_error *err);
void mti_image_ref(mote_image *image);
void mti_image_unref(mote_image *image);

/* template.c: the result is a reference. */
mote_status mti_template_get(mote_image *image,
			     const struct mti_layout_sizes *sizes,
			     struct mti_template **out, mote_error *err);
void mti_template_unref(struct mti_template *plan);

/* sandbox.c: options are complete, no field is its default 0. */
mote_status mti_sandbox_new(mote_image *image,
			    const mote_sandbox_options *options,
			    mote_sandbox **box, mote_error *err);
void mti_sandbox_free(mote_sandbox *box);

/*
 * owner.c: one user at a time. MOTE_E_BUSY if it is another thread,
 * MOTE_E_STATE if it is a host function of this very sandbox, or a child of
 * the process that made it.
 */
mote_status mti_sandbox_acquire(mote_sandbox *box, mote_error *err);
/* Frees it if that was asked for meanwhile. */
void mti_sandbox_release(mote_sandbox *box);
/* Whether this thread is inside a call of it. */
bool mti_sandbox_inside(const mote_sandbox *box);

/* fork.c: the number changes in a child after fork(). */
mote_status mti_fork_watch(mote_error *err);
uint32_t mti_fork_generation(void);

/* The next three want an acquired sandbox that is READY. call.c. */
mote_status mti_sandbox_call(mote_sandbox *box, const char *function,
			     const mote_value *args, size_t count,
			     mote_value *result, mote_error *err);
mote_status mti_sandbox_batch(mote_sandbox *box, mote_batch_item *items,
			      size_t count, mote_error *err);
mote_status mti_sandbox_main(mote_sandbox *box, size_t argc,
			     const char *const *argv, int *status,
			     mote_error *err);

/*
 * run.c: enters the guest at entry and serves its exits until it has done
 * what phase expects, or failed. Sets the state.
 */
mote_status mti_sandbox_run(mote_sandbox *box, enum mti_phase phase,
			    const struct mti_entry *entry, mote_error *err);

/* host.c: the guest asks for a host function; offset in the out area. */
mote_status mti_host_serve(mote_sandbox *box, uint32_t offset, mote_error *err);
/* host.c: runs one posted call. */
mote_status mti_host_post(mote_sandbox *box, const uint8_t *data, size_t size,
			  mote_error *err);
/* host.c: what the public functions of a host function do. */
void mti_host_fail(mote_host_call *call, int32_t code, const char *text);
void *mti_host_alloc(mote_host_call *call, size_t size);
/* host.c: fills box->host_functions and box->resolved. */
mote_status mti_host_resolve(mote_sandbox *box,
			     const mote_sandbox_options *options,
			     mote_error *err);

/* fault.c: an exception stub ran. What is known of the fault. */
void mti_fault_read(mote_sandbox *box, uint32_t vector, mote_fault *fault);
/* The same, told to the caller. Fills err, returns MOTE_E_GUEST_FAULT. */
mote_status mti_fault_report(mote_sandbox *box, uint32_t vector,
			     mote_error *err);
/* The same for a guest that ended otherwise; pc NULL: where the CPU stands. */
mote_status mti_fault_other(mote_sandbox *box, mote_fault_kind kind,
			    const char *text, uint64_t detail,
			    const uint64_t *pc, mote_error *err);
/* NULL if the fault has no such register. */
const char *mti_fault_register_name(const mote_fault *fault, uint32_t index);

/* run.c: fills err, returns MOTE_E_DEADLINE. */
mote_status mti_deadline_error(const mote_sandbox *box, mote_error *err);

/*
 * post.c: hands out and empties what the guest has queued. Calls that it has
 * posted are not made after the deadline: MOTE_E_DEADLINE.
 */
mote_status mti_post_drain(mote_sandbox *box, mote_error *err);

static inline const struct mti_allocator *
mti_sandbox_allocator(const mote_sandbox *box)
{
	return &box->image->engine->allocator;
}

#endif
