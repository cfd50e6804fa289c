#include "sandbox/interrupt.h"

#include "base/alloc.h"
#include "sandbox/kick.h"
#include "sandbox/sandbox.h"

struct mote_interrupt *mti_interrupt_new(mote_engine *engine)
{
	struct mote_interrupt *handle =
		mti_alloc(&engine->allocator, 1, sizeof(*handle));

	if (!handle)
		return NULL;
	atomic_init(&handle->references, 1);
	handle->generation = mti_fork_generation();
	handle->engine = engine;
	mti_engine_ref(engine);
	return handle;
}

void mti_interrupt_ref(struct mote_interrupt *handle)
{
	atomic_fetch_add_explicit(&handle->references, 1,
				  memory_order_relaxed);
}

void mti_interrupt_unref(struct mote_interrupt *handle)
{
	mote_engine *engine;

	if (!handle || atomic_fetch_sub_explicit(&handle->references, 1,
						 memory_order_acq_rel) != 1)
		return;
	engine = handle->engine;
	mti_free(&engine->allocator, handle);
	mti_engine_unref(engine);
}

bool mti_interrupt_shared(const struct mote_interrupt *handle)
{
	return atomic_load_explicit(&handle->references,
				    memory_order_relaxed) > 1;
}

void mti_interrupt_begin(struct mote_interrupt *handle, int32_t thread)
{
	/* Nobody writes to the word between calls. */
	uint64_t word = atomic_load_explicit(&handle->word,
					     memory_order_relaxed);

	atomic_store_explicit(&handle->thread, thread, memory_order_relaxed);
	atomic_store_explicit(&handle->word, word | MTI_INTERRUPT_RUNNING,
			      memory_order_release);
}

bool mti_interrupt_cancelled(const struct mote_interrupt *handle)
{
	return atomic_load_explicit(&handle->word, memory_order_acquire) &
	       MTI_INTERRUPT_CANCELLED;
}

bool mti_interrupt_end(struct mote_interrupt *handle)
{
	/* Only strikes change the word, and only this one bit of it. */
	uint64_t word = atomic_load_explicit(&handle->word,
					     memory_order_relaxed);
	uint64_t next = (word & ~(MTI_INTERRUPT_CALL - 1)) +
			MTI_INTERRUPT_CALL;

	word = atomic_exchange_explicit(&handle->word, next,
					memory_order_acq_rel);
	return word & MTI_INTERRUPT_CANCELLED;
}

uint64_t mti_interrupt_look(const struct mote_interrupt *handle)
{
	return atomic_load_explicit(&handle->word, memory_order_acquire);
}

int mti_interrupt_strike(struct mote_interrupt *handle, uint64_t word)
{
	/* If it is that of a later call, so is the word: nobody is struck. */
	int32_t thread =
		atomic_load_explicit(&handle->thread, memory_order_relaxed);
	uint64_t struck = word | MTI_INTERRUPT_CANCELLED;

	/* A child after fork() has a copy of a call that is its parent's. */
	if (!(word & MTI_INTERRUPT_RUNNING) ||
	    handle->generation != mti_fork_generation())
		return 0;
	if (word == struck)
		return 1;
	if (!atomic_compare_exchange_strong_explicit(&handle->word, &word,
						     struck,
						     memory_order_acq_rel,
						     memory_order_acquire))
		return word == struck;
	mti_kick_thread(thread);
	return 1;
}
