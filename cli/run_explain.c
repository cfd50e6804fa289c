/*
 * See run_explain.h.
 */
#include "run_explain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layout_name.h"
#include "text.h"
#include "units.h"

/* "st:warm Count 5": somebody forgot --snapshot. */
static void hint_snapshot(struct cli_run *run)
{
	const struct cli_run_options *options = &run->options;
	char buffer[1024];
	struct cli_text text;

	cli_text_init(&text, buffer, sizeof(buffer));
	cli_text_word(&text, options->guest);
	if (options->function) {
		cli_text_add(&text, " ");
		cli_text_word(&text, options->function);
	} else if (options->arg_count > 0) {
		cli_text_add(&text, " --");
	}
	for (size_t i = 0; i < options->arg_count; i++) {
		cli_text_add(&text, " ");
		cli_text_word(&text, options->args[i]);
	}
	cli_hint(&run->failure,
		 "to go on from a snapshot: mote %s --snapshot %s",
		 cli_run_command(run), buffer);
}

void cli_run_explain_guest(struct cli_run *run)
{
	const char *guest = run->options.guest;

	if (run->failure.error.os_errno != ENOENT)
		return;
	if (run->options.saves && guest[0] == '-')
		cli_hint(&run->failure, "options go before %s",
			 cli_run_options_after(&run->options));
	else if (!run->options.saves && cli_is_layout(guest))
		hint_snapshot(run);
}

/* Whether another backend that is ready takes it. */
static bool loads(const struct cli_run *run, const char *backend,
		  const struct cli_layout_name *name)
{
	mote_engine_options options = MOTE_ENGINE_OPTIONS_INIT;
	mote_snapshot *snapshot = NULL;
	mote_engine *engine = NULL;
	bool done;

	options.backend = backend;
	options.load_max_bytes = run->options.load_max_bytes;
	done = mote_engine_new(&options, &engine, NULL) == MOTE_OK &&
	       mote_snapshot_load(engine, name->directory, name->reference, 0,
				  &snapshot, NULL) == MOTE_OK;
	mote_snapshot_unref(snapshot);
	mote_engine_unref(engine);
	return done;
}

/* Only the text of the error has the number. */
static bool explain_load_max(struct cli_run *run)
{
	static const char field[] = "memory.size: ";
	static const char limit[] = " bytes are more than load_max_bytes";
	const char *text = strstr(run->failure.error.text, field);
	char size[32];
	char *end;
	uint64_t bytes;

	if (!text)
		return false;
	bytes = strtoull(text + strlen(field), &end, 10);
	if (strncmp(end, limit, sizeof(limit) - 1) != 0)
		return false;
	cli_format_option_size(bytes, size, sizeof(size));
	cli_hint(&run->failure, "with --load-max %s it is loaded", size);
	return true;
}

void cli_run_explain_load(struct cli_run *run)
{
	const char *ours = mote_engine_backend(run->engine);
	mote_backend_info info = MOTE_BACKEND_INFO_INIT;
	struct cli_failure ignored;
	struct cli_layout_name name;

	cli_failure_init(&ignored);
	if (run->failure.error.code != MOTE_E_SNAPSHOT ||
	    explain_load_max(run) ||
	    !cli_layout_name_read(run->options.snapshot, true, &name,
				  &ignored))
		return;
	for (size_t i = 0; i < mote_backend_count(); i++) {
		if (mote_backend_probe(i, &info, NULL) != MOTE_OK ||
		    info.reason != MOTE_BACKEND_READY ||
		    strcmp(info.name, ours) == 0 ||
		    !loads(run, info.name, &name))
			continue;
		cli_hint(&run->failure,
			 "it was saved with a CPU that %s does not have; "
			 "with --backend %s it goes on",
			 ours, info.name);
		return;
	}
}

struct size {
	const char *option;
	const char *field; /* of the library, as its text begins */
	uint64_t asked;
	uint64_t given;
};

static void explain_size(struct cli_run *run, const struct size *size)
{
	mote_error *error = &run->failure.error;
	char asked[32];
	char given[32];

	if (strncmp(error->text, size->field, strlen(size->field)) != 0)
		return;
	cli_format_option_size(size->asked, asked, sizeof(asked));
	cli_format_option_size(size->given, given, sizeof(given));
	snprintf(error->text, sizeof(error->text),
		 "%s: the snapshot has %s, not %s", size->option, given, asked);
	cli_hint(&run->failure, "leave out %s", size->option);
}

/* What options repeat must be as in the snapshot. */
static void explain_sizes(struct cli_run *run)
{
	const struct cli_run_options *options = &run->options;
	mote_snapshot_info info = MOTE_SNAPSHOT_INFO_INIT;

	if (mote_snapshot_describe(run->snapshot, &info, NULL) != MOTE_OK)
		return;
	explain_size(run, &(struct size){ "--heap", "heap_bytes:",
					  options->heap_bytes,
					  info.heap_bytes });
	explain_size(run, &(struct size){ "--stack", "stack_bytes:",
					  options->stack_bytes,
					  info.stack_bytes });
	explain_size(run, &(struct size){ "--io", "io_bytes:",
					  options->io_bytes, info.io_bytes });
}

/* Only the text of the error has the number. */
static void explain_scratch(struct cli_run *run)
{
	mote_error *error = &run->failure.error;
	unsigned long long wanted;
	unsigned long long heap;
	char size[32];
	char have[32];

	if (sscanf(error->text,
		   "the Mote note asks for 0x%llx bytes of free memory "
		   "(scratch), and heap_bytes is %llu",
		   &wanted, &heap) != 2)
		return;
	cli_format_option_size(wanted, size, sizeof(size));
	cli_format_option_size(heap, have, sizeof(have));
	snprintf(error->text, sizeof(error->text),
		 "the guest needs %s of free memory, and its heap has %s",
		 size, have);
	cli_hint(&run->failure, "with --heap %s it has that", size);
}

void cli_run_explain_sandbox(struct cli_run *run, mote_status status)
{
	if (status == MOTE_E_INCOMPATIBLE && run->snapshot)
		explain_sizes(run);
	else if (status == MOTE_E_INVALID && run->bare)
		explain_scratch(run);
}
