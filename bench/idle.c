/*
 * idle_kib, and sizes of files.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench.h"

#define BOXES 10 /* made for one sample */
#define ROUNDS 10

/* Default options; the guest has started and answered once. */
static int make(struct bench *bench, mote_image *image, mote_sandbox **box)
{
	mote_error err = MOTE_ERROR_INIT;

	if (mote_sandbox_new(image, NULL, box, &err) != MOTE_OK)
		return bench_fail_mote(bench, "new sandbox", &err);
	if (mote_call(*box, "Answer", NULL, 0, NULL, &err) != MOTE_OK)
		return bench_fail_mote(bench, "Answer", &err);
	return 0;
}

static int measure(struct bench *bench, mote_image *image)
{
	static struct bench_samples idle;
	size_t rounds = bench_rounds(bench, ROUNDS, 5);
	mote_sandbox *boxes[ROUNDS * BOXES + 2] = { NULL };
	size_t made = 0;
	size_t round;
	int status = 0;
	size_t i;

	/*
	 * What the first one costs is not each one's. A second one, because
	 * the image's pages count as private until two sandboxes map them.
	 */
	while (status == 0 && made < 2)
		status = make(bench, image, &boxes[made++]);
	for (round = 0; status == 0 && round < rounds; round++) {
		double before;
		double after;

		status = bench_private_kib(bench, &before);
		for (i = 0; status == 0 && i < BOXES; i++)
			status = make(bench, image, &boxes[made++]);
		if (status == 0)
			status = bench_private_kib(bench, &after);
		if (status == 0)
			bench_samples_add(&idle, (after - before) / BOXES);
	}
	/* Not earlier: one that was freed is kept for the next. */
	while (made > 0)
		mote_sandbox_free(boxes[--made]);
	bench_ratio(bench, "idle_kib", 256,
		    "KiB of private memory of an idle sandbox", &idle);
	return status;
}

int bench_idle(struct bench *bench)
{
	mote_error err = MOTE_ERROR_INIT;
	mote_engine *engine;
	mote_image *image;
	int status;

	if (mote_engine_new(NULL, &engine, &err) != MOTE_OK)
		return bench_fail_mote(bench, "new engine", &err);
	if (mote_image_from_memory(
		    engine, bench_small_guest,
		    (size_t)(bench_small_guest_end - bench_small_guest), &image,
		    &err) != MOTE_OK) {
		mote_engine_unref(engine);
		return bench_fail_mote(bench, "open the guest", &err);
	}
	status = measure(bench, image);
	mote_image_unref(image);
	mote_engine_unref(engine);
	return status;
}

static void size_kib(struct bench *bench, const char *name, const char *text,
		     double bytes)
{
	struct bench_samples samples = { .count = 0 };

	bench_samples_add(&samples, bytes / 1024);
	bench_value(bench, name, "KiB", text, &samples);
}

int bench_sizes(struct bench *bench)
{
	struct stat st;
	Dl_info info;

	/* The shared library, or the program that it is linked into. */
	if (dladdr((const void *)(uintptr_t)&mote_version, &info) &&
	    stat(info.dli_fname, &st) == 0)
		size_kib(bench, "library_size",
			 "the file that the library's code is in",
			 (double)st.st_size);
	size_kib(bench, "guest_size", "the small guest's ELF file",
		 (double)(bench_small_guest_end - bench_small_guest));
	return 0;
}
