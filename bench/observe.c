/*
 * metrics, trace_off, trace_on: what it costs a call to be watched.
 */
#include <string.h>

#include <mote/observe.h>

#include "bench.h"

#define CALLS 50    /* of a kind in a row */
#define SESSIONS 20 /* new sandboxes: where one lies in memory matters too */
#define DEADLINE_NS UINT64_C(60000000000)

enum kind {
	PLAIN,   /* Empty, a function without macros */
	MACRO,   /* Span, one span in it, not traced: the same sandbox */
	TRACED,  /* Span, traced */
	COUNTED, /* Empty; PLAIN and this differ in metrics alone */
	KINDS
};

static const char *const functions[KINDS] = { "Empty", "Span", "Span",
					      "Empty" };

struct watched {
	struct bench *bench;
	mote_engine *engines[2]; /* without and with metrics */
	mote_image *images[2];
	mote_trace *trace;
	mote_sandbox *boxes[KINDS];
	mote_error err;
};

static mote_status open_engine(struct watched *w, int metrics)
{
	mote_engine_options options = MOTE_ENGINE_OPTIONS_INIT;
	mote_status status;

	options.flags = metrics ? 0 : MOTE_ENGINE_NO_METRICS;
	status = mote_engine_new(&options, &w->engines[metrics], &w->err);
	if (status != MOTE_OK)
		return status;
	return mote_image_from_memory(w->engines[metrics], bench_guest,
				      (size_t)(bench_guest_end - bench_guest),
				      &w->images[metrics], &w->err);
}

static mote_status open_box(struct watched *w, enum kind kind, int metrics,
			    mote_trace *trace)
{
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;

	options.host_functions = &bench_host;
	options.host_function_count = 1;
	options.deadline_ns = DEADLINE_NS;
	options.trace = trace;
	return mote_sandbox_new(w->images[metrics], &options, &w->boxes[kind],
				&w->err);
}

static void close_all(struct watched *w)
{
	int i;

	for (i = 0; i < KINDS; i++)
		if (i != MACRO)
			mote_sandbox_free(w->boxes[i]);
	mote_trace_unref(w->trace);
	for (i = 0; i < 2; i++) {
		mote_image_unref(w->images[i]);
		mote_engine_unref(w->engines[i]);
	}
}

/* odd: in the other order, so that no kind always comes first. */
static int open_all(struct watched *w, bool odd)
{
	mote_status status = open_engine(w, 0);

	if (status == MOTE_OK)
		status = open_engine(w, 1);
	if (status == MOTE_OK)
		status = mote_trace_new(w->engines[0], 0, &w->trace, &w->err);
	if (status == MOTE_OK && odd)
		status = open_box(w, COUNTED, 1, NULL);
	if (status == MOTE_OK)
		status = open_box(w, PLAIN, 0, NULL);
	if (status == MOTE_OK)
		status = open_box(w, TRACED, 0, w->trace);
	if (status == MOTE_OK && !odd)
		status = open_box(w, COUNTED, 1, NULL);
	w->boxes[MACRO] = w->boxes[PLAIN];
	if (status == MOTE_OK)
		return 0;
	return bench_fail_mote(w->bench, "watched sandboxes", &w->err);
}

static double calls(struct watched *w, int kind)
{
	uint64_t start = bench_now_ns();
	int i;

	for (i = 0; i < CALLS; i++)
		if (mote_call(w->boxes[kind], functions[kind], NULL, 0, NULL,
			      &w->err) != MOTE_OK) {
			bench_fail_mote(w->bench, functions[kind], &w->err);
			return -1;
		}
	return (double)(bench_now_ns() - start) / CALLS;
}

static struct bench_samples metrics, trace_off, trace_on;

static int session(struct watched *w, size_t rounds)
{
	double t[KINDS];
	size_t round;
	int i;

	for (round = 0; round < rounds + 2; round++) {
		for (i = 0; i < KINDS; i++) {
			int kind = round % 2 ? KINDS - 1 - i : i;

			t[kind] = calls(w, kind);
			if (t[kind] < 0)
				return -1;
		}
		if (round < 2) /* cold */
			continue;
		bench_samples_add(&metrics, t[COUNTED] / t[PLAIN]);
		bench_samples_add(&trace_off, t[MACRO] / t[PLAIN]);
		bench_samples_add(&trace_on, t[TRACED] / t[MACRO]);
	}
	return 0;
}

int bench_observe(struct bench *bench)
{
	int status = 0;
	size_t i;

	for (i = 0; i < SESSIONS && status == 0; i++) {
		struct watched w = { .bench = bench,
				     .err = MOTE_ERROR_INIT };

		status = open_all(&w, i % 2);
		if (status == 0)
			status = session(&w, bench_rounds(bench, 50, 16));
		close_all(&w);
	}
	bench_ratio(bench, "metrics", 1.01,
		    "an empty call with metrics / without", &metrics);
	bench_ratio(bench, "trace_off", 1.01,
		    "a call with a span, not traced / without", &trace_off);
	bench_ratio(bench, "trace_on", 1.05,
		    "the same, traced / not traced", &trace_on);
	return status;
}
