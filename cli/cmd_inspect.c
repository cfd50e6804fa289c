/*
 * `mote inspect`: what is in a guest's file. Runs none of it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "guest_file.h"
#include "image_view.h"
#include "inspect_layout.h"
#include "json.h"
#include "layout_name.h"
#include "options.h"
#include "text.h"
#include "units.h"

const char cli_inspect_help[] =
	"usage: mote inspect [options] GUEST\n"
	"       mote inspect [options] DIR[:TAG]\n"
	"\n"
	"Shows the functions, imports and segments of GUEST, a program built\n"
	"with mote-cc, without running it. GUEST - is standard input. Of a\n"
	"snapshot, DIR:TAG, also its memory map; of a layout, DIR, what\n"
	"snapshots are in it.\n"
	"\n"
	"  -j, --json  print one JSON object, errors included\n"
	"  -h, --help  print this\n"
	"\n"
	"Exit status: 0 done; 2 wrong use; 5 the machine failed; 6 bad file.\n";

struct inspection {
	bool help;
	bool json;
	const char *path;
	struct cli_failure failure;
	void *file;
	size_t file_size;
	mote_engine *engine;
	mote_image *image;
	mote_image_info info;
};

static void read_options(struct inspection *it, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = cli_next_option(argc, argv, "+:jh", longs,
					 &it->failure)) != -1) {
		if (option == 'j')
			it->json = true;
		else if (option == 'h')
			it->help = true;
	}
	if (it->help)
		return;
	if (optind == argc)
		cli_fail(&it->failure, CLI_EXIT_USAGE, MOTE_E_INVALID,
			 "no GUEST given; see 'mote inspect --help'");
	else if (optind + 1 < argc)
		cli_fail(&it->failure, CLI_EXIT_USAGE, MOTE_E_INVALID,
			 "takes one GUEST; options go before it");
	else
		it->path = argv[optind];
}

static bool open_image(struct inspection *it)
{
	mote_error *error = &it->failure.error;
	mote_engine_options options = MOTE_ENGINE_OPTIONS_INIT;

	if (!cli_guest_read(it->path, &it->file, &it->file_size, &it->failure))
		return false;
	options.backend = "none";
	if (mote_engine_new(&options, &it->engine, error) != MOTE_OK)
		return cli_fail_library(&it->failure);
	if (!cli_guest_parse(it->engine, it->path, it->file, it->file_size,
			     &it->image, &it->failure))
		return false;
	if (mote_image_describe(it->image, &it->info, error) != MOTE_OK)
		return cli_fail_library(&it->failure);
	return true;
}

static void print_head(const struct inspection *it)
{
	char name[1024];
	char size[32];
	struct cli_text text;

	cli_text_init(&text, name, sizeof(name));
	cli_text_clean(&text, it->path, strlen(it->path));
	cli_format_size(it->file_size, size, sizeof(size));
	printf("%s: Mote guest, %s\n", name, size);
	printf("CPU    %s\n", cli_machine_text(it->info.machine));
	if (it->info.bare_mode != 0)
		printf("kind   bare, starts in %s mode\n",
		       cli_bare_mode_text(it->info.bare_mode));
	else
		printf("kind   %s\n", it->info.position_independent
					      ? "position-independent (static-PIE)"
					      : "at fixed addresses (static)");
	printf("ABI    %" PRIu32 "\n", it->info.abi_version);
	printf("entry  0x%" PRIx64 "\n", it->info.entry);
	if (it->info.bare_mode == 0)
		printf("main   %s\n", it->info.has_main ? "yes" : "no");
}

static void print_segments(const struct inspection *it)
{
	mote_segment segment;
	char size[32];

	printf("\nsegments\n");
	printf("  %-18s  %-10s  %-5s  %s\n", "address", "size", "perms",
	       "in the file");
	for (size_t i = 0; i < it->info.segment_count; i++) {
		if (mote_image_segment(it->image, i, &segment, NULL) != MOTE_OK)
			continue;
		cli_format_size(segment.memory_size, size, sizeof(size));
		printf("  0x%016" PRIx64 "  %-10s  %-5s  %" PRIu64
		       " bytes at 0x%" PRIx64 "\n",
		       segment.address, size,
		       cli_protection_text(segment.protection),
		       segment.file_size,
		       segment.file_offset);
	}
}

static void json_guest(const struct inspection *it, json_t *object)
{
	cli_json_set(object, "kind", json_string("guest"));
	cli_json_set(object, "file_size",
		     json_integer((json_int_t)it->file_size));
	cli_json_image(it->image, object);
}

static int print_json(const struct inspection *it)
{
	json_t *object = json_object();
	int error;

	cli_json_set(object, "file",
		     it->path ? cli_json_text(it->path, strlen(it->path))
			      : json_null());
	cli_json_set(object, "error", cli_json_failure(&it->failure));
	if (it->failure.exit == CLI_EXIT_DONE)
		json_guest(it, object);
	error = cli_json_print(object, NULL);
	json_decref(object);
	return error;
}

static int report(const struct inspection *it)
{
	int error = 0;

	if (it->json) {
		error = print_json(it);
	} else if (it->failure.exit != CLI_EXIT_DONE) {
		cli_failure_print(&it->failure, "inspect");
	} else {
		print_head(it);
		print_segments(it);
		if (it->info.bare_mode == 0)
			cli_print_functions(it->image);
	}
	return cli_end(&it->failure, "inspect", error);
}

int cli_cmd_inspect(int argc, char **argv)
{
	struct inspection *it = calloc(1, sizeof(*it));
	int status;

	if (!it) {
		fputs("mote inspect: out of memory\n", stderr);
		return CLI_EXIT_HOST;
	}
	cli_failure_init(&it->failure);
	it->info.struct_size = (uint32_t)sizeof(it->info);
	read_options(it, argc, argv);
	if (it->help && it->failure.exit == CLI_EXIT_DONE) {
		free(it);
		return cli_print_help(cli_inspect_help);
	}
	if (it->failure.exit == CLI_EXIT_DONE && cli_is_layout(it->path)) {
		status = cli_inspect_layout(it->path, it->json);
		free(it);
		return status;
	}
	if (it->failure.exit == CLI_EXIT_DONE)
		(void)open_image(it);
	status = report(it);
	mote_image_unref(it->image);
	mote_engine_unref(it->engine);
	free(it->file);
	free(it);
	return status;
}
