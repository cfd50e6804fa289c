/*
 * The guest runtime, between the host's protocol (abi/) and the program.
 *
 * Two kinds of code. The upper half is ordinary C over libc. The lower half
 * (port, clock, post, pages and libc/) also runs below libc, inside a system
 * call: it is compiled without vector registers and calls nothing of libc.
 * One thread, no signals, and nothing in the lower half uses `syscall`, so
 * nothing is re-entered.
 */
#ifndef MOTE_RT_RT_H
#define MOTE_RT_RT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mote_guest.h>

#include "abi/call.h"
#include "abi/layout.h"

#define HIDDEN __attribute__((visibility("hidden")))
#define NORETURN __attribute__((noreturn))

static inline volatile struct mote_abi_control *control(void)
{
	return (volatile struct mote_abi_control *)MOTE_GVA_CONTROL;
}

static inline uint64_t round_up(uint64_t value, uint64_t power)
{
	return (value + power - 1) & -power;
}

/* arch/, start.S */
HIDDEN NORETURN void mote_rt_ready(void);
HIDDEN void mote_rt_dispatch_entry(void);
HIDDEN void mote_rt_syscall_entry(void);

/* port.c: the ways out of the guest. */

/* Leaves the guest and comes back. */
HIDDEN void mote_rt_exit(uint32_t port, uint32_t value, uint64_t argument);
/* Leaves it for the last time in this call. */
HIDDEN NORETURN void mote_rt_leave(uint32_t port, uint32_t value,
				   uint64_t argument);
/* The guest dies of a signal; pc is what the host shows as the place. */
HIDDEN NORETURN void mote_rt_die(int signal, const void *pc);
/* The same of SIGABRT, for a function that returns there. */
HIDDEN NORETURN void mote_rt_abort(const void *return_address);

/* clock.c */

/* To be called first thing after each entry, and before each exit. */
HIDDEN void mote_rt_clock_enter(void);
HIDDEN void mote_rt_clock_leave(void);
/* May leave the guest where the TSC is no good. */
HIDDEN uint64_t mote_rt_clock_monotonic(void);
HIDDEN uint64_t mote_rt_clock_realtime(void);
/* Time spent in the guest; false if it cannot be told. */
HIDDEN bool mote_rt_clock_cpu(uint64_t *ns);

/* message.c */

/* Kind, function, id and code of a message to be written. */
struct mote_rt_head {
	uint16_t kind;
	uint32_t function;
	uint64_t id;
	int32_t code;
};

/*
 * Writes a message with the slots whose types are letters, up to `)` or NUL.
 * Returns its size, or 0 if it does not fit into capacity.
 */
HIDDEN size_t mote_rt_encode(void *buffer, size_t capacity,
			     const struct mote_rt_head *head,
			     const char *letters,
			     const struct mote_slot_ *slots);
HIDDEN uint32_t mote_rt_type_of(char letter);

/* post.c: records in the post area; leaves the guest when it is full. */

HIDDEN void mote_rt_post_output(uint32_t kind, const void *data, size_t size);
/*
 * A record that the caller fills in place: *space bytes are free for its body
 * at the address returned. Size 0 gives the place up.
 */
HIDDEN void *mote_rt_post_begin(size_t *space);
HIDDEN void mote_rt_post_end(uint32_t kind, size_t size);
/* Hands over what is queued. */
HIDDEN void mote_rt_post_flush(void);

/* pages.c: the heap. */

/* NULL if there is no run of that many. The pages are zero if asked. */
HIDDEN void *mote_rt_pages_take(size_t count, bool zero);
/* Extends a run in place; false if its end is not followed by free pages. */
HIDDEN bool mote_rt_pages_extend(void *end, size_t count);
HIDDEN void mote_rt_pages_give(void *first, size_t count);
/* Whether all these pages are in the heap and may be given back. */
HIDDEN bool mote_rt_pages_within(uint64_t address, uint64_t size);
/* Whether all of them are in use. */
HIDDEN bool mote_rt_pages_used(uint64_t address, uint64_t size);

/* arena.c: call memory. */

HIDDEN void mote_rt_arena_reset(void);

/* host.c */

/* Bytes of results in the out area; host calls are written behind them. */
HIDDEN extern uint32_t mote_rt_out_used;

/* reseed.c: the first thing in the first call after a restore. */
HIDDEN void mote_rt_reseed(void);

/* dispatch.c */

/* The error that the function running now asked for. */
struct mote_rt_failure {
	bool set;
	int32_t code;
	const char *text;
};

HIDDEN extern struct mote_rt_failure mote_rt_failure;
HIDDEN NORETURN void mote_rt_dispatch(const struct mote_abi_message *message,
				      uint64_t count);
/* Sends what printf left in stdout's buffer. */
HIDDEN void mote_rt_flush_stdout(void);

#endif
