#include "bench.h"

#include <sched.h>
#include <string.h>

#define EXIT_FAILED 1
#define EXIT_USAGE 2
#define EXIT_NO_HYPERVISOR 5

struct group {
	const char *text;
	int (*run)(struct bench *bench);
};

static const struct group groups[] = {
	{ "calls", bench_calls },     { "control", bench_control },
	{ "observe", bench_observe }, { "create", bench_create },
	{ "compute", bench_compute }, { "bytes", bench_bytes },
	{ "idle", bench_idle },	      { "restore", bench_restore },
	{ "clone", bench_clone },     { "paging", bench_paging },
	{ "many", bench_many },	      { "peers", bench_peers },
	{ "sizes", bench_sizes },
};

static void usage(FILE *out)
{
	fputs("usage: mote-bench [--json] [--quick]; see 'mote help bench'\n",
	      out);
}

/* 0, or the exit status plus 1. */
static int parse(int argc, char **argv, struct bench_options *options)
{
	int i;

	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0) {
			options->json = true;
		} else if (strcmp(argv[i], "--quick") == 0) {
			options->quick = true;
		} else if (strcmp(argv[i], "--help") == 0) {
			usage(stdout);
			return 1;
		} else {
			fprintf(stderr, "mote-bench: unknown argument \"%s\"\n",
				argv[i]);
			usage(stderr);
			return EXIT_USAGE + 1;
		}
	}
	return 0;
}

static cpu_set_t cpus;

const cpu_set_t *bench_cpus(void)
{
	return &cpus;
}

/* A thread that moves pays 35 us: the scheduler is not what is measured. */
static void pin(void)
{
	int cpu = sched_getcpu();
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_ZERO(&cpus);
	if (sched_getaffinity(0, sizeof(cpus), &cpus) != 0 || cpu < 0)
		return;
	CPU_SET((size_t)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0)
		fputs("mote-bench: not pinned to a CPU\n", stderr);
}

static int check_hypervisor(void)
{
	mote_error err = MOTE_ERROR_INIT;
	mote_engine *engine;
	mote_status status = mote_engine_new(NULL, &engine, &err);

	if (status == MOTE_OK) {
		mote_engine_unref(engine);
		return 0;
	}
	fprintf(stderr, "mote-bench: %s\n", err.text);
	return status == MOTE_E_NO_HYPERVISOR ? EXIT_NO_HYPERVISOR
					      : EXIT_FAILED;
}

int bench_main(int argc, char **argv)
{
	static struct bench bench;
	int status = parse(argc, argv, &bench.options);
	size_t i;

	if (status != 0)
		return status - 1;
	status = check_hypervisor();
	if (status != 0)
		return status;
	pin();
	for (i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		if (groups[i].run(&bench) == 0)
			continue;
		fprintf(stderr, "mote-bench: %s: %s\n", groups[i].text,
			bench.failure);
		return EXIT_FAILED;
	}
	if (bench.options.json)
		bench_print_json(&bench, stdout);
	else
		bench_print_table(&bench, stdout);
	return 0;
}
