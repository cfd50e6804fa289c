/*
 * How a call stack of a guest is shown.
 */
#ifndef CLI_FRAMES_H
#define CLI_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <jansson.h>

#include <mote/debug.h>

#include "text.h"

/* Innermost first; no frames: nothing is known. */
struct cli_frames {
	mote_frame *frames; /* owned */
	size_t count;
	bool cut; /* there may be more */
};

void cli_frames_fini(struct cli_frames *frames);

/* Of a sandbox after its last call. Nothing if that cannot be had. */
void cli_frames_of_sandbox(struct cli_frames *frames, mote_sandbox *box);

/* Of one place. */
void cli_frames_of_place(struct cli_frames *frames, mote_image *image,
			 uint64_t pc);

/* Of a core; err says why there are none. */
bool cli_frames_of_core(struct cli_frames *frames, const mote_core *core,
			mote_image *image, mote_error *err);

/*
 * The function of a frame as people know it: without what mote_guest.h puts
 * around exported ones. *inlined: its frame is that of another one.
 */
const char *cli_frame_name(const mote_frame *frame, bool *inlined);

/* "in fall at crash.c:12"; nothing is added if neither is known. */
void cli_frame_add_place(struct cli_text *text, const mote_frame *frame);

/* The runtime's outermost frames are left out, repetitions counted. */
void cli_frames_print(const struct cli_frames *frames, FILE *file,
		      bool colour);

/* [{"pc", "function", "function_offset", "file", "line"}] */
json_t *cli_frames_json(const struct cli_frames *frames);

#endif
