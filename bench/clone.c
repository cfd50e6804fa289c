/*
 * clone_warm, clone_cold, clone_file, pool: a sandbox in the state of a
 * snapshot, up to its first answer.
 *
 * The floor is a VM made by hand as for `create`, up to the same answer, but
 * with /dev/kvm open and its CPUID table at hand: so has the engine.
 */
#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mote/snapshot.h>

#include "bench.h"
#include "floor.h"

#define REPEAT 20 /* rounds through the pool in a row */
#define TAG "small"

struct clones {
	struct bench *bench;
	const char *directory;
	struct floor_host *host;
	mote_engine *engine;
	mote_image *image;
	mote_sandbox *first; /* stays: what is freed would be in the cache */
	mote_snapshot *snapshot;
	mote_snapshot *loaded;
	mote_error err;
};

static int failed(struct clones *clones, const char *what)
{
	return bench_fail_mote(clones->bench, what, &clones->err);
}

/* An engine of its own, with nothing in its cache. */
static int open_clones(struct clones *clones)
{
	size_t size = (size_t)(bench_small_guest_end - bench_small_guest);

	clones->engine = NULL;
	clones->image = NULL;
	clones->first = NULL;
	clones->snapshot = NULL;
	clones->loaded = NULL;
	if (mote_engine_new(NULL, &clones->engine, &clones->err) != MOTE_OK ||
	    mote_image_from_memory(clones->engine, bench_small_guest, size,
				   &clones->image, &clones->err) != MOTE_OK ||
	    mote_sandbox_new(clones->image, NULL, &clones->first,
			     &clones->err) != MOTE_OK ||
	    mote_snapshot_take(clones->first, &clones->snapshot,
			       &clones->err) != MOTE_OK)
		return failed(clones, "a snapshot of the small guest");
	return 0;
}

static void close_clones(struct clones *clones)
{
	mote_snapshot_unref(clones->loaded);
	mote_snapshot_unref(clones->snapshot);
	mote_sandbox_free(clones->first);
	mote_image_unref(clones->image);
	mote_engine_unref(clones->engine);
}

/* Nanoseconds of a clone and its first answer, or negative. */
static double first_answer(struct clones *clones, mote_snapshot *snapshot,
		    mote_sandbox **box)
{
	uint64_t start = bench_now_ns();
	mote_value result;

	if (mote_sandbox_from_snapshot(snapshot, NULL, box, &clones->err) !=
	    MOTE_OK)
		return failed(clones, "from_snapshot");
	if (mote_call(*box, "Answer", NULL, 0, &result, &clones->err) !=
	    MOTE_OK)
		return failed(clones, "Answer");
	if (result.as.i32 != 42)
		return bench_fail(clones->bench, "Answer: %d", result.as.i32);
	return (double)(bench_now_ns() - start);
}

static double by_hand(struct clones *clones)
{
	uint64_t start = bench_now_ns();
	struct floor_vm vm;
	int32_t value = 0;
	double took = -1;

	if (floor_open_program(&vm, clones->host, bench_small_guest, &value) <
	    0)
		bench_fail(clones->bench, "floor: %s: %s", vm.failed,
			   strerror(errno));
	else
		took = (double)(bench_now_ns() - start);
	floor_close(&vm);
	return took;
}

enum part { HAND, COLD, WARM, LOAD, FILE_COLD, FILE_WARM, PARTS };

/* Each sandbox lives until what comes after it must not be cached. */
static int measure_clones(struct clones *clones, double t[PARTS])
{
	mote_sandbox *box = NULL;
	mote_sandbox *other = NULL;
	uint64_t start = bench_now_ns();
	int status = -1;

	if (mote_snapshot_load(clones->engine, clones->directory, TAG, 0,
			       &clones->loaded, &clones->err) != MOTE_OK)
		return failed(clones, "load");
	t[LOAD] = (double)(bench_now_ns() - start);
	t[COLD] = first_answer(clones, clones->snapshot, &box);
	t[FILE_COLD] = first_answer(clones, clones->loaded, &other);
	if (t[COLD] < 0 || t[FILE_COLD] < 0)
		goto out;
	mote_sandbox_free(box);
	box = NULL;
	t[WARM] = first_answer(clones, clones->snapshot, &box);
	mote_sandbox_free(other);
	other = NULL;
	t[FILE_WARM] = first_answer(clones, clones->loaded, &other);
	t[HAND] = by_hand(clones);
	if (t[WARM] >= 0 && t[FILE_WARM] >= 0 && t[HAND] >= 0)
		status = 0;
out:
	mote_sandbox_free(box);
	mote_sandbox_free(other);
	return status;
}

/* Nanoseconds of acquire, call, release; or of call and restore. */
static double pool_part(struct clones *clones, mote_pool *pool)
{
	uint64_t start = bench_now_ns();
	mote_sandbox *box;
	int i;

	for (i = 0; i < REPEAT; i++) {
		if (mote_pool_acquire(pool, 0, &box, &clones->err) != MOTE_OK)
			return failed(clones, "acquire");
		if (mote_call(box, "Answer", NULL, 0, NULL, &clones->err) !=
		    MOTE_OK)
			return failed(clones, "Answer");
		mote_pool_release(pool, box);
	}
	return (double)(bench_now_ns() - start) / REPEAT;
}

