#include <mote/debug.h>

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "sandbox/sandbox.h"

_Static_assert(sizeof(((mote_frame *)NULL)->name) == MTI_PLACE_NAME_MAX &&
		       sizeof(((mote_frame *)NULL)->file) == MTI_LINE_FILE_MAX,
	       "texts are copied as they are");

/* Takes the sandbox, if it may be looked into. */
static mote_status begin(mote_sandbox *box, mote_error *err)
{
	mote_status status = mti_sandbox_acquire(box, err);

	if (status != MOTE_OK)
		return status;
	status = mti_inspect_allowed(box, err);
	if (status != MOTE_OK)
		mti_sandbox_release(box);
	return status;
}

mote_status mote_sandbox_read_memory(mote_sandbox *box, uint64_t address,
				     void *buffer, size_t size, size_t *done,
				     mote_error *err)
{
	mote_status status;

	if (!box || !done || (size > 0 && !buffer))
		return mti_error_set(err, MOTE_E_INVALID, "read guest memory",
				     "%s is NULL",
				     !box  ? "box" :
				     !done ? "done" :
					     "buffer");
	status = begin(box, err);
	if (status != MOTE_OK)
		return status;
	*done = mti_inspect_read(box, address, buffer, size);
	mti_sandbox_release(box);
	return MOTE_OK;
}

static mote_status describe(mote_image *image, struct mti_place *places,
			    size_t count, mote_error *err)
{
	const struct mti_debug_info *info;
	mote_status status = mti_image_debug(image, &info, err);

	if (status != MOTE_OK)
		return status;
	if (!mti_debug_describe(info, places, count,
				&image->engine->allocator))
		return mti_error_set(err, MOTE_E_NO_MEMORY, "read symbols",
				     "no memory for %zu places", count);
	return MOTE_OK;
}

static void copy_out(const struct mti_place *places, mote_frame *frames,
		     size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		frames[i].pc = places[i].pc;
		frames[i].flags = places[i].returns ? MOTE_FRAME_RETURN : 0;
		frames[i].function = places[i].function;
		frames[i].line = places[i].line;
		memcpy(frames[i].name, places[i].name, sizeof(frames[i].name));
		memcpy(frames[i].file, places[i].file, sizeof(frames[i].file));
	}
}

mote_status mote_image_symbolize(mote_image *image, mote_frame *frames,
				 size_t count, mote_error *err)
{
	struct mti_place *places;
	mote_status status;
	size_t i;

	if (!image || (count > 0 && !frames))
		return mti_error_set(err, MOTE_E_INVALID, "read symbols",
				     "%s is NULL", image ? "frames" : "image");
	if (count == 0)
		return MOTE_OK;
	places = mti_alloc(&image->engine->allocator, count, sizeof(*places));
	if (!places)
		return mti_error_set(err, MOTE_E_NO_MEMORY, "read symbols",
				     "no memory for %zu places", count);
	for (i = 0; i < count; i++) {
		places[i].pc = frames[i].pc;
		places[i].returns = frames[i].flags & MOTE_FRAME_RETURN;
	}
	status = describe(image, places, count, err);
	if (status == MOTE_OK)
		copy_out(places, frames, count);
	mti_free(&image->engine->allocator, places);
	return status;
}

static mote_status backtrace(mote_sandbox *box, mote_frame *frames, size_t max,
			     size_t *count, mote_error *err)
{
	const struct mti_allocator *allocator = mti_sandbox_allocator(box);
	struct mti_unwind_frame *found;
	mote_status status;
	size_t used = 0;
	size_t i;

	found = mti_alloc(allocator, max + MTI_INSPECT_SPARE, sizeof(*found));
	if (!found)
		return mti_error_set(err, MOTE_E_NO_MEMORY, "backtrace",
				     "no memory for %zu frames", max);
	status = mti_inspect_unwind(box, found, max + MTI_INSPECT_SPARE, &used,
				    err);
	if (used > max)
		used = max;
	for (i = 0; status == MOTE_OK && i < used; i++) {
		frames[i].pc = found[i].pc;
		frames[i].flags = found[i].returns ? MOTE_FRAME_RETURN : 0;
	}
	mti_free(allocator, found);
	if (status == MOTE_OK)
		status = mote_image_symbolize(box->image, frames, used, err);
	if (status == MOTE_OK)
		*count = used;
	return status;
}

mote_status mote_sandbox_backtrace(mote_sandbox *box, mote_frame *frames,
				   size_t max, size_t *count, mote_error *err)
{
	mote_status status;

	if (!box || !frames || !count)
		return mti_error_set(err, MOTE_E_INVALID, "backtrace",
				     "%s is NULL",
				     !box    ? "box" :
				     !frames ? "frames" :
					       "count");
	if (max == 0)
		return mti_error_set(err, MOTE_E_INVALID, "backtrace",
				     "max is 0");
	if (max > MOTE_BACKTRACE_MAX)
		max = MOTE_BACKTRACE_MAX;
	status = begin(box, err);
	if (status != MOTE_OK)
		return status;
	status = backtrace(box, frames, max, count, err);
	mti_sandbox_release(box);
	return status;
}
