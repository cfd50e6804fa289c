/*
 * Core files that were written earlier, as objects.
 */
#ifndef MTI_SANDBOX_CORE_H
#define MTI_SANDBOX_CORE_H

#include <mote/debug.h>

#include "debug/core_read.h"
#include "debug/unwind.h"

struct mote_core {
	mote_engine *engine; /* a reference */
	int fd;              /* owned */
	struct mti_core_view view;
};

mote_status mti_core_file_open(mote_engine *engine, const char *path,
			       mote_core **core, mote_error *err);
void mti_core_file_close(mote_core *core);

/* As mti_inspect_unwind, if the image is that of the core. */
mote_status mti_core_file_unwind(const mote_core *core, mote_image *image,
				 struct mti_unwind_frame *frames, size_t max,
				 size_t *count, mote_error *err);

#endif
