/*
 * `make demo`: what Mote does, on this machine, in a second.
 */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <mote/debug.h>
#include <mote/mote.h>
#include <mote/snapshot.h>

#include "demo_view.h"

#define EXIT_USAGE 2
#define EXIT_NO_HYPERVISOR 5
#define LOOP_DEADLINE_NS (UINT64_C(100) * 1000 * 1000)
#define CREATED 25
#define CALLED 2001

static mote_engine *engine;
static mote_image *image;

static mote_status get_weekday(void *user, mote_host_call *call,
			       const mote_value *args, size_t count,
			       mote_value *result)
{
	static const char *const days[] = { "Sunday",	 "Monday",   "Tuesday",
					    "Wednesday", "Thursday", "Friday",
					    "Saturday" };
	time_t now = time(NULL);
	struct tm tm;

	if (!localtime_r(&now, &tm))
		return mote_host_call_fail(call, 1, "the host has no calendar");
	*result = MOTE_STRING(days[tm.tm_wday]);
	return MOTE_OK;
}

/* The demonstration's own guest: what it prints may go to the terminal. */
static void output(void *user, uint32_t stream, const char *data, size_t size)
{
	while (size > 0) {
		const char *end = memchr(data, '\n', size);
		size_t length = end ? (size_t)(end - data) : size;

		view_line(NULL, "guest> %.*s", (int)length, data);
		length += end != NULL;
		data += length;
		size -= length;
	}
}

static mote_sandbox_options make_options(void)
{
	static const mote_host_function host[] = {
		{ "GetWeekday", "s()", get_weekday, NULL },
	};
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;

	options.host_functions = host;
	options.host_function_count = 1;
	options.output = output;
	return options;
}

static mote_sandbox *new_sandbox(void)
{
	const mote_sandbox_options options = make_options();
	mote_error err = MOTE_ERROR_INIT;
	mote_sandbox *box = NULL;

	if (mote_sandbox_new(image, &options, &box, &err) != MOTE_OK)
		view_failure("a sandbox", &err);
	return box;
}

