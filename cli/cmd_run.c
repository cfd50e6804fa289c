/*
 * `mote run`: makes a sandbox of a guest and calls one function, or main.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include <mote/bare.h>

#include "cancel.h"
#include "cmd.h"
#include "functions.h"
#include "guest_file.h"
#include "harden.h"
#include "image_view.h"
#include "run.h"
#include "run_explain.h"
#include "run_files.h"
#include "text.h"
#include "timing.h"

const char cli_run_help[] =
	"usage: mote run [options] GUEST [FUNCTION [ARG...]]\n"
	"       mote run [options] GUEST -- [ARG...]\n"
	"       mote run [options] --snapshot DIR:TAG [FUNCTION [ARG...]]\n"
	"       mote run [options] --snapshot DIR:TAG -- [ARG...]\n"
	"\n"
	"Runs GUEST, a program built with mote-cc, in a micro-VM: calls\n"
	"FUNCTION and prints its result, or without FUNCTION runs main with\n"
	"the ARGs. GUEST - is standard input. A bare GUEST, such as a small\n"
	"32-bit kernel, runs until it exits or halts.\n"
	"\n"
	"      --snapshot DIR:TAG  start from this state instead of a GUEST\n"
	"      --load-max SIZE   most memory that it may have (default 16G)\n"
	"  -t, --timeout TIME    end a call after 100ms, 2s, 1m (default 1s)\n"
	"  -m, --heap SIZE       heap of the guest (default 16M)\n"
	"      --stack SIZE      stack of the guest (default 1M)\n"
	"      --io SIZE         largest message, either way (default 1M)\n"
	"  -H, --host NAME=TEXT  offer host function NAME; its result is TEXT\n"
	"  -b, --backend NAME    auto (default), kvm or soft (emulated CPU)\n"
	"      --memory KIND     auto (default), or paging, to test with: the\n"
	"                        guest's page tables copy on write\n"
	"      --trace FILE      write a trace for Perfetto (Chrome JSON)\n"
	"      --gdb ADDRESS     wait for gdb at unix:PATH or tcp:PORT\n"
	"      --metrics FILE    write counters as Prometheus text\n"
	"  -n, --repeat N        call FUNCTION N times in one sandbox\n"
	"      --core FILE       write a core dump there if the guest crashes\n"
	"                        or is stopped; see 'mote core'\n"
	"      --profile FILE    draw there where the time goes, as a flame graph\n"
	"                        (.svg), or list the stacks (.folded)\n"
	"      --heap-profile FILE  what malloc was used for: a list, or .svg or\n"
	"                        .folded\n"
	"  -x, --hex             print bytes as hex, as on a terminal\n"
	"  -j, --json            print one JSON object, errors included\n"
	"  -s, --stats           print times and counts on standard error\n"
	"  -h, --help            print this\n"
	"\n"
	"FILE - is standard output, but for a core.\n"
	"Arguments that are bytes: hex digits, @FILE, or @- (standard input).\n"
	"\n"
	"MOTE_LOG in the environment chooses the log messages that are shown:\n"
	"\"debug\", or \"parser=trace,warn\".\n"
	"\n"
	"Exit status: 0 done; 1 the function returned an error (main: its own\n"
	"status); 2 wrong use; 3 the guest crashed, broke the protocol or\n"
	"exceeded a limit; 4 out of time; 5 no hypervisor, or this machine\n"
	"failed; 6 bad file; 130 Ctrl-C, which cancels the call: reports are\n"
	"written. A second one ends it at once.\n";

const char cli_debug_help[] =
	"usage: mote debug [options] GUEST [FUNCTION [ARG...]]\n"
	"       mote debug [options] GUEST -- [ARG...]\n"
	"       mote debug [options] --snapshot DIR:TAG [FUNCTION [ARG...]]\n"
	"       mote debug [options] --snapshot DIR:TAG -- [ARG...]\n"
	"\n"
	"Does what 'mote run' does, with its options, but stops the guest\n"
	"before its first instruction and waits for gdb at a private socket.\n"
	"What to type to start gdb is printed. While gdb is connected, no\n"
	"time limit counts. --gdb ADDRESS waits there instead.\n";

/* The library knows of each why it is not there. */
static bool refuse_backend(struct cli_run *run, const char *name,
			   const char *known)
{
	mote_engine_options options = MOTE_ENGINE_OPTIONS_INIT;
	mote_error why = MOTE_ERROR_INIT;
	mote_engine *engine;
	char quoted[512];
	struct cli_text text;

	cli_text_init(&text, quoted, sizeof(quoted));
	cli_text_quote(&text, name);
	options.backend = name;
	if (mote_engine_new(&options, &engine, &why) == MOTE_OK)
		/* One that runs nothing, for those who only read guests. */
		mote_engine_unref(engine);
	else if (strstr(quoted, name))
		return cli_fail(&run->failure, CLI_EXIT_USAGE, MOTE_E_INVALID,
				"--backend: %s", why.text);
	return cli_fail(&run->failure, CLI_EXIT_USAGE, MOTE_E_INVALID,
			"--backend: %s is not a backend; there is %s", quoted,
			known);
}

