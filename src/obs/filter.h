/*
 * Which log records are wanted: "level" or "module=level,...,level". Pure.
 */
#ifndef MTI_OBS_FILTER_H
#define MTI_OBS_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mote/error.h>

#include "abi/layout.h"

#define MTI_LOG_MODULES_MAX 32
#define MTI_LOG_MODULE_NAME_MAX 31

/* As it goes into the guest's control page. */
struct mti_log_filter {
	uint32_t level; /* of modules that are not named: mote_log_level */
	uint32_t most;  /* the highest level of all */
	uint32_t count;
	struct mote_abi_log_module modules[MTI_LOG_MODULES_MAX];
};

/*
 * Entries are separated by commas; spaces around entries, names and levels do
 * not count; levels in any case, modules as they are written. NULL and what
 * is blank is "error", which also holds for modules that are not named if
 * there is no level for them. MOTE_E_INVALID names the entry that is wrong.
 */
mote_status mti_log_filter_parse(const char *text,
				 struct mti_log_filter *filter,
				 mote_error *err);

/* module need not be NUL-terminated. */
bool mti_log_filter_wants(const struct mti_log_filter *filter, uint32_t level,
			  const char *module, size_t size);

#endif
