/*
 * Other ways to isolate a function, for the reader's scale. None of them
 * gives what the others give: see docs/BENCHMARKS.md. What is not installed
 * is left out, with a word.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "peer_wasm.h"

#define ANSWER 42

/* Starts a program; output is what it writes to, or -1. */
static int start(char *const *argv, int output, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	int error;

	posix_spawn_file_actions_init(&actions);
	if (output >= 0)
		posix_spawn_file_actions_adddup2(&actions, output,
						 STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null",
					 O_WRONLY, 0);
	error = posix_spawnp(pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return error == 0 ? 0 : -1;
}

/* Runs a program to its end; its exit status, or -1. */
static int run(char *const *argv)
{
	int status = -1;
	pid_t pid;

	if (start(argv, -1, &pid) < 0 || waitpid(pid, &status, 0) != pid ||
	    !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static void left_out(const char *name, const char *why)
{
	fprintf(stderr, "mote-bench: %s is left out: %s\n", name, why);
}

static void measure_program(struct bench *bench, const char *name,
			    const char *text, char *const *argv)
{
	size_t rounds = bench_rounds(bench, 50, 10);
	struct bench_samples samples = { .count = 0 };
	size_t round;

	for (round = 0; round < rounds + 1; round++) {
		uint64_t start = bench_now_ns();

		if (run(argv) != ANSWER) {
			left_out(name, "the program does not run here");
			return;
		}
		if (round > 0)
			bench_samples_add(&samples,
					  (double)(bench_now_ns() - start) /
						  1000);
	}
	bench_value(bench, name, "us", text, &samples);
}

static int measure_wasm(struct bench *bench)
{
	static struct bench_samples samples;
	size_t rounds = bench_rounds(bench, 500, 10);
	size_t round;

	if (!peer_wasm_start()) {
		left_out("peer_wasm2c", "wabt was not there at build time");
		return 0;
	}
	for (round = 0; round < rounds + 1; round++) {
		uint64_t start = bench_now_ns();

		if (peer_wasm_answer() != ANSWER)
			return bench_fail(bench, "wasm2c: wrong answer");
		if (round > 0)
			bench_samples_add(&samples,
					  (double)(bench_now_ns() - start) /
						  1000);
	}
	bench_value(bench, "peer_wasm2c", "us",
		    "wasm2c: instantiate, call, free, in this process",
		    &samples);
	return 0;
}

/* node measures in itself and prints microseconds, one figure a line. */
static const char node_script[] =
	"const bytes = new Uint8Array([0,97,115,109,1,0,0,0,1,5,1,96,0,1,127,"
	"3,2,1,0,5,3,1,0,1,7,10,1,6,97,110,115,119,101,114,0,0,10,6,1,4,0,65,"
	"42,11]);"
	"const module = new WebAssembly.Module(bytes);"
	"const now = () => Number(process.hrtime.bigint()) / 1e3;"
	"const vm = require('vm');"
	"function median(n, f) { const t = []; for (let i = 0; i < n; i++) {"
	" const s = now(); if (f() !== 42) process.exit(1); t.push(now() - s);"
	"} t.sort((a, b) => a - b); return t[n >> 1]; }"
	"console.log(median(200, () =>"
	" new WebAssembly.Instance(module).exports.answer()));"
	"console.log(median(50, () => vm.runInNewContext('42')));";

/* What node prints, or NULL. */
static FILE *start_node(pid_t *pid)
{
	char *const argv[] = { (char *)"node", (char *)"-e",
			       (char *)(uintptr_t)node_script, NULL };
	int ends[2];
	int status;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return NULL;
	status = start(argv, ends[1], pid);
	close(ends[1]);
	if (status == 0)
		return fdopen(ends[0], "r");
	close(ends[0]);
	return NULL;
}

static void measure_node(struct bench *bench)
{
	static const struct {
		const char *name;
		const char *text;
	} lines[] = {
		{ "peer_node_wasm", "node: new WebAssembly.Instance, call" },
		{ "peer_node_context", "node: code in a new V8 context" },
	};
	struct bench_samples samples;
	pid_t pid = -1;
	FILE *output = start_node(&pid);
	double value;
	size_t i;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (!output || fscanf(output, "%lf", &value) != 1) {
			left_out(lines[i].name, "node does not run here");
			continue;
		}
		samples.count = 0;
		bench_samples_add(&samples, value);
		bench_value(bench, lines[i].name, "us", lines[i].text,
			    &samples);
	}
	if (output)
		fclose(output);
	if (pid > 0)
		(void)waitpid(pid, NULL, 0);
}

int bench_peers(struct bench *bench)
{
	static char program[] = BENCH_PEER_EXIT;
	char *const plain[] = { program, NULL };
	char *const wrapped[] = { (char *)"bwrap",
				  (char *)"--unshare-all",
				  (char *)"--ro-bind",
				  (char *)"/",
				  (char *)"/",
				  program,
				  NULL };

	measure_program(bench, "peer_fork_exec",
			"fork and exec of a static program, to its end", plain);
	measure_program(bench, "peer_bubblewrap",
			"the same in bubblewrap's namespaces", wrapped);
	if (measure_wasm(bench) < 0)
		return -1;
	measure_node(bench);
	return 0;
}
