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

static void in_child(void)
{
	atomic_fetch_add_explicit(&generation, 1, memory_order_relaxed);
	mti_kick_forget();
}

static void watch(void)
{
	outcome = pthread_atfork(NULL, NULL, in_child);
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
