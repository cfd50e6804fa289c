/*
 * See options.h.
 */
#include "options.h"

#include <string.h>

#include "near.h"
#include "text.h"

static const struct option *find_by_value(const struct option *longs, int value)
{
	for (; longs->name; longs++) {
		if (longs->val == value)
			return longs;
	}
	return NULL;
}

/* "--timeout" from "--timeout=5s". */
static void name_of(const char *argument, char *name, size_t capacity)
{
	size_t length = strcspn(argument, "=");

	if (length >= capacity)
		length = capacity - 1;
	memcpy(name, argument, length);
	name[length] = '\0';
}

static void unknown_long(struct cli_failure *failure, const char *name,
			 const struct option *longs)
{
	char quoted[512];
	struct cli_text text;

	cli_text_init(&text, quoted, sizeof(quoted));
	cli_text_quote(&text, name);
	for (; longs->name; longs++) {
		if (!cli_name_near(name + 2, longs->name))
			continue;
		cli_fail(failure, CLI_EXIT_USAGE, MOTE_E_INVALID,
			 "there is no option %s; did you mean --%s?", quoted,
			 longs->name);
		return;
	}
	cli_fail(failure, CLI_EXIT_USAGE, MOTE_E_INVALID,
		 "there is no option %s", quoted);
}

/* getopt says '?' for an unknown, an ambiguous and an overfed option. */
static void explain(struct cli_failure *failure, const char *argument,
		    const struct option *longs)
{
	char name[256];
	char quoted[64];
	struct cli_text text;

	if (argument && strncmp(argument, "--", 2) == 0) {
		name_of(argument, name, sizeof(name));
		if (optopt != 0 && find_by_value(longs, optopt))
			cli_fail(failure, CLI_EXIT_USAGE, MOTE_E_INVALID,
				 "--%s takes no value",
				 find_by_value(longs, optopt)->name);
		else
			unknown_long(failure, name, longs);
		return;
	}
	name[0] = '-';
	name[1] = (char)optopt;
	name[2] = '\0';
	cli_text_init(&text, quoted, sizeof(quoted));
	cli_text_quote(&text, name);
	cli_fail(failure, CLI_EXIT_USAGE, MOTE_E_INVALID,
		 "there is no option %s", quoted);
}

int cli_next_option(int argc, char **argv, const char *shorts,
		    const struct option *longs, struct cli_failure *failure)
{
	/* 0 asks getopt to start again. */
	int next = optind ? optind : 1;
	const char *argument = next < argc ? argv[next] : NULL;
	const struct option *option;
	int value;

	opterr = 0;
	value = getopt_long(argc, argv, shorts, longs, NULL);
	if (value == '?') {
		explain(failure, argument, longs);
	} else if (value == ':') {
		option = find_by_value(longs, optopt);
		cli_fail(failure, CLI_EXIT_USAGE, MOTE_E_INVALID,
			 "--%s needs a value", option ? option->name : "?");
		value = '?';
	}
	return value;
}

void cli_bad_option(struct cli_failure *failure, const char *option,
		    const char *value, const char *why)
{
	char quoted[512];
	struct cli_text text;

	cli_text_init(&text, quoted, sizeof(quoted));
	cli_text_quote(&text, value);
	cli_fail(failure, CLI_EXIT_USAGE, MOTE_E_INVALID, "--%s: %s %s", option,
		 quoted, why);
}
