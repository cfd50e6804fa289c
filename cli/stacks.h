/*
 * Call stacks of a guest: collected as addresses while it runs, then as names
 * of functions.
 */
#ifndef CLI_STACKS_H
#define CLI_STACKS_H

#include <mote/debug.h>

#include "tree.h"

/* A function, however many places in it there are. */
struct cli_function {
	char *name; /* as its file has it; owned */
	bool source; /* its source is known: it is the guest's own */
};

struct cli_stacks {
	struct cli_tree places; /* by address; twice that, and 1 for returns */
	struct cli_tree calls;  /* by number of function */
	struct cli_function *functions; /* owned; 0 is that of the root */
	uint32_t function_count;
	uint32_t *made; /* owned: of each node in places, that in calls */
};

bool cli_stacks_init(struct cli_stacks *stacks);
void cli_stacks_fini(struct cli_stacks *stacks);

/* The node of a stack in places. */
uint32_t cli_stacks_add(struct cli_stacks *stacks,
			const struct mote_frame *frames, size_t count);

/*
 * Makes calls of places, values included. What the runtime puts below and
 * above the guest's own functions is left out, with inner also its innermost
 * ones. False if there is no memory.
 */
bool cli_stacks_name(struct cli_stacks *stacks, mote_image *image, bool inner);

#endif
