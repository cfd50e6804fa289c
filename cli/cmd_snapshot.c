/*
 * `mote snapshot`: states of guests in files.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mote/snapshot.h>

#include "cmd.h"
#include "failure.h"
#include "inspect_layout.h"
#include "json.h"
#include "layout_name.h"
#include "near.h"
#include "options.h"
#include "text.h"
#include "units.h"

const char cli_snapshot_help[] =
	"usage: mote snapshot save [options] DIR:TAG GUEST [FUNCTION [ARG...]]\n"
	"       mote snapshot list [--json] DIR\n"
	"       mote snapshot rm [--json] DIR:TAG\n"
	"       mote snapshot verify [--json] DIR:TAG\n"
	"       mote snapshot prune [--json] DIR\n"
	"\n"
	"Keeps the state of a guest in DIR, an OCI image layout that may hold\n"
	"many, by TAG. 'mote run --snapshot DIR:TAG' goes on from there, and\n"
	"'mote inspect DIR:TAG' shows what is in it.\n"
	"\n"
	"  save    starts GUEST, calls FUNCTION if there is one, and saves the\n"
	"          state after it; takes the options of 'mote run'. A bare\n"
	"          GUEST runs until it asks for a snapshot\n"
	"  list    the snapshots in DIR: tag, size, digest\n"
	"  rm      removes one, and what no other one needs\n"
	"  verify  reads all of one and compares it with its digests\n"
	"  prune   removes what no snapshot in DIR needs: a tag that was saved\n"
	"          again leaves what it named before\n"
	"\n"
	"  -j, --json  print one JSON object, errors included\n"
	"  -h, --help  print this\n"
	"\n"
	"Exit status: as of 'mote run'; 5 if it could not be written, as on a\n"
	"full disk; 6 if DIR or the snapshot is wrong.\n";

struct request {
	bool help;
	bool json;
	const char *text; /* the operand */
	struct cli_failure failure;
	struct cli_layout_name name;
	bool prunes;
	uint64_t blobs; /* that went */
	uint64_t bytes;
	char done[64]; /* to be printed */
};

static void read_options(struct request *request, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	optind = 0;
	while ((option = cli_next_option(argc, argv, "+:jh", longs,
					 &request->failure)) != -1) {
		if (option == 'j')
			request->json = true;
		else if (option == 'h')
			request->help = true;
	}
	if (request->help || request->failure.exit != CLI_EXIT_DONE)
		return;
	if (optind + 1 < argc && argv[optind + 1][0] == '-')
		cli_fail(&request->failure, CLI_EXIT_USAGE, MOTE_E_INVALID,
			 "%s takes one operand; options go before it", argv[0]);
	else if (optind + 1 != argc)
		cli_fail(&request->failure, CLI_EXIT_USAGE, MOTE_E_INVALID,
			 "%s takes one operand; see 'mote snapshot --help'",
			 argv[0]);
	else
		request->text = argv[optind];
}

static void remove_tag(struct request *request)
{
	if (mote_snapshot_remove(request->name.directory,
				 request->name.reference,
				 &request->failure.error) != MOTE_OK)
		(void)cli_fail_layout_write(&request->failure);
	snprintf(request->done, sizeof(request->done), "removed");
}

static void verify(struct request *request)
{
	mote_engine_options options = MOTE_ENGINE_OPTIONS_INIT;
	mote_error *error = &request->failure.error;
	mote_engine *engine = NULL;
	mote_snapshot *snapshot = NULL;

	options.backend = "none";
	/* Nothing of it is made. */
	options.load_max_bytes = UINT64_MAX;
	if (mote_engine_new(&options, &engine, error) != MOTE_OK ||
	    mote_snapshot_load(engine, request->name.directory,
			       request->name.reference, MOTE_LOAD_VERIFY,
			       &snapshot, error) != MOTE_OK)
		(void)cli_fail_layout(&request->failure);
	mote_snapshot_unref(snapshot);
	mote_engine_unref(engine);
	snprintf(request->done, sizeof(request->done),
		 "all digests are right");
}

static void prune(struct request *request)
{
	char size[32];

	request->prunes = true;
	if (mote_layout_prune(request->name.directory, &request->blobs,
			      &request->bytes,
			      &request->failure.error) != MOTE_OK)
		(void)cli_fail_layout_write(&request->failure);
	cli_format_size(request->bytes, size, sizeof(size));
	snprintf(request->done, sizeof(request->done),
		 "removed %" PRIu64 " blob%s, %s", request->blobs,
		 request->blobs == 1 ? "" : "s", size);
}

