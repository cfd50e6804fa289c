/*
 * What tests of bare guests share: an image of which the case is chosen, and
 * what it printed.
 */
#ifndef BARE_HOST_H
#define BARE_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include <mote/bare.h>
#include <mote/snapshot.h>

#include "guest/bare/cases.h"
#include "harness/vm.h"

struct bare_output {
	char text[4096];
	size_t used;
	char errors[64]; /* standard error */
	size_t errors_used;
};

/* A mote_output_fn; user is a struct bare_output. */
void bare_print(void *user, uint32_t stream, const char *data, size_t size);

/* The file with that case instead of its own; vm is open without an image. */
mote_image *bare_case_image(struct vm *vm, const char *path,
			    enum bare_case which);

/* Options that print there, and run for as long as tests wait. */
mote_sandbox_options bare_options(struct bare_output *output);

/* It ends so; and its status, if it exits. */
uint32_t bare_run(mote_sandbox *box, mote_run_end end);

#endif
