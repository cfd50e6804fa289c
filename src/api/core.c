#include <mote/debug.h>

#include <string.h>

#include "api/records.h"
#include "base/error.h"
#include "sandbox/core.h"
#include "sandbox/sandbox.h"

mote_status mote_core_open(mote_engine *engine, const char *path,
			   mote_core **core, mote_error *err)
{
	if (!engine || !path || !core)
		return mti_error_set(err, MOTE_E_INVALID, "open core",
				     "%s is NULL",
				     !engine ? "engine" :
				     !path   ? "path" :
					       "core");
	return mti_core_file_open(engine, path, core, err);
}

void mote_core_close(mote_core *core)
{
	mti_core_file_close(core);
}

static void fill_fault(const struct mti_core_view *view, mote_fault *fault)
{
	const struct mti_core_note *note = &view->note;

	fault->kind = note->fault_kind;
	fault->vector = note->vector;
	fault->error_code = note->error_code;
	fault->address = note->address;
	fault->pc = note->status == MOTE_E_GUEST_FAULT ?
			    note->pc :
			    view->general[view->arch->pc_register];
	fault->machine = view->arch->machine;
	fault->register_count = view->arch->register_count;
	memcpy(fault->registers, view->general, sizeof(fault->registers));
}

mote_status mote_core_describe(const mote_core *core, mote_core_info *info,
			       mote_error *err)
{
	mote_core_info full = MOTE_CORE_INFO_INIT;

	if (!core || !info)
		return mti_error_set(err, MOTE_E_INVALID, "describe core",
				     "%s is NULL", core ? "info" : "core");
	full.status = core->view.note.status;
	full.state = core->view.note.state;
	full.signal = core->view.signal;
	full.more = core->view.note.more;
	full.segment_count = core->view.segment_count;
	full.function = core->view.note.function;
	full.text = core->view.note.text;
	full.backend = core->view.note.backend;
	full.library = core->view.note.library;
	full.path = core->view.path;
	fill_fault(&core->view, &full.fault);
	return mti_record_write(info, &full, sizeof(full), "info", err);
}

mote_status mote_core_segment(const mote_core *core, size_t index,
			      mote_segment *out, mote_error *err)
{
	const struct mti_core_segment *segment;

	if (!core || !out)
		return mti_error_set(err, MOTE_E_INVALID, "describe core",
				     "%s is NULL", core ? "out" : "core");
	if (index >= core->view.segment_count)
		return mti_error_set(err, MOTE_E_INVALID, "describe core",
				     "index is %zu of %zu segments", index,
				     core->view.segment_count);
	segment = &core->view.segments[index];
	out->address = segment->address;
	out->memory_size = segment->size;
	out->file_offset = segment->offset;
	out->file_size = segment->file_size;
	out->protection = segment->protection;
	out->reserved = 0;
	return MOTE_OK;
}

mote_status mote_core_read_memory(const mote_core *core, uint64_t address,
				  void *buffer, size_t size, size_t *done,
				  mote_error *err)
{
	if (!core || !done || (size > 0 && !buffer))
		return mti_error_set(err, MOTE_E_INVALID, "read core",
				     "%s is NULL",
				     !core ? "core" :
				     !done ? "done" :
					     "buffer");
	*done = mti_core_read(&core->view, address, buffer, size);
	return MOTE_OK;
}
