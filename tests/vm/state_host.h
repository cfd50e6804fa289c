/*
 * The host's side of guests/state.c, and short forms of what tests of
 * snapshots do with it. Each fails the test if it fails.
 */
#ifndef VM_STATE_HOST_H
#define VM_STATE_HOST_H

#include <mote/snapshot.h>

#include "harness/vm.h"

struct state_host {
	struct vm vm;
	mote_host_function functions[2];
	size_t lines; /* that the guest printed */
	size_t notes;
};

/* Opens host->vm with the guest. */
void state_open(struct state_host *host, const char *path);
void state_close(struct state_host *host);

/* Options with the host functions; a long deadline, a small heap. */
mote_sandbox_options state_options(struct state_host *host);
mote_sandbox *state_new(struct state_host *host);

mote_snapshot *state_take(mote_sandbox *box);
void state_restore(mote_sandbox *box, mote_snapshot *snapshot);
/* Without options, but for the host functions. */
mote_sandbox *state_clone(struct state_host *host, mote_snapshot *snapshot);

/* Calls of functions without arguments. */
int32_t state_i32(mote_sandbox *box, const char *function);
int64_t state_i64(mote_sandbox *box, const char *function);
uint64_t state_u64(mote_sandbox *box, const char *function);
void state_void(mote_sandbox *box, const char *function);
/* Must fail so. */
void state_fail(mote_sandbox *box, const char *function, mote_status status);

void state_set_text(mote_sandbox *box, const char *text);
void state_expect_text(mote_sandbox *box, const char *text);
void state_touch(mote_sandbox *box, uint32_t count, uint32_t stride,
		 uint32_t value);
uint64_t state_sum(mote_sandbox *box, uint32_t count, uint32_t stride);

/* Whether the bytes are anywhere in the guest's memory. */
bool state_holds(const mote_sandbox *box, const void *bytes, size_t size);

#endif
