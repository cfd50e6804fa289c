#include "obs/filter.h"

#include <string.h>
#include <strings.h>

#include <mote/mote.h>

#include "base/error.h"

_Static_assert(sizeof(((struct mote_abi_control *)0)->log_filter) ==
		       sizeof(((struct mti_log_filter *)0)->modules),
	       "the filter fits the control page");

/* How much of an entry a message shows. */
#define SHOWN_MAX 64

static const char *const levels[] = {
	[MOTE_LOG_OFF] = "off",	    [MOTE_LOG_ERROR] = "error",
	[MOTE_LOG_WARN] = "warn",   [MOTE_LOG_INFO] = "info",
	[MOTE_LOG_DEBUG] = "debug", [MOTE_LOG_TRACE] = "trace",
};

struct piece {
	const char *start;
	size_t size;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

static struct piece trim(const char *start, size_t size)
{
	while (size > 0 && is_space(start[0])) {
		start++;
		size--;
	}
	while (size > 0 && is_space(start[size - 1]))
		size--;
	return (struct piece){ start, size };
}

static mote_status wrong(mote_error *err, size_t number, struct piece entry,
			 const char *why)
{
	size_t shown = entry.size < SHOWN_MAX ? entry.size : SHOWN_MAX;

	return mti_error_set(err, MOTE_E_INVALID, "read log filter",
			     "log_filter: entry %zu, \"%.*s%s\": %s", number,
			     (int)shown, entry.start,
			     shown < entry.size ? "..." : "", why);
}

static bool find_level(struct piece text, uint32_t *level)
{
	uint32_t i;

	for (i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (strlen(levels[i]) == text.size &&
		    strncasecmp(levels[i], text.start, text.size) == 0) {
			*level = i;
			return true;
		}
	}
	return false;
}

static const struct mote_abi_log_module *
find_module(const struct mti_log_filter *filter, const char *name, size_t size)
{
	uint32_t i;

	if (size == 0 || size > MTI_LOG_MODULE_NAME_MAX)
		return NULL;
	for (i = 0; i < filter->count; i++) {
		const struct mote_abi_log_module *module = &filter->modules[i];

		if (memcmp(module->name, name, size) == 0 &&
		    (size == MTI_LOG_MODULE_NAME_MAX ||
		     module->name[size] == '\0'))
			return module;
	}
	return NULL;
}

/* NULL, or what is wrong. */
static const char *add_module(struct mti_log_filter *filter, struct piece name,
			      uint32_t level)
{
	struct mote_abi_log_module *module = &filter->modules[filter->count];

	if (name.size == 0)
		return "there is no module before the =";
	if (name.size > MTI_LOG_MODULE_NAME_MAX)
		return "the module's name is longer than 31 bytes";
	if (find_module(filter, name.start, name.size))
		return "the module is named a second time";
	if (filter->count == MTI_LOG_MODULES_MAX)
		return "there are more than 32 modules";
	memcpy(module->name, name.start, name.size);
	module->level = (uint8_t)level;
	filter->count++;
	return NULL;
}

/* NULL, or what is wrong. */
static const char *take(struct mti_log_filter *filter, struct piece entry,
			bool *has_level)
{
	const char *equals = memchr(entry.start, '=', entry.size);
	struct piece text = entry;
	const char *why = NULL;
	uint32_t level;

	if (entry.size == 0)
		return "it is empty";
	if (equals)
		text = trim(equals + 1,
			    entry.size - (size_t)(equals + 1 - entry.start));
	if (!find_level(text, &level))
		return "not a level: off, error, warn, info, debug, trace";
	if (equals) {
		why = add_module(filter,
				 trim(entry.start,
				      (size_t)(equals - entry.start)),
				 level);
	} else {
		if (*has_level)
			why = "a second level for the other modules";
		*has_level = true;
		filter->level = level;
	}
	if (level > filter->most)
		filter->most = level;
	return why;
}

mote_status mti_log_filter_parse(const char *text,
				 struct mti_log_filter *filter, mote_error *err)
{
	struct mti_log_filter made = { .level = MOTE_LOG_ERROR };
	const char *at = text ? text : "";
	bool has_level = false;
	size_t number;

	if (trim(at, strlen(at)).size == 0)
		at = levels[MOTE_LOG_ERROR];
	for (number = 1;; number++) {
		size_t size = strcspn(at, ",");
		struct piece entry = trim(at, size);
		const char *why = take(&made, entry, &has_level);

		if (why)
			return wrong(err, number, entry, why);
		if (at[size] == '\0')
			break;
		at += size + 1;
	}
	if (made.level > made.most)
		made.most = made.level;
	*filter = made;
	return MOTE_OK;
}

bool mti_log_filter_wants(const struct mti_log_filter *filter, uint32_t level,
			  const char *module, size_t size)
{
	const struct mote_abi_log_module *found;

	if (level == MOTE_LOG_OFF || level > filter->most)
		return false;
	found = find_module(filter, module, size);
	return level <= (found ? found->level : filter->level);
}
