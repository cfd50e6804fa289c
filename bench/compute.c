/*
 * compute and bytes_50m: the same C source, compiled by the same compiler
 * with the same flags, in the guest and in this process.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"
#include "work.h"

#define STEPS UINT64_C(100000000)
#define BYTES (UINT64_C(50) << 20)
#define DEADLINE_NS UINT64_C(60000000000)

/*
 * count: steps of a loop, or how often the rest is done in a call, so that it
 * takes some 20 ms. What a call costs is another figure.
 */
struct work {
	const char *name;
	const char *text;
	const char *function;
	uint64_t count;
	size_t rounds;
};

static const struct work works[] = {
	{ "compute_sha256", "SHA-256 of 1 MiB / native", "Sha256", 5, 40 },
	{ "compute_fib", "fib(30), recursive / native", "Fib", 20, 40 },
	{ "compute_integer", "1e8 integer steps / native", "Integer", STEPS,
	  25 },
	{ "compute_floating", "1e8 floating steps / native", "Floating", STEPS,
	  25 },
	/* Not one of those of `compute`: the call is in it. */
	{ "compute_fib_call", "fib(30) as a call of its own / native", "Fib", 1,
	  200 },
};

#define JUDGED 4
#define WORKS (sizeof(works) / sizeof(works[0]))

/*
 * The thread's CPU time, guest included: nothing here waits, and the time
 * that others get on this CPU is not the guest's.
 */
static uint64_t cpu_time_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* As the guest's result is: the bits. */
static uint64_t run_native(const struct work *work, uint64_t count)
{
	uint64_t bits = 0;
	double real;

	if (strcmp(work->function, "Sha256") == 0) {
		for (; count > 0; count--)
			bits += work_sha256();
	} else if (strcmp(work->function, "Fib") == 0) {
		for (; count > 0; count--)
			bits += work_fib(30);
	} else if (strcmp(work->function, "Integer") == 0) {
		bits = work_integer(count);
	} else {
		real = work_floating(count);
		memcpy(&bits, &real, sizeof(bits));
	}
	return bits;
}

static int run_guest(struct bench *bench, mote_sandbox *box,
		     const struct work *work, uint64_t count, uint64_t *bits)
{
	const mote_value arg = MOTE_U64(count);
	mote_error err = MOTE_ERROR_INIT;
	mote_value result;

	if (mote_call(box, work->function, &arg, 1, &result, &err) != MOTE_OK)
		return bench_fail_mote(bench, work->function, &err);
	*bits = result.as.u64;
	return 0;
}

static int measure_work(struct bench *bench, mote_sandbox *box,
			const struct work *work, struct bench_samples *samples)
{
	uint64_t count = work->count;
	size_t rounds = bench_rounds(bench, work->rounds, 10);
	size_t round;

	if (bench->options.quick)
		count = count < 20 ? 1 : count / 20;
	for (round = 0; round < rounds + 1; round++) {
		bool native_first = round % 2;
		uint64_t times[3];
		uint64_t native = 0;
		uint64_t guest = 0;
		double ratio;

		times[0] = cpu_time_ns();
		if (native_first)
			native = run_native(work, count);
		else if (run_guest(bench, box, work, count, &guest) < 0)
			return -1;
		times[1] = cpu_time_ns();
		if (!native_first)
			native = run_native(work, count);
		else if (run_guest(bench, box, work, count, &guest) < 0)
			return -1;
		times[2] = cpu_time_ns();
		if (native != guest)
			return bench_fail(bench, "%s: guest and host differ",
					  work->function);
		ratio = (double)(times[1] - times[0]) /
			(double)(times[2] - times[1]);
		if (round > 0) /* the first is cold */
			bench_samples_add(samples,
					  native_first ? 1 / ratio : ratio);
	}
	return 0;
}

static int check_compiler(struct bench *bench, mote_sandbox *box)
{
	mote_error err = MOTE_ERROR_INIT;
	mote_value result;

	if (mote_call(box, "Compiler", NULL, 0, &result, &err) != MOTE_OK)
		return bench_fail_mote(bench, "Compiler", &err);
	if (strcmp(result.as.string.data, work_compiler()) != 0)
		fprintf(stderr,
			"bench: compute and bytes_50m compare two compilers: "
			"%s in the guest, %s here\n",
			(const char *)result.as.string.data, work_compiler());
	return 0;
}