static double restore_part(struct clones *clones, mote_sandbox *box)
{
	uint64_t start = bench_now_ns();
	int i;

	for (i = 0; i < REPEAT; i++) {
		if (mote_call(box, "Answer", NULL, 0, NULL, &clones->err) !=
		    MOTE_OK)
			return failed(clones, "Answer");
		if (mote_sandbox_restore(box, clones->snapshot,
					 &clones->err) != MOTE_OK)
			return failed(clones, "restore");
	}
	return (double)(bench_now_ns() - start) / REPEAT;
}

static int measure_pool(struct clones *clones, struct bench_samples *ratio)
{
	mote_pool_options options = MOTE_POOL_OPTIONS_INIT;
	size_t rounds = bench_rounds(clones->bench, 200, 20);
	mote_sandbox *box = NULL;
	mote_pool *pool = NULL;
	int status = -1;
	size_t round;

	options.min = 1;
	options.max = 4;
	if (mote_pool_new(clones->snapshot, &options, &pool, &clones->err) !=
		    MOTE_OK ||
	    mote_sandbox_from_snapshot(clones->snapshot, NULL, &box,
				       &clones->err) != MOTE_OK) {
		failed(clones, "pool");
		goto out;
	}
	for (round = 0; round < rounds + 2; round++) {
		double restore = restore_part(clones, box);
		double pooled = pool_part(clones, pool);

		if (restore < 0 || pooled < 0)
			goto out;
		if (round >= 2)
			bench_samples_add(ratio, pooled / restore);
	}
	status = 0;
out:
	mote_sandbox_free(box);
	mote_pool_free(pool);
	return status;
}

static int measure(struct clones *clones)
{
	static struct bench_samples warm, cold, file, file_warm, pool, load,
		warm_us, cold_us;
	struct bench *bench = clones->bench;
	size_t rounds = bench_rounds(bench, 100, 20);
	double t[PARTS] = { 0 };
	int status = 0;
	size_t round;

	for (round = 0; status == 0 && round < rounds + 2; round++) {
		status = open_clones(clones);
		if (status == 0)
			status = measure_clones(clones, t);
		if (status == 0 && round == 0)
			status = measure_pool(clones, &pool);
		close_clones(clones);
		if (status < 0 || round < 2)
			continue;
		bench_samples_add(&warm, t[WARM] / t[HAND]);
		bench_samples_add(&cold, t[COLD] / t[HAND]);
		bench_samples_add(&file, t[FILE_COLD] / t[COLD]);
		bench_samples_add(&file_warm, t[FILE_WARM] / t[WARM]);
		bench_samples_add(&load, t[LOAD] / 1000);
		bench_samples_add(&warm_us, t[WARM] / 1000);
		bench_samples_add(&cold_us, t[COLD] / 1000);
	}
	if (status < 0)
		return status;
	bench_ratio(bench, "clone_warm", 0.35,
		    "from a snapshot, first call, VM cached / the VM by hand",
		    &warm);
	bench_ratio(bench, "clone_cold", 1.2, "the same with no VM cached",
		    &cold);
	bench_ratio(bench, "clone_file", 1.5,
		    "clone_cold from a file / from memory", &file);
	bench_ratio(bench, "clone_file_warm", 1.5,
		    "clone_warm from a file / from memory", &file_warm);
	bench_ratio(bench, "pool", 1.05,
		    "acquire, call, release / call, restore", &pool);
	bench_value(bench, "clone_warm_us", "us", "the warm clone, first call",
		    &warm_us);
	bench_value(bench, "clone_cold_us", "us", "the cold clone, first call",
		    &cold_us);
	bench_value(bench, "load", "us", "mote_snapshot_load", &load);
	return 0;
}

static int remove_entry(const char *path, const struct stat *st, int type,
			struct FTW *walk)
{
	(void)st;
	(void)type;
	(void)walk;
	return remove(path);
}

int bench_clone(struct bench *bench)
{
	char directory[] = "/tmp/mote-bench.XXXXXX";
	struct clones clones = {
		.bench = bench,
		.directory = directory,
		.host = floor_host_open(),
		.err = MOTE_ERROR_INIT,
	};
	int status = 0;

	if (!clones.host)
		return bench_fail(bench, "/dev/kvm: %s", strerror(errno));
	if (!mkdtemp(directory)) {
		floor_host_close(clones.host);
		return bench_fail(bench, "%s: %s", directory, strerror(errno));
	}
	status = open_clones(&clones);
	if (status == 0 && mote_snapshot_save(clones.snapshot, directory, TAG,
					      NULL, NULL, NULL,
					      &clones.err) != MOTE_OK)
		status = failed(&clones, "save");
	close_clones(&clones);
	if (status == 0)
		status = measure(&clones);
	nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	floor_host_close(clones.host);
	return status;
}
