/*
 * See run.h.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cancel.h"
#include "fault.h"
#include "json.h"
#include "run.h"
#include "run_files.h"
#include "terminal.h"
#include "text.h"
#include "timing.h"
#include "units.h"
#include "value.h"

static bool cannot_write(struct cli_run *run, int error)
{
	cli_fail(&run->failure, CLI_EXIT_HOST, MOTE_E_OS,
		 "cannot write the output: %s", strerror(error));
	run->failure.error.os_errno = error;
	return false;
}

static int show_line(struct cli_run *run, const char *text, size_t size)
{
	int error = cli_output_show(&run->output, text, size);

	return error ? error : cli_output_show(&run->output, "\n", 1);
}

static int show_bytes(struct cli_run *run, const mote_span *bytes)
{
	char *hex;
	int error;

	if (!run->options.hex && !run->output.out.terminal)
		return cli_output_show(&run->output, bytes->data, bytes->size);
	hex = malloc(2 * bytes->size + 1);
	if (!hex)
		return ENOMEM;
	cli_hex_format(bytes->data, bytes->size, hex);
	error = show_line(run, hex, 2 * bytes->size);
	free(hex);
	return error;
}

bool cli_run_take_result(struct cli_run *run, const mote_value *value)
{
	char number[CLI_NUMBER_TEXT_MAX];
	int error = 0;

	if (run->options.json) {
		run->result_json = cli_json_value(value);
		return true;
	}
	/* main's status is the exit status of the command. */
	if (!run->options.function)
		return true;
	switch ((mote_type)value->type) {
	case MOTE_TYPE_VOID:
		break;
	case MOTE_TYPE_STRING:
		error = show_line(run, value->as.string.data,
				  value->as.string.size);
		break;
	case MOTE_TYPE_BYTES:
		error = show_bytes(run, &value->as.bytes);
		break;
	default:
		cli_number_format(value, number);
		error = show_line(run, number, strlen(number));
		break;
	}
	return error ? cannot_write(run, error) : true;
}

static void print_stats(struct cli_run *run)
{
	struct cli_spread spread;
	char low[32];
	char median[32];
	char high[32];
	char create[32];

	cli_spread_of(run->samples, run->sample_count, &spread);
	cli_format_duration(run->create_ns, create, sizeof(create));
	cli_format_duration(spread.low, low, sizeof(low));
	cli_format_duration(spread.median, median, sizeof(median));
	cli_format_duration(spread.high, high, sizeof(high));
	fprintf(stderr, "backend      %s\n", mote_engine_backend(run->engine));
	fprintf(stderr, "create       %s\n", create);
	fprintf(stderr, "calls        %zu\n", run->sample_count);
	if (run->sample_count > 0)
		fprintf(stderr, "call         min %s, median %s, max %s\n", low,
			median, high);
	fprintf(stderr, "vm entries   %" PRIu64 "\n", run->stats.vm_entries);
	fprintf(stderr, "host calls   %" PRIu64 "\n", run->stats.host_calls);
}

/*
 * The library's text says what happened; people also want to know in which
 * call. Programs find that in other members of the JSON object.
 */
static void add_context(struct cli_run *run)
{
	const char *name = run->bare		 ? "the guest" :
			   run->options.function ? run->prototype.name :
						   "main";
	mote_error *error = &run->failure.error;
	char original[MOTE_ERROR_TEXT_MAX];
	struct cli_text text;

	if (error->code < MOTE_E_GUEST_ERROR)
		return;
	memcpy(original, error->text, sizeof(original));
	cli_text_init(&text, error->text, sizeof(error->text));
	if (!run->box)
		cli_text_add(&text, "start of the guest");
	else if (error->code == MOTE_E_GUEST_ERROR)
		cli_text_add(&text, "%s returned error %d", name,
			     error->guest_code);
	else if (error->code == MOTE_E_GUEST_FAULT)
		cli_text_add(&text, "%s crashed", name);
	else if (error->code == MOTE_E_PROTOCOL)
		cli_text_add(&text, "%s broke the protocol", name);
	else if (error->code > MOTE_E_PROTOCOL && error->code < MOTE_E_DEADLINE)
		cli_text_add(&text, "%s exceeded a limit", name);
	else
		cli_text_add(&text, "%s", name);
	cli_text_add(&text, ": %s", original);
}

const char *cli_run_command(const struct cli_run *run)
{
	if (run->options.saves)
		return "snapshot";
	return run->options.debug ? "debug" : "run";
}

