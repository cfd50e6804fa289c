/*
 * `mote core`: what a core dump of a guest tells.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mote/debug.h>

#include "cmd.h"
#include "fault.h"
#include "guest_file.h"
#include "json.h"
#include "options.h"
#include "terminal.h"
#include "text.h"

const char cli_core_help[] =
	"usage: mote core [options] FILE\n"
	"\n"
	"Shows what is in FILE, a core dump that 'mote run --core' or a program\n"
	"with the library has written: how the guest ended, its call stack with\n"
	"source lines, its registers.\n"
	"\n"
	"  -g, --guest ELF  the guest's file, if it is not where it was\n"
	"  -j, --json       print one JSON object, errors included\n"
	"  -h, --help       print this\n"
	"\n"
	"Exit status: 0 done; 2 wrong use; 5 the machine failed; 6 bad file.\n";

struct look {
	bool help;
	bool json;
	const char *path;
	const char *guest; /* --guest */
	struct cli_failure failure;
	mote_engine *engine;
	mote_core *core;
	mote_core_info info;
	mote_image *image;
	struct cli_frames frames;
	/* Why there is no backtrace; "" if there is one. */
	char missing[2 * MOTE_ERROR_TEXT_MAX];
};

static void read_options(struct look *it, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "guest", required_argument, NULL, 'g' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = cli_next_option(argc, argv, "+:g:jh", longs,
					 &it->failure)) != -1) {
		if (option == 'j')
			it->json = true;
		else if (option == 'h')
			it->help = true;
		else if (option == 'g')
			it->guest = optarg;
	}
	if (it->help)
		return;
	if (optind == argc)
		cli_fail(&it->failure, CLI_EXIT_USAGE, MOTE_E_INVALID,
			 "no FILE given; see 'mote core --help'");
	else if (optind + 1 < argc)
		cli_fail(&it->failure, CLI_EXIT_USAGE, MOTE_E_INVALID,
			 "takes one FILE; options go before it");
	else
		it->path = argv[optind];
}

/*
 * With --guest a file that does not fit is an error. Where the core itself
 * says that the guest is, another may be by now.
 */
static bool no_backtrace(struct look *it, const char *why)
{
	if (it->guest) {
		cli_fail_library(&it->failure);
		if (it->failure.error.code == MOTE_E_OS)
			it->failure.exit = CLI_EXIT_FILE;
		return false;
	}
	snprintf(it->missing, sizeof(it->missing),
		 "%s; --guest names the guest's file", why);
	memset(&it->failure.error, 0, sizeof(it->failure.error));
	it->failure.error.struct_size = (uint32_t)sizeof(it->failure.error);
	return true;
}

static bool unwind(struct look *it)
{
	const char *path = it->guest ? it->guest : it->info.path;
	mote_error *error = &it->failure.error;

	if (!path[0])
		return no_backtrace(it, "the core does not say where");
	if (mote_image_open(it->engine, path, &it->image, error) != MOTE_OK ||
	    !cli_frames_of_core(&it->frames, it->core, it->image, error))
		return no_backtrace(it, error->text);
	return true;
}

static bool open_core(struct look *it)
{
	mote_engine_options options = MOTE_ENGINE_OPTIONS_INIT;
	mote_error *error = &it->failure.error;

	options.backend = "none";
	if (mote_engine_new(&options, &it->engine, error) != MOTE_OK ||
	    mote_core_open(it->engine, it->path, &it->core, error) != MOTE_OK ||
	    mote_core_describe(it->core, &it->info, error) != MOTE_OK) {
		/* A file that is not there is a bad file, as elsewhere. */
		cli_fail_library(&it->failure);
		if (error->code == MOTE_E_OS)
			it->failure.exit = CLI_EXIT_FILE;
		return false;
	}
	return unwind(it);
}

static void print_row(const char *name, const char *value)
{
	char buffer[8 * MOTE_ERROR_TEXT_MAX];
	struct cli_text text;

	cli_text_init(&text, buffer, sizeof(buffer));
	cli_text_clean(&text, value, strlen(value));
	printf("%-10s %s\n", name, buffer);
}

static const char *how_it_ended(const mote_core_info *info)
{
	if (info->text[0])
		return info->text;
	return mote_status_text((mote_status)info->status);
}

