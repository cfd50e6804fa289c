/*
 * The differential fuzzer: random programs on two virtual machines, which
 * must come to the same registers, memory and exit.
 *
 *	differ [--seed S] [--count N] [--seconds T] [--backends A,B]
 *	       [--raw yes]	   random bytes, too
 *	differ --seed S --one I	   case I again, with its program
 *
 * A and B are names of backends, with "+fresh" a new VM for each case, with
 * "+restored" one that is restored in between.
 */
#include <inttypes.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "compare.h"
#include "harness/unit.h"
#include "harness/vm.h"

#define REPORTS_MAX 10
#define PATIENCE 1
#define LONG_PATIENCE 150

struct options {
	uint64_t seed;
	uint64_t count;
	uint64_t seconds; /* 0: count counts */
	int64_t one;	  /* -1: all */
	bool raw;
	char names[2][32];
};

static struct diff_target targets[2];
static struct options options;
static unsigned long different;
static unsigned long endings[4]; /* port, fault, other, endless */

static bool run_for(const struct diff_case *test, struct diff_outcome *outcome,
		    unsigned int patience)
{
	size_t i;

	for (i = 0; i < 2; i++) {
		diff_target_reset(&targets[i], test);
		diff_target_run(&targets[i], test, patience,
				&outcome->results[i]);
	}
	return outcome->results[0].endless == outcome->results[1].endless;
}

/* Whether all is the same, or as is known. */
static bool run(struct diff_case *test, struct diff_outcome *outcome,
		bool count)
{
	static uint32_t slot;
	size_t i;

	/* Where none was for as long as possible. */
	slot = slot < DIFF_SLOT_LAST - 1 ? slot + 1 : DIFF_SLOT_FIRST;
	test->slot = slot;
	assert_true(diff_assemble(test));
	memset(outcome, 0, sizeof(*outcome));
	outcome->same_memory = true;
	/* One of them may only be slow. */
	if (!run_for(test, outcome, PATIENCE))
		run_for(test, outcome, LONG_PATIENCE);
	if (outcome->results[0].endless && outcome->results[1].endless)
		return true;
	for (i = 0; i < 2; i++)
		diff_mask(test, &outcome->results[i]);
	outcome->same_memory = diff_target_compare(&targets[0], &targets[1],
						   &outcome->memory);
	if (diff_print(outcome, targets, NULL) == 0)
		return true;
	diff_known_settle(test, targets, outcome, count);
	return diff_print(outcome, targets, NULL) == 0;
}

/* As the disassembler of binutils has it. */
static void disassemble(const struct diff_case *test)
{
	char path[] = "/tmp/differ.XXXXXX";
	char tool[] = "objdump";
	char flags[] = "-Dbbinary";
	char machine[] = "-mi386:x86-64";
	char address[64];
	char *const arguments[] = { tool,    flags, machine,
				    address, path,  NULL };
	const uint8_t *code = test->code + (test->start - test->base);
	int fd = mkstemp(path);
	pid_t child;

	if (fd < 0)
		return;
	snprintf(address, sizeof(address), "--adjust-vma=0x%" PRIx64,
		 test->start);
	fflush(stdout);
	if (write(fd, code, test->code_size) == (ssize_t)test->code_size &&
	    posix_spawnp(&child, arguments[0], NULL, NULL, arguments,
			 environ) == 0)
		waitpid(child, NULL, 0);
	close(fd);
	unlink(path);
}

static void print_start(const struct diff_case *test)
{
	size_t i;

	printf("  at first:");
	for (i = 0; i < 18; i++)
		printf("%s%s 0x%" PRIx64, i % 4 ? " " : "\n    ",
		       mti_arch_amd64.register_names[i], test->general[i]);
	printf("\n    fcw 0x%x fsw 0x%x ftw 0x%x mxcsr 0x%x\n",
	       test->fxsave[0] | test->fxsave[1] << 8,
	       test->fxsave[2] | test->fxsave[3] << 8, test->fxsave[4],
	       test->fxsave[24] | test->fxsave[25] << 8);
}

/* Instructions [from, to) and all of their groups. */
static void take_out(struct diff_case *test, size_t at)
{
	uint8_t group = test->insns[at].group;
	size_t kept = 0;
	size_t i;

	for (i = 0; i < test->count; i++)
		if (i != at && (!group || test->insns[i].group != group))
			test->insns[kept++] = test->insns[i];
	test->count = kept;
}

/* A shorter program that differs as well. */
static void shrink(struct diff_case *test)
{
	struct diff_outcome outcome;
	struct diff_case shorter;
	bool again = true;
	size_t at;

	while (again) {
		again = false;
		for (at = test->count; at-- > 0;) {
			if (at >= test->count)
				continue;
			shorter = *test;
			take_out(&shorter, at);
			if (!diff_assemble(&shorter) ||
			    run(&shorter, &outcome, false))
				continue;
			*test = shorter;
			again = true;
		}
	}
}

