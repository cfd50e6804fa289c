/*
 * call, host_call, batch_100, and what else happens in a warm sandbox.
 */
#include <errno.h>
#include <string.h>

#include "bench.h"
#include "floor.h"

#define CALLS 50 /* of a kind in a row */
#define BATCH 100
#define HOST_CALLS 50
#define LINES 100
#define TEXT_BYTES 4096
#define DEADLINE_NS UINT64_C(60000000000)

struct subject {
	struct bench *bench;
	mote_engine *engine;
	mote_image *image;
	mote_sandbox *box;
	struct floor_vm floor;
	mote_batch_item items[BATCH];
	char text[TEXT_BYTES];
	uint64_t deadline_ns; /* of the last call of rearm_part */
	mote_error err;
};

/* Nanoseconds for one of what a round is made of; negative: it failed. */
typedef double (*part_fn)(struct subject *subject);

static double floor_part(struct subject *subject)
{
	uint64_t start = bench_now_ns();
	int i;

	for (i = 0; i < CALLS; i++)
		if (floor_round_trip(&subject->floor) < 0) {
			bench_fail(subject->bench, "floor: %s: %s",
				   subject->floor.failed, strerror(errno));
			return -1;
		}
	return (double)(bench_now_ns() - start) / CALLS;
}

static double calls(struct subject *subject, const char *function,
		    const mote_value *args, size_t count, int repeat)
{
	uint64_t start = bench_now_ns();
	int i;

	for (i = 0; i < repeat; i++)
		if (mote_call(subject->box, function, args, count, NULL,
			      &subject->err) != MOTE_OK) {
			bench_fail_mote(subject->bench, function,
					&subject->err);
			return -1;
		}
	return (double)(bench_now_ns() - start) / repeat;
}

static double empty_part(struct subject *subject)
{
	return calls(subject, "Empty", NULL, 0, CALLS);
}

static double host_part(struct subject *subject)
{
	const mote_value count = MOTE_U32(HOST_CALLS);

	return calls(subject, "CallHost", &count, 1, 1);
}

static double batch_part(struct subject *subject)
{
	uint64_t start = bench_now_ns();
	int i;

	for (i = 0; i < 5; i++)
		if (mote_call_batch(subject->box, subject->items, BATCH,
				    &subject->err) != MOTE_OK) {
			bench_fail_mote(subject->bench, "batch", &subject->err);
			return -1;
		}
	return (double)(bench_now_ns() - start) / 5;
}

static double text_part(struct subject *subject)
{
	const mote_value text = MOTE_STRING_N(subject->text, TEXT_BYTES);

	return calls(subject, "Echo", &text, 1, CALLS);
}

static double print_part(struct subject *subject)
{
	const mote_value count = MOTE_U32(LINES);

	return calls(subject, "PrintLines", &count, 1, 2);
}

/*
 * Each call's deadline is before the one that the timer was armed for by the
 * call before, in all rounds together: it stays armed for the earliest.
 */
static double rearm_part(struct subject *subject)
{
	uint64_t took = 0;
	int i;

	for (i = 0; i < CALLS; i++) {
		uint64_t start = bench_now_ns();

		if (subject->deadline_ns == 0)
			subject->deadline_ns = start + DEADLINE_NS;
		subject->deadline_ns -= 1000000;
		if (mote_sandbox_set_deadline(subject->box,
					      subject->deadline_ns - start,
					      &subject->err) != MOTE_OK ||
		    mote_call(subject->box, "Empty", NULL, 0, NULL,
			      &subject->err) != MOTE_OK) {
			bench_fail_mote(subject->bench, "deadline",
					&subject->err);
			return -1;
		}
		took += bench_now_ns() - start;
	}
	if (mote_sandbox_set_deadline(subject->box, DEADLINE_NS,
				      &subject->err) != MOTE_OK)
		return -1;
	return (double)took / CALLS;
}

enum part { FLOOR, EMPTY, HOST, MANY, TEXT, PRINT, REARM, PARTS };

static const part_fn parts[PARTS] = {
	floor_part, empty_part, host_part,  batch_part,
	text_part,  print_part, rearm_part,
};

/* Once forwards, once backwards: what drifts is not always against one. */
static int measure_round(struct subject *subject, size_t round,
			 double times[PARTS])
{
	int i;

	for (i = 0; i < PARTS; i++) {
		int part = round % 2 ? PARTS - 1 - i : i;

		times[part] = parts[part](subject);
		if (times[part] < 0)
			return -1;
	}
	return 0;
}

static int measure(struct subject *subject)
{
	struct bench *bench = subject->bench;
	size_t rounds = bench_rounds(bench, 300, 20);
	static struct bench_samples call, host, batch, floor, empty, text,
		print, rearm;
	double t[PARTS];
	size_t round;

	for (round = 0; round < rounds + 2; round++) {
		if (measure_round(subject, round, t) < 0)
			return -1;
		if (round < 2) /* cold */
			continue;
		bench_samples_add(&call, t[EMPTY] / t[FLOOR]);
		bench_samples_add(&host,
				  (t[HOST] - t[EMPTY]) / HOST_CALLS / t[FLOOR]);
		bench_samples_add(&batch, t[MANY] / BATCH / t[EMPTY]);
		bench_samples_add(&floor, t[FLOOR] / 1000);
		bench_samples_add(&empty, t[EMPTY] / 1000);
		bench_samples_add(&text, (t[TEXT] - t[EMPTY]) / 1000);
		bench_samples_add(&print, (t[PRINT] - t[EMPTY]) / LINES / 1000);
		bench_samples_add(&rearm, (t[REARM] - t[EMPTY]) / 1000);
	}
	bench_ratio(bench, "call", 1.10,
		    "an empty call / one KVM_RUN to user mode and back", &call);
	bench_ratio(bench, "host_call", 1.10,
		    "a host call inside a call / the same round trip", &host);
	bench_ratio(bench, "batch_100", 0.05,
		    "a call in a batch of 100 / a call on its own", &batch);
	bench_value(bench, "round_trip", "us", "the floor of call", &floor);
	bench_value(bench, "empty_call", "us", "an empty call", &empty);
	bench_value(bench, "text_4k", "us",
		    "what 4 KiB of string each way add to a call", &text);
	bench_value(bench, "printf_line", "us", "a line of output", &print);
	bench_value(bench, "deadline_rearm", "us",
		    "what a new earlier deadline adds to a call", &rearm);
	return 0;
}

int bench_calls(struct bench *bench)
{
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;
	static struct subject subject;
	int status;
	int i;

	options.deadline_ns = DEADLINE_NS;
	subject.bench = bench;
	subject.err = (mote_error)MOTE_ERROR_INIT;
	memset(subject.text, 'x', TEXT_BYTES);
	for (i = 0; i < BATCH; i++)
		subject.items[i].function = "Empty";
	if (bench_open(bench, &options, &subject.engine, &subject.image,
		       &subject.box) < 0)
		return -1;
	if (floor_open_loop(&subject.floor) < 0)
		status = bench_fail(bench, "floor: %s: %s",
				    subject.floor.failed, strerror(errno));
	else
		status = measure(&subject);
	floor_close(&subject.floor);
	mote_sandbox_free(subject.box);
	mote_image_unref(subject.image);
	mote_engine_unref(subject.engine);
	return status;
}
