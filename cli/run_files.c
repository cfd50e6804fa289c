/*
 * The files that a run leaves behind: core, profiles, trace, metrics.
 */
#include "run_files.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "text.h"

#define FILES 5

/* One that may be wanted. */
struct row {
	struct cli_new_file *file;
	const char *option;
	const char *path; /* NULL: it is not */
	enum cli_new_file_kind kind;
	const char *none; /* "no core was" */
	const char *some; /* "a core"; NULL: nobody is told */
	const char *key;  /* of JSON */
};

static void list(struct cli_run *run, struct row rows[FILES])
{
	const struct cli_run_options *options = &run->options;
	const struct row all[FILES] = {
		{ &run->core, "--core", options->core, CLI_FILE_CORE,
		  "no core was", "a core", "core" },
		{ &run->profile.file, "--profile", options->profile,
		  CLI_FILE_REPORT, "no profile was", "a profile", "profile" },
		{ &run->heap.file, "--heap-profile", options->heap_profile,
		  CLI_FILE_REPORT, "no heap profile was", "a heap profile",
		  "heap_profile" },
		{ &run->observe.trace_file, "--trace", options->trace,
		  CLI_FILE_REPORT, "no trace was", NULL, "trace" },
		{ &run->observe.metrics_file, "--metrics", options->metrics,
		  CLI_FILE_REPORT, "no metrics were", NULL, "metrics" },
	};

	memcpy(rows, all, sizeof(all));
}

static bool refuse(struct cli_run *run, const struct row *row, const char *why,
		   const char *option)
{
	char quoted[512];
	struct cli_text text;

	cli_text_init(&text, quoted, sizeof(quoted));
	cli_text_quote(&text, row->path);
	return cli_fail(&run->failure, CLI_EXIT_USAGE, MOTE_E_INVALID,
			"%s: %s %s%s", row->option, quoted, why, option);
}

/* It takes them one after the other. */
static bool is_device(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISCHR(st.st_mode);
}

/* What can be told without touching any of them. */
static bool check_names(struct cli_run *run, const struct row rows[FILES])
{
	for (size_t i = 0; i < FILES; i++) {
		if (!rows[i].path)
			continue;
		if (run->options.json && strcmp(rows[i].path, "-") == 0)
			return refuse(run, &rows[i],
				      "is standard output, which is for ",
				      "--json");
		for (size_t j = 0; j < i; j++)
			if (rows[j].path &&
			    strcmp(rows[i].path, rows[j].path) == 0 &&
			    !is_device(rows[i].path))
				return refuse(run, &rows[i], "is the file of ",
					      rows[j].option);
	}
	return true;
}

static bool open_all(struct cli_run *run, const struct row rows[FILES])
{
	for (size_t i = 0; i < FILES; i++) {
		if (!cli_new_file_open(rows[i].file, rows[i].option,
				       rows[i].path, rows[i].kind,
				       cli_run_name(run), &run->failure))
			return false;
		for (size_t j = 0; j < i; j++)
			if (cli_new_file_same(rows[i].file, rows[j].file))
				return refuse(run, &rows[i], "is the file of ",
					      rows[j].option);
	}
	return true;
}

bool cli_run_open_files(struct cli_run *run)
{
	const struct cli_run_options *options = &run->options;
	struct row rows[FILES];

	list(run, rows);
	if (!check_names(run, rows) || !open_all(run, rows))
		return false;
	for (size_t i = 0; i < FILES; i++)
		if (!cli_new_file_empty(rows[i].file, rows[i].option,
					&run->failure))
			return false;
	if ((options->profile && !cli_profile_init(&run->profile)) ||
	    (options->heap_profile && !cli_heap_init(&run->heap)))
		return cli_fail(&run->failure, CLI_EXIT_HOST, MOTE_E_NO_MEMORY,
				"out of memory");
	return true;
}

void cli_run_write_core(struct cli_run *run)
{
	struct cli_new_file *core = &run->core;
	mote_error err = MOTE_ERROR_INIT;

	if (!core->path)
		return;
	if (mote_sandbox_dump_core(run->box, core->fd, &err) == MOTE_OK)
		core->written = true;
	else
		memcpy(core->error, err.text, sizeof(core->error));
}

static void write_profiles(struct cli_run *run)
{
	char title[1024];
	const char *name = cli_run_name(run);
	const char *slash = strrchr(name, '/');

	snprintf(title, sizeof(title), "%s %s", slash ? slash + 1 : name,
		 run->options.function ? run->options.function : "main");
	if (run->options.profile)
		cli_profile_write(&run->profile, run->image, title);
	if (run->options.heap_profile)
		cli_heap_write(&run->heap, run->image, title);
}

void cli_run_write_files(struct cli_run *run)
{
	write_profiles(run);
	cli_observe_write(&run->observe, run->engine);
}

void cli_run_judge_files(struct cli_run *run)
{
	struct row rows[FILES];

	/* What the guest did counts for more. */
	if (run->failure.exit != CLI_EXIT_DONE || run->main_status != 0)
		return;
	list(run, rows);
	for (size_t i = 0; i < FILES && !run->missing; i++) {
		if (!rows[i].file->error[0])
			continue;
		run->missing = rows[i].file;
		cli_fail(&run->failure, CLI_EXIT_HOST, MOTE_E_OS,
			 "%s written: %s", rows[i].none, rows[i].file->error);
		run->failure.error.os_errno = rows[i].file->os_errno;
	}
}

static void print_file(const struct cli_run *run, const struct row *row)
{
	const char *command = cli_run_command(run);
	const struct cli_new_file *file = row->file;
	char error[4 * MOTE_ERROR_TEXT_MAX];
	char name[4096];
	struct cli_text text;

	if (file->error[0] && file != run->missing) {
		cli_text_init(&text, error, sizeof(error));
		cli_text_clean(&text, file->error, strlen(file->error));
		fprintf(stderr, "mote %s: %s written: %s\n", command, row->none,
			error);
	}
	if (!file->written || !row->some || strcmp(file->path, "-") == 0)
		return;
	cli_text_init(&text, name, sizeof(name));
	if (row->kind == CLI_FILE_CORE)
		cli_text_word(&text, file->path);
	else
		cli_text_clean(&text, file->path, strlen(file->path));
	if (row->kind == CLI_FILE_CORE)
		fprintf(stderr,
			"mote %s: wrote a core; to see it: mote core %s\n",
			command, name);
	else
		fprintf(stderr, "mote %s: wrote %s to %s\n", command, row->some,
			name);
}

void cli_run_print_files(struct cli_run *run)
{
	struct row rows[FILES];

	list(run, rows);
	for (size_t i = 0; i < FILES; i++)
		print_file(run, &rows[i]);
}

static json_t *json_file(const struct cli_new_file *file)
{
	json_t *object;

	if (!file->written && !file->error[0])
		return json_null();
	object = json_object();
	cli_json_set(object, "file",
		     cli_json_text(file->path, strlen(file->path)));
	cli_json_set(object, "error",
		     file->error[0]
			     ? cli_json_text(file->error, strlen(file->error))
			     : json_null());
	return object;
}

void cli_run_json_files(struct cli_run *run, json_t *object)
{
	struct row rows[FILES];

	list(run, rows);
	for (size_t i = 0; i < FILES; i++)
		cli_json_set(object, rows[i].key, json_file(rows[i].file));
}
