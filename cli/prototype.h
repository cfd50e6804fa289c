/*
 * The signature of a function, taken apart and as people read it:
 * "SayHello(string name) -> string". Pure.
 */
#ifndef CLI_PROTOTYPE_H
#define CLI_PROTOTYPE_H

#include <stdbool.h>
#include <stddef.h>

#include <mote/mote.h>

#include "text.h"

struct cli_parameter {
	mote_type type;
	char name[MOTE_NAME_MAX + 1]; /* "" if the guest does not say */
};

struct cli_prototype {
	char name[MOTE_NAME_MAX + 1];
	mote_type result;
	size_t count;
	struct cli_parameter parameters[MOTE_ARGUMENTS_MAX];
};

/* False if the signature is not one, which the library does not let pass. */
bool cli_prototype_read(const mote_function *function,
			struct cli_prototype *out);

void cli_prototype_add(struct cli_text *text,
		       const struct cli_prototype *prototype);

/* Room for any prototype in full. */
#define CLI_PROTOTYPE_TEXT_MAX 4096

#endif