static bool read_backend(struct cli_run *run)
{
	const char *name = run->options.backend;
	mote_backend_info info = MOTE_BACKEND_INFO_INIT;
	char known[128];
	struct cli_text text;

	if (!name || strcmp(name, "auto") == 0)
		return true;
	cli_text_init(&text, known, sizeof(known));
	cli_text_add(&text, "auto");
	for (size_t i = 0; i < mote_backend_count(); i++) {
		if (mote_backend_probe(i, &info, NULL) != MOTE_OK)
			continue;
		if (strcmp(info.name, name) == 0)
			return true;
		cli_text_add(&text, ", %s", info.name);
	}
	return refuse_backend(run, name, known);
}

static bool read_guest(struct cli_run *run)
{
	if (!read_backend(run) || !cli_run_check_save(run))
		return false;
	if (run->options.snapshot)
		return true;
	if (!cli_guest_read(run->options.guest, &run->file, &run->file_size,
			    &run->failure)) {
		cli_run_explain_guest(run);
		return false;
	}
	if (strcmp(run->options.guest, "-") == 0)
		snprintf(run->input.taken, sizeof(run->input.taken),
			 "the GUEST");
	return true;
}

/* argv[0] is the GUEST's name, which takes one of the library's places. */
static bool check_main(struct cli_run *run)
{
	const size_t most = MOTE_ARGUMENTS_MAX - 1;

	if (!cli_find_main(run->image, &run->failure))
		return false;
	if (run->options.arg_count <= most)
		return true;
	return cli_fail(&run->failure, CLI_EXIT_USAGE, MOTE_E_INVALID,
			"main takes at most %zu arguments, not %zu", most,
			run->options.arg_count);
}

static bool refuse(struct cli_run *run, const char *option, const char *kind)
{
	return cli_fail(&run->failure, CLI_EXIT_USAGE, MOTE_E_INVALID,
			"%s is not for %s", option, kind);
}

/* The library refuses them, too, but when files and sockets are there. */
static bool check_bare(struct cli_run *run)
{
	const struct cli_run_options *options = &run->options;
	const struct {
		const char *option;
		bool given;
	} unfit[] = {
		{ "--gdb", options->gdb },
		{ "gdb", options->debug },
		{ "--profile", options->profile },
		{ "--heap-profile", options->heap_profile },
		{ "--core", options->core },
		{ "--host", options->host_count > 0 },
	};

	for (size_t i = 0; i < sizeof(unfit) / sizeof(unfit[0]); i++)
		if (unfit[i].given)
			return refuse(run, unfit[i].option, "bare guests");
	if (!options->function && options->arg_count == 0)
		return true;
	return cli_fail(&run->failure, CLI_EXIT_USAGE, MOTE_E_INVALID,
			"the guest is a bare one: it has no functions and "
			"takes no arguments");
}

static bool is_soft(const struct cli_run *run)
{
	return strcmp(mote_engine_backend(run->engine), "soft") == 0;
}

