/*
 * Running bare guests: their ports, and how they end. The counterpart of
 * run.c.
 */
#include "sandbox/bare.h"

#include <string.h>

#include "arch/bare.h"
#include "base/error.h"
#include "os/os.h"
#include "sandbox/kick.h"
#include "sandbox/sandbox.h"
#include "sandbox/serial.h"
#include "sandbox/usage.h"

static const char operation[] = "run guest";

static void set_state(mote_sandbox *box, uint32_t state)
{
	atomic_store_explicit(&box->state, state, memory_order_relaxed);
}

mote_status mti_bare_only(const mote_sandbox *box, const char *what,
			  mote_error *err)
{
	if (mti_is_bare(box->image))
		return MOTE_OK;
	return mti_error_set(err, MOTE_E_STATE, what,
			     "this is a user-mode guest: mote_run is for bare "
			     "ones, call its functions or mote_run_main");
}

mote_status mti_bare_never(const mote_sandbox *box, const char *what,
			   mote_error *err)
{
	if (!mti_is_bare(box->image))
		return MOTE_OK;
	return mti_error_set(err, MOTE_E_STATE, what,
			     "this is a bare guest, which has no functions and "
			     "takes no mappings: use mote_run");
}

mote_status mti_bare_options(const mote_sandbox_options *options,
			     mote_error *err)
{
	const char *what = NULL;

	if (options->gdb)
		what = "gdb";
	else if (options->mapping_count > 0)
		what = "mappings";
	else if (options->sample)
		what = "sample";
	else if (options->heap)
		what = "heap";
	else if (options->host_function_count > 0)
		what = "host_functions";
	/* They have no start that could be another's. */
	else if (options->flags & MOTE_SANDBOX_SHARE_INIT)
		what = "MOTE_SANDBOX_SHARE_INIT";
	if (!what)
		return MOTE_OK;
	return mti_error_set(err, MOTE_E_UNSUPPORTED, "new sandbox",
			     "%s: not for bare guests", what);
}

/* --------------------------------------------------------------- state */

/* Puts what the guest is told into the page that is for it. */
static mote_status write_info(mote_sandbox *box, mote_error *err)
{
	const struct mti_layout *layout = &box->template->layout;
	const struct mti_region *page = &layout->regions[MTI_AREA_CONTROL];
	const struct mti_region *room = &layout->regions[MTI_AREA_HEAP];
	struct mote_abi_bare_info info = {
		.magic = MOTE_BARE_MAGIC,
		.version = MOTE_BARE_VERSION,
		.image_size = layout->hole,
		.scratch_gpa = layout->hole_end,
		.scratch_size = layout->memory_size - layout->hole_end,
		.free_gpa = room->gpa,
		.free_size = room->size,
	};
	mote_status status = mti_engine_random(box->image->engine, info.random,
					       sizeof(info.random), err);

	if (layout->page_table_max > 0)
		info.page_table_gpa = layout->page_table_gpa;
	if (status != MOTE_OK)
		return status;
	memcpy(mti_memory_region(&box->memory, page), &info, sizeof(info));
	mti_dirty_add(&box->memory.dirty, page->gpa, page->size);
	return MOTE_OK;
}

mote_status mti_bare_start_image(mote_sandbox *box, mote_error *err)
{
	const struct mti_layout *layout = &box->template->layout;
	const struct mti_region *stack = &layout->regions[MTI_AREA_STACK];
	const struct mti_bare_start start = {
		.mode = box->image->elf.bare_mode,
		.entry = box->image->elf.entry,
		.stack_end = stack->gpa + stack->size,
		.info = layout->regions[MTI_AREA_CONTROL].gpa,
		.page_table = layout->page_table_gpa,
	};
	struct mti_snap_bare first = { .generation = 0 };
	mote_status status = write_info(box, err);

	mti_bare_start(&start, &first.cpu);
	if (status == MOTE_OK)
		status = mti_bare_resume(box, &first, err);
	if (status == MOTE_OK)
		set_state(box, MOTE_SANDBOX_READY);
	return status;
}

mote_status mti_bare_resume(mote_sandbox *box, const struct mti_snap_bare *bare,
			    mote_error *err)
{
	memset(&box->bare, 0, sizeof(box->bare));
	box->bare.generation = bare->generation;
	memcpy(box->bare.serial, bare->serial, sizeof(box->bare.serial));
	return mti_ops_of(box)->bare_set(box->vm, &bare->cpu, err);
}