static void report(uint64_t index, struct diff_case *test,
		   const struct diff_outcome *first)
{
	struct diff_case whole = *test;
	struct diff_outcome outcome;

	printf("case %" PRIu64 " differs; again: --backends %s,%s --seed "
	       "%" PRIu64 "%s --one %" PRIu64 "\n",
	       index, targets[0].name, targets[1].name, options.seed,
	       options.raw ? " --raw yes" : "", index);
	shrink(test);
	if (run(test, &outcome, false)) {
		printf("  but not again, after other cases; the first time:\n");
		print_start(&whole);
		disassemble(&whole);
		diff_print(first, targets, stdout);
		return;
	}
	print_start(test);
	disassemble(test);
	diff_print(&outcome, targets, stdout);
	fflush(stdout);
}

static uint64_t seed_of(uint64_t index)
{
	struct random_source random = { options.seed ^
					index * UINT64_C(0x2545f4914f6cdd1d) };

	return random_u64(&random);
}

static void one_case(uint64_t index)
{
	static struct diff_case test;
	static struct diff_outcome outcome;
	static struct diff_outcome again;
	const struct diff_result *result = &outcome.results[0];
	bool same;

	diff_generate(&test, seed_of(index), options.raw);
	/* First, should it not come back. */
	if (options.one >= 0) {
		printf("case %" PRIu64 ":\n", index);
		print_start(&test);
		disassemble(&test);
		fflush(stdout);
	}
	same = run(&test, &outcome, true);
	endings[result->endless ? 3 :
		result->kind == MTI_EXIT_PORT ? 0 :
		result->kind == MTI_EXIT_FAULT ? 1 : 2]++;
	if (same)
		return;
	if (run(&test, &again, false) && diff_known_once(targets))
		return;
	different++;
	if (different <= REPORTS_MAX)
		report(index, &test, &outcome);
}

static bool parse(int argc, char **argv)
{
	char *comma;
	int i;

	options.one = -1;
	options.count = 500;
	snprintf(options.names[0], 32, "kvm");
	snprintf(options.names[1], 32, "soft");
	for (i = 1; i + 1 < argc; i += 2) {
		const char *value = argv[i + 1];

		if (strcmp(argv[i], "--count") == 0) {
			options.count = strtoull(value, NULL, 0);
		} else if (strcmp(argv[i], "--seconds") == 0) {
			options.seconds = strtoull(value, NULL, 0);
		} else if (strcmp(argv[i], "--one") == 0) {
			options.one = strtoll(value, NULL, 0);
		} else if (strcmp(argv[i], "--raw") == 0) {
			options.raw = strcmp(value, "yes") == 0;
		} else if (strcmp(argv[i], "--backends") == 0) {
			comma = strchr(value, ',');
			if (!comma || comma - value > 31 || strlen(comma) > 31)
				return false;
			snprintf(options.names[0], 32, "%.*s",
				 (int)(comma - value), value);
			snprintf(options.names[1], 32, "%s", comma + 1);
		} else if (strcmp(argv[i], "--seed") != 0) {
			return false;
		}
	}
	return i == argc;
}

/* 0, or the exit status with which this ends. */
static int require_both(void)
{
	const char *required = getenv("MOTE_REQUIRE_HV");
	enum diff_origin origin;
	size_t i;

	for (i = 0; i < 2; i++) {
		mote_backend_info info = MOTE_BACKEND_INFO_INIT;
		const struct mti_hv_ops *ops =
			diff_backend(options.names[i], &origin);

		if (ops)
			ops->probe(&info);
		if (ops && info.reason == MOTE_BACKEND_READY)
			continue;
		printf("no %s: %s\n", options.names[i],
		       ops ? info.text : "it is not in this build");
		return ops && required && strcmp(required, ops->name) == 0 ?
			       1 : VM_SKIP;
	}
	return 0;
}

static void all_cases(void **state)
{
	uint64_t end = options.count;
	uint64_t i;
	time_t start = time(NULL);

	(void)state;
	diff_target_open(&targets[0], options.names[0]);
	diff_target_open(&targets[1], options.names[1]);
	diff_clock_start();
	if (options.one >= 0)
		one_case((uint64_t)options.one);
	for (i = options.one >= 0; options.one < 0 && i < end; i++) {
		if (options.seconds &&
		    (uint64_t)(time(NULL) - start) >= options.seconds)
			break;
		one_case(i);
	}
	printf("%" PRIu64 " cases, %s and %s: %lu to the end, %lu faults, "
	       "%lu other exits, %lu endless; %lu differ\n",
	       i, targets[0].name, targets[1].name, endings[0], endings[1],
	       endings[2], endings[3], different);
	diff_known_print(stdout);
	diff_target_close(&targets[0]);
	diff_target_close(&targets[1]);
	assert_int_equal(different, 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(all_cases) };
	int skip;

	if (!parse(argc, argv)) {
		fprintf(stderr, "usage: differ [--seed S] [--count N] "
				"[--seconds T] [--one I] [--backends A,B] "
				"[--raw yes]\n");
		return 2;
	}
	options.seed = random_seed(argc, argv);
	skip = require_both();
	if (skip)
		return skip;
	return cmocka_run_group_tests_name("differ", tests, NULL, NULL);
}
