/*
 * See run_options.h.
 */
#include "run_options.h"

#include <stdio.h>
#include <string.h>

#include "options.h"
#include "text.h"
#include "units.h"

enum {
	OPTION_STACK = 256,
	OPTION_IO,
	OPTION_SNAPSHOT,
	OPTION_TRACE,
	OPTION_METRICS,
	OPTION_CORE,
	OPTION_PROFILE,
	OPTION_HEAP_PROFILE,
	OPTION_GDB,
	OPTION_MEMORY,
	OPTION_LOAD_MAX,
};

static const char shorts[] = "+:t:m:n:b:H:jsxh";

static const struct option longs[] = {
	{ "timeout", required_argument, NULL, 't' },
	{ "heap", required_argument, NULL, 'm' },
	{ "stack", required_argument, NULL, OPTION_STACK },
	{ "io", required_argument, NULL, OPTION_IO },
	{ "snapshot", required_argument, NULL, OPTION_SNAPSHOT },
	{ "load-max", required_argument, NULL, OPTION_LOAD_MAX },
	{ "trace", required_argument, NULL, OPTION_TRACE },
	{ "metrics", required_argument, NULL, OPTION_METRICS },
	{ "core", required_argument, NULL, OPTION_CORE },
	{ "profile", required_argument, NULL, OPTION_PROFILE },
	{ "heap-profile", required_argument, NULL, OPTION_HEAP_PROFILE },
	{ "gdb", required_argument, NULL, OPTION_GDB },
	{ "repeat", required_argument, NULL, 'n' },
	{ "backend", required_argument, NULL, 'b' },
	{ "memory", required_argument, NULL, OPTION_MEMORY },
	{ "host", required_argument, NULL, 'H' },
	{ "json", no_argument, NULL, 'j' },
	{ "stats", no_argument, NULL, 's' },
	{ "hex", no_argument, NULL, 'x' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

/* Limits of mote_sandbox_options, refused here to name the option. */
static void read_size(const char *option, uint64_t limit, uint64_t *bytes,
		      struct cli_failure *failure)
{
	const char *why = cli_parse_size(optarg, limit, bytes);
	char most[32];
	char text[64];

	if (why == cli_too_large) {
		cli_format_size(limit, most, sizeof(most));
		snprintf(text, sizeof(text), "is more than %s", most);
		why = text;
	}
	if (why)
		cli_bad_option(failure, option, optarg, why);
}

static void read_repeat(uint64_t *repeat, struct cli_failure *failure)
{
	const char *why = cli_parse_count(optarg, CLI_REPEAT_MAX, repeat);
	char text[64];

	if (why == cli_too_large) {
		snprintf(text, sizeof(text), "is more than %u", CLI_REPEAT_MAX);
		why = text;
	}
	if (why)
		cli_bad_option(failure, "repeat", optarg, why);
}

static void read_host(struct cli_run_options *options,
		      struct cli_failure *failure)
{
	struct cli_host_text *host = &options->hosts[options->host_count];
	size_t length = strcspn(optarg, "=");

	if (length == 0) {
		cli_bad_option(failure, "host", optarg,
			       "has no name; write NAME=TEXT");
		return;
	}
	for (size_t i = 0; i < options->host_count; i++) {
		if (options->hosts[i].name_length != length ||
		    memcmp(options->hosts[i].name, optarg, length) != 0)
			continue;
		cli_bad_option(failure, "host", optarg,
			       "names a function a second time");
		return;
	}
	if (options->host_count == CLI_HOSTS_MAX) {
		cli_bad_option(failure, "host", optarg, "is one too many");
		return;
	}
	host->name = optarg;
	host->name_length = length;
	host->text = optarg[length] == '=' ? optarg + length + 1 : "";
	options->host_count++;
}

static void read_value(int option, struct cli_run_options *options,
		       struct cli_failure *failure)
{
	const char *why = NULL;

	switch (option) {
	case 't':
		why = cli_parse_duration(optarg, &options->timeout_ns);
		if (why)
			cli_bad_option(failure, "timeout", optarg, why);
		break;
	case 'm':
		read_size("heap", UINT64_C(64) << 30, &options->heap_bytes,
			  failure);
		break;
	case OPTION_STACK:
		read_size("stack", UINT64_C(1) << 30, &options->stack_bytes,
			  failure);
		break;
	case OPTION_IO:
		read_size("io", UINT64_C(1) << 30, &options->io_bytes, failure);
		break;
	case OPTION_SNAPSHOT:
		options->snapshot = optarg;
		break;
	case OPTION_LOAD_MAX:
		read_size("load-max", UINT64_C(2) << 40,
			  &options->load_max_bytes, failure);
		break;
	case 'n':
		read_repeat(&options->repeat, failure);
		break;
	case 'b':
		options->backend = optarg;
		break;
	case OPTION_MEMORY:
		if (strcmp(optarg, "auto") != 0 &&
		    strcmp(optarg, "paging") != 0)
			cli_bad_option(failure, "memory", optarg,
				       "is not auto or paging");
		options->memory = optarg;
		break;
	case OPTION_TRACE:
		options->trace = optarg;
		break;
	case OPTION_METRICS:
		options->metrics = optarg;
		break;
	case OPTION_GDB:
		options->gdb = optarg;
		break;
	case OPTION_CORE:
		options->core = optarg;
		break;
	case OPTION_PROFILE:
		options->profile = optarg;
		break;
	case OPTION_HEAP_PROFILE:
		options->heap_profile = optarg;
		break;
	case 'H':
		read_host(options, failure);
		break;
	default:
		break;
	}
}

/* marked: "--" ended the options, and getopt has taken it. */
static bool read_operands(int argc, char **argv, bool marked,
			  struct cli_run_options *options,
			  struct cli_failure *failure)
{
	const char *help = options->saves ? "snapshot" :
			   options->debug ? "debug" :
					    "run";

	if (options->saves && options->snapshot)
		return cli_fail(failure, CLI_EXIT_USAGE, MOTE_E_INVALID,
				"--snapshot is an option of 'mote run'");
	if (options->saves && optind < argc)
		options->save = argv[optind++];
	if (optind >= argc && !options->snapshot)
		return cli_fail(failure, CLI_EXIT_USAGE, MOTE_E_INVALID,
				"no %s given; see 'mote %s --help'",
				options->saves && !options->save ? "DIR:TAG" :
								   "GUEST",
				help);
	if (!options->snapshot)
		options->guest = argv[optind++];
	if (options->saves && optind < argc && strcmp(argv[optind], "--") == 0)
		return cli_fail(failure, CLI_EXIT_USAGE, MOTE_E_INVALID,
				"main runs to its end: there is no state "
				"after it");
	/* In the place of GUEST: what follows is for main. */
	marked = marked && options->snapshot;
	if (optind < argc && !marked) {
		if (strcmp(argv[optind], "--") == 0)
			optind++;
		else
			options->function = argv[optind++];
	}
	options->args = argv + optind;
	options->arg_count = (size_t)(argc - optind);
	if (!options->function && options->repeat > 1)
		return cli_fail(failure, CLI_EXIT_USAGE, MOTE_E_INVALID,
				"--repeat needs a FUNCTION: main and bare "
				"guests run once");
	return true;
}

bool cli_run_options_read(int argc, char **argv,
			  struct cli_run_options *options,
			  struct cli_failure *failure)
{
	const bool saves = options->saves;
	const bool debug = options->debug;
	int parsed = 1;
	int option;

	memset(options, 0, sizeof(*options));
	options->saves = saves;
	options->debug = debug;
	optind = 0;
	options->repeat = 1;
	/* Goes on after an error: a later --json says how to report it. */
	while ((option = cli_next_option(argc, argv, shorts, longs, failure)) !=
	       -1) {
		parsed = optind;
		if (option == 'h')
			options->help = true;
		else if (option == 'j')
			options->json = true;
		else if (option == 's')
			options->stats = true;
		else if (option == 'x')
			options->hex = true;
		else if (option != '?')
			read_value(option, options, failure);
	}
	if (failure->exit != CLI_EXIT_DONE)
		return false;
	if (options->help)
		return true;
	return read_operands(argc, argv, optind > parsed, options, failure);
}

const char *cli_run_options_after(const struct cli_run_options *options)
{
	if (options->saves)
		return "DIR:TAG";
	return options->snapshot ? "FUNCTION" : "GUEST";
}
