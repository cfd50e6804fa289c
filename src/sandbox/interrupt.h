/*
 * The handle by which other threads cancel the calls of one sandbox.
 *
 * Its word is the number of the call, and whether that runs and is
 * cancelled. begin and end are of the thread that makes the call, and so one
 * after the other; look and strike may come from any thread and from signal
 * handlers at any time, also when the sandbox is gone. A strike hits the call
 * that look saw, or none.
 *
 * Whoever strikes first publishes what it did before to the call that finds
 * itself cancelled, and the thread whose id it reads is the one that began
 * that call: begin and strike release, strike, cancelled and end acquire.
 */
#ifndef MTI_SANDBOX_INTERRUPT_H
#define MTI_SANDBOX_INTERRUPT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <mote/mote.h>

#define MTI_INTERRUPT_RUNNING UINT64_C(1)
#define MTI_INTERRUPT_CANCELLED UINT64_C(2)
#define MTI_INTERRUPT_CALL UINT64_C(4) /* one call, in the word */

struct mote_interrupt {
	_Atomic uint32_t references;
	mote_engine *engine;          /* a reference */
	uint32_t generation;          /* of its process, see fork.c */
	_Atomic int32_t thread;       /* that makes the call */
	_Atomic uint64_t word;
};

/* NULL: no memory. mti_interrupt_unref frees it. */
struct mote_interrupt *mti_interrupt_new(mote_engine *engine);
void mti_interrupt_ref(struct mote_interrupt *handle);
void mti_interrupt_unref(struct mote_interrupt *handle);
/* Whether others than the caller, who has a reference, have one. */
bool mti_interrupt_shared(const struct mote_interrupt *handle);

/* A call starts on the thread with that id. */
void mti_interrupt_begin(struct mote_interrupt *handle, int32_t thread);
bool mti_interrupt_cancelled(const struct mote_interrupt *handle);
/* It is over; whether it was cancelled. Later strikes miss. */
bool mti_interrupt_end(struct mote_interrupt *handle);

/* The word now. Async-signal-safe, as is the next. */
uint64_t mti_interrupt_look(const struct mote_interrupt *handle);
/*
 * Cancels the call that the word was of, and kicks its thread. Returns 1 if
 * it still ran, so that it ends as cancelled; else 0.
 */
int mti_interrupt_strike(struct mote_interrupt *handle, uint64_t word);

#endif