static void print_text(const struct look *it)
{
	const mote_core_info *info = &it->info;
	char call[256];

	print_row("core", it->path);
	print_row("guest", it->image && it->guest ? it->guest :
			   info->path[0]	  ? info->path :
						    "not known");
	if (info->more)
		snprintf(call, sizeof(call), "%s and %" PRIu64 " more",
			 info->function, info->more);
	else
		snprintf(call, sizeof(call), "%s",
			 info->function[0] ? info->function :
					     "start of the guest");
	print_row("call", call);
	print_row("ended", how_it_ended(info));
	print_row("status", mote_status_name((mote_status)info->status));
	print_row("backend", info->backend);
	print_row("version", info->library);
	if (it->missing[0])
		print_row("backtrace", it->missing);
	cli_fault_print(&info->fault, &it->frames, stdout,
			cli_wants_colour(STDOUT_FILENO));
}

static json_t *json_string_of(const char *text)
{
	return text[0] ? cli_json_text(text, strlen(text)) : json_null();
}

static json_t *json_segments(const struct look *it)
{
	json_t *list = json_array();
	mote_segment segment;

	for (size_t i = 0; i < it->info.segment_count; i++) {
		json_t *row;

		if (mote_core_segment(it->core, i, &segment, NULL) != MOTE_OK)
			continue;
		row = json_object();
		cli_json_set(row, "address", cli_json_address(segment.address));
		cli_json_set(row, "memory_size",
			     cli_json_address(segment.memory_size));
		cli_json_set(row, "file_size",
			     cli_json_address(segment.file_size));
		cli_json_append(list, row);
	}
	return list;
}

static void add_core(const struct look *it, json_t *object)
{
	const mote_core_info *info = &it->info;
	const char *status = mote_status_name((mote_status)info->status);

	cli_json_set(object, "guest", json_string_of(info->path));
	cli_json_set(object, "function", json_string_of(info->function));
	cli_json_set(object, "more_calls",
		     json_integer((json_int_t)info->more));
	cli_json_set(object, "status", json_string(status));
	cli_json_set(object, "text", json_string_of(info->text));
	cli_json_set(object, "signal", json_integer((json_int_t)info->signal));
	cli_json_set(object, "backend", json_string_of(info->backend));
	cli_json_set(object, "version", json_string_of(info->library));
	cli_json_set(object, "fault", cli_json_fault(&info->fault));
	cli_json_set(object, "registers", cli_json_registers(&info->fault));
	cli_json_set(object, "backtrace", cli_frames_json(&it->frames));
	cli_json_set(object, "no_backtrace", json_string_of(it->missing));
	cli_json_set(object, "segments", json_segments(it));
}

static int print_json(const struct look *it)
{
	json_t *object = json_object();
	int error;

	cli_json_set(object, "file",
		     it->path ? cli_json_text(it->path, strlen(it->path))
			      : json_null());
	cli_json_set(object, "error", cli_json_failure(&it->failure));
	if (it->failure.exit == CLI_EXIT_DONE)
		add_core(it, object);
	error = cli_json_print(object, NULL);
	json_decref(object);
	return error;
}

static int report(const struct look *it)
{
	int error = 0;

	if (it->json) {
		error = print_json(it);
	} else if (it->failure.exit != CLI_EXIT_DONE) {
		cli_failure_print(&it->failure, "core");
	} else {
		print_text(it);
	}
	return cli_end(&it->failure, "core", error);
}

int cli_cmd_core(int argc, char **argv)
{
	struct look *it = calloc(1, sizeof(*it));
	int status;

	if (!it) {
		fputs("mote core: out of memory\n", stderr);
		return CLI_EXIT_HOST;
	}
	cli_failure_init(&it->failure);
	it->info.struct_size = (uint32_t)sizeof(it->info);
	read_options(it, argc, argv);
	if (it->help && it->failure.exit == CLI_EXIT_DONE) {
		free(it);
		return cli_print_help(cli_core_help);
	}
	if (it->failure.exit == CLI_EXIT_DONE)
		(void)open_core(it);
	status = report(it);
	cli_frames_fini(&it->frames);
	mote_core_close(it->core);
	mote_image_unref(it->image);
	mote_engine_unref(it->engine);
	free(it);
	return status;
}
