/*
 * What the public entry points in api/ call, after they have validated and
 * defaulted their arguments. Statuses come with err filled.
 */
#ifndef MTI_SANDBOX_SANDBOX_H
#define MTI_SANDBOX_SANDBOX_H

#include "debug/unwind.h"
#include "mem/virtual.h"
#include "sandbox/types.h"

static inline const struct mti_hv_ops *mti_ops_of(const mote_sandbox *box)
{
	return box->image->engine->ops;
}

/* engine.c: options are checked; backend NULL: the first that is ready. */
mote_status mti_engine_new(const struct mti_allocator *allocator,
			   const mote_engine_options *options,
			   mote_engine **engine, mote_error *err);
void mti_engine_ref(mote_engine *engine);
void mti_engine_unref(mote_engine *engine);
/* Whether it can have sandboxes: "none" cannot. */
bool mti_engine_runs(const mote_engine *engine);
/* What its guests, or its bare guests, find their CPU to have. */
void mti_engine_features(const mote_engine *engine, bool bare,
			 uint64_t features[MTI_CPU_FEATURE_WORDS]);

/* image.c: takes file over, also when it fails. */
mote_status mti_image_new(mote_engine *engine, uint8_t *file, size_t size,
			  mote_image **image, mote_error *err);
void mti_image_ref(mote_image *image);
void mti_image_unref(mote_image *image);

/* image.c: made when it is first asked for; lives as long as the image. */
mote_status mti_image_debug(mote_image *image,
			    const struct mti_debug_info **info,
			    mote_error *err);

/* image.c: where its file is, for who wants to find it; "" if not known. */
mote_status mti_image_set_path(mote_image *image, const char *path,
			       mote_error *err);
void mti_image_path(mote_image *image, char *path, size_t size);

/* template.c: the result is a reference. */
mote_status mti_template_get(mote_image *image,
			     const struct mti_layout_sizes *sizes,
			     struct mti_template **out, mote_error *err);
/* Of a plan that is there, for that program; references store. */
mote_status mti_template_new(const mote_image *image,
			     const struct mti_layout *layout,
			     struct mti_store *store,
			     struct mti_template **out, mote_error *err);
/* For who builds one: an empty store; the sealed file of it, or -errno. */
mote_status mti_template_store(struct mti_template *plan, mote_error *err);
mote_status mti_template_file(struct mti_template *plan, int fd, uint64_t size,
			      mote_error *err);
void mti_template_ref(struct mti_template *plan);
void mti_template_unref(struct mti_template *plan);

/* entropy.c */
mote_status mti_engine_random(mote_engine *engine, void *buffer, size_t size,
			      mote_error *err);
/* MOTE_SANDBOX_REPRODUCIBLE: what a guest gets instead, and where it starts. */
uint64_t mti_repeat_seed(const struct mote_abi_control *control);
void mti_repeat_random(uint64_t *state, uint8_t *to, size_t size);

/*
 * cache.c: a seat whose memory is in the state of store, from the cache or
 * new. fresh: without the pages that who had it before wrote.
 */
mote_status mti_seat_get(mote_engine *engine, struct mti_template *template,
			 struct mti_store *store, bool fresh,
			 struct mti_seat *seat, mote_error *err);
/* Takes it over, and tidies; its memory is in the state of its store. */
void mti_seat_put(mote_engine *engine, struct mti_seat *seat);
void mti_seat_free(mote_engine *engine, struct mti_seat *seat);
/* Whether memory, and more bytes, may lie in the cache. */
bool mti_seat_small(const struct mti_memory *memory, uint64_t more);
/*
 * After the end of what seats may be of. Those of a plan that nobody else has
 * any more are freed; those in the state of a snapshot that nobody else has,
 * and so nobody can ask for, go back to the start: they would keep its memory.
 */
void mti_cache_tidy(mote_engine *engine);
void mti_cache_init(struct mti_cache *cache);
void mti_cache_fini(mote_engine *engine);

/* attach.c: gives box a VM and memory in the state of store. */
mote_status mti_sandbox_attach(mote_sandbox *box, struct mti_template *template,
			       struct mti_store *store, mote_error *err);
