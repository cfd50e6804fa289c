/*
 * `mote bench`: the measurements are a program of their own, which lies
 * beside the command, or where it was installed.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "exit.h"

#define PATH_BYTES 4096

const char cli_bench_help[] =
	"usage: mote bench [--json] [--quick]\n"
	"\n"
	"Measures what Mote costs on this machine, as ratios to floors that\n"
	"the same process measures in alternation. Takes a minute.\n"
	"\n"
	"  --json   one JSON object instead of the tables\n"
	"  --quick  few samples, seconds: to see that it works\n"
	"  --help   this text\n"
	"\n"
	"See mote-bench(1).\n";

/* Relative to the folder of the command. */
static const char *const places[] = {
	"/mote-bench",
	"/" CLI_BENCH_FOLDER "/mote-bench",
};

static bool own_folder(char *folder)
{
	ssize_t length = readlink("/proc/self/exe", folder, PATH_BYTES - 1);
	char *slash;

	if (length <= 0)
		return false;
	folder[length] = '\0';
	slash = strrchr(folder, '/');
	if (!slash)
		return false;
	*slash = '\0';
	return true;
}

int cli_cmd_bench(int argc, char **argv)
{
	char program[PATH_BYTES + 64];
	char folder[PATH_BYTES];
	int i;

	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return cli_print_help(cli_bench_help);
	}
	if (!own_folder(folder)) {
		fputs("mote bench: cannot find the folder of this command\n",
		      stderr);
		return CLI_EXIT_HOST;
	}
	for (i = 0; i < (int)(sizeof(places) / sizeof(places[0])); i++) {
		snprintf(program, sizeof(program), "%s%s", folder, places[i]);
		execv(program, argv);
		if (errno != ENOENT) {
			fprintf(stderr, "mote bench: %s: %s\n", program,
				strerror(errno));
			return CLI_EXIT_HOST;
		}
	}
	fprintf(stderr,
		"mote bench: there is no mote-bench in %s, nor in %s/%s\n"
		"  it is built with the guest SDK and -DMOTE_BENCH=ON\n",
		folder, folder, CLI_BENCH_FOLDER);
	return CLI_EXIT_HOST;
}
