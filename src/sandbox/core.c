/*
 * Core files that were written earlier.
 */
#include <fcntl.h>
#include <string.h>

#include "base/error.h"
#include "os/os.h"
#include "sandbox/core.h"
#include "sandbox/sandbox.h"

/* Compared at once. */
#define COMPARE_BYTES 4096

static bool read_file(void *context, uint64_t offset, void *buffer,
		      size_t size)
{
	const mote_core *core = context;

	return mti_os_pread(core->fd, buffer, size, offset) == (int64_t)size;
}

mote_status mti_core_file_open(mote_engine *engine, const char *path,
			       mote_core **out, mote_error *err)
{
	struct mti_core_source source = { .read = read_file };
	mote_core *core = mti_alloc(&engine->allocator, 1, sizeof(*core));
	mote_status status = MOTE_OK;
	int64_t size = 0;

	if (!core)
		return mti_error_set(err, MOTE_E_NO_MEMORY, "open core",
				     "no memory for the core");
	core->engine = engine;
	mti_engine_ref(engine);
	/* A FIFO must not block us. */
	core->fd = mti_os_open(path, O_RDONLY | O_NONBLOCK);
	if (core->fd < 0)
		status = mti_error_os(err, MOTE_E_OS, "open core", -core->fd,
				      "%.200s", path);
	else
		size = mti_os_file_size(core->fd);
	if (size < 0)
		status = mti_error_set(err, MOTE_E_IMAGE, "open core",
				       "%.200s: not a regular file", path);
	if (status == MOTE_OK) {
		source.context = core;
		source.size = (uint64_t)size;
		status = mti_core_open(&source, &engine->allocator,
				       &core->view, err);
		if (status != MOTE_OK)
			mti_error_prefix(err, "%.200s: ", path);
	}
	if (status == MOTE_OK)
		*out = core;
	else
		mti_core_file_close(core);
	return status;
}

void mti_core_file_close(mote_core *core)
{
	mote_engine *engine;

	if (!core)
		return;
	engine = core->engine;
	mti_core_close(&core->view, &engine->allocator);
	mti_os_close(core->fd);
	mti_free(&engine->allocator, core);
	mti_engine_unref(engine);
}

/* Code and constants do not change while a guest runs. */
static mote_status check_segment(const mote_core *core,
				 const mote_image *image,
				 const struct mti_elf_segment *segment,
				 mote_error *err)
{
	const uint8_t *file = image->file + segment->file_offset;
	uint8_t bytes[COMPARE_BYTES];
	uint64_t at;
	size_t part;

	for (at = 0; at < segment->file_size; at += part) {
		part = sizeof(bytes);
		if (part > segment->file_size - at)
			part = segment->file_size - at;
		if (mti_core_read(&core->view, segment->address + at, bytes,
				  part) != part ||
		    memcmp(bytes, file + at, part) != 0)
			return mti_error_set(
				err, MOTE_E_IMAGE, "read core",
				"the core is not of this guest: its code at "
				"0x%llx is another",
				(unsigned long long)(segment->address + at));
	}
	return MOTE_OK;
}

static mote_status check_image(const mote_core *core, const mote_image *image,
			       mote_error *err)
{
	const struct mti_elf *elf = &image->elf;
	mote_status status = MOTE_OK;
	size_t i;

	for (i = 0; status == MOTE_OK && i < elf->segment_count; i++)
		if (!(elf->segments[i].protection & MTI_PROT_WRITE))
			status = check_segment(core, image, &elf->segments[i],
					       err);
	return status;
}

static bool read_memory(void *context, uint64_t address, void *buffer,
			size_t size)
{
	const mote_core *core = context;

	return mti_core_read(&core->view, address, buffer, size) == size;
}

static bool is_code(void *context, uint64_t address)
{
	const mote_core *core = context;

	return mti_core_executable(&core->view, address);
}

mote_status mti_core_file_unwind(const mote_core *core, mote_image *image,
				 struct mti_unwind_frame *frames, size_t max,
				 size_t *count, mote_error *err)
{
	const struct mti_core_note *note = &core->view.note;
	struct mti_unwind_guest guest = {
		.arch = core->view.arch,
		/* It is only read. */
		.context = (void *)(uintptr_t)core,
		.read = read_memory,
		.code = is_code,
	};
	mote_status status;

	status = check_image(core, image, err);
	if (status == MOTE_OK)
		status = mti_image_debug(image, &guest.info, err);
	if (status != MOTE_OK)
		return status;
	*count = mti_unwind(&guest, core->view.general, frames, max);
	if (note->status == MOTE_E_GUEST_FAULT &&
	    note->fault_kind == MOTE_FAULT_ABORT)
		*count = mti_unwind_from(frames, *count, note->pc);
	return MOTE_OK;
}