static mote_sandbox *clone_sandbox(mote_snapshot *snapshot)
{
	const mote_sandbox_options options = make_options();
	mote_error err = MOTE_ERROR_INIT;
	mote_sandbox *box = NULL;

	if (mote_sandbox_from_snapshot(snapshot, &options, &box, &err) !=
	    MOTE_OK)
		view_failure("a clone", &err);
	return box;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool hello(mote_sandbox *box, const char *label, const char *name)
{
	const mote_value args[] = { MOTE_STRING(name) };
	mote_error err = MOTE_ERROR_INIT;
	mote_value result;

	if (mote_call(box, "SayHello", args, 1, &result, &err) != MOTE_OK) {
		view_failure("SayHello", &err);
		return false;
	}
	view_line(label, "SayHello(\"%s\") = \"%s\"", name,
		  (const char *)result.as.string.data);
	return true;
}

static bool introduce(mote_sandbox *box)
{
	mote_error err = MOTE_ERROR_INIT;

	view_line("printf", "Introduce()");
	if (mote_call(box, "Introduce", NULL, 0, NULL, &err) == MOTE_OK)
		return true;
	view_failure("Introduce", &err);
	return false;
}

static bool typed(mote_sandbox *box)
{
	const mote_value args[] = { MOTE_F64(3), MOTE_F64(4) };
	mote_error err = MOTE_ERROR_INIT;
	mote_value result;

	if (mote_call(box, "Hypotenuse", args, 2, &result, &err) != MOTE_OK) {
		view_failure("Hypotenuse", &err);
		return false;
	}
	view_line("types", "Hypotenuse(3.0, 4.0) = %.1f", result.as.f64);
	return true;
}

static bool guest_error(mote_sandbox *box)
{
	mote_value args[] = { MOTE_I32(42), MOTE_I32(0) };
	mote_error err = MOTE_ERROR_INIT;
	mote_value result;

	if (mote_call(box, "Divide", args, 2, &result, &err) !=
	    MOTE_E_GUEST_ERROR) {
		view_failure("Divide by zero", &err);
		return false;
	}
	view_fault("error", "Divide(42, 0): error %d, %s", err.guest_code,
		   err.text);
	args[1] = MOTE_I32(6);
	if (mote_call(box, "Divide", args, 2, &result, &err) != MOTE_OK) {
		view_failure("Divide", &err);
		return false;
	}
	view_line(NULL, "the sandbox goes on: Divide(42, 6) = %d",
		  result.as.i32);
	return true;
}

static void show_backtrace(mote_sandbox *box)
{
	mote_error err = MOTE_ERROR_INIT;
	mote_frame frames[2];
	size_t count = 0;
	size_t i;

	if (mote_sandbox_backtrace(box, frames, 2, &count, &err) != MOTE_OK)
		view_failure("backtrace", &err);
	for (i = 0; i < count; i++)
		view_line(NULL, "%s %s at %s:%u", i ? "called by" : "in",
			  frames[i].name, base_name(frames[i].file),
			  frames[i].line);
}

static bool crash(mote_sandbox *box)
{
	const mote_value args[] = { MOTE_I32(3) };
	mote_error err = MOTE_ERROR_INIT;

	if (mote_call(box, "SumList", args, 1, NULL, &err) !=
	    MOTE_E_GUEST_FAULT) {
		view_failure("SumList", &err);
		return false;
	}
	view_fault("crash", "SumList(3): %s",
		   mote_fault_text((mote_fault_kind)err.fault.kind));
	view_line(NULL, "address 0x%llx, used by the instruction at 0x%llx",
		  (unsigned long long)err.fault.address,
		  (unsigned long long)err.fault.pc);
	show_backtrace(box);
	view_registers(&err.fault);
	if (mote_call(box, "SumList", args, 1, NULL, &err) == MOTE_E_POISONED)
		view_line(NULL, "contained: only this sandbox is lost");
	return true;
}

/* Back to the state before any of it. */
static bool heal(mote_sandbox *box, mote_snapshot *snapshot)
{
	mote_error err = MOTE_ERROR_INIT;
	double start = seconds();

	if (mote_sandbox_restore(box, snapshot, &err) != MOTE_OK) {
		view_failure("restore", &err);
		return false;
	}
	view_line("restore", "%.1f us later it is as it was before the crash",
		  (seconds() - start) * 1e6);
	return hello(box, NULL, "again");
}

static bool endless_loop(void)
{
	mote_sandbox *box = new_sandbox();
	mote_error err = MOTE_ERROR_INIT;
	mote_status status;
	double start;

	if (!box)
		return false;
	status = mote_sandbox_set_deadline(box, LOOP_DEADLINE_NS, &err);
	start = seconds();
	if (status == MOTE_OK)
		status = mote_call(box, "LoopForever", NULL, 0, NULL, &err);
	if (status == MOTE_E_DEADLINE)
		view_fault("deadline",
			   "LoopForever(): stopped after %.1f ms of 100 ms",
			   (seconds() - start) * 1e3);
	else
		view_failure("LoopForever", &err);
	mote_sandbox_free(box);
	return status == MOTE_E_DEADLINE;
}

static int ascending(const void *a, const void *b)
{
	const double x = *(const double *)a;
	const double y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *samples, size_t count)
{
	qsort(samples, count, sizeof(*samples), ascending);
	return samples[count / 2];
}

/* Bytes of this process that no other shares; 0 if they cannot be told. */
static double private_bytes(void)
{
	FILE *file = fopen("/proc/self/smaps_rollup", "re");
	unsigned long kib;
	double sum = 0;
	char line[256];

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "Private_Clean: %lu", &kib) == 1 ||
		    sscanf(line, "Private_Dirty: %lu", &kib) == 1)
			sum += (double)kib * 1024;
	fclose(file);
	return sum;
}

