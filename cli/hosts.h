/*
 * Host functions that `mote run --host NAME=TEXT` offers: each ignores its
 * arguments and returns a constant.
 */
#ifndef CLI_HOSTS_H
#define CLI_HOSTS_H

#include <stdbool.h>
#include <stddef.h>

#include <mote/mote.h>

#include "argument.h"
#include "failure.h"
#include "run_options.h"

struct cli_host {
	mote_value result;
	void *block; /* what result points to, if it is ours */
};

struct cli_hosts {
	mote_host_function functions[CLI_HOSTS_MAX]; /* user: a constant */
	struct cli_host constants[CLI_HOSTS_MAX];
	size_t count;
};

/*
 * Gives each option the signature of the guest's import of that name. The
 * names live as long as the image.
 */
bool cli_hosts_init(struct cli_hosts *hosts,
		    const struct cli_run_options *options,
		    const mote_image *image, struct cli_input *input,
		    struct cli_failure *failure);
void cli_hosts_fini(struct cli_hosts *hosts);

/* After MOTE_E_IMPORT: the options that would offer what is missing. */
void cli_hosts_hint(const struct cli_hosts *hosts, const mote_image *image,
		    struct cli_failure *failure);

#endif