/* Takes them away, if box has any. */
void mti_sandbox_detach(mote_sandbox *box);
/* Whether its VM never runs again: nobody else may get it. */
bool mti_sandbox_lost(const mote_sandbox *box);
/* The host has written what the guest may execute. */
void mti_sandbox_changed(mote_sandbox *box);
/* The host has written the first bytes of an area. */
void mti_sandbox_mark(struct mti_mark *mark, size_t used);
/* Every page that was written is in the set of box->memory. */
mote_status mti_sandbox_collect(mote_sandbox *box, mote_error *err);
/*
 * Puts memory into the state of a store of box->template, which becomes
 * box->store. If that fails, all of it has to be tried again.
 */
mote_status mti_sandbox_rewind(mote_sandbox *box, struct mti_store *store,
			       mote_error *err);

enum mti_random {
	MTI_RANDOM_KEEP,   /* that of the snapshot */
	MTI_RANDOM_FIRST,  /* new, for a guest that starts */
	MTI_RANDOM_RESEED, /* new, for one that goes on */
};

/* After that: the control page and the CPU. */
mote_status mti_sandbox_resume(mote_sandbox *box,
			       const struct mti_snap_cpu *cpu,
			       enum mti_random random, mote_error *err);

/*
 * snapshot.c: of an acquired sandbox that is READY; the result owns a
 * reference to its store, which becomes that of box.
 */
mote_status mti_snap_take(mote_sandbox *box, struct mti_snap *snap,
			  mote_error *err);
mote_status mti_snapshot_take(mote_sandbox *box, mote_snapshot **snapshot,
			      mote_error *err);
void mti_snapshot_ref(mote_snapshot *snapshot);
void mti_snapshot_unref(mote_snapshot *snapshot);
/*
 * snapshot.c: from a file. layout and cpu are sound in themselves, as snap/
 * has checked; the rest, and how they fit each other and the image, is
 * checked here: MOTE_E_SNAPSHOT. Takes snap->store over, also when it fails.
 */
mote_status mti_snapshot_from_parts(mote_image *image,
				    const struct mti_snap *snap,
				    mote_snapshot **snapshot, mote_error *err);

/* restore.c: gives a sandbox that has no VM yet one in the state of snap. */
mote_status mti_sandbox_begin(mote_sandbox *box, struct mti_template *template,
			      const struct mti_snap *snap, mote_error *err);
/* restore.c: an acquired sandbox, whatever its state. */
mote_status mti_sandbox_restore(mote_sandbox *box, mote_snapshot *snapshot,
				mote_error *err);
/* sandbox.c: options are complete, with the sizes of the snapshot. */
mote_status mti_sandbox_from_snapshot(mote_snapshot *snapshot,
				      const mote_sandbox_options *options,
				      mote_sandbox **box, mote_error *err);

/* sandbox.c: options are complete, no field is its default 0. */
mote_status mti_sandbox_new(mote_image *image,
			    const mote_sandbox_options *options,
			    mote_sandbox **box, mote_error *err);
void mti_sandbox_free(mote_sandbox *box);
/* pool.c: frees it, or gives it back to the pool that it is from. */
void mti_sandbox_give_up(mote_sandbox *box);

/*
 * owner.c: one user at a time. MOTE_E_BUSY if it is another thread,
 * MOTE_E_STATE if it is a host function of this very sandbox, or a child of
 * the process that made it.
 */
mote_status mti_sandbox_acquire(mote_sandbox *box, mote_error *err);
/* The same, for what needs one that is READY: MOTE_E_STATE, _POISONED. */
mote_status mti_sandbox_acquire_ready(mote_sandbox *box, const char *operation,
				      mote_error *err);
/* Frees it if that was asked for meanwhile. */
void mti_sandbox_release(mote_sandbox *box);
/* Whether this thread is inside a call of it. */
bool mti_sandbox_inside(const mote_sandbox *box);

/*
 * owner.c: it is its pool's, which is no thread: MOTE_E_BUSY for all until
 * unpark. It is nobody's, or this thread's, before.
 */
void mti_sandbox_park(mote_sandbox *box);
void mti_sandbox_unpark(mote_sandbox *box);
bool mti_sandbox_parked(const mote_sandbox *box);