static bool soft_is_ready(void)
{
	mote_backend_info info = MOTE_BACKEND_INFO_INIT;

	for (size_t i = 0; i < mote_backend_count(); i++)
		if (mote_backend_probe(i, &info, NULL) == MOTE_OK &&
		    strcmp(info.name, "soft") == 0)
			return info.reason == MOTE_BACKEND_READY;
	return false;
}

/*
 * Whether "soft" is there is asked now, while its file can be opened, and
 * only for guests that not every hypervisor runs.
 */
static void look_at_kind(struct cli_run *run)
{
	mote_image_info info = MOTE_IMAGE_INFO_INIT;
	struct utsname name;

	if (mote_image_describe(run->image, &info, NULL) != MOTE_OK)
		return;
	run->bare = info.bare_mode != 0;
	run->foreign = uname(&name) < 0 ||
		       strcmp(name.machine, cli_machine_text(info.machine)) !=
			       0;
	if ((run->bare || run->foreign) && !is_soft(run))
		run->soft_helps = soft_is_ready();
}

/* For the core: debuggers look for the guest's file where it says. */
static void note_path(struct cli_run *run)
{
	char *path;

	if (!run->options.guest || strcmp(run->options.guest, "-") == 0)
		return;
	path = realpath(run->options.guest, NULL);
	if (path && mote_image_set_path(run->image, path, NULL) != MOTE_OK)
		fprintf(stderr, "mote %s: out of memory\n",
			cli_run_command(run));
	free(path);
}

/* Reads the arguments, which may be in files. */
static bool prepare_function(struct cli_run *run)
{
	const char *after = cli_run_options_after(&run->options);

	if (!run->options.function)
		return run->options.saves || check_main(run);
	if (!cli_find_export(run->image, run->options.function, after,
			     &run->prototype, &run->failure)) {
		cli_hint_main(&run->failure, run->image, &run->options);
		return false;
	}
	return cli_arguments_init(&run->arguments, &run->prototype,
				  run->options.args, run->options.arg_count,
				  after, &run->input, &run->failure);
}

/* Opens the file and checks the command line against what is in it. */
static bool prepare_call(struct cli_run *run)
{
	if (run->options.snapshot) {
		if (!cli_run_load(run))
			return false;
	} else if (!cli_guest_parse(run->engine, run->options.guest, run->file,
				    run->file_size, &run->image,
				    &run->failure)) {
		return false;
	}
	note_path(run);
	look_at_kind(run);
	if (run->bare)
		return check_bare(run);
	/* The results of host functions may be in files, too. */
	return prepare_function(run) &&
	       cli_hosts_init(&run->hosts, &run->options, run->image,
			      &run->input, &run->failure);
}

/*
 * Nothing can run here. Whoever wrote a wrong command learns that first:
 * there is no sense in mending the machine for it.
 */
static bool fail_engine(struct cli_run *run)
{
	mote_engine_options options = MOTE_ENGINE_OPTIONS_INIT;
	const mote_error why = run->failure.error;
	bool prepared;

	options.backend = "none";
	options.load_max_bytes = run->options.load_max_bytes;
	if (mote_engine_new(&options, &run->engine, NULL) == MOTE_OK) {
		prepared = prepare_call(run);
		mote_image_unref(run->image);
		run->image = NULL;
		mote_snapshot_unref(run->snapshot);
		run->snapshot = NULL;
		mote_engine_unref(run->engine);
		run->engine = NULL;
		if (!prepared)
			return false;
	}
	run->failure.error = why;
	return cli_fail_library(&run->failure);
}

/*
 * Without a hypervisor, and unless one was asked for, the guest runs on the
 * CPU emulator.
 */
static bool open_engine(struct cli_run *run, bool *emulated)
{
	const char *name = run->options.backend;
	mote_engine_options options = MOTE_ENGINE_OPTIONS_INIT;
	mote_error soft = MOTE_ERROR_INIT;
	mote_status status;

	options.backend = name;
	options.memory = run->options.memory;
	options.load_max_bytes = run->options.load_max_bytes;
	status = mote_engine_new(&options, &run->engine, &run->failure.error);
	if (status == MOTE_OK)
		return true;
	if (status != MOTE_E_NO_HYPERVISOR ||
	    (name && strcmp(name, "auto") != 0))
		return fail_engine(run);
	options.backend = "soft";
	if (mote_engine_new(&options, &run->engine, &soft) != MOTE_OK) {
		cli_hint(&run->failure, "nor can it be emulated: %s",
			 soft.text);
		return fail_engine(run);
	}
	*emulated = true;
	run->failure.error = (mote_error)MOTE_ERROR_INIT;
	return true;
}

