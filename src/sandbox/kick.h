/*
 * What stops a call: its deadline, its limit of CPU time, and a cancel. One
 * signal, no helper thread.
 *
 * The signal comes to the thread that makes the call: from a POSIX timer that
 * each such thread owns, or from another thread's cancel. It says no more
 * than "look". The handler sets the kick byte of the VM that runs on its
 * thread, so that the entry under way or the next one returns (KVM api,
 * immediate_exit): there is no window between a check and the entry after it.
 * The run loop then looks at the cancelled bit and at the clocks. A signal
 * too many costs one exit, so that nobody has to take one back.
 *
 * Where the thread blocks the signal, no handler runs, but the entry returns
 * all the same (mti_hv_ops.block) and the pending signal is taken.
 *
 * The timer is left armed when a call ends in time: the next call finds it
 * set for a moment before its own deadline and does nothing. CPU time cannot
 * pass faster than time: a call looks at the CPU clock when it has run for
 * as long as it has CPU time left, not before, and never if it may have as
 * much CPU time as time.
 *
 *	a signal comes ...         handler             call            test
 *	before mti_kick_begin      timer is free       arms anew       1
 *	before the entry           kick                entry returns   2
 *	while the guest runs       kick                entry returns   3
 *	during a host function     kick, for nothing   check stops it  4
 *	after the last entry       kick, too late      ends            5
 *	after mti_kick_end         timer is free       -               1
 *	for nothing                kick                goes on         6
 *	to a thread that blocks it -                   entry returns   7
 *
 *	a cancel ...                                                   test
 *	looks between calls        hits none                           8
 *	strikes before the entry   entry returns                       9
 *	while the guest runs       entry returns                       10
 *	during a host function     not entered again                   11
 *	after the last entry       the result is thrown away           12
 *	looks, the call ends       hits none, and not the next         13
 *	strikes, the call ends,    signal for nothing; the thread may  14
 *	  then it signals            run another call, or be gone
 *	looks when another has     1 as well, no second signal         15
 *	of a call around another   the inner goes on, then it stops    16
 *	in a child after fork()    hits none                           17
 *
 * Tests of vm.deadline: 1 test_stale_timers, 2 test_tiny, 3 test_loops,
 * 4 test_in_host_function, 5 test_after_return, 6 test_stray_signals; of
 * vm.signals: 7 test_blocked_*; of vm.cancel: 8 test_between_calls,
 * 9 test_before_entry, 10 test_in_guest, 11 test_in_host_function,
 * 12 test_after_last_entry, 13 test_late_strike, 14 test_late_signal and
 * test_thread_gone, 15 test_twice, 16 test_outer, 17 test_fork.
 *
 * Where a debugger may come, or the host has to look how much memory the guest
 * has taken, the timer also expires every slice_ns: for nothing, as the sixth
 * of these. While a debugger is there no time limit counts.
 *
 * A child of fork() has no timer and starts as if it had never made a call.
 *
 * The handler and the code around it run on the same thread, so that
 * compiler barriers (atomic_signal_fence) are all the ordering there is; what
 * passes between threads is in interrupt.h.
 */
#ifndef MTI_SANDBOX_KICK_H
#define MTI_SANDBOX_KICK_H

#include <stdbool.h>
#include <stdint.h>

#include <mote/error.h>

#include "hv/hv.h"
#include "sandbox/interrupt.h"

/*
 * Chooses and installs the signal; 0 is the default. Once per process:
 * MOTE_E_STATE if another one was chosen before or the program handles it.
 */
mote_status mti_kick_install(int signal, mote_error *err);

/* No limit of its own. */
#define MTI_KICK_NO_CPU_LIMIT UINT64_MAX

struct mti_kick_limits {
	uint64_t deadline_ns; /* from the start of the call */
	uint64_t cpu_ns;      /* the same, or MTI_KICK_NO_CPU_LIMIT */
};

/* A call; the first four are set once by the owner. */
struct mti_kick {
	const struct mti_hv_ops *ops;
	struct mti_vm *vm;
	struct mote_interrupt *interrupt;
	uint64_t sample_ns; /* interrupt it so often; UINT64_MAX: never */
	/* 0, or the guest exits as often, also if there is nothing to do. */
	uint64_t slice_ns;

	struct mti_kick_limits limits;
	uint64_t own_deadline_ns; /* monotonic */
	uint64_t cpu_start_ns; /* about; 0: CPU time has no limit */
	/* These: also those of the calls around it, on the same thread. */
	uint64_t deadline_ns;
	uint64_t cpu_end_ns; /* of the thread's CPU clock */
	/* Before this moment neither can have been reached. */
	uint64_t check_ns;
	uint64_t sample_at_ns; /* the next one */
	uint64_t timer_ns;     /* when the timer expires */
	bool expired;          /* it has; its kick may still come */
	bool masked; /* ops->block was used */
	bool unblocked; /* the kick signal, for this call */
	struct mti_kick *outer;
};

/*
 * The call starts. Fails for reasons of the host only; after a success
 * mti_kick_end must follow.
 */
mote_status mti_kick_begin(struct mti_kick *call, uint64_t now_ns,
			   const struct mti_kick_limits *limits,
			   mote_error *err);

/*
 * The CPU time that it had used when a limit of that was last looked at; 0 if
 * there is none.
 */
uint64_t mti_kick_cpu_ns(const struct mti_kick *call);

/* Whether it was cancelled. It cannot be from now on. */
bool mti_kick_end(struct mti_kick *call);

/*
 * Before the guest is entered again, after an exit of its own or one with
 * MTI_EXIT_INTERRUPTED: MOTE_OK, or MOTE_E_CANCELLED, MOTE_E_DEADLINE,
 * MOTE_E_CPU_TIME, or a failure of the host.
 */
mote_status mti_kick_check(struct mti_kick *call, uint64_t now_ns,
			   bool interrupted, mote_error *err);

/*
 * Before mti_kick_sample and mti_kick_check: whether a signal interrupted the
 * guest that was not the timer's. That may expire and the call go on: for a
 * sample, a look at the CPU clock or a slice, or because the call before has
 * left it armed.
 */
bool mti_kick_stray(struct mti_kick *call, uint64_t now_ns, bool interrupted);

/*
 * Before mti_kick_check: whether it is time for a sample. If so the next one
 * is due sample_ns after now_ns; mti_kick_sampled says that it took a while.
 */
bool mti_kick_sample(struct mti_kick *call, uint64_t now_ns);
void mti_kick_sampled(struct mti_kick *call, uint64_t now_ns);

/* The first three of these only; err is not filled. */
mote_status mti_kick_stopped(struct mti_kick *call, uint64_t now_ns);

/*
 * Turns the limits of time off, those of calls around it too, or on: then
 * its own start anew. It takes effect with the next check.
 */
void mti_kick_time(struct mti_kick *call, uint64_t now_ns, bool on);

/* Fills err for one of these three and returns it. */
mote_status mti_kick_error(const struct mti_kick *call, mote_status status,
			   mote_error *err);

/* Makes a thread of this process look. Async-signal-safe. */
void mti_kick_thread(int32_t thread);

/* For fork.c: around fork(), and after it in the child. */
void mti_kick_before_fork(void);
void mti_kick_after_fork(bool child);

#endif