static void measure_sandboxes(void)
{
	mote_sandbox *boxes[CREATED] = { NULL };
	double samples[CREATED];
	double before = private_bytes();
	size_t made;

	for (made = 0; made < CREATED; made++) {
		double start = seconds();

		boxes[made] = new_sandbox();
		samples[made] = seconds() - start;
		if (!boxes[made])
			break;
	}
	if (made == CREATED) {
		double each = (private_bytes() - before) / CREATED;

		view_line("create", "%7.1f us  a sandbox, ready to be called",
			  median(samples, CREATED) * 1e6);
		if (before > 0)
			view_line("memory",
				  "%7.1f KiB of this process, an idle sandbox",
				  each / 1024);
	}
	while (made > 0)
		mote_sandbox_free(boxes[--made]);
}

static void measure_calls(mote_sandbox *box)
{
	static double samples[CALLED];
	mote_error err = MOTE_ERROR_INIT;

	for (size_t i = 0; i < CALLED; i++) {
		double start = seconds();

		if (mote_call(box, "Nothing", NULL, 0, NULL, &err) != MOTE_OK) {
			view_failure("Nothing", &err);
			return;
		}
		samples[i] = seconds() - start;
	}
	view_line("call", "%7.1f us  there and back",
		  median(samples, CALLED) * 1e6);
}

/* A call and a restore, and a sandbox in the state of the snapshot. */
static void measure_snapshot(mote_sandbox *box, mote_snapshot *snapshot)
{
	static double restores[CALLED];
	double clones[CREATED];
	mote_error err = MOTE_ERROR_INIT;
	mote_sandbox *clone;
	double start;
	size_t i;

	for (i = 0; i < CALLED; i++) {
		if (mote_call(box, "Nothing", NULL, 0, NULL, &err) != MOTE_OK)
			view_failure("Nothing", &err);
		start = seconds();
		if (mote_sandbox_restore(box, snapshot, &err) != MOTE_OK)
			view_failure("restore", &err);
		restores[i] = seconds() - start;
	}
	for (i = 0; i < CREATED; i++) {
		start = seconds();
		clone = clone_sandbox(snapshot);
		clones[i] = seconds() - start;
		mote_sandbox_free(clone);
	}
	view_line("restore", "%7.1f us  everything as before the call",
		  median(restores, CALLED) * 1e6);
	view_line("clone", "%7.1f us  one more, from a snapshot, a VM reused",
		  median(clones, CREATED) * 1e6);
}

static bool show(mote_sandbox *box, mote_sandbox *neighbour,
		 mote_snapshot *snapshot)
{
	bool good = hello(box, "hello", "World") && introduce(box) &&
		    typed(box) && guest_error(box);

	view_gap();
	good = good && crash(box);
	view_gap();
	good = good && heal(box, snapshot);
	view_gap();
	good = good && endless_loop() && hello(neighbour, "neighbour", "again");
	if (!good)
		return false;
	view_line(NULL,
		  "another sandbox of the same program was well all along");
	view_gap();
	measure_sandboxes();
	measure_calls(neighbour);
	measure_snapshot(neighbour, snapshot);
	view_line(NULL, "medians of %d and %d; make bench measures with care",
		  CREATED, CALLED);
	return true;
}

/* Exit status 5, like the command mote. */
static int no_hypervisor(const mote_error *err)
{
	fflush(stdout);
	fprintf(stderr,
		"demo: no hypervisor: %s\n"
		"Mote runs guests in KVM virtual machines and needs to open "
		"/dev/kvm.\n"
		"  in a container          docker run --device /dev/kvm ...\n"
		"  no permission           sudo usermod -aG kvm $USER, then "
		"log in again\n"
		"  no /dev/kvm             sudo modprobe kvm_intel (or "
		"kvm_amd)\n"
		"  in a virtual machine    enable nested virtualisation on "
		"its host\n"
		"`build/bin/mote doctor` looks at this machine and says which "
		"of them it is.\n",
		err->text);
	return EXIT_NO_HYPERVISOR;
}

