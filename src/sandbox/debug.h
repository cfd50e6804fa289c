/*
 * The debugger of a sandbox that was made with the option gdb: between the
 * run loop and a gdb that may be connected.
 *
 * All of it runs on the thread that makes calls. While the guest is stopped,
 * that thread serves gdb until it is told to go on; while the guest runs, it
 * exits every MTI_DEBUG_SLICE_NS to see whether gdb wants something. Between
 * calls nobody listens: to gdb the guest is running.
 *
 * Breakpoints are in the guest's memory only while the guest runs. Whoever
 * looks at its memory at another time, gdb, a snapshot or a core dump, does
 * not see them.
 */
#ifndef MTI_SANDBOX_DEBUG_H
#define MTI_SANDBOX_DEBUG_H

#include "debug/gdb/link.h"
#include "debug/gdb/session.h"
#include "sandbox/types.h"

#define MTI_DEBUG_SLICE_NS UINT64_C(10000000)
#define MTI_DEBUG_BREAKPOINTS_MAX 256
/* Each is compared after every instruction. */
#define MTI_DEBUG_WATCHES_MAX 16
#define MTI_DEBUG_WATCH_BYTES 1024

/* What runs after an exit. */
enum mti_debug_verdict {
	MTI_DEBUG_PASS,  /* the exit is the run loop's */
	MTI_DEBUG_TAKEN, /* there is nothing else to do */
};

/* listens at options->gdb. box->debug is set, also when it fails. */
mote_status mti_debug_new(mote_sandbox *box, const char *address,
			  mote_error *err);
/* options->gdb_ready, which is not NULL, is called. */
void mti_debug_tell(const mote_sandbox *box,
		    const mote_sandbox_options *options);
void mti_debug_free(mote_sandbox *box);

/*
 * The rest is for run.c, if box->debug is not NULL. The first of them after
 * set_entry and the last at the end of each call, between them enter and
 * leave around each entry. MOTE_E_CANCELLED: the debugger killed the guest.
 */
mote_status mti_debug_begin(mote_sandbox *box, mote_error *err);
mote_status mti_debug_enter(mote_sandbox *box, mote_error *err);
mote_status mti_debug_leave(mote_sandbox *box, const struct mti_exit *exit,
			    enum mti_debug_verdict *verdict, mote_error *err);
void mti_debug_end(mote_sandbox *box, mote_status status);

/* ------------------------------------------- for debug.c and its parts */

struct mti_debug_breakpoint {
	uint64_t address;
	uint8_t types; /* a bit for each that gdb has set here */
	bool planted;
	/* What the breakpoint has replaced. */
	uint8_t original[MTI_ARCH_BREAKPOINT_MAX];
};

struct mti_debug_watch {
	uint64_t address;
	size_t size;
	uint8_t value[MTI_DEBUG_WATCH_BYTES];
};

struct mti_debug {
	struct mti_gdb_link link;
	const struct mti_gdb_layout *layout; /* of the registers */
	struct mti_gdb_target target;
	struct mti_gdb_program program;
	struct mti_gdb_session session; /* if link.client is not -1 */

	bool awaited; /* the first client has come */
	bool halt;    /* the guest is to stop as soon as it can */
	bool killed;
	uint8_t fatal; /* signal of the last fault, 0: none */
	uint32_t delays; /* how often a halt was put off */

	/* How the guest goes on, or went. */
	struct mti_gdb_resume how;
	enum mti_step_kind step_kind;
	uint32_t steps; /* since gdb was last listened to */

	/* Registers of the guest, which is stopped. */
	struct mti_machine machine;
	bool changed;  /* the CPU has others */
	bool flag_set; /* the step flag, by us */
	bool untimed;  /* the deadline of the call is off */

	struct mti_debug_breakpoint over; /* behind an instruction to step */
	bool stepping_over;
	size_t breakpoint_count;
	struct mti_debug_breakpoint breakpoints[MTI_DEBUG_BREAKPOINTS_MAX];

	size_t watch_count;
	struct mti_debug_watch watches[MTI_DEBUG_WATCHES_MAX];

	/* From gdb, not yet taken. */
	size_t in_at;
	size_t in_size;
	uint8_t in[4096];
};

/* debug_target.c: fills target and program. */
void mti_debug_target_init(mote_sandbox *box);
/* Puts all breakpoints into memory, and takes them out. */
void mti_debug_plant(mote_sandbox *box);
void mti_debug_lift(mote_sandbox *box);
/* What is watched is from now on compared with what it is now. */
void mti_debug_watch_begin(mote_sandbox *box);
/* Whether one has changed since; its address. */
bool mti_debug_watch_changed(mote_sandbox *box, uint64_t *address);
/* Whether one that gdb has inserted is at the address. */
bool mti_debug_has(const struct mti_debug *debug, uint64_t address);
/* Nothing is left of what a client has asked for. */
void mti_debug_forget(struct mti_debug *debug);

/* debug_serve.c: with gdb while the guest is stopped. */
mote_status mti_debug_serve(mote_sandbox *box, mote_error *err);
/* Without waiting: is there somebody, does somebody want it to stop? */
void mti_debug_poll(mote_sandbox *box);
/* Waits for the first client. */
mote_status mti_debug_await(mote_sandbox *box, mote_error *err);
/* Tells gdb that the guest is gone, as far as it listens. */
void mti_debug_farewell(struct mti_debug *debug,
			const struct mti_gdb_stop *stop);

static inline bool mti_debug_attached(const struct mti_debug *debug)
{
	return debug->link.client >= 0;
}

#endif
