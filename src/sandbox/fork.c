/*
 * A child after fork() has neither its parent's guest memory nor its timers,
 * but all of its variables: what they promise has to be taken back.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "base/error.h"
#include "sandbox/kick.h"
#include "sandbox/sandbox.h"

static _Atomic uint32_t generation;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int outcome;

static void in_parent(void)
{
	mti_kick_after_fork(false);
}

static void in_child(void)
{
	atomic_fetch_add_explicit(&generation, 1, memory_order_relaxed);
	mti_kick_after_fork(true);
}

static void watch(void)
{
	outcome = pthread_atfork(mti_kick_before_fork, in_parent, in_child);
}

mote_status mti_fork_watch(mote_error *err)
{
	pthread_once(&once, watch);
	if (outcome != 0)
		return mti_error_os(err, MOTE_E_NO_MEMORY, "new engine",
				    outcome, "pthread_atfork");
	return MOTE_OK;
}

uint32_t mti_fork_generation(void)
{
	return atomic_load_explicit(&generation, memory_order_relaxed);
}

mote_status mti_fork_own(const mote_engine *engine, const char *operation,
			 mote_error *err)
{
	if (engine->generation == mti_fork_generation())
		return MOTE_OK;
	return mti_error_set(err, MOTE_E_STATE, operation,
			     "the engine is the parent's: after fork() a child "
			     "makes its own");
}
