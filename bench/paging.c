/*
 * paging_call, paging_restore_10, paging_first_10, paging_create: guests whose
 * page tables copy on write, against those whose pages the kernel copies; the
 * same program, in alternation. Nobody needs them on a machine with KVM.
 */
#include <string.h>

#include <mote/snapshot.h>

#include "bench.h"
#include "work.h"

#define REPEAT 20
#define PAGES 10

enum figure { CALL, RESTORE, FIRST, CREATE, FIGURES };

struct side {
	const char *memory;
	mote_engine *engine;
	mote_image *image;
	mote_sandbox *box; /* what it writes was written before */
	mote_snapshot *snapshot;
	double ns[FIGURES];
};

static const struct {
	const char *name;
	const char *value;
	const char *text;
	const char *value_text;
} figures[FIGURES] = {
	{ "paging_call", "paging_call_us",
	  "an empty call with memory \"paging\" / with the kernel's",
	  "an empty call with memory \"paging\"" },
	{ "paging_restore_10", "paging_restore_10_us",
	  "restore after 10 pages written, the same comparison",
	  "restore after 10 pages written, with \"paging\"" },
	{ "paging_first_10", "paging_first_10_us",
	  "a call that is the first to write 10 pages, the same",
	  "the first call to write 10 pages, with \"paging\"" },
	{ "paging_create", "paging_create_us",
	  "a new VM from a snapshot, the same",
	  "a new VM from a snapshot, with \"paging\"" },
};

static mote_sandbox_options sandbox_options(void)
{
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;

	options.host_functions = &bench_host;
	options.host_function_count = 1;
	return options;
}

static mote_status call(mote_sandbox *box, const char *function, uint32_t pages,
			mote_error *err)
{
	const mote_value count = MOTE_U32(pages);

	return mote_call(box, function, &count, pages > 0, NULL, err);
}

static mote_status open_side(struct side *side, const char *memory,
			     mote_error *err)
{
	mote_engine_options options = MOTE_ENGINE_OPTIONS_INIT;
	mote_sandbox_options wanted = sandbox_options();
	mote_status status;

	memset(side, 0, sizeof(*side));
	side->memory = memory;
	options.memory = memory;
	status = mote_engine_new(&options, &side->engine, err);
	if (status == MOTE_OK)
		status = mote_image_from_memory(
			side->engine, bench_guest,
			(size_t)(bench_guest_end - bench_guest), &side->image,
			err);
	if (status == MOTE_OK)
		status = mote_sandbox_new(side->image, &wanted, &side->box,
					  err);
	if (status == MOTE_OK)
		status = mote_snapshot_take(side->box, &side->snapshot, err);
	return status;
}

static void close_side(struct side *side)
{
	mote_snapshot_unref(side->snapshot);
	mote_sandbox_free(side->box);
	mote_image_unref(side->image);
	mote_engine_unref(side->engine);
}

static mote_status measure_warm(struct side *side, mote_error *err)
{
	mote_status status = MOTE_OK;
	uint64_t start = bench_now_ns();
	uint64_t took = 0;
	int i;

	for (i = 0; i < REPEAT && status == MOTE_OK; i++)
		status = call(side->box, "Empty", 0, err);
	side->ns[CALL] = (double)(bench_now_ns() - start) / REPEAT;
	for (i = 0; i < REPEAT && status == MOTE_OK; i++) {
		status = call(side->box, "Touch", PAGES, err);
		start = bench_now_ns();
		if (status == MOTE_OK)
			status = mote_sandbox_restore(side->box,
						      side->snapshot, err);
		took += bench_now_ns() - start;
	}
	side->ns[RESTORE] = (double)took / REPEAT;
	return status;
}

/* With an engine of its own, which has no VM at hand. */
static mote_status measure_new(struct side *side, mote_error *err)
{
	mote_sandbox_options options = sandbox_options();
	mote_sandbox *box = NULL;
	struct side fresh;
	mote_status status;
	uint64_t start;

	status = open_side(&fresh, side->memory, err);
	start = bench_now_ns();
	if (status == MOTE_OK)
		status = mote_sandbox_from_snapshot(fresh.snapshot, &options,
						    &box, err);
	side->ns[CREATE] = (double)(bench_now_ns() - start);
	start = bench_now_ns();
	if (status == MOTE_OK)
		status = call(box, "Touch", PAGES, err);
	side->ns[FIRST] = (double)(bench_now_ns() - start);
	mote_sandbox_free(box);
	close_side(&fresh);
	return status;
}

static mote_status measure(struct side *side, mote_error *err)
{
	mote_status status = measure_warm(side, err);

	return status == MOTE_OK ? measure_new(side, err) : status;
}

int bench_paging(struct bench *bench)
{
	size_t rounds = bench_rounds(bench, 60, 12);
	static struct bench_samples ratio[FIGURES];
	static struct bench_samples value[FIGURES];
	mote_error err = MOTE_ERROR_INIT;
	struct side sides[2];
	mote_status status;
	size_t round;
	int i;

	memset(ratio, 0, sizeof(ratio));
	memset(value, 0, sizeof(value));
	status = open_side(&sides[0], "auto", &err);
	memset(&sides[1], 0, sizeof(sides[1]));
	if (status == MOTE_OK)
		status = open_side(&sides[1], "paging", &err);
	for (round = 0; round <= rounds && status == MOTE_OK; round++) {
		status = measure(&sides[round % 2], &err);
		if (status == MOTE_OK)
			status = measure(&sides[1 - round % 2], &err);
		/* The first one fills caches. */
		for (i = 0; i < FIGURES && round > 0; i++) {
			double ns = sides[1].ns[i];

			bench_samples_add(&ratio[i], ns / sides[0].ns[i]);
			bench_samples_add(&value[i], ns / 1000);
		}
	}
	for (i = 0; i < FIGURES && status == MOTE_OK; i++) {
		bench_ratio(bench, figures[i].name, 0, figures[i].text,
			    &ratio[i]);
		bench_value(bench, figures[i].value, "us",
			    figures[i].value_text, &value[i]);
	}
	close_side(&sides[1]);
	close_side(&sides[0]);
	return status == MOTE_OK ? 0 : bench_fail_mote(bench, "paging", &err);
}
