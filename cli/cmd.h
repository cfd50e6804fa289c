/*
 * The subcommands. argv[0] is the subcommand's name; the result is the exit
 * status of the process.
 */
#ifndef CLI_CMD_H
#define CLI_CMD_H

int cli_cmd_run(int argc, char **argv);
int cli_cmd_debug(int argc, char **argv);
int cli_cmd_inspect(int argc, char **argv);
int cli_cmd_doctor(int argc, char **argv);
int cli_cmd_snapshot(int argc, char **argv);
/* `mote snapshot save`: cmd_run.c, which it is like. */
int cli_cmd_save(int argc, char **argv);
int cli_cmd_core(int argc, char **argv);
int cli_cmd_bench(int argc, char **argv);

/* Prints a help text on standard output; exit status. */
int cli_print_help(const char *text);

extern const char cli_run_help[];
extern const char cli_debug_help[];
extern const char cli_inspect_help[];
extern const char cli_doctor_help[];
extern const char cli_snapshot_help[];
extern const char cli_core_help[];
extern const char cli_bench_help[];

#endif
