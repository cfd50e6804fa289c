/*
 * An untrusted core file: what is accepted keeps the promises of core_read.h,
 * reads of memory stay in bounds, and everything is released.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "debug/core_read.h"
#include "harness/failing_allocator.h"

static bool read_file(void *context, uint64_t offset, void *buffer,
		      size_t size)
{
	const struct mti_core_source *source = context;
	const uint8_t *data = source->context;

	if (offset > source->size || size > source->size - offset)
		abort();
	memcpy(buffer, data + offset, size);
	return true;
}

static void check_segments(const struct mti_core_view *view)
{
	uint64_t end = 0;
	size_t i;

	for (i = 0; i < view->segment_count; i++) {
		const struct mti_core_segment *it = &view->segments[i];

		if (it->size == 0 || it->address < end ||
		    it->address + it->size < it->address ||
		    it->file_size > it->size ||
		    it->offset > view->source.size ||
		    it->file_size > view->source.size - it->offset)
			abort();
		end = it->address + it->size;
	}
}

static void read_memory(const struct mti_core_view *view)
{
	uint8_t buffer[5000];
	size_t i;

	for (i = 0; i < view->segment_count && i < 16; i++) {
		const struct mti_core_segment *it = &view->segments[i];
		uint64_t end = it->address + it->size;

		if (mti_core_read(view, it->address, buffer, 1) != 1)
			abort();
		(void)mti_core_read(view, end - 1, buffer, sizeof(buffer));
		(void)mti_core_read(view, it->address - 100, buffer,
				    sizeof(buffer));
		(void)mti_core_executable(view, end);
	}
}

static void check_text(const char *text, size_t size)
{
	if (!memchr(text, 0, size))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mti_core_source file = { .context = (void *)(uintptr_t)data,
					.size = size };
	const struct mti_core_source source = { .context = &file,
						.read = read_file,
						.size = size };
	struct failing_allocator memory;
	mote_error err = MOTE_ERROR_INIT;
	struct mti_core_view view;
	mote_status status;

	failing_allocator_init(&memory, 0, false);
	status = mti_core_open(&source, &memory.allocator, &view, &err);
	if (status == MOTE_OK) {
		check_segments(&view);
		read_memory(&view);
		check_text(view.path, sizeof(view.path));
		check_text(view.note.backend, sizeof(view.note.backend));
		check_text(view.note.library, sizeof(view.note.library));
		check_text(view.note.function, sizeof(view.note.function));
		check_text(view.note.text, sizeof(view.note.text));
		mti_core_close(&view, &memory.allocator);
	} else if (status != MOTE_E_IMAGE || err.text[0] == '\0') {
		abort();
	}
	if (memory.live != 0 || memory.bytes > 2 * size)
		abort();
	return 0;
}
