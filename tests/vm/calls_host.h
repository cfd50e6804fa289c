/*
 * The host's side of guests/calls.c: functions that give back what they get,
 * and a record of what the guest printed and posted.
 */
#ifndef VM_CALLS_HOST_H
#define VM_CALLS_HOST_H

#include <mote/mote.h>

#include "harness/vm.h"

#define CALLS_HOST_FUNCTIONS 11

struct calls_host {
	mote_host_function functions[CALLS_HOST_FUNCTIONS];
	char log[4096]; /* NUL-terminated */
	size_t used;
	size_t posts;
};

/* Fills the table; the entries may be changed before it is used. */
void calls_host_init(struct calls_host *host);

/* Options that use it, everything else default. */
mote_sandbox_options calls_host_options(struct calls_host *host);

/* Opens vm with calls.c and makes a sandbox with all of these functions. */
mote_sandbox *calls_host_open(struct calls_host *host, struct vm *vm);

/* The entry of that name. */
mote_host_function *calls_host_entry(struct calls_host *host,
				     const char *name);

#endif
