/*
 * `mote run --profile` and `--heap-profile`: what is collected while the
 * guest runs, and what is made of it afterwards.
 */
#ifndef CLI_PROFILE_H
#define CLI_PROFILE_H

#include <stdio.h>

#include <mote/debug.h>

#include "new_file.h"
#include "stacks.h"

/* Where the guest spends its time. */
struct cli_profile {
	struct cli_new_file file;
	struct cli_stacks stacks;
	uint64_t samples;
	uint64_t period_ns;
};

/* A stack that allocates; by the number of its node. */
struct cli_heap_site {
	uint64_t live;
	uint64_t blocks;
	/* What was live at the last peak before the last change. */
	uint64_t peak_live;
	uint64_t peak_blocks;
	uint64_t change; /* which peak came before it */
};

struct cli_heap_block;

/* What it does with its heap. */
struct cli_heap {
	struct cli_new_file file;
	struct cli_stacks stacks;
	struct cli_heap_site *sites; /* owned; as many as nodes */
	uint32_t site_count;
	struct cli_heap_block *blocks; /* owned; by address */
	size_t block_slots;
	size_t block_count;
	size_t gone; /* slots that are in the way of a search */
	uint64_t live;
	uint64_t peak;
	uint64_t peaks; /* how often there was a new one */
	uint64_t allocations;
	uint64_t frees;
	uint64_t strange; /* of what was not allocated, or not followed */
};

/* False if there is no memory. */
bool cli_profile_init(struct cli_profile *profile);
bool cli_heap_init(struct cli_heap *heap);
void cli_profile_fini(struct cli_profile *profile);
void cli_heap_fini(struct cli_heap *heap);

/* mote_sample_fn and mote_heap_fn. */
void cli_profile_sample(void *user, const struct mote_frame *frames,
			size_t count);
void cli_heap_event(void *user, uint32_t kind, uint64_t address, uint64_t size,
		    const struct mote_frame *frames, size_t count);

/* The run is over: writes the file. title: what was run. */
void cli_profile_write(struct cli_profile *profile, mote_image *image,
		       const char *title);
void cli_heap_write(struct cli_heap *heap, mote_image *image,
		    const char *title);

/* What is live, as a list; heap_report.c. */
void cli_heap_list(const struct cli_heap *heap, const char *title, FILE *file);

#endif
