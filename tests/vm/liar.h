/*
 * The fixture of the tests whose guest lies: an engine, the image of
 * guests/villain.S, and a witness, a second sandbox that must stay well.
 */
#ifndef VM_LIAR_H
#define VM_LIAR_H

#include "harness/vm.h"
#include "vm/villain.h"

#define VILLAIN_IO_SIZE (UINT64_C(1048576) + 4096)
#define VILLAIN_HOST_CALLS 1000 /* max_host_calls */

extern struct vm vm;
extern mote_sandbox *witness;
extern size_t villain_log_calls; /* of the posted function HostLog */

void villain_setup(void);
void villain_finish(void);

/* With the host functions that the villain imports. */
mote_sandbox_options villain_options(void);
mote_sandbox *new_box(void);

void expect_answer(mote_sandbox *box);

/* Makes the first call; the id that the next one has. */
uint64_t second_id(mote_sandbox *box);

/* The status is the expected one, box is poisoned, the witness is not. */
void expect_broken(mote_sandbox *box, mote_status status, mote_status expected,
		   const char *what);

#endif
