/*
 * restore: going back to a snapshot, by the pages that the guest has written
 * since and by the size of its heap; call_restore_10, take.
 *
 * The floor of a restore is memcpy of as many pages, one by one to pages
 * that lie apart as the guest's do, after the same call of the same guest.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <mote/snapshot.h>

#include "bench.h"
#include "floor.h"
#include "work.h"

#define PAGE 4096u
#define REPEAT 20 /* restores of a kind in a row */
#define COUNTS 5
#define HEAPS 3
#define TAKE_PAGES WORK_PAGES

static const uint32_t counts[COUNTS] = { 0, 1, 10, 100, 1000 };

struct heap {
	const char *name;
	uint64_t bytes;
	double goal[COUNTS];
};

/* restore_1 is measured against a round trip, the others against memcpy. */
static const struct heap heaps[HEAPS] = {
	{ "", UINT64_C(1) << 20, { 0, 0.15, 0, 3, 3 } },
	{ "_64m", UINT64_C(64) << 20, { 0, 0.15, 0, 3, 3 } },
	{ "_1g", UINT64_C(1) << 30, { 0, 0.15, 0, 3, 3 } },
};

struct subject {
	struct bench *bench;
	mote_engine *engine;
	mote_image *image;
	mote_sandbox *first;
	mote_snapshot *snapshot;
	mote_sandbox *boxes[COUNTS]; /* each always writes the same pages */
	struct floor_vm floor;
	uint8_t *source;
	uint8_t *target;
	mote_error err;
};

static int failed(struct subject *subject, const char *what)
{
	return bench_fail_mote(subject->bench, what, &subject->err);
}

static int touch(struct subject *subject, mote_sandbox *box, uint32_t pages)
{
	const mote_value count = MOTE_U32(pages);

	if (mote_call(box, "Touch", &count, 1, NULL, &subject->err) != MOTE_OK)
		return failed(subject, "Touch");
	return 0;
}

/* Nanoseconds of one restore; negative: it failed. */
static double restore_part(struct subject *subject, int which)
{
	mote_sandbox *box = subject->boxes[which];
	uint64_t took = 0;
	int i;

	for (i = 0; i < REPEAT; i++) {
		uint64_t start;

		if (touch(subject, box, counts[which]) < 0)
			return -1;
		start = bench_now_ns();
		if (mote_sandbox_restore(box, subject->snapshot,
					 &subject->err) != MOTE_OK)
			return failed(subject, "restore");
		took += bench_now_ns() - start;
	}
	return (double)took / REPEAT;
}

static double copy_part(struct subject *subject, int which)
{
	uint64_t took = 0;
	uint32_t page;
	int i;

	for (i = 0; i < REPEAT; i++) {
		uint64_t start;

		if (touch(subject, subject->boxes[which], counts[which]) < 0)
			return -1;
		for (page = 0; page < counts[which]; page++)
			subject->target[page * PAGE]++;
		start = bench_now_ns();
		for (page = 0; page < counts[which]; page++)
			memcpy(subject->target + page * PAGE,
			       subject->source + page * PAGE, PAGE);
		__asm__ volatile("" ::"r"(subject->target) : "memory");
		took += bench_now_ns() - start;
	}
	return (double)took / REPEAT;
}

static double round_trip_part(struct subject *subject)
{
	uint64_t start = bench_now_ns();
	int i;

	for (i = 0; i < REPEAT; i++)
		if (floor_round_trip(&subject->floor) < 0)
			return bench_fail(subject->bench, "floor: %s: %s",
					  subject->floor.failed,
					  strerror(errno));
	return (double)(bench_now_ns() - start) / REPEAT;
}

static double call_restore_part(struct subject *subject)
{
	mote_sandbox *box = subject->boxes[2];
	uint64_t start = bench_now_ns();
	int i;

	for (i = 0; i < REPEAT; i++) {
		if (touch(subject, box, 10) < 0)
			return -1;
		if (mote_sandbox_restore(box, subject->snapshot,
					 &subject->err) != MOTE_OK)
			return failed(subject, "restore");
	}
	return (double)(bench_now_ns() - start) / REPEAT;
}

struct results {
	struct bench_samples restore[COUNTS]; /* us */
	struct bench_samples ratio[COUNTS];
	struct bench_samples call_restore;
	char names[COUNTS][2][24];
};

static int measure_round(struct subject *subject, struct results *results,
			 bool keep)
{
	double round_trip = round_trip_part(subject);
	double all = call_restore_part(subject);
	int which;

	if (round_trip < 0 || all < 0)
		return -1;
	for (which = 0; which < COUNTS; which++) {
		double restore = restore_part(subject, which);
		double copy = copy_part(subject, which);
		double floor = counts[which] < 10 ? round_trip : copy;

		if (restore < 0 || copy < 0)
			return -1;
		if (!keep)
			continue;
		bench_samples_add(&results->restore[which], restore / 1000);
		bench_samples_add(&results->ratio[which], restore / floor);
	}
	if (keep)
		bench_samples_add(&results->call_restore, all / round_trip);
	return 0;
}

static void report(struct bench *bench, const struct heap *heap,
		   struct results *results)
{
	int which;