static int measure_works(struct bench *bench, mote_sandbox *box)
{
	static struct bench_samples samples[WORKS];
	size_t worst = 0;
	size_t i;

	if (check_compiler(bench, box) < 0)
		return -1;
	for (i = 0; i < WORKS; i++) {
		if (measure_work(bench, box, &works[i], &samples[i]) < 0)
			return -1;
		if (i < JUDGED &&
		    bench_summarize(&samples[i]).median >
			    bench_summarize(&samples[worst]).median)
			worst = i;
	}
	bench_ratio(bench, "compute", 1.03, "the worst of the next four",
		    &samples[worst]);
	for (i = 0; i < WORKS; i++)
		bench_ratio(bench, works[i].name, 0, works[i].text,
			    &samples[i]);
	return 0;
}

int bench_compute(struct bench *bench)
{
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;
	mote_engine *engine;
	mote_image *image;
	mote_sandbox *box;
	int status;

	options.deadline_ns = DEADLINE_NS;
	if (bench_open(bench, &options, &engine, &image, &box) < 0)
		return -1;
	status = measure_works(bench, box);
	mote_sandbox_free(box);
	mote_image_unref(image);
	mote_engine_unref(engine);
	return status;
}

struct bytes {
	const uint8_t *data;
	uint8_t *copy;
	size_t size;
	mote_sandbox *box;
	double host_ns;
	double guest_ns;
	uint64_t host_sum;
	uint64_t guest_sum;
};

static void sum_here(struct bytes *bytes)
{
	uint64_t start = cpu_time_ns();

	memcpy(bytes->copy, bytes->data, bytes->size);
	bytes->host_sum = work_sum(bytes->copy, bytes->size);
	bytes->host_ns = (double)(cpu_time_ns() - start);
}

static int sum_there(struct bench *bench, struct bytes *bytes)
{
	const mote_value arg = MOTE_BYTES(bytes->data, bytes->size);
	mote_error err = MOTE_ERROR_INIT;
	uint64_t start = cpu_time_ns();
	mote_value result;

	if (mote_call(bytes->box, "Sum", &arg, 1, &result, &err) != MOTE_OK)
		return bench_fail_mote(bench, "Sum", &err);
	bytes->guest_ns = (double)(cpu_time_ns() - start);
	bytes->guest_sum = result.as.u64;
	return 0;
}

static int measure_bytes(struct bench *bench, struct bytes *bytes)
{
	static struct bench_samples ratio, guest_ms, host_ms;
	size_t rounds = bench_rounds(bench, 40, 10);
	size_t round;

	for (round = 0; round < rounds + 1; round++) {
		if (round % 2 == 0)
			sum_here(bytes);
		if (sum_there(bench, bytes) < 0)
			return -1;
		if (round % 2 == 1)
			sum_here(bytes);
		if (bytes->host_sum != bytes->guest_sum)
			return bench_fail(bench, "Sum: guest and host differ");
		if (round == 0) /* cold */
			continue;
		bench_samples_add(&ratio, bytes->guest_ns / bytes->host_ns);
		bench_samples_add(&host_ms, bytes->host_ns / 1e6);
		bench_samples_add(&guest_ms, bytes->guest_ns / 1e6);
	}
	bench_ratio(bench, "bytes_50m", 1.5,
		    "sum of a 50 MiB argument / memcpy and sum here", &ratio);
	bench_value(bench, "bytes_50m_host", "ms", "the floor of bytes_50m",
		    &host_ms);
	bench_value(bench, "bytes_50m_call", "ms", "the call", &guest_ms);
	return 0;
}

int bench_bytes(struct bench *bench)
{
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;
	size_t size = bench->options.quick ? BYTES / 10 : BYTES;
	uint8_t *data = malloc(size);
	uint8_t *copy = malloc(size);
	struct bytes bytes = { .data = data, .copy = copy, .size = size };
	mote_engine *engine;
	mote_image *image;
	int status = -1;
	size_t i;

	if (!data || !copy) {
		bench_fail(bench, "no memory for %zu bytes", size);
		goto out;
	}
	for (i = 0; i < size; i++)
		data[i] = (uint8_t)(i * 31);
	options.deadline_ns = DEADLINE_NS;
	options.io_bytes = size + 4096;
	if (bench_open(bench, &options, &engine, &image, &bytes.box) < 0)
		goto out;
	status = measure_bytes(bench, &bytes);
	mote_sandbox_free(bytes.box);
	mote_image_unref(image);
	mote_engine_unref(engine);
out:
	free(data);
	free(copy);
	return status;
}
