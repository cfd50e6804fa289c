/*
 * A host for villain.S where what its functions do is not the point: each
 * gives back its first argument, unless the test wants something else.
 */
#ifndef VM_VILLAIN_HOST_H
#define VM_VILLAIN_HOST_H

#include <mote/mote.h>

/* If not NULL, what all of them do instead. */
extern mote_host_fn villain_host_fn;

/* Options with these functions and that deadline, all else default. */
mote_sandbox_options villain_host_options(uint64_t deadline_ns);

/*
 * Of the functions Count and HostThenCount, while a call runs: start, which
 * must come before it, sets the word they count in to 0. seen returns when
 * the guest counts, so that it runs: the number, which is above 1.
 */
void villain_count_start(const mote_sandbox *box);
uint64_t villain_count(const mote_sandbox *box);
uint64_t villain_count_seen(const mote_sandbox *box);

#endif
