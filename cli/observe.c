/*
 * See observe.h.
 */
#include "observe.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "terminal.h"
#include "text.h"

/* A text and two names as long as they can be, in their longest form. */
#define LINE_MAX_BYTES 20480
#define METRICS_MAX_BYTES 16384

/* The command reports failures itself, and better. */
#define FILTER_DEFAULT "error,mote=off"

void cli_observe_init(struct cli_observe *observe)
{
	const char *filter = getenv("MOTE_LOG");

	memset(observe, 0, sizeof(*observe));
	observe->colour = cli_wants_colour(STDERR_FILENO);
	observe->filter_given = filter && *filter;
	observe->filter = observe->filter_given ? filter : FILTER_DEFAULT;
}

void cli_observe_fini(struct cli_observe *observe)
{
	mote_trace_unref(observe->trace);
	cli_new_file_close(&observe->trace_file);
	cli_new_file_close(&observe->metrics_file);
}

bool cli_observe_open(struct cli_observe *observe, mote_engine *engine,
		      struct cli_output *output, struct cli_failure *failure)
{
	observe->output = output;
	if (observe->trace_file.path &&
	    mote_trace_new(engine, 0, &observe->trace, &failure->error) !=
		    MOTE_OK)
		return cli_fail_library(failure);
	return true;
}

/* In the middle of what the guest prints there may be half a line. */
static void start_line(struct cli_output *output, struct cli_text *line)
{
	if (output->capture || !output->err.terminal)
		return;
	if (output->err.mid_line ||
	    (output->out.mid_line && output->out.terminal))
		cli_text_add(line, "\n");
	output->err.mid_line = false;
	output->out.mid_line = false;
}

static const char *paint(const struct cli_observe *observe, const char *colour)
{
	return observe->colour ? colour : "";
}

static void show(void *user, const mote_log_record *record)
{
	static const struct {
		const char *name;
		const char *colour;
	} levels[] = {
		[MOTE_LOG_OFF] = { "", "" },
		[MOTE_LOG_ERROR] = { "error", CLI_RED },
		[MOTE_LOG_WARN] = { "warn", CLI_YELLOW },
		[MOTE_LOG_INFO] = { "info", CLI_GREEN },
		[MOTE_LOG_DEBUG] = { "debug", "" },
		[MOTE_LOG_TRACE] = { "trace", "" },
	};
	const struct cli_observe *observe = user;
	char buffer[LINE_MAX_BYTES];
	struct cli_text line;

	cli_text_init(&line, buffer, sizeof(buffer) - 1);
	start_line(observe->output, &line);
	cli_text_add(&line, "%s%-5s%s %s",
		     paint(observe, levels[record->level].colour),
		     levels[record->level].name, paint(observe, CLI_PLAIN),
		     paint(observe, CLI_BOLD));
	cli_text_clean(&line, record->module.data, record->module.size);
	cli_text_add(&line, "%s: ", paint(observe, CLI_PLAIN));
	cli_text_clean(&line, record->text.data, record->text.size);
	if (record->file.size > 0) {
		cli_text_add(&line, " (");
		cli_text_clean(&line, record->file.data, record->file.size);
		cli_text_add(&line, ":%u)", record->line);
	}
	buffer[line.used] = '\n';
	/* Like any diagnosis: nobody is left to tell if it fails. */
	(void)cli_write_all(STDERR_FILENO, buffer, line.used + 1);
}

void cli_observe_options(struct cli_observe *observe,
			 mote_sandbox_options *options)
{
	options->log = show;
	options->log_user = observe;
	options->log_filter = observe->filter;
	options->trace = observe->trace;
}

void cli_observe_explain(const struct cli_observe *observe,
			 struct cli_failure *failure)
{
	static const char ours[] = "MOTE_LOG";
	static const char field[] = "log_filter";
	char *text = failure->error.text;

	if (!observe->filter_given ||
	    strncmp(text, field, sizeof(field) - 1) != 0)
		return;
	memmove(text + sizeof(ours) - 1, text + sizeof(field) - 1,
		strlen(text + sizeof(field) - 1) + 1);
	memcpy(text, ours, sizeof(ours) - 1);
}

static void write_trace(struct cli_observe *observe)
{
	struct cli_new_file *file = &observe->trace_file;
	mote_error err = MOTE_ERROR_INIT;

	if (mote_trace_write(observe->trace, file->fd, &err) == MOTE_OK)
		file->written = true;
	else
		cli_new_file_fail(file, err.os_errno ? err.os_errno : EIO);
}

static void write_metrics(struct cli_observe *observe, mote_engine *engine)
{
	struct cli_new_file *file = &observe->metrics_file;
	mote_metrics metrics = MOTE_METRICS_INIT;
	char text[METRICS_MAX_BYTES];
	size_t size;

	if (mote_engine_get_metrics(engine, &metrics, NULL) != MOTE_OK) {
		cli_new_file_fail(file, EINVAL);
		return;
	}
	size = mote_metrics_format(&metrics, text, sizeof(text));
	if (size < sizeof(text))
		cli_new_file_write(file, text, size);
	else
		cli_new_file_fail(file, ENOBUFS);
}

void cli_observe_write(struct cli_observe *observe, mote_engine *engine)
{
	if (observe->trace)
		write_trace(observe);
	if (observe->metrics_file.path)
		write_metrics(observe, engine);
}

void cli_observe_count(const mote_engine *engine, const char *command)
{
	mote_metrics metrics = MOTE_METRICS_INIT;

	if (mote_engine_get_metrics(engine, &metrics, NULL) == MOTE_OK &&
	    metrics.log_dropped > 0)
		fprintf(stderr, "mote %s: %" PRIu64 " log message%s dropped\n",
			command, metrics.log_dropped,
			metrics.log_dropped == 1 ? "" : "s");
}
