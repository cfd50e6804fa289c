/*
 * Control over calls: cancel them from another thread, bound them, and see
 * what they used.
 */
#ifndef MOTE_CONTROL_H
#define MOTE_CONTROL_H

#include <mote/mote.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A handle to cancel the calls of one sandbox. Reference counted; any number
 * of them, used from any thread, also after the sandbox is gone.
 */
typedef struct mote_interrupt mote_interrupt;

/* Also while a call runs; MOTE_E_BUSY when it was given back to a pool. */
MOTE_API MOTE_MUST_USE mote_status mote_interrupt_new(mote_sandbox *box,
						      mote_interrupt **handle,
						      mote_error *err);
MOTE_API mote_interrupt *mote_interrupt_ref(mote_interrupt *handle);
MOTE_API void mote_interrupt_unref(mote_interrupt *handle);

/*
 * Cancels the call that runs now: it fails with MOTE_E_CANCELLED, unless it
 * fails otherwise at that moment, as when the guest has just crashed. A guest
 * that runs is stopped; one that waits for a host function is not entered
 * again when that returns. Returns 1 if there was a call to cancel, 0 if
 * not: then the next call is not affected. Never blocks. Async-signal-safe.
 */
MOTE_API int mote_interrupt_cancel(mote_interrupt *handle);

/*
 * In a host function: not 0 if its call was cancelled or is past a deadline,
 * so that a long one can give up.
 */
MOTE_API int mote_host_call_cancelled(const mote_host_call *call);

/*
 * What the last call, or the call in progress, used. cpu_ns, host_ns and
 * pages_written are 0 without MOTE_SANDBOX_CALL_STATS, but for pages_written
 * with a limit of growth, and cpu_ns after MOTE_E_CPU_TIME.
 */
typedef struct mote_call_stats {
	uint32_t struct_size;
	int32_t status;        /* of the call; MOTE_E_BUSY: in progress */
	uint64_t wall_ns;
	uint64_t cpu_ns;       /* guest and host functions */
	uint64_t host_ns;      /* wall, in host functions and callbacks */
	uint64_t vm_entries;
	uint64_t exits_host_call;
	uint64_t exits_flush;  /* output, logs and traces in between */
	uint64_t exits_service;
	uint64_t exits_interrupted;
	uint64_t host_calls;
	uint64_t output_bytes;
	uint64_t log_bytes;
	uint64_t pages_written; /* that the sandbox had not written before */
} mote_call_stats;

#define MOTE_CALL_STATS_INIT                                              \
	{                                                                 \
		(uint32_t)sizeof(mote_call_stats), 0, 0, 0, 0, 0, 0, 0, 0, \
			0, 0, 0, 0, 0                                     \
	}

/* As mote_sandbox_get_stats, but also in a host function of the call. */
MOTE_API MOTE_MUST_USE mote_status
mote_sandbox_get_call_stats(const mote_sandbox *box, mote_call_stats *stats,
			    mote_error *err);

#ifdef __cplusplus
}
#endif

#endif
