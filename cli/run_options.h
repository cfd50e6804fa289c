/*
 * The command line of `mote run`. Pure but for getopt's own state.
 */
#ifndef CLI_RUN_OPTIONS_H
#define CLI_RUN_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "failure.h"

#define CLI_REPEAT_MAX 1000000u
#define CLI_HOSTS_MAX 256

/* --host NAME=TEXT; both point into argv. */
struct cli_host_text {
	const char *name;
	size_t name_length;
	const char *text; /* "" if there is no '=' */
};

struct cli_run_options {
	bool help;
	bool json;
	bool hex;
	bool stats;
	uint64_t timeout_ns; /* 0: the library's default, as for the next */
	uint64_t heap_bytes;
	uint64_t stack_bytes;
	uint64_t io_bytes;
	uint64_t load_max_bytes;
	uint64_t repeat;
	const char *backend; /* NULL: auto */
	const char *memory;  /* the same */
	const char *trace;   /* NULL: none, as for the next five */
	const char *metrics;
	const char *core;
	const char *profile;
	const char *heap_profile;
	const char *gdb;     /* where it may connect */
	struct cli_host_text hosts[CLI_HOSTS_MAX];
	size_t host_count;
	const char *guest;    /* NULL with snapshot */
	const char *snapshot; /* DIR:TAG to start from, or NULL */
	bool saves;           /* `mote snapshot save` */
	bool debug;           /* `mote debug`: a place is found for gdb */
	const char *save;     /* DIR:TAG to keep the state in, or NULL */
	const char *function; /* NULL: main */
	char **args;
	size_t arg_count;
};

/*
 * False after filling failure; json is right even then. options->saves and
 * options->debug are the caller's, all else is set.
 */
bool cli_run_options_read(int argc, char **argv,
			  struct cli_run_options *options,
			  struct cli_failure *failure);

/* The operand that options must stand before: "GUEST". */
const char *cli_run_options_after(const struct cli_run_options *options);

#endif
