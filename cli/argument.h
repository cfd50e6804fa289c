/*
 * Arguments of a call, from the command line or from files.
 */
#ifndef CLI_ARGUMENT_H
#define CLI_ARGUMENT_H

#include <stdbool.h>
#include <stddef.h>

#include <mote/mote.h>

#include "failure.h"
#include "prototype.h"

/* What standard input has become: it can be read once. "" if nothing yet. */
struct cli_input {
	char taken[MOTE_NAME_MAX + 32];
};

/*
 * Reads one value; bytes may be @FILE, with @- for standard input, if nothing
 * has taken that yet. *block is memory that the value needs, for the caller
 * to free. The failure says "label: 'text' is not ...".
 */
bool cli_argument_read(const char *label, mote_type type, const char *text,
		       struct cli_input *input, mote_value *value, void **block,
		       struct cli_failure *failure);

struct cli_arguments {
	mote_value values[MOTE_ARGUMENTS_MAX];
	void *blocks[MOTE_ARGUMENTS_MAX];
	size_t count;
};

/*
 * All arguments of a call, as many and of such types as the prototype says.
 * after: what options must stand before, if one of them looks like one.
 */
bool cli_arguments_init(struct cli_arguments *arguments,
			const struct cli_prototype *prototype, char **texts,
			size_t count, const char *after,
			struct cli_input *input,
			struct cli_failure *failure);
void cli_arguments_fini(struct cli_arguments *arguments);

#endif
