#include <mote/debug.h>

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "sandbox/core.h"
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

mote_status mote_sandbox_dump_core(mote_sandbox *box, int fd, mote_error *err)
{
	mote_status status;

	if (!box || fd < 0)
		return mti_error_set(err, MOTE_E_INVALID, "write core",
				     box ? "fd is negative" : "box is NULL");
	status = begin(box, err);
	if (status != MOTE_OK)
		return status;
	status = mti_dump_core(box, fd, err);
	mti_sandbox_release(box);
	return status;
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

/* Names what an unwinder has found. */
static mote_status finish(mote_image *image,
			  const struct mti_unwind_frame *found, size_t used,
			  mote_frame *frames, size_t max, size_t *count,
			  mote_error *err)
{
	mote_status status;
	size_t i;

	if (used > max)
		used = max;
	for (i = 0; i < used; i++) {
		frames[i].pc = found[i].pc;
		frames[i].flags = found[i].returns ? MOTE_FRAME_RETURN : 0;
	}
	status = mote_image_symbolize(image, frames, used, err);
	if (status == MOTE_OK)
		*count = used;
	return status;
}

/* Of a sandbox, or of a core and its image. */
struct stack {
	mote_sandbox *box;
	const mote_core *core;
	mote_image *image;
};

static mote_status backtrace(const struct stack *stack, mote_frame *frames,
			     size_t max, size_t *count, mote_error *err)
{
	const struct mti_allocator *allocator =
		&stack->image->engine->allocator;
	const size_t room = max + MTI_INSPECT_SPARE;
	struct mti_unwind_frame *found;
	mote_status status;
	size_t used = 0;

	found = mti_alloc(allocator, room, sizeof(*found));
	if (!found)
		return mti_error_set(err, MOTE_E_NO_MEMORY, "backtrace",
				     "no memory for %zu frames", max);
	if (stack->core)
		status = mti_core_file_unwind(stack->core, stack->image, found,
					      room, &used, err);
	else
		status = mti_inspect_unwind(stack->box, found, room, &used,
					    err);
	if (status == MOTE_OK)
		status = finish(stack->image, found, used, frames, max, count,
				err);
	mti_free(allocator, found);
	return status;
}

static mote_status check_room(const void *of, const char *name,
			      const mote_frame *frames, size_t *max,
			      const size_t *count, mote_error *err)
{
	if (!of || !frames || !count)
		return mti_error_set(err, MOTE_E_INVALID, "backtrace",
				     "%s is NULL",
				     !of     ? name :
				     !frames ? "frames" :
					       "count");
	if (*max == 0)
		return mti_error_set(err, MOTE_E_INVALID, "backtrace",
				     "max is 0");
	if (*max > MOTE_BACKTRACE_MAX)
		*max = MOTE_BACKTRACE_MAX;
	return MOTE_OK;
}

mote_status mote_sandbox_backtrace(mote_sandbox *box, mote_frame *frames,
				   size_t max, size_t *count, mote_error *err)
{
	struct stack stack = { .box = box };
	mote_status status;

	status = check_room(box, "box", frames, &max, count, err);
	if (status == MOTE_OK)
		status = begin(box, err);
	if (status != MOTE_OK)
		return status;
	stack.image = box->image;
	status = backtrace(&stack, frames, max, count, err);
	mti_sandbox_release(box);
	return status;
}

mote_status mote_core_backtrace(const mote_core *core, mote_image *image,
				mote_frame *frames, size_t max, size_t *count,
				mote_error *err)
{
	const struct stack stack = { .core = core, .image = image };
	mote_status status;

	status = check_room(core && image ? core : NULL,
			    core ? "image" : "core", frames, &max, count, err);
	if (status != MOTE_OK)
		return status;
	return backtrace(&stack, frames, max, count, err);
}