static void print_failure(struct cli_run *run)
{
	const mote_fault *fault = &run->failure.error.fault;
	const bool crash = run->failure.error.code == MOTE_E_GUEST_FAULT;

	add_context(run);
	cli_failure_print(&run->failure, cli_run_command(run));
	cli_fault_print(crash ? fault : NULL, &run->frames, stderr,
			cli_wants_colour(STDERR_FILENO));
}

static json_t *json_stats(struct cli_run *run)
{
	struct cli_spread spread;
	json_t *stats;

	if (!run->engine)
		return json_null();
	stats = json_object();
	cli_spread_of(run->samples, run->sample_count, &spread);
	cli_json_set(stats, "backend",
		     json_string(mote_engine_backend(run->engine)));
	cli_json_set(stats, "create_ns",
		     json_integer((json_int_t)run->create_ns));
	cli_json_set(stats, "calls",
		     json_integer((json_int_t)run->sample_count));
	cli_json_set(stats, "call_ns_min",
		     json_integer((json_int_t)spread.low));
	cli_json_set(stats, "call_ns_median",
		     json_integer((json_int_t)spread.median));
	cli_json_set(stats, "call_ns_max",
		     json_integer((json_int_t)spread.high));
	cli_json_set(stats, "vm_entries",
		     json_integer((json_int_t)run->stats.vm_entries));
	cli_json_set(stats, "host_calls",
		     json_integer((json_int_t)run->stats.host_calls));
	return stats;
}

/* A member of an object, shared; null if there is no object. */
static json_t *json_incref_or_null(json_t *object, const char *key)
{
	json_t *member = json_object_get(object, key);

	return member ? json_incref(member) : json_null();
}

/* Adds where it happened to the "error", and to its "fault". */
static void add_backtrace(const struct cli_run *run, json_t *error)
{
	json_t *fault = json_object_get(error, "fault");
	json_t *frames = cli_frames_json(&run->frames);
	json_t *first = json_array_get(frames, 0);

	if (json_is_object(fault)) {
		cli_json_set(fault, "function",
			     json_incref_or_null(first, "function"));
		cli_json_set(fault, "function_offset",
			     json_incref_or_null(first, "function_offset"));
	}
	if (json_is_object(error))
		cli_json_set(error, "backtrace", frames);
	else
		json_decref(frames);
}

static json_t *json_stream(const struct cli_stream *stream)
{
	return cli_json_text(stream->kept ? stream->kept : "",
			     stream->kept_size);
}

static int print_json(struct cli_run *run, int status)
{
	const char *name = run->options.function;
	json_t *error = cli_json_failure(&run->failure);
	json_t *object = json_object();
	int failed;

	add_backtrace(run, error);
	if (!name)
		name = (run->options.guest || run->options.snapshot) &&
				       !run->options.saves ?
			       "main" :
			       "";
	cli_json_set(object, "function",
		     run->bare ? json_null()
			       : cli_json_text(name, strlen(name)));
	cli_json_set(object, "error", error);
	cli_run_json_files(run, object);
	cli_json_set(object, "exit", json_integer(status));
	if (run->options.saves)
		cli_json_set(object, "digest",
			     run->digest[0] ? json_string(run->digest)
					    : json_null());
	cli_json_set(object, "stdout", json_stream(&run->output.out));
	cli_json_set(object, "stderr", json_stream(&run->output.err));
	cli_json_set(object, "output_cut",
		     json_boolean(run->output.out.cut || run->output.err.cut));
	cli_json_set(object, "stats", json_stats(run));
	failed = cli_json_print(object,
				run->result_json ? run->result_json : "null");
	json_decref(object);
	if (!failed)
		return status;
	cli_failure_init(&run->failure);
	cannot_write(run, failed);
	cli_failure_print(&run->failure, cli_run_command(run));
	return CLI_EXIT_HOST;
}

int cli_run_report(struct cli_run *run)
{
	int status;

	if (run->output.error)
		cannot_write(run, run->output.error);
	cli_run_judge_files(run);
	status = (int)run->failure.exit;
	if (status == CLI_EXIT_DONE)
		status = run->main_status;
	/* One that came too late to break anything off changes nothing. */
	if (run->failure.error.code == MOTE_E_CANCELLED && cli_cancel_signal())
		status = CLI_EXIT_SIGNAL + cli_cancel_signal();
	if (run->options.json)
		return print_json(run, status);
	if (run->failure.exit != CLI_EXIT_DONE)
		print_failure(run);
	cli_run_print_files(run);
	if (run->options.stats && run->box)
		print_stats(run);
	return status;
}