	for (which = 0; which < COUNTS; which++) {
		char(*names)[24] = results->names[which];

		snprintf(names[0], sizeof(names[0]), "restore_%u%s",
			 counts[which], heap->name);
		snprintf(names[1], sizeof(names[1]), "restore_us_%u%s",
			 counts[which], heap->name);
		bench_ratio(bench, names[0], heap->goal[which],
			    counts[which] < 10 ?
				    "a restore / one KVM_RUN round trip" :
				    "a restore / memcpy of as many pages",
			    &results->ratio[which]);
		bench_value(bench, names[1], "us", "the restore",
			    &results->restore[which]);
	}
	if (heap == &heaps[0])
		bench_ratio(bench, "call_restore_10", 1.15,
			    "call that writes 10 pages, restore / round trip",
			    &results->call_restore);
}

/* A snapshot of the fresh guest, and a sandbox for each count. */
static int open_subject(struct subject *subject, const struct heap *heap)
{
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;
	int i;

	options.heap_bytes = heap->bytes;
	if (bench_open(subject->bench, &options, &subject->engine,
		       &subject->image, &subject->first) < 0)
		return -1;
	/* So that what is restored is data, and not zeros. */
	if (touch(subject, subject->first, counts[COUNTS - 1]) < 0)
		return -1;
	if (mote_snapshot_take(subject->first, &subject->snapshot,
			       &subject->err) != MOTE_OK)
		return failed(subject, "take");
	options.host_functions = &bench_host;
	options.host_function_count = 1;
	for (i = 0; i < COUNTS; i++)
		if (mote_sandbox_from_snapshot(subject->snapshot, &options,
					       &subject->boxes[i],
					       &subject->err) != MOTE_OK)
			return failed(subject, "clone");
	if (floor_open_loop(&subject->floor) < 0)
		return bench_fail(subject->bench, "floor: %s: %s",
				  subject->floor.failed, strerror(errno));
	return 0;
}

static void close_subject(struct subject *subject)
{
	int i;

	for (i = 0; i < COUNTS; i++)
		mote_sandbox_free(subject->boxes[i]);
	mote_snapshot_unref(subject->snapshot);
	mote_sandbox_free(subject->first);
	mote_image_unref(subject->image);
	mote_engine_unref(subject->engine);
	if (subject->floor.host)
		floor_close(&subject->floor);
}

static int measure_heap(struct bench *bench, const struct heap *heap,
			uint8_t *pages, struct results *results)
{
	size_t rounds = bench_rounds(bench, 60, 10);
	struct subject subject = {
		.bench = bench,
		.source = pages,
		.target = pages + WORK_PAGES * PAGE,
		.err = MOTE_ERROR_INIT,
	};
	int status = open_subject(&subject, heap);
	size_t round;

	for (round = 0; status == 0 && round < rounds + 2; round++)
		status = measure_round(&subject, results, round >= 2);
	if (status == 0)
		report(bench, heap, results);
	close_subject(&subject);
	return status;
}

/* One sandbox writes TAKE_PAGES pages; the snapshot stores those. */
static int measure_take(struct bench *bench, uint8_t *pages)
{
	size_t rounds = bench_rounds(bench, 40, 10);
	static struct bench_samples ratio, took;
	mote_snapshot_info info = MOTE_SNAPSHOT_INFO_INIT;
	struct subject subject = { .bench = bench, .err = MOTE_ERROR_INIT };
	int status = bench_open(bench, NULL, &subject.engine, &subject.image,
				&subject.first);
	size_t round;

	for (round = 0; status == 0 && round < rounds + 2; round++) {
		mote_snapshot *snapshot;
		uint64_t start;
		double take;
		double copy;

		status = touch(&subject, subject.first, TAKE_PAGES);
		if (status < 0)
			break;
		start = bench_now_ns();
		if (mote_snapshot_take(subject.first, &snapshot,
				       &subject.err) != MOTE_OK) {
			status = failed(&subject, "take");
			break;
		}
		take = (double)(bench_now_ns() - start);
		if (mote_snapshot_describe(snapshot, &info, &subject.err) !=
		    MOTE_OK)
			status = failed(&subject, "describe");
		mote_snapshot_unref(snapshot);
		if (info.own_bytes > WORK_PAGES * PAGE)
			info.own_bytes = WORK_PAGES * PAGE;
		start = bench_now_ns();
		memcpy(pages + WORK_PAGES * PAGE, pages, info.own_bytes);
		__asm__ volatile("" ::"r"(pages) : "memory");
		copy = (double)(bench_now_ns() - start);
		if (round < 2)
			continue;
		bench_samples_add(&ratio, take / copy);
		bench_samples_add(&took, take / 1000);
	}
	close_subject(&subject);
	if (status == 0) {
		bench_ratio(bench, "take", 3,
			    "taking a snapshot of 16 MiB / memcpy of them",
			    &ratio);
		bench_value(bench, "take_us", "us", "taking it", &took);
	}
	return status;
}

int bench_restore(struct bench *bench)
{
	static struct results results[HEAPS];
	size_t size = 2 * WORK_PAGES * PAGE;
	uint8_t *pages = mmap(NULL, size, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int status = 0;
	int i;

	if (pages == MAP_FAILED)
		return bench_fail(bench, "mmap: %s", strerror(errno));
	memset(pages, 1, size);
	for (i = 0; status == 0 && i < HEAPS; i++)
		status = measure_heap(bench, &heaps[i], pages, &results[i]);
	if (status == 0)
		status = measure_take(bench, pages);
	munmap(pages, size);
	return status;
}
