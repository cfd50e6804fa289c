/*
 * What an entry and an exit mean while somebody may be debugging.
 */
#include "sandbox/debug.h"

#include <string.h>

#include "abi/trap.h"
#include "base/error.h"
#include "os/os.h"
#include "sandbox/sandbox.h"

/* A halt is put off at most so often, see can_halt(). */
#define DELAYS_MAX 50
/* Steps of a range between two looks at the socket. */
#define STEPS_MAX 256

static const struct mti_arch_debug *arch_of(const mote_sandbox *box)
{
	return box->image->arch->debug;
}

static uint64_t *pc_of(mote_sandbox *box)
{
	return &box->debug->machine.general[box->image->arch->pc_register];
}

mote_status mti_debug_new(mote_sandbox *box, const char *address,
			  mote_error *err)
{
	const struct mti_allocator *allocator = mti_sandbox_allocator(box);
	const struct mti_gdb_layout *layout =
		mti_gdb_layout_find(box->image->arch->machine);
	struct mti_debug *debug;

	if (!layout)
		return mti_error_set(err, MOTE_E_UNSUPPORTED, "new sandbox",
				     "guests for %s cannot be debugged with "
				     "gdb",
				     box->image->arch->title);
	debug = mti_alloc(allocator, 1, sizeof(*debug));
	if (!debug)
		return mti_error_set(err, MOTE_E_NO_MEMORY, "new sandbox",
				     "no memory for the debugger");
	debug->layout = layout;
	box->debug = debug;
	box->kick.slice_ns = MTI_DEBUG_SLICE_NS;
	mti_debug_target_init(box);
	return mti_gdb_link_open(&debug->link, address, err);
}

void mti_debug_tell(const mote_sandbox *box,
		    const mote_sandbox_options *options)
{
	char address[MTI_GDB_ADDRESS_MAX];

	mti_gdb_link_address(&box->debug->link, address);
	options->gdb_ready(options->gdb_user, address);
}

void mti_debug_free(mote_sandbox *box)
{
	static const struct mti_gdb_stop stop = { .kind = MTI_GDB_EXITED };
	bool ours = box->generation == mti_fork_generation();
	struct mti_debug *debug = box->debug;

	if (!debug)
		return;
	/* A child of fork() has the same socket, and is not to use it. */
	if (ours)
		mti_debug_farewell(debug, &stop);
	mti_gdb_link_close(&debug->link, ours);
	mti_free(mti_sandbox_allocator(box), debug);
	box->debug = NULL;
}

/* The registers of a guest that has left at an instruction of its own. */
static mote_status load(mote_sandbox *box, mote_error *err)
{
	struct mti_debug *debug = box->debug;

	debug->changed = false;
	memset(&debug->machine, 0, sizeof(debug->machine));
	return mti_ops_of(box)->machine_get(box->vm, &debug->machine, err);
}

/* Makes the next entry end after one instruction. */
static void prepare_step(mote_sandbox *box)
{
	const struct mti_virtual access = mti_inspect_space(box);
	struct mti_debug *debug = box->debug;
	uint8_t code[MTI_ARCH_CODE_BYTES];
	uint64_t pc = *pc_of(box);
	size_t length = 0;

	debug->step_kind = arch_of(box)->step_kind(
		code, mti_virtual_read(&access, pc, code, sizeof(code)),
		&length);
	if (debug->step_kind == MTI_STEP_LOSES_FLAG) {
		debug->over.address = pc + length;
		debug->stepping_over = true;
		return;
	}
	arch_of(box)->set_step(debug->machine.general, true);
	debug->flag_set = true;
	debug->changed = true;
}

/* The flag is ours: neither gdb nor the guest is to see it. */
static void clear_step(mote_sandbox *box)
{
	struct mti_debug *debug = box->debug;

	if (debug->flag_set) {
		arch_of(box)->set_step(debug->machine.general, false);
		debug->changed = true;
	}
	debug->flag_set = false;
	debug->stepping_over = false;
}

/* Whether each instruction is looked at: gdb wants that, or is watching. */
static bool stepping(const struct mti_debug *debug)
{
	return debug->how.step || debug->watch_count > 0;
}