/* What was asked for; or a hypervisor, else an emulated CPU if there is one. */
static mote_status open_engine(const char *backend, mote_error *err)
{
	mote_engine_options options = MOTE_ENGINE_OPTIONS_INIT;
	mote_backend_info info = MOTE_BACKEND_INFO_INIT;
	mote_status status;

	options.backend = backend;
	status = mote_engine_new(&options, &engine, err);
	if (status != MOTE_E_NO_HYPERVISOR || backend)
		return status;
	options.backend = "soft";
	if (mote_engine_new(&options, &engine, NULL) != MOTE_OK ||
	    mote_backend_probe(0, &info, NULL) != MOTE_OK)
		return status;
	fprintf(stderr, "No hypervisor (%s: %s): guests run on an emulated "
			"CPU, slowly and without isolation.\n",
		info.name, info.text);
	return MOTE_OK;
}

static int usage(FILE *file)
{
	fputs("usage: demo [-b|--backend NAME] [GUEST]\n"
	      "\n"
	      "Shows what Mote does, with the guest that was built for it.\n"
	      "NAME is kvm, or soft: an emulated CPU, without isolation.\n"
	      "Without -b it is KVM, else the emulated CPU.\n",
	      file);
	return file == stdout ? 0 : EXIT_USAGE;
}

/* Returns the exit status, or -1 to go on. */
static int read_options(int argc, char **argv, const char **backend,
			const char **path)
{
	static const struct option longs[] = {
		{ "backend", required_argument, NULL, 'b' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "b:h", longs, NULL)) != -1) {
		if (option == 'h')
			return usage(stdout);
		if (option != 'b')
			return usage(stderr);
		*backend = strcmp(optarg, "auto") == 0 ? NULL : optarg;
	}
	if (optind + 1 < argc)
		return usage(stderr);
	if (optind < argc)
		*path = argv[optind];
	return -1;
}

static void show_image(const char *path)
{
	mote_image_info info = MOTE_IMAGE_INFO_INIT;

	view_line("backend", "%s", mote_engine_backend(engine));
	if (mote_image_describe(image, &info, NULL) == MOTE_OK)
		view_line("guest",
			  "%s: %zu KiB, exports %zu functions, imports %zu",
			  base_name(path), info.file_size / 1024,
			  info.export_count, info.import_count);
	view_gap();
}

int main(int argc, char **argv)
{
	const char *path = DEMO_GUEST;
	const char *backend = NULL;
	mote_error err = MOTE_ERROR_INIT;
	mote_sandbox *neighbour = NULL;
	mote_snapshot *snapshot = NULL;
	mote_sandbox *box = NULL;
	bool good = false;
	mote_status status;
	int exit_status = read_options(argc, argv, &backend, &path);

	if (exit_status >= 0)
		return exit_status;
	view_init();
	view_title("Mote %s: call untrusted code like a function",
		   mote_version_string());
	view_gap();
	status = open_engine(backend, &err);
	if (status == MOTE_E_NO_HYPERVISOR)
		return no_hypervisor(&err);
	if (status == MOTE_OK)
		status = mote_image_open(engine, path, &image, &err);
	if (status == MOTE_OK) {
		show_image(path);
		neighbour = new_sandbox();
		box = new_sandbox();
		if (box &&
		    mote_snapshot_take(box, &snapshot, &err) != MOTE_OK)
			view_failure("a snapshot", &err);
		good = neighbour && snapshot && show(box, neighbour, snapshot);
	} else {
		view_failure(path, &err);
	}
	mote_snapshot_unref(snapshot);
	mote_sandbox_free(box);
	mote_sandbox_free(neighbour);
	mote_image_unref(image);
	mote_engine_unref(engine);
	return good ? 0 : 1;
}