mote_status mti_bare_snap(mote_sandbox *box, struct mti_snap_bare *bare,
			  mote_error *err)
{
	mote_status status;
	const char *wrong;
	uint64_t value;

	bare->generation = box->bare.generation + 1;
	memcpy(bare->serial, box->bare.serial, sizeof(bare->serial));
	status = mti_ops_of(box)->bare_get(box->vm, &bare->cpu, err);
	if (status != MOTE_OK)
		return status;
	/* A file of it could not be read. */
	wrong = mti_bare_wrong(&bare->cpu, &value);
	if (!wrong)
		return MOTE_OK;
	return mti_error_set(err, MOTE_E_GUEST_FAULT, "take snapshot",
			     "the guest has brought its CPU into a state that "
			     "no snapshot has: %s is 0x%llx",
			     wrong, (unsigned long long)value);
}

/* -------------------------------------------------------------- output */

static void flush(mote_sandbox *box)
{
	struct mti_bare_guest *bare = &box->bare;
	uint64_t start_ns;

	if (bare->used > 0 && box->output) {
		start_ns = mti_observe_callback_begin(box);
		box->output(box->output_user, bare->stream, bare->output,
			    bare->used);
		mti_observe_callback_end(box, start_ns);
	}
	bare->used = 0;
}

/* Every byte is an exit: they are handed out in lines. */
static mote_status print(mote_sandbox *box, uint32_t stream, uint8_t byte,
			 mote_error *err)
{
	struct mti_bare_guest *bare = &box->bare;
	mote_status status = mti_usage_output(box, 1, err);

	if (status != MOTE_OK)
		return status;
	if (bare->stream != stream)
		flush(box);
	bare->stream = stream;
	bare->output[bare->used++] = (char)byte;
	if (byte == '\n' || bare->used == sizeof(bare->output))
		flush(box);
	return MOTE_OK;
}

/* --------------------------------------------------------------- ports */

/* How a run ends; end is 0 while it does not. */
struct run {
	uint32_t end; /* mote_run_end */
	uint32_t status;
};

static mote_status bad_port(const struct mti_exit *exit, mote_error *err)
{
	const char *what = exit->in ? "read" : "wrote";
	const char *plural = exit->size == 1 ? "" : "s";
	const char *why = "where there is nothing";

	if (exit->number == MOTE_BARE_PORT_EXIT)
		why = exit->in ? "which can only be written" :
				 "which takes 4 bytes";
	else if (exit->number == MOTE_BARE_PORT_SNAPSHOT)
		why = exit->in ? "which gives 4 bytes" : "which takes 4 bytes";
	else if (exit->number == MOTE_BARE_PORT_DEBUG)
		why = exit->in ? "which gives 1 byte" : "which takes 1 byte";
	return mti_error_set(err, MOTE_E_PROTOCOL, operation,
			     "the guest %s %u byte%s at port 0x%x, %s", what,
			     exit->size, plural, exit->number, why);
}

static bool is_serial(uint32_t port)
{
	return port >= MOTE_BARE_PORT_SERIAL &&
	       port <= MOTE_BARE_PORT_SERIAL_LAST;
}

/* A wide access is one for each port. */
static mote_status serial_exit(mote_sandbox *box, const struct mti_exit *exit,
			       mote_error *err)
{
	uint32_t number = exit->number - MOTE_BARE_PORT_SERIAL;
	mote_status status = MOTE_OK;
	uint32_t bytes = exit->count * exit->size;
	uint32_t i;

	if (exit->size > MTI_SERIAL_BYTES - number)
		return bad_port(exit, err);
	for (i = 0; i < bytes && status == MOTE_OK; i++) {
		uint32_t at = number + i % exit->size;

		if (exit->in)
			exit->data[i] = mti_serial_read(box->bare.serial, at);
		else if (mti_serial_write(box->bare.serial, at, exit->data[i]))
			status = print(box, MOTE_STREAM_STDOUT, exit->data[i],
				       err);
	}
	return status;
}

static mote_status debug_exit(mote_sandbox *box, const struct mti_exit *exit,
			      mote_error *err)
{
	mote_status status = MOTE_OK;
	uint32_t i;

	if (exit->size != 1)
		return bad_port(exit, err);
	for (i = 0; i < exit->count && status == MOTE_OK; i++)
		if (exit->in)
			exit->data[i] = MOTE_BARE_PORT_DEBUG;
		else
			status = print(box, MOTE_STREAM_STDERR, exit->data[i],
				       err);
	return status;
}

static mote_status snapshot_exit(mote_sandbox *box, const struct mti_exit *exit,
				 struct run *run)
{
	uint32_t i;

