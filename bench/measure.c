#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bench.h"

int bench_fail(struct bench *bench, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(bench->failure, sizeof(bench->failure), format, args);
	va_end(args);
	return -1;
}

int bench_fail_mote(struct bench *bench, const char *what,
		    const mote_error *err)
{
	return bench_fail(bench, "%s: %s: %s", what,
			  mote_status_name((mote_status)err->code), err->text);
}

uint64_t bench_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

size_t bench_rounds(const struct bench *bench, size_t full, size_t divisor)
{
	size_t rounds = bench->options.quick ? full / divisor : full;

	return rounds < 3 ? 3 : rounds;
}

static void add(struct bench *bench, struct bench_figure figure,
		const struct bench_samples *samples)
{
	figure.stat = bench_summarize(samples);
	if (bench->figure_count < BENCH_FIGURES_MAX)
		bench->figures[bench->figure_count++] = figure;
}

void bench_ratio(struct bench *bench, const char *name, double goal,
		 const char *text, const struct bench_samples *samples)
{
	const struct bench_figure figure = {
		.name = name,
		.unit = "",
		.text = text,
		.goal = goal,
		.is_ratio = true,
	};

	add(bench, figure, samples);
}

void bench_ratio_at_least(struct bench *bench, const char *name, double goal,
			  const char *text,
			  const struct bench_samples *samples)
{
	const struct bench_figure figure = {
		.name = name,
		.unit = "",
		.text = text,
		.goal = goal,
		.at_least = true,
		.is_ratio = true,
	};

	add(bench, figure, samples);
}

void bench_value(struct bench *bench, const char *name, const char *unit,
		 const char *text, const struct bench_samples *samples)
{
	const struct bench_figure figure = {
		.name = name,
		.unit = unit,
		.text = text,
	};

	add(bench, figure, samples);
}

static mote_status nothing(void *user, mote_host_call *call,
			   const mote_value *args, size_t count,
			   mote_value *result)
{
	(void)user;
	(void)call;
	(void)args;
	(void)count;
	(void)result;
	return MOTE_OK;
}

const mote_host_function bench_host = { "Nothing", "v()", nothing, NULL };

int bench_open(struct bench *bench, const mote_sandbox_options *options,
	       mote_engine **engine, mote_image **image, mote_sandbox **box)
{
	mote_sandbox_options full = MOTE_SANDBOX_OPTIONS_INIT;
	mote_error err = MOTE_ERROR_INIT;

	if (options)
		full = *options;
	if (full.host_function_count == 0) {
		full.host_functions = &bench_host;
		full.host_function_count = 1;
	}
	*engine = NULL;
	*image = NULL;
	*box = NULL;
	if (mote_engine_new(NULL, engine, &err) != MOTE_OK ||
	    mote_image_from_memory(*engine, bench_guest,
				   (size_t)(bench_guest_end - bench_guest),
				   image, &err) != MOTE_OK ||
	    mote_sandbox_new(*image, &full, box, &err) != MOTE_OK) {
		mote_image_unref(*image);
		mote_engine_unref(*engine);
		return bench_fail_mote(bench, "open the guest", &err);
	}
	return 0;
}

int bench_private_kib(struct bench *bench, double *kib)
{
	FILE *file = fopen("/proc/self/smaps_rollup", "re");
	char line[256];
	unsigned long value;

	*kib = 0;
	if (!file)
		return bench_fail(bench, "/proc/self/smaps_rollup is absent");
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, "Private_", 8) == 0 &&
		    sscanf(line + strcspn(line, ":"), ": %lu", &value) == 1)
			*kib += (double)value;
	fclose(file);
	return 0;
}