static int report(const struct request *request)
{
	char name[1024];
	struct cli_text text;
	int error = 0;

	if (request->json) {
		json_t *object = json_object();

		cli_json_set(object, "file",
			     cli_json_text(request->text ? request->text : "",
					   request->text ? strlen(request->text)
							 : 0));
		cli_json_set(object, "error",
			     cli_json_failure(&request->failure));
		if (request->prunes) {
			cli_json_set(object, "blobs",
				     json_integer((json_int_t)request->blobs));
			cli_json_set(object, "bytes",
				     json_integer((json_int_t)request->bytes));
		}
		error = cli_json_print(object, NULL);
		json_decref(object);
	} else if (request->failure.exit != CLI_EXIT_DONE) {
		cli_failure_print(&request->failure, "snapshot");
	} else {
		cli_text_init(&text, name, sizeof(name));
		cli_text_clean(&text, request->text, strlen(request->text));
		printf("%s: %s\n", name, request->done);
	}
	return cli_end(&request->failure, "snapshot", error);
}

static bool read_name(struct request *request, bool wants_tag)
{
	char quoted[512];
	struct cli_text text;

	if (!cli_layout_name_read(request->text, wants_tag, &request->name,
				  &request->failure))
		return false;
	if (wants_tag || request->name.reference[0] == '\0')
		return true;
	cli_text_init(&text, quoted, sizeof(quoted));
	cli_text_quote(&text, request->text);
	return cli_fail(&request->failure, CLI_EXIT_USAGE, MOTE_E_INVALID,
			"%s has a tag; write DIR", quoted);
}

/* One operand: a snapshot, or a layout. */
static int on_one(int argc, char **argv, void (*act)(struct request *request),
		  bool wants_tag)
{
	struct request *request = calloc(1, sizeof(*request));
	int status;

	if (!request) {
		fputs("mote snapshot: out of memory\n", stderr);
		return CLI_EXIT_HOST;
	}
	cli_failure_init(&request->failure);
	read_options(request, argc, argv);
	if (request->help && request->failure.exit == CLI_EXIT_DONE) {
		free(request);
		return cli_print_help(cli_snapshot_help);
	}
	if (request->failure.exit == CLI_EXIT_DONE &&
	    read_name(request, wants_tag))
		act(request);
	status = report(request);
	free(request);
	return status;
}

static int cmd_rm(int argc, char **argv)
{
	return on_one(argc, argv, remove_tag, true);
}

static int cmd_verify(int argc, char **argv)
{
	return on_one(argc, argv, verify, true);
}

static int cmd_prune(int argc, char **argv)
{
	return on_one(argc, argv, prune, false);
}

static int cmd_list(int argc, char **argv)
{
	struct request *request = calloc(1, sizeof(*request));
	int status;

	if (!request) {
		fputs("mote snapshot: out of memory\n", stderr);
		return CLI_EXIT_HOST;
	}
	cli_failure_init(&request->failure);
	read_options(request, argc, argv);
	if (request->failure.exit != CLI_EXIT_DONE)
		status = report(request);
	else if (request->help)
		status = cli_print_help(cli_snapshot_help);
	else
		status = cli_list_layout(request->text, request->json,
					 "snapshot");
	free(request);
	return status;
}

static const struct action {
	const char *name;
	int (*run)(int argc, char **argv);
} actions[] = {
	{ "save", cli_cmd_save },
	{ "list", cmd_list },
	{ "rm", cmd_rm },
	{ "verify", cmd_verify },
	{ "prune", cmd_prune },
};

#define ACTION_COUNT (sizeof(actions) / sizeof(actions[0]))

int cli_cmd_snapshot(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NULL;
	char quoted[512];
	struct cli_text text;
	size_t i;

	if (!name) {
		fputs(cli_snapshot_help, stderr);
		return CLI_EXIT_USAGE;
	}
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
		return cli_print_help(cli_snapshot_help);
	for (i = 0; i < ACTION_COUNT; i++)
		if (strcmp(actions[i].name, name) == 0)
			return actions[i].run(argc - 1, argv + 1);
	cli_text_init(&text, quoted, sizeof(quoted));
	cli_text_quote(&text, name);
	fprintf(stderr, "mote snapshot: there is no action %s", quoted);
	for (i = 0; i < ACTION_COUNT; i++)
		if (cli_name_near(name, actions[i].name)) {
			fprintf(stderr, "; did you mean '%s'?\n",
				actions[i].name);
			return CLI_EXIT_USAGE;
		}
	fputs("; there are save, list, rm, verify and prune\n", stderr);
	if (strcmp(name, "inspect") == 0)
		fputs("'mote inspect DIR:TAG' shows one\n", stderr);
	else if (strcmp(name, "run") == 0)
		fputs("'mote run --snapshot DIR:TAG' goes on from one\n",
		      stderr);
	return CLI_EXIT_USAGE;
}
