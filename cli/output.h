/*
 * What the guest prints: passed on at once, or kept for a JSON report.
 */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "filter.h"

/* Kept of each stream when it is captured; the rest is counted only. */
#define CLI_CAPTURE_MAX ((size_t)1 << 20)

struct cli_stream {
	int fd;
	bool terminal; /* filter it */
	bool mid_line; /* the last character was not a newline */
	struct cli_filter filter;
	char *kept; /* owned */
	size_t kept_size;
	size_t kept_capacity;
	bool cut; /* more was printed than is kept */
};

struct cli_output {
	bool capture;
	int error; /* errno of the first write that failed */
	struct cli_stream out;
	struct cli_stream err;
};

void cli_output_init(struct cli_output *output, bool capture);
void cli_output_fini(struct cli_output *output);

/* A mote_output_fn; user is the struct cli_output. */
void cli_output_write(void *user, uint32_t stream, const char *data,
		      size_t size);

/*
 * The guest is done: shows a cut character, and on a terminal ends a line
 * that was begun, so that what follows starts at the left.
 */
void cli_output_end(struct cli_output *output);

/* Writes to standard output, filtered if that is a terminal; errno value. */
int cli_output_show(struct cli_output *output, const char *data, size_t size);

#endif