static void warn_of_emulation(const struct cli_run *run)
{
	mote_backend_info info = MOTE_BACKEND_INFO_INIT;
	size_t i = 0;

	while (mote_backend_probe(i, &info, NULL) == MOTE_OK &&
	       strcmp(info.name, "soft") == 0)
		i++;
	fprintf(stderr,
		"mote %s: no hypervisor (%s: %s): the guest runs on an "
		"emulated CPU, which is no isolation\n",
		cli_run_command(run), info.name, info.text);
}

static bool open_guest(struct cli_run *run)
{
	bool emulated = false;

	if (!read_guest(run) || !open_engine(run, &emulated))
		return false;
	if (!prepare_call(run))
		return false;
	if (emulated)
		warn_of_emulation(run);
	/* The image has a copy. */
	free(run->file);
	run->file = NULL;
	return true;
}

/* With --json standard error is empty, unless it is all about gdb. */
static void invite_gdb(void *user, const char *address)
{
	const struct cli_run *run = user;

	cli_gdb_listens(address);
	if (run->options.debug || !run->options.json)
		cli_gdb_hint(address, run->foreign, run->options.guest,
			     cli_run_command(run));
}

static bool make_sandbox(struct cli_run *run)
{
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;
	uint64_t start;
	mote_status status;

	options.flags = MOTE_SANDBOX_OUTPUT_LINES;
	options.host_functions = run->hosts.functions;
	options.host_function_count = run->hosts.count;
	options.heap_bytes = run->options.heap_bytes;
	options.stack_bytes = run->options.stack_bytes;
	options.io_bytes = run->options.io_bytes;
	options.output = cli_output_write;
	options.output_user = &run->output;
	options.deadline_ns = run->options.timeout_ns;
	if (run->gdb.address[0] != '\0') {
		options.gdb = run->gdb.address;
		options.gdb_ready = invite_gdb;
		options.gdb_user = run;
	}
	cli_observe_options(&run->observe, &options);
	if (run->options.profile) {
		options.sample = cli_profile_sample;
		options.sample_user = &run->profile;
		options.sample_ns = run->profile.period_ns;
	}
	if (run->options.heap_profile) {
		options.heap = cli_heap_event;
		options.heap_user = &run->heap;
	}
	start = cli_now_ns();
	if (run->snapshot)
		status = mote_sandbox_from_snapshot(run->snapshot, &options,
						    &run->box,
						    &run->failure.error);
	else
		status = mote_sandbox_new(run->image, &options, &run->box,
					  &run->failure.error);
	run->create_ns = cli_now_ns() - start;
	mote_trace_span(run->observe.trace, "create sandbox", start,
			start + run->create_ns);
	if (status == MOTE_OK)
		return true;
	cli_fail_library(&run->failure);
	cli_observe_explain(&run->observe, &run->failure);
	cli_run_explain_sandbox(run, status);
	if (status == MOTE_E_UNSUPPORTED && run->soft_helps)
		cli_hint(&run->failure,
			 "with --backend soft it runs, on an emulated CPU");
	if (status == MOTE_E_IMPORT)
		cli_hosts_hint(&run->hosts, run->image, &run->failure);
	return false;
}

static mote_status call_main(struct cli_run *run, mote_value *result)
{
	size_t count = run->options.arg_count + 1;
	const char **argv = calloc(count, sizeof(*argv));
	mote_status status;
	int code = 0;

	if (!argv) {
		run->failure.error.code = MOTE_E_NO_MEMORY;
		snprintf(run->failure.error.text,
			 sizeof(run->failure.error.text), "out of memory");
		return MOTE_E_NO_MEMORY;
	}
	argv[0] = cli_run_name(run);
	for (size_t i = 1; i < count; i++)
		argv[i] = run->options.args[i - 1];
	status = mote_run_main(run->box, count, argv, &code,
			       &run->failure.error);
	free(argv);
	if (status == MOTE_OK) {
		run->main_status = code;
		*result = (mote_value)MOTE_I32(code);
	}
	return status;
}