static void set_timed(mote_sandbox *box, bool timed)
{
	if (box->debug->untimed != timed)
		return;
	box->debug->untimed = !timed;
	mti_kick_time(&box->kick, mti_os_monotonic_ns(), timed);
}

/* While somebody looks at it, the guest has all the time there is. */
static void set_clock(mote_sandbox *box)
{
	set_timed(box, !mti_debug_attached(box->debug));
}

/* The guest, its registers loaded, stops; gdb says how it goes on. */
static mote_status halt_as(mote_sandbox *box, const struct mti_gdb_stop *stop,
			   mote_error *err)
{
	struct mti_debug *debug = box->debug;
	mote_status status;

	clear_step(box);
	memset(&debug->how, 0, sizeof(debug->how));
	debug->halt = false;
	debug->delays = 0;
	mti_gdb_session_stop(&debug->session, stop);
	set_clock(box);
	status = mti_debug_serve(box, err);
	if (status != MOTE_OK || !stepping(debug))
		return status;
	mti_debug_watch_begin(box);
	prepare_step(box);
	return MOTE_OK;
}

static mote_status halt(mote_sandbox *box, uint8_t signal, mote_error *err)
{
	const struct mti_gdb_stop stop = { .number = signal };

	return halt_as(box, &stop, err);
}

/* Because of Ctrl-C, or for a client that has just come. */
static mote_status halt_for_gdb(mote_sandbox *box, mote_error *err)
{
	bool asked = box->debug->session.state == MTI_GDB_RUNNING;

	return halt(box, asked ? MTI_GDB_SIGINT : MTI_GDB_SIGTRAP, err);
}

static mote_status begin(mote_sandbox *box, mote_error *err)
{
	struct mti_debug *debug = box->debug;
	mote_status status = MOTE_OK;

	/* The registers are new ones. */
	debug->changed = false;
	debug->flag_set = false;
	debug->stepping_over = false;
	debug->untimed = false;
	debug->fatal = MTI_GDB_SIGNONE;
	if (debug->awaited) {
		mti_debug_poll(box);
	} else {
		set_timed(box, false);
		status = mti_debug_await(box, err);
	}
	debug->awaited = true;
	if (status != MOTE_OK || !mti_debug_attached(debug) ||
	    (!debug->halt && !stepping(debug)))
		return status;
	status = load(box, err);
	if (status != MOTE_OK)
		return status;
	if (debug->halt)
		return halt_for_gdb(box, err);
	/* A step that the end of the last call cut short ends here. */
	if (debug->how.step)
		return halt(box, MTI_GDB_SIGTRAP, err);
	prepare_step(box);
	return MOTE_OK;
}

mote_status mti_debug_begin(mote_sandbox *box, mote_error *err)
{
	mote_status status = begin(box, err);

	set_clock(box);
	return status;
}

mote_status mti_debug_enter(mote_sandbox *box, mote_error *err)
{
	struct mti_debug *debug = box->debug;
	mote_status status = MOTE_OK;

	if (debug->changed)
		status = mti_ops_of(box)->machine_set(box->vm, &debug->machine,
						      err);
	debug->changed = false;
	if (status == MOTE_OK)
		mti_debug_plant(box);
	return status;
}

/* What was pushed must not set the flag with the next POPF. */
static void clear_pushed_flag(mote_sandbox *box)
{
	const struct mti_virtual access = mti_inspect_space(box);
	const struct mti_arch_debug *arch = arch_of(box);
	uint64_t sp = box->debug->machine.general[arch->stack_register];
	uint64_t word;

	if (mti_virtual_read(&access, sp, &word, sizeof(word)) != sizeof(word))
		return;
	word &= ~arch->step_flag;
	(void)mti_virtual_write(&access, sp, &word, sizeof(word));
}

/* Whether gdb wants to see the guest after this instruction. */
static bool step_ends(mote_sandbox *box, struct mti_gdb_stop *stop)
{
	const struct mti_gdb_resume *how = &box->debug->how;
	uint64_t pc = *pc_of(box);

	stop->watchpoint = mti_debug_watch_changed(box, &stop->address);
	return stop->watchpoint ||
	       (how->step && (pc < how->first || pc >= how->end));
}

