/*
 * Deadlines without a helper thread.
 *
 * Each thread that makes calls owns one POSIX timer whose signal comes to
 * that thread. The handler sets the kick byte of the VM that runs there,
 * which makes the next or the current entry return (KVM api,
 * immediate_exit): no window between check and entry. The timer is left
 * armed when a call ends in time; an expiry that is too early for the
 * current deadline, or comes when no call runs, only re-arms or notes it.
 *
 *	expiry comes ...            handler                    call
 *	before mti_kick_begin       no target: timer is free   arms again
 *	before the entry            sets kick                  entry returns
 *	while the guest runs        sets kick                  entry returns
 *	during a host function      sets kick                  next entry ends
 *	after the last entry        sets kick, too late        ends normally
 *	after mti_kick_end          no target: timer is free   -
 *	earlier than the deadline   arms for the deadline      goes on
 *
 * A child of fork() has no timer and starts as if it had never made a call.
 *
 * The handler and the code around it run on the same thread, so that
 * compiler barriers (atomic_signal_fence) are all the ordering there is.
 */
#ifndef MTI_SANDBOX_KICK_H
#define MTI_SANDBOX_KICK_H

#include <stdbool.h>
#include <stdint.h>

#include <mote/error.h>

/*
 * Chooses and installs the signal; 0 is the default. Once per process:
 * MOTE_E_STATE if another one was chosen before or the program handles it.
 */
mote_status mti_kick_install(int signal, mote_error *err);

struct mti_vm;

/* What a kick does: see mti_hv_ops.kick. */
struct mti_kick_target {
	void (*kick)(struct mti_vm *vm, bool on);
	struct mti_vm *vm;
	/* 0, or the guest exits as often, also if nothing has expired. */
	uint64_t slice_ns;
};

/* The call around this one: a host function may call another sandbox. */
struct mti_kick_frame {
	const struct mti_kick_target *target;
	uint64_t deadline_ns;
	bool expired;
};

/*
 * From now on, reaching deadline_ns (monotonic), or the deadline of the call
 * around this one if that is earlier, kicks *target. *outer is for
 * mti_kick_end, which must follow a success.
 */
mote_status mti_kick_begin(const struct mti_kick_target *target,
			   uint64_t now_ns, uint64_t deadline_ns, struct mti_kick_frame *outer,
			   mote_error *err);

/* Whether the deadline of the current call has been reached. */
bool mti_kick_expired(void);

/* After an exit that a slice has caused; not if the deadline has. */
void mti_kick_again(void);

/* The current call gets another deadline, UINT64_MAX: none. */
void mti_kick_change(uint64_t now_ns, uint64_t deadline_ns);

void mti_kick_end(const struct mti_kick_frame *outer);

/* For fork.c: around fork(), and after it in the child. */
void mti_kick_before_fork(void);
void mti_kick_after_fork(bool child);

#endif
