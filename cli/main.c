/*
 * `mote`: picks the subcommand.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <mote/mote.h>

#include "cmd.h"
#include "exit.h"
#include "harden.h"
#include "io.h"
#include "near.h"
#include "text.h"

static const char main_help[] =
	"usage: mote COMMAND [options] ...\n"
	"\n"
	"Runs untrusted programs in micro-VMs and calls their functions.\n"
	"\n"
	"  run GUEST FUNCTION [ARG...]  call a function and print its result\n"
	"  run GUEST -- [ARG...]        run main\n"
	"  debug GUEST [FUNCTION ...]   the same, with gdb attached\n"
	"  inspect GUEST                show functions, imports and segments\n"
	"  inspect DIR[:TAG]            the same of a snapshot\n"
	"  snapshot save|list|rm|verify keep the state of a guest in a file\n"
	"  core FILE                    show what is in a core dump of a guest\n"
	"  bench                        measure what Mote costs here\n"
	"  doctor                       what this machine can do, and what\n"
	"                               to do about the rest\n"
	"  help [COMMAND]               show this, or the options of COMMAND\n"
	"  version                      show the version\n";

static int cmd_help(int argc, char **argv);
static int cmd_version(int argc, char **argv);

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{ "run", cli_cmd_run, cli_run_help },
	{ "debug", cli_cmd_debug, cli_debug_help },
	{ "inspect", cli_cmd_inspect, cli_inspect_help },
	{ "snapshot", cli_cmd_snapshot, cli_snapshot_help },
	{ "core", cli_cmd_core, cli_core_help },
	{ "bench", cli_cmd_bench, cli_bench_help },
	{ "doctor", cli_cmd_doctor, cli_doctor_help },
	{ "help", cmd_help, main_help },
	{ "version", cmd_version, main_help },
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

static int unknown_command(const char *name)
{
	char quoted[512];
	struct cli_text text;

	cli_text_init(&text, quoted, sizeof(quoted));
	cli_text_quote(&text, name);
	if (name[0] == '-') {
		fprintf(stderr, "mote: there is no option %s%s\n", quoted,
			strcmp(name, "-v") == 0 ? "; did you mean -V?"
						: "; see 'mote help'");
		return CLI_EXIT_USAGE;
	}
	fprintf(stderr, "mote: there is no command %s", quoted);
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		if (!cli_name_near(name, commands[i].name))
			continue;
		fprintf(stderr, "; did you mean 'mote %s'?\n",
			commands[i].name);
		return CLI_EXIT_USAGE;
	}
	fprintf(stderr, "; see 'mote help'\n");
	return CLI_EXIT_USAGE;
}

static int cmd_help(int argc, char **argv)
{
	const struct command *command;

	if (argc > 2) {
		fputs("mote help: takes one COMMAND at most\n", stderr);
		return CLI_EXIT_USAGE;
	}
	if (argc < 2 || argv[1][0] == '-')
		return cli_print_help(main_help);
	command = find_command(argv[1]);
	return command ? cli_print_help(command->help)
		       : unknown_command(argv[1]);
}

static int cmd_version(int argc, char **argv)
{
	(void)argv;
	if (argc > 1) {
		fputs("mote version: takes no arguments\n", stderr);
		return CLI_EXIT_USAGE;
	}
	return cli_print_help("mote " MOTE_VERSION_STRING "\n");
}

int main(int argc, char **argv)
{
	const struct command *command;
	const char *name = argc > 1 ? argv[1] : NULL;

	cli_open_standard_fds();
	cli_harden_start();
	/* Whoever started us may have ignored it: a closed pipe ends us. */
	(void)signal(SIGPIPE, SIG_DFL);
	/* A core that is too large for a limit is a write that fails. */
	(void)signal(SIGXFSZ, SIG_IGN);
	if (!name) {
		fputs(main_help, stderr);
		return CLI_EXIT_USAGE;
	}
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
		name = "help";
	else if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
		name = "version";
	command = find_command(name);
	return command ? command->run(argc - 1, argv + 1)
		       : unknown_command(name);
}
