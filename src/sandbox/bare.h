/*
 * Bare guests: abi/bare.h.
 */
#ifndef MTI_SANDBOX_BARE_H
#define MTI_SANDBOX_BARE_H

#include <mote/bare.h>

#include "mem/virtual.h"
#include "sandbox/types.h"

static inline bool mti_is_bare(const mote_image *image)
{
	return image->elf.bare_mode != 0;
}

/* MOTE_E_STATE unless the guest is bare, or unless it is not. */
mote_status mti_bare_only(const mote_sandbox *box, const char *operation,
			  mote_error *err);
mote_status mti_bare_never(const mote_sandbox *box, const char *operation,
			   mote_error *err);

/* What such a guest has no use for: MOTE_E_UNSUPPORTED. */
mote_status mti_bare_options(const mote_sandbox_options *options,
			     mote_error *err);

/* bare_template.c: where everything lies; that, and what is in it. */
mote_status mti_bare_make_plan(const mote_image *image,
			       const struct mti_layout_sizes *sizes,
			       struct mti_layout *layout, mote_error *err);
mote_status mti_bare_build(struct mti_template *plan, const mote_image *image,
			   const struct mti_layout_sizes *sizes,
			   mote_error *err);

/* A sandbox that was just attached: as the image says, or as a snapshot. */
mote_status mti_bare_start_image(mote_sandbox *box, mote_error *err);
mote_status mti_bare_resume(mote_sandbox *box, const struct mti_snap_bare *bare,
			    mote_error *err);
mote_status mti_bare_snap(mote_sandbox *box, struct mti_snap_bare *bare,
			  mote_error *err);

/* An acquired sandbox that is READY. */
mote_status mti_bare_run(mote_sandbox *box, mote_run_result *result,
			 mote_error *err);

/* bare_inspect.c. After an exit: false if nobody knows any more. */
bool mti_bare_fault(mote_sandbox *box, mote_fault *fault);
/* Memory as the guest's code sees it just now. */
struct mti_virtual mti_bare_space(mote_sandbox *box);
mote_status mti_bare_registers(mote_sandbox *box, uint64_t *general,
			       mote_error *err);
/* Frames by the chain of frame pointers; see mti_inspect_unwind. */
mote_status mti_bare_unwind(mote_sandbox *box,
			    struct mti_unwind_frame *frames, size_t max,
			    size_t *count, mote_error *err);

#endif