/*
 * To its end: nobody wants the states that it offers, but who saves, who takes
 * the first.
 */
static mote_status run_bare(struct cli_run *run, mote_value *result)
{
	mote_run_result ended = MOTE_RUN_RESULT_INIT;
	mote_status status;

	do
		status = mote_run(run->box, &ended, &run->failure.error);
	while (status == MOTE_OK && ended.end == MOTE_RUN_SNAPSHOT &&
	       !run->options.saves);
	if (status != MOTE_OK)
		return status;
	if (run->options.saves) {
		run->offered = ended.end == MOTE_RUN_SNAPSHOT;
		*result = (mote_value)MOTE_I32(0);
		return MOTE_OK;
	}
	if (ended.end == MOTE_RUN_HALTED && !run->options.json)
		fprintf(stderr, "mote %s: the guest has halted\n",
			cli_run_command(run));
	run->main_status = (int)(ended.status & 0xff);
	*result = (mote_value)MOTE_I32(run->main_status);
	return MOTE_OK;
}

static mote_status call_once(struct cli_run *run, mote_value *result)
{
	if (run->bare)
		return run_bare(run, result);
	if (!run->options.function)
		return call_main(run, result);
	return mote_call(run->box, run->options.function, run->arguments.values,
			 run->arguments.count, result, &run->failure.error);
}

/* Calls what is to be called and shows the result of the last time. */
static bool call(struct cli_run *run)
{
	mote_value result;
	mote_status status = MOTE_OK;

	memset(&result, 0, sizeof(result));
	run->samples = calloc(run->options.repeat, sizeof(*run->samples));
	if (!run->samples)
		return cli_fail(&run->failure, CLI_EXIT_HOST, MOTE_E_NO_MEMORY,
				"out of memory");
	for (uint64_t i = 0; i < run->options.repeat; i++) {
		uint64_t start = cli_now_ns();

		if (cli_cancel_signal()) {
			run->failure.error.code = status = MOTE_E_CANCELLED;
			break;
		}
		status = call_once(run, &result);
		run->samples[run->sample_count++] = cli_now_ns() - start;
		if (status != MOTE_OK)
			break;
	}
	cli_output_end(&run->output);
	if (status == MOTE_OK)
		return cli_run_take_result(run, &result);
	if (status == MOTE_E_CANCELLED && cli_cancel_signal())
		snprintf(run->failure.error.text,
			 sizeof(run->failure.error.text), "ended by %s",
			 cli_cancel_name());
	return cli_fail_library(&run->failure);
}

/* The sandbox is gone already, but what it said of a crash is not. */
static void look_at_start(struct cli_run *run)
{
	const mote_fault *fault = &run->failure.error.fault;

	if (run->failure.error.code == MOTE_E_GUEST_FAULT)
		cli_frames_of_place(&run->frames, run->image, fault->pc);
}

/* Only a guest that did not run to its end has something to show. */
static void look_at_failure(struct cli_run *run)
{
	if (mote_sandbox_state(run->box) != MOTE_SANDBOX_POISONED)
		return;
	cli_frames_of_sandbox(&run->frames, run->box);
	cli_run_write_core(run);
}

static void use_sandbox(struct cli_run *run)
{
	/* What is saved may be the state after no call at all. */
	bool calls = !run->options.saves || run->options.function || run->bare;

	if (calls && !call(run))
		look_at_failure(run);
	else if (run->options.saves && run->bare && !run->offered)
		(void)cli_fail(&run->failure, CLI_EXIT_USAGE, MOTE_E_STATE,
			       "the guest has ended and never asked for a "
			       "snapshot: there is nothing to save");
	else if (run->options.saves)
		(void)cli_run_save(run);
}

