/*
 * Options of sandboxes, validated and completed.
 */
#ifndef MTI_API_OPTIONS_H
#define MTI_API_OPTIONS_H

#include "sandbox/sandbox.h"

/*
 * Those of a sandbox that is made from snapshot; options may be NULL. What
 * they point to is not copied.
 */
mote_status mti_options_for_snapshot(const mote_snapshot *snapshot,
				     const mote_sandbox_options *options,
				     mote_sandbox_options *full,
				     mote_error *err);

/* mapping.c: those of options. */
mote_status mti_mappings_check(const mote_mapping *mappings, size_t count,
			       mote_error *err);

#endif