/* fork.c: the number changes in a child after fork(). */
mote_status mti_fork_watch(mote_error *err);
uint32_t mti_fork_generation(void);
/* MOTE_E_STATE if engine is the parent's: nothing can be made with it. */
mote_status mti_fork_own(const mote_engine *engine, const char *operation,
			 mote_error *err);

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
/*
 * run.c: the begin and the end of it, for bare.c too. The state is POISONED
 * from the one on; err of the other is box->last.error.
 */
mote_status mti_run_begin(mote_sandbox *box, uint64_t now_ns, mote_error *err);
mote_status mti_run_finish(mote_sandbox *box, mote_status status,
			   mote_error *err);

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

/*
 * copy.c: where page tables copy on write: whether that is what an exception
 * stub ran for. The guest then goes on with the next run. Fails if it cannot.
 */
mote_status mti_copy_fault(mote_sandbox *box, uint32_t vector, bool *resolved,
			   mote_error *err);
/*
 * What earlier calls had copied is still there, and may not be needed: whether
 * something of it could be taken back. The guest must not run.
 */
bool mti_copy_make_room(mote_sandbox *box);
/* Before each run: what the host has changed in the tables counts. */
mote_status mti_copy_enter(mote_sandbox *box, mote_error *err);

/* fault.c: an exception stub ran. What is known of the fault. */
void mti_fault_read(mote_sandbox *box, uint32_t vector, mote_fault *fault);
/* The same for who cannot do without its registers. */
mote_status mti_fault_take(mote_sandbox *box, uint32_t vector,
			   mote_fault *fault, mote_error *err);
/* The same, told to the caller. Fills err, returns MOTE_E_GUEST_FAULT. */
mote_status mti_fault_report(mote_sandbox *box, uint32_t vector,
			     mote_error *err);
/* The same for a guest that ended otherwise; pc NULL: where the CPU stands. */
mote_status mti_fault_other(mote_sandbox *box, mote_fault_kind kind,
			    const char *text, uint64_t detail,
			    const uint64_t *pc, mote_error *err);
/* NULL if the fault has no such register. */
const char *mti_fault_register_name(const mote_fault *fault, uint32_t index);

/*
 * inspect.c. All want an acquired sandbox in any state, and refuse one that
 * must not be looked into.
 */
mote_status mti_inspect_allowed(const mote_sandbox *box, mote_error *err);
/* Its memory, also for a debugger in the middle of a call. */
struct mti_virtual mti_inspect_space(mote_sandbox *box);
size_t mti_inspect_read(mote_sandbox *box, uint64_t address, void *buffer,
			size_t size);
/*
 * The registers as the guest's code left them, where its last call ended or
 * went wrong; in the order of arch->register_names.
 */
mote_status mti_inspect_registers(mote_sandbox *box, uint64_t *general,
				  mote_error *err);
/*
 * From there on, innermost first; *count is at least 1. Some of the first
 * may be dropped: MTI_INSPECT_SPARE should be added to what is wanted.
 */
#define MTI_INSPECT_SPARE 16
mote_status mti_inspect_unwind(mote_sandbox *box,
			       struct mti_unwind_frame *frames, size_t max,
			       size_t *count, mote_error *err);

/* dump.c: the same conditions. Writes a core file. */
mote_status mti_dump_core(mote_sandbox *box, int fd, mote_error *err);

/* From these registers on; room is not 0. */
mote_status mti_inspect_unwind_from(mote_sandbox *box, const uint64_t *general,
				    struct mti_unwind_frame *frames, size_t max,
				    size_t *count, mote_error *err);
/* As the run loop finds them at an exit: the quicker way. */
mote_status mti_inspect_running(mote_sandbox *box, uint64_t *general,
				mote_error *err);

/*
 * post.c: hands out and empties what the guest has queued. Calls that it has
 * posted are not made once the call is to stop: as mti_kick_stopped.
 */
mote_status mti_post_drain(mote_sandbox *box, mote_error *err);

static inline const struct mti_allocator *
mti_sandbox_allocator(const mote_sandbox *box)
{
	return &box->image->engine->allocator;
}

/*
 * Any thread: for what is not of one sandbox. What is belongs into its own
 * shard, see mti_metric_count().
 */
static inline void mti_metric_add(mote_engine *engine, enum mti_metric which,
				  uint64_t count)
{
	if (!(engine->flags & MOTE_ENGINE_NO_METRICS))
		mti_metrics_add(&engine->metrics, which, count);
}

#endif
