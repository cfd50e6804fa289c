#include "harness/trace_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "harness/unit.h"

#define OPEN_MAX_SPANS 600
#define THREADS_MAX 64

struct row {
	json_int_t process;
	json_int_t thread;
	double last_us;
	size_t open[OPEN_MAX_SPANS]; /* indices of events */
	size_t depth;
};

static struct row rows[THREADS_MAX];
static size_t row_count;

static struct row *row_of(json_int_t process, json_int_t thread)
{
	size_t i;

	for (i = 0; i < row_count; i++) {
		if (rows[i].thread != thread)
			continue;
		/* Perfetto takes threads of one number for one. */
		assert_int_equal(rows[i].process, process);
		return &rows[i];
	}
	assert_true(row_count < THREADS_MAX);
	memset(&rows[row_count], 0, sizeof(rows[0]));
	rows[row_count].process = process;
	rows[row_count].thread = thread;
	return &rows[row_count++];
}

static json_t *member(const json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);

	if (!value)
		fail_msg("an event without \"%s\"", key);
	return value;
}

static json_int_t integer(const json_t *object, const char *key)
{
	json_t *value = member(object, key);

	assert_true(json_is_integer(value));
	return json_integer_value(value);
}

static double number(const json_t *object, const char *key)
{
	json_t *value = member(object, key);

	assert_true(json_is_number(value));
	return json_number_value(value);
}

static const char *string(const json_t *object, const char *key)
{
	json_t *value = member(object, key);

	assert_true(json_is_string(value));
	return json_string_value(value);
}

static void check_metadata(const json_t *object)
{
	const char *name = string(object, "name");

	assert_true(strcmp(name, "process_name") == 0 ||
		    strcmp(name, "thread_name") == 0);
	(void)string(member(object, "args"), "name");
}

static void end_span(struct trace *trace, struct row *row, double us)
{
	struct trace_event *begin;

	assert_true(row->depth > 0);
	begin = &trace->events[row->open[--row->depth]];
	begin->duration_us = us - begin->us;
}

static void check_event(struct trace *trace, const json_t *object)
{
	const char phase = string(object, "ph")[0];
	struct trace_event *event = &trace->events[trace->count];
	struct row *row = row_of(integer(object, "pid"),
				 integer(object, "tid"));

	if (phase == 'M') {
		check_metadata(object);
		return;
	}
	event->phase = phase;
	event->process = (uint32_t)row->process;
	event->thread = (uint32_t)row->thread;
	event->us = number(object, "ts");
	event->depth = row->depth;
	if (phase != 'X') {
		assert_true(event->us >= row->last_us);
		row->last_us = event->us;
	}
	if (phase == 'E') {
		assert_null(json_object_get(object, "name"));
		end_span(trace, row, event->us);
		return;
	}
	snprintf(event->name, sizeof(event->name), "%s",
		 string(object, "name"));
	if (phase == 'B') {
		assert_true(row->depth < OPEN_MAX_SPANS);
		row->open[row->depth++] = trace->count;
	} else if (phase == 'X') {
		event->duration_us = number(object, "dur");
	} else if (phase == 'C') {
		event->value = integer(member(object, "args"), "value");
	} else {
		assert_int_equal(phase, 'i');
		assert_string_equal(string(object, "s"), "t");
	}
	trace->count++;
}

void trace_read(mote_trace *from, struct trace *trace)
{
	mote_error err = MOTE_ERROR_INIT;
	FILE *file = tmpfile();
	json_error_t wrong;
	json_t *root;
	json_t *list;
	size_t i;

	assert_non_null(file);
	assert_int_equal(mote_trace_write(from, fileno(file), &err), MOTE_OK);
	rewind(file);
	root = json_loadf(file, JSON_REJECT_DUPLICATES, &wrong);
	if (!root)
		fail_msg("line %d: %s", wrong.line, wrong.text);
	fclose(file);
	trace->dropped = strtoull(string(member(root, "otherData"), "dropped"),
				  NULL, 10);
	list = member(root, "traceEvents");
	assert_true(json_is_array(list));
	assert_true(json_array_size(list) <= TRACE_EVENTS_MAX);
	trace->events = calloc(json_array_size(list), sizeof(*trace->events));
	assert_non_null(trace->events);
	trace->count = 0;
	row_count = 0;
	for (i = 0; i < json_array_size(list); i++)
		check_event(trace, json_array_get(list, i));
	for (i = 0; i < row_count; i++)
		assert_int_equal(rows[i].depth, 0);
	json_decref(root);
}

void trace_free(struct trace *trace)
{
	free(trace->events);
	trace->events = NULL;
}

size_t trace_count(const struct trace *trace, const char *name)
{
	size_t count = 0;
	size_t i;

	for (i = 0; i < trace->count; i++)
		count += strcmp(trace->events[i].name, name) == 0;
	return count;
}

const struct trace_event *trace_find(const struct trace *trace,
				     const char *name)
{
	size_t i;

	for (i = 0; i < trace->count; i++)
		if (strcmp(trace->events[i].name, name) == 0)
			return &trace->events[i];
	fail_msg("no \"%s\" in the trace", name);
	return NULL;
}
