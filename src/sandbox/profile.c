/*
 * See profile.h.
 */
#include "sandbox/profile.h"

#include <mote/debug.h>

#include "abi/call.h"
#include "base/error.h"
#include "sandbox/sandbox.h"
#include "sandbox/usage.h"

mote_status mti_profile_init(mote_sandbox *box,
			     const mote_sandbox_options *options,
			     mote_error *err)
{
	const struct mti_allocator *allocator = mti_sandbox_allocator(box);
	struct mti_profile *profile = &box->profile;
	const struct mti_debug_info *unused;

	box->kick.sample_ns = options->sample ? options->sample_ns : UINT64_MAX;
	profile->sample = options->sample;
	profile->sample_user = options->sample_user;
	profile->heap = options->heap;
	profile->heap_user = options->heap_user;
	if (!profile->sample && !profile->heap)
		return MOTE_OK;
	profile->found = mti_alloc(allocator, MOTE_PROFILE_FRAMES_MAX,
				   sizeof(*profile->found));
	profile->frames = mti_alloc(allocator, MOTE_PROFILE_FRAMES_MAX,
				    sizeof(*profile->frames));
	if (!profile->found || !profile->frames)
		return mti_error_set(err, MOTE_E_NO_MEMORY, "new sandbox",
				     "no memory for call stacks");
	/* Now, and not in the middle of the first call. */
	return mti_image_debug(box->image, &unused, err);
}

void mti_profile_fini(mote_sandbox *box)
{
	const struct mti_allocator *allocator = mti_sandbox_allocator(box);

	mti_free(allocator, box->profile.found);
	mti_free(allocator, box->profile.frames);
}

/* Fills profile->frames. */
static size_t unwind(mote_sandbox *box)
{
	struct mti_profile *profile = &box->profile;
	uint64_t general[MOTE_FAULT_REGISTERS_MAX];
	size_t count = 0;
	size_t i;

	if (mti_inspect_running(box, general, NULL) != MOTE_OK ||
	    mti_inspect_unwind_from(box, general, profile->found,
				    MOTE_PROFILE_FRAMES_MAX, &count,
				    NULL) != MOTE_OK)
		return 0;
	for (i = 0; i < count; i++) {
		profile->frames[i].pc = profile->found[i].pc;
		profile->frames[i].flags =
			profile->found[i].returns ? MOTE_FRAME_RETURN : 0;
	}
	return count;
}

void mti_profile_sample(mote_sandbox *box)
{
	size_t count = unwind(box);
	uint64_t begun_ns = mti_usage_host_begin(box);
	uint64_t observed = mti_observe_callback_begin(box);

	box->profile.sample(box->profile.sample_user, box->profile.frames,
			    count);
	mti_observe_callback_end(box, observed);
	mti_usage_host_end(box, begun_ns);
}

mote_status mti_profile_heap(mote_sandbox *box, uint64_t address,
			     mote_error *err)
{
	struct mti_profile *profile = &box->profile;
	struct mote_abi_heap heap;
	uint64_t observed;
	uint64_t begun_ns;
	size_t count;

	if (mti_inspect_read(box, address, &heap, sizeof(heap)) !=
	    sizeof(heap))
		return mti_error_set(err, MOTE_E_PROTOCOL, "guest service",
				     "a heap record at 0x%llx",
				     (unsigned long long)address);
	count = unwind(box);
	begun_ns = mti_usage_host_begin(box);
	observed = mti_observe_callback_begin(box);
	if (heap.freed)
		profile->heap(profile->heap_user, MOTE_HEAP_FREE, heap.freed,
			      0, profile->frames, count);
	if (heap.allocated)
		profile->heap(profile->heap_user, MOTE_HEAP_ALLOCATE,
			      heap.allocated, heap.size, profile->frames,
			      count);
	mti_observe_callback_end(box, observed);
	mti_usage_host_end(box, begun_ns);
	return MOTE_OK;
}