/* A place for gdb to connect to, if it is wanted. */
static bool open_gdb(struct cli_run *run)
{
	const struct cli_run_options *options = &run->options;

	return (!options->debug && !options->gdb) ||
	       cli_gdb_open(&run->gdb, options->gdb, &run->failure);
}

/*
 * All files are open; from here on the guest has its say. What is saved is
 * written after it, and needs the system calls for it.
 */
static void give_up_calls(const struct cli_run *run)
{
	int error;

	if (run->options.saves)
		return;
	error = cli_harden_run(run->gdb.address[0] != '\0', is_soft(run));
	/* The VM is what isolates the guest: that is no reason not to go on. */
	if (error)
		fprintf(stderr, "mote %s: cannot limit its system calls: %s\n",
			cli_run_command(run), strerror(error));
}

/*
 * With a debugger they end it at once, as they do while it is waited for: the
 * one who holds the guest is at another terminal.
 */
static bool catch_signals(struct cli_run *run)
{
	if (run->gdb.address[0] != '\0' || cli_cancel_open(run->box))
		return true;
	return cli_fail(&run->failure, CLI_EXIT_HOST, MOTE_E_NO_MEMORY,
			"out of memory");
}

static void run_guest(struct cli_run *run)
{
	if (!open_guest(run) || !cli_run_open_files(run) ||
	    !cli_observe_open(&run->observe, run->engine, &run->output,
			      &run->failure) ||
	    !open_gdb(run))
		return;
	give_up_calls(run);
	if (make_sandbox(run) && catch_signals(run)) {
		use_sandbox(run);
	} else {
		cli_output_end(&run->output);
		look_at_start(run);
	}
	cli_run_write_files(run);
	cli_observe_count(run->engine, cli_run_command(run));
	if (run->box &&
	    mote_sandbox_get_stats(run->box, &run->stats, NULL) != MOTE_OK)
		memset(&run->stats, 0, sizeof(run->stats));
}

static void run_fini(struct cli_run *run)
{
	cli_cancel_close();
	mote_sandbox_free(run->box);
	mote_snapshot_unref(run->snapshot);
	mote_image_unref(run->image);
	mote_engine_unref(run->engine);
	cli_hosts_fini(&run->hosts);
	cli_arguments_fini(&run->arguments);
	cli_output_fini(&run->output);
	cli_observe_fini(&run->observe);
	cli_frames_fini(&run->frames);
	cli_new_file_close(&run->core);
	cli_profile_fini(&run->profile);
	cli_heap_fini(&run->heap);
	cli_gdb_close(&run->gdb);
	free(run->samples);
	free(run->result_json);
	free(run->file);
}

static const char *help_of(const struct cli_run_options *options)
{
	if (options->saves)
		return cli_snapshot_help;
	return options->debug ? cli_debug_help : cli_run_help;
}

static int run_command(int argc, char **argv, bool saves, bool debug)
{
	struct cli_run *run = calloc(1, sizeof(*run));
	int status;

	if (!run) {
		fprintf(stderr, "mote %s: out of memory\n",
			saves ? "snapshot" : argv[0]);
		return CLI_EXIT_HOST;
	}
	cli_failure_init(&run->failure);
	cli_observe_init(&run->observe);
	run->stats.struct_size = (uint32_t)sizeof(run->stats);
	run->options.saves = saves;
	run->options.debug = debug;
	if (cli_run_options_read(argc, argv, &run->options, &run->failure) &&
	    run->options.help) {
		const char *help = help_of(&run->options);

		free(run);
		return cli_print_help(help);
	}
	cli_output_init(&run->output, run->options.json);
	if (run->failure.exit == CLI_EXIT_DONE)
		run_guest(run);
	status = cli_run_report(run);
	run_fini(run);
	free(run);
	return status;
}

int cli_cmd_run(int argc, char **argv)
{
	return run_command(argc, argv, false, false);
}

int cli_cmd_debug(int argc, char **argv)
{
	return run_command(argc, argv, false, true);
}

int cli_cmd_save(int argc, char **argv)
{
	return run_command(argc, argv, true, false);
}