/* One instruction is done. */
static mote_status stepped(mote_sandbox *box, mote_error *err)
{
	struct mti_gdb_stop stop = { .number = MTI_GDB_SIGTRAP };
	struct mti_debug *debug = box->debug;

	if (debug->step_kind == MTI_STEP_PUSHES_FLAG)
		clear_pushed_flag(box);
	clear_step(box);
	if (step_ends(box, &stop))
		return halt_as(box, &stop, err);
	if (++debug->steps % STEPS_MAX == 0)
		mti_debug_poll(box);
	if (debug->halt)
		return halt_for_gdb(box, err);
	/* Unless the client has gone meanwhile. */
	if (stepping(debug))
		prepare_step(box);
	return MOTE_OK;
}

/*
 * The guest cannot go on by itself. What gdb says to that: that it gets the
 * signal, then the caller is told; or that it goes on nevertheless.
 */
static mote_status crash(mote_sandbox *box, uint8_t signal,
			 enum mti_debug_verdict *verdict, mote_error *err)
{
	struct mti_debug *debug = box->debug;
	mote_status status;

	debug->fatal = signal;
	*verdict = MTI_DEBUG_PASS;
	if (!mti_debug_attached(debug))
		return MOTE_OK;
	/* What it has printed until now may say why. */
	(void)mti_post_drain(box, NULL);
	status = halt(box, signal, err);
	if (status == MOTE_OK && mti_debug_attached(debug) &&
	    debug->how.signal == MTI_GDB_SIGNONE) {
		debug->fatal = MTI_GDB_SIGNONE;
		*verdict = MTI_DEBUG_TAKEN;
	}
	return status;
}

static uint8_t signal_of(mote_fault_kind kind)
{
	switch (kind) {
	case MOTE_FAULT_DIVIDE:
	case MOTE_FAULT_FLOATING_POINT:
		return MTI_GDB_SIGFPE;
	case MOTE_FAULT_ILLEGAL_INSTRUCTION:
		return MTI_GDB_SIGILL;
	case MOTE_FAULT_BREAKPOINT:
		return MTI_GDB_SIGTRAP;
	case MOTE_FAULT_ALIGNMENT:
		return MTI_GDB_SIGBUS;
	case MOTE_FAULT_ABORT:
		return MTI_GDB_SIGABRT;
	default:
		return MTI_GDB_SIGSEGV;
	}
}

static bool is_breakpoint(const struct mti_arch_debug *arch,
			  const uint8_t *code)
{
	uint32_t i;

	for (i = 0; i < arch->breakpoint_size; i++)
		if ((code[i] ^ arch->breakpoint[i]) & arch->breakpoint_mask[i])
			return false;
	return true;
}

/*
 * Whether a breakpoint was there that has been taken away since: the guest
 * was interrupted in the stub, and who had put it there has gone. One that
 * is there, with whatever number, is the guest's own.
 */
static bool was_ours(mote_sandbox *box, uint64_t address)
{
	const struct mti_virtual access = mti_inspect_space(box);
	const struct mti_arch_debug *arch = arch_of(box);
	uint8_t code[MTI_ARCH_BREAKPOINT_MAX];

	return mti_virtual_read(&access, address, code,
				arch->breakpoint_size) ==
		       arch->breakpoint_size &&
	       !is_breakpoint(arch, code);
}

static mote_status fault_exit(mote_sandbox *box, uint32_t vector,
			      enum mti_debug_verdict *verdict, mote_error *err)
{
	static const struct mti_gdb_stop at_breakpoint = {
		.number = MTI_GDB_SIGTRAP,
		.breakpoint = true,
	};
	const struct mti_arch_debug *arch = arch_of(box);
	struct mti_debug *debug = box->debug;
	mote_fault fault = { 0 };
	mote_status status = load(box, err);
	uint64_t *pc = pc_of(box);
	uint64_t at;

