/*
 * create: from nothing to the first answer of a small guest.
 *
 * Mote: a new engine (opens /dev/kvm, asks for the CPUID table), the image
 * from memory, a sandbox with default options, one call that returns an i32.
 *
 * The floor, floor.c: opens /dev/kvm, asks for the CPUID table, creates VM
 * and virtual CPU, one anonymous mapping of the same size as memory, copies
 * the segments of the same ELF file into it, writes page tables for the same
 * address space, sets CPUID table, system registers and the MSRs of
 * `syscall`, runs the program to the end of its start, and once more for the
 * same call.
 *
 * Taking down is not part of either. The process is warm: what the library
 * does once per process or thread (signal handler, timer) is done.
 */
#include <errno.h>
#include <string.h>

#include "bench.h"
#include "floor.h"

enum stage { ENGINE, IMAGE, SANDBOX, CALL, WARM, STAGES };

struct lap {
	double total;
	double stages[STAGES];
	double destroy;
};

static size_t guest_size(void)
{
	return (size_t)(bench_small_guest_end - bench_small_guest);
}

static int answer(struct bench *bench, mote_sandbox *box, mote_error *err)
{
	mote_value result;

	if (mote_call(box, "Answer", NULL, 0, &result, err) != MOTE_OK)
		return bench_fail_mote(bench, "Answer", err);
	if (result.as.i32 != 42)
		return bench_fail(bench, "Answer: %d", result.as.i32);
	return 0;
}

/* One more sandbox of an image that has made one before. */
static int measure_warm(struct bench *bench, mote_image *image, struct lap *lap,
			mote_error *err)
{
	uint64_t start = bench_now_ns();
	mote_sandbox *box;
	uint64_t made;

	if (mote_sandbox_new(image, NULL, &box, err) != MOTE_OK)
		return bench_fail_mote(bench, "new sandbox", err);
	made = bench_now_ns();
	mote_sandbox_free(box);
	lap->stages[WARM] = (double)(made - start);
	lap->destroy = (double)(bench_now_ns() - made);
	return 0;
}

static int measure_mote(struct bench *bench, struct lap *lap)
{
	mote_error err = MOTE_ERROR_INIT;
	mote_engine *engine = NULL;
	mote_image *image = NULL;
	mote_sandbox *box = NULL;
	uint64_t times[5];
	int status = -1;
	int i;

	times[0] = bench_now_ns();
	if (mote_engine_new(NULL, &engine, &err) != MOTE_OK)
		goto fail;
	times[1] = bench_now_ns();
	if (mote_image_from_memory(engine, bench_small_guest, guest_size(),
				   &image, &err) != MOTE_OK)
		goto fail;
	times[2] = bench_now_ns();
	if (mote_sandbox_new(image, NULL, &box, &err) != MOTE_OK)
		goto fail;
	times[3] = bench_now_ns();
	status = answer(bench, box, &err);
	times[4] = bench_now_ns();
	for (i = 0; i < 4; i++)
		lap->stages[i] = (double)(times[i + 1] - times[i]);
	lap->total = (double)(times[4] - times[0]);
	if (status == 0)
		status = measure_warm(bench, image, lap, &err);
	goto out;
fail:
	bench_fail_mote(bench, "create", &err);
out:
	mote_sandbox_free(box);
	mote_image_unref(image);
	mote_engine_unref(engine);
	return status;
}

static int measure_floor(struct bench *bench, double *took)
{
	uint64_t start = bench_now_ns();
	struct floor_vm vm;
	int32_t value = 0;
	int status;

	status = floor_open_program(&vm, NULL, bench_small_guest, &value);
	*took = (double)(bench_now_ns() - start);
	if (status < 0)
		bench_fail(bench, "floor: %s: %s", vm.failed, strerror(errno));
	else if (value != 42)
		status = bench_fail(bench, "floor: the answer is %d", value);
	floor_close(&vm);
	return status;
}

static void report(struct bench *bench, const struct bench_samples *ratio,
		   const struct bench_samples *floor,
		   const struct bench_samples *total,
		   const struct bench_samples stages[STAGES],
		   const struct bench_samples *destroy)
{
	bench_ratio(bench, "create", 1.30,
		    "engine, image, sandbox, first call / the VM by hand",
		    ratio);
	bench_value(bench, "create_floor", "us", "the floor of create", floor);
	bench_value(bench, "create_all", "us", "all of it with Mote", total);
	bench_value(bench, "create_engine", "us", "mote_engine_new",
		    &stages[ENGINE]);
	bench_value(bench, "create_image", "us", "mote_image_from_memory",
		    &stages[IMAGE]);
	bench_value(bench, "create_sandbox", "us",
		    "mote_sandbox_new, the image's first", &stages[SANDBOX]);
	bench_value(bench, "first_call", "us", "the first mote_call",
		    &stages[CALL]);
	bench_value(bench, "create_warm", "us",
		    "mote_sandbox_new of a known image", &stages[WARM]);
	bench_value(bench, "destroy", "us", "mote_sandbox_free", destroy);
}

int bench_create(struct bench *bench)
{
	static struct bench_samples ratio, floor, total, destroy;
	static struct bench_samples stages[STAGES];
	size_t rounds = bench_rounds(bench, 300, 30);
	size_t round;
	int i;

	for (round = 0; round < rounds + 2; round++) {
		struct lap lap;
		double by_hand = 0;

		if (round % 2 == 0 && measure_floor(bench, &by_hand) < 0)
			return -1;
		if (measure_mote(bench, &lap) < 0)
			return -1;
		if (round % 2 == 1 && measure_floor(bench, &by_hand) < 0)
			return -1;
		if (round < 2) /* cold */
			continue;
		bench_samples_add(&ratio, lap.total / by_hand);
		bench_samples_add(&floor, by_hand / 1000);
		bench_samples_add(&total, lap.total / 1000);
		for (i = 0; i < STAGES; i++)
			bench_samples_add(&stages[i], lap.stages[i] / 1000);
		bench_samples_add(&destroy, lap.destroy / 1000);
	}
	report(bench, &ratio, &floor, &total, stages, &destroy);
	return 0;
}