	if (!exit->in) {
		run->end = MOTE_RUN_SNAPSHOT;
		return MOTE_OK;
	}
	for (i = 0; i < exit->count; i++)
		memcpy(exit->data + i * sizeof(uint32_t), &box->bare.generation,
		       sizeof(uint32_t));
	return MOTE_OK;
}

static mote_status io_exit(mote_sandbox *box, const struct mti_exit *exit,
			   struct run *run, mote_error *err)
{
	if (is_serial(exit->number))
		return serial_exit(box, exit, err);
	if (exit->number == MOTE_BARE_PORT_DEBUG)
		return debug_exit(box, exit, err);
	if (exit->number == MOTE_BARE_PORT_SNAPSHOT &&
	    exit->size == sizeof(uint32_t))
		return snapshot_exit(box, exit, run);
	if (exit->number != MOTE_BARE_PORT_EXIT || exit->in ||
	    exit->size != sizeof(run->status))
		return bad_port(exit, err);
	memcpy(&run->status, exit->data, sizeof(run->status));
	run->end = MOTE_RUN_EXITED;
	return MOTE_OK;
}

/* ------------------------------------------------------------ the loop */

static mote_status serve(mote_sandbox *box, const struct mti_exit *exit,
			 struct run *run, mote_error *err)
{
	switch (exit->kind) {
	case MTI_EXIT_IO:
		return io_exit(box, exit, run, err);
	case MTI_EXIT_HALT:
		run->end = MOTE_RUN_HALTED;
		return MOTE_OK;
	case MTI_EXIT_INTERRUPTED:
		return MOTE_OK;
	default:
		return mti_fault_other(box, MOTE_FAULT_MACHINE, exit->text,
				       exit->detail, NULL, err);
	}
}

/* Before the guest goes on. */
static mote_status check(mote_sandbox *box, bool interrupted, mote_error *err)
{
	uint64_t now_ns = mti_os_monotonic_ns();
	bool stray = mti_kick_stray(&box->kick, now_ns, interrupted);
	mote_status status = mti_kick_check(&box->kick, now_ns, interrupted,
					    err);

	if (status == MOTE_OK)
		status = mti_usage_growth(box, err);
	mti_observe_resume(box, now_ns);
	if (status == MOTE_OK && stray)
		mti_metric_count(&box->observe, MTI_METRIC_STRAY_KICKS, 1);
	return status;
}

static mote_status enter(mote_sandbox *box, struct mti_exit *exit,
			 mote_error *err)
{
	mote_status status;

	box->stats.vm_entries++;
	mti_observe_enter(&box->observe);
	status = mti_ops_of(box)->run(box->vm, exit, err);
	if (status != MOTE_OK)
		return status;
	mti_observe_exit(&box->observe, box->control, exit);
	mti_usage_exit(box, exit);
	return MOTE_OK;
}

static mote_status loop(mote_sandbox *box, struct run *run, mote_error *err)
{
	struct mti_exit exit;
	mote_status status;

	do {
		status = enter(box, &exit, err);
		if (status == MOTE_OK)
			status = serve(box, &exit, run, err);
		if (status == MOTE_OK && run->end == 0)
			status = check(box, exit.kind == MTI_EXIT_INTERRUPTED,
				       err);
	} while (status == MOTE_OK && run->end == 0);
	flush(box);
	return status;
}

static mote_status run_limited(mote_sandbox *box, struct run *run,
			       mote_error *err)
{
	uint64_t now_ns = mti_os_monotonic_ns();
	mote_status status;

	box->phase = MTI_PHASE_CALL;
	box->observe.name = "run";
	box->observe.now_ns = now_ns;
	status = mti_run_begin(box, now_ns, err);
	if (status != MOTE_OK)
		return status;
	box->last.function = "run";
	status = loop(box, run, &box->last.error);
	status = mti_run_finish(box, status, &box->last.error);
	if (status != MOTE_OK)
		mti_error_copy(err, &box->last.error);
	else
		set_state(box, run->end == MOTE_RUN_SNAPSHOT ?
				       MOTE_SANDBOX_READY :
				       MOTE_SANDBOX_EXITED);
	mti_observe_end(box, status, &box->last.error);
	return status;
}

mote_status mti_bare_run(mote_sandbox *box, mote_run_result *result,
			 mote_error *err)
{
	struct run run = { .end = 0 };
	mote_status status = run_limited(box, &run, err);

	if (status != MOTE_OK)
		return status;
	result->end = run.end;
	result->status = run.status;
	return MOTE_OK;
}