	if (status != MOTE_OK)
		return status;
	/* The CPU stands in the stub; the guest's registers are these. */
	mti_fault_read(box, vector, &fault);
	memcpy(debug->machine.general, fault.registers,
	       fault.register_count * sizeof(fault.registers[0]));
	debug->changed = true;
	*verdict = MTI_DEBUG_TAKEN;
	at = *pc - arch->breakpoint_after;
	if (fault.vector == arch->breakpoint_vector && debug->stepping_over &&
	    at == debug->over.address) {
		*pc = at;
		return stepped(box, err);
	}
	if (fault.vector == arch->breakpoint_vector &&
	    mti_debug_has(debug, at)) {
		*pc = at;
		return halt_as(box, &at_breakpoint, err);
	}
	if (fault.vector == arch->breakpoint_vector && was_ours(box, at)) {
		*pc = at;
		return MOTE_OK;
	}
	if (fault.vector == arch->step_vector && debug->flag_set)
		return stepped(box, err);
	return crash(box, signal_of((mote_fault_kind)fault.kind), verdict, err);
}

/*
 * Not where the guest may be in supervisor mode, in a stub or in the syscall
 * page: from there it could not go on in user mode.
 */
static bool can_halt(mote_sandbox *box)
{
	uint64_t pc = *pc_of(box);

	return pc < MOTE_GVA_CONTROL || pc >= MOTE_GVA_CALL ||
	       box->debug->delays++ >= DELAYS_MAX;
}

static mote_status interrupted(mote_sandbox *box,
			       enum mti_debug_verdict *verdict,
			       mote_error *err)
{
	mote_status status;

	mti_debug_poll(box);
	if (!box->debug->halt)
		return MOTE_OK;
	status = load(box, err);
	if (status != MOTE_OK || !can_halt(box))
		return status;
	*verdict = MTI_DEBUG_TAKEN;
	return halt_for_gdb(box, err);
}

static mote_status leave(mote_sandbox *box, const struct mti_exit *exit,
			 enum mti_debug_verdict *verdict, mote_error *err)
{
	mote_status status;
	uint8_t signal;

	switch (exit->kind) {
	case MTI_EXIT_FAULT:
		return fault_exit(box, exit->number, verdict, err);
	case MTI_EXIT_INTERRUPTED:
		return interrupted(box, verdict, err);
	case MTI_EXIT_PORT:
		if (exit->number != MOTE_PORT_ABORT)
			return MOTE_OK;
		break;
	default:
		break;
	}
	signal = exit->kind == MTI_EXIT_PORT ? MTI_GDB_SIGABRT
					     : MTI_GDB_SIGSEGV;
	status = load(box, err);
	if (status == MOTE_OK)
		status = crash(box, signal, verdict, err);
	/* Whatever gdb says: there is no way on from these. */
	box->debug->fatal = signal;
	*verdict = MTI_DEBUG_PASS;
	return status;
}

mote_status mti_debug_leave(mote_sandbox *box, const struct mti_exit *exit,
			    enum mti_debug_verdict *verdict, mote_error *err)
{
	mote_status status;

	mti_debug_lift(box);
	*verdict = MTI_DEBUG_PASS;
	status = leave(box, exit, verdict, err);
	set_clock(box);
	return status;
}

void mti_debug_end(mote_sandbox *box, mote_status status)
{
	struct mti_debug *debug = box->debug;
	bool exited = (status == MOTE_OK && box->phase == MTI_PHASE_MAIN) ||
		      status == MOTE_E_GUEST_EXIT;
	struct mti_gdb_stop stop = {
		.kind = exited ? MTI_GDB_EXITED : MTI_GDB_KILLED,
		.number = MTI_GDB_SIGKILL,
	};

	mti_debug_lift(box);
	/* A core shows what gdb did: not a guest's that failed by itself. */
	if (debug->changed && debug->fatal == MTI_GDB_SIGNONE)
		(void)mti_ops_of(box)->machine_set(box->vm, &debug->machine,
						   NULL);
	debug->changed = false;
	if (status == MOTE_OK && !exited)
		return;
	if (exited)
		stop.number = (uint8_t)box->exit_status;
	else if (debug->fatal != MTI_GDB_SIGNONE)
		stop.number = debug->fatal;
	mti_debug_farewell(debug, &stop);
}
