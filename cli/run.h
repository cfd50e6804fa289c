/*
 * The state of one `mote run`, from the command line to the report.
 */
#ifndef CLI_RUN_H
#define CLI_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mote/mote.h>
#include <mote/snapshot.h>

#include "argument.h"
#include "failure.h"
#include "frames.h"
#include "gdb.h"
#include "hosts.h"
#include "new_file.h"
#include "observe.h"
#include "output.h"
#include "profile.h"
#include "prototype.h"
#include "run_options.h"

struct cli_run {
	struct cli_run_options options;
	struct cli_failure failure;
	void *file; /* the guest's bytes; owned */
	size_t file_size;
	mote_engine *engine;
	mote_image *image;
	mote_snapshot *snapshot; /* to start from, or NULL */
	char digest[MOTE_DIGEST_BYTES]; /* of what was saved, or "" */
	mote_sandbox *box;
	struct cli_prototype prototype;
	struct cli_input input;
	struct cli_arguments arguments;
	struct cli_hosts hosts;
	struct cli_output output;
	struct cli_observe observe;
	struct cli_frames frames; /* where the guest was when it failed */
	struct cli_new_file core;
	struct cli_profile profile;
	struct cli_heap heap;
	const struct cli_new_file *missing; /* its error is the failure */
	struct cli_gdb gdb;
	bool bare; /* the guest has no functions: it runs */
	bool foreign; /* the guest is not for the CPU of this machine */
	bool soft_helps;  /* the backend may not run it, and "soft" does */
	bool offered; /* and has asked for a snapshot */
	int main_status;
	char *result_json; /* owned */
	uint64_t create_ns;
	uint64_t *samples; /* duration of each call; owned */
	size_t sample_count;
	mote_sandbox_stats stats;
};

/* "run" or "debug", for messages. */
const char *cli_run_command(const struct cli_run *run);

/* Shows the result of the call on standard output, or keeps it for JSON. */
bool cli_run_take_result(struct cli_run *run, const mote_value *value);

/* run_save.c: opens options.snapshot; its program is the image. */
bool cli_run_load(struct cli_run *run);

/* run_save.c: whether options.save, if it is wanted, is a DIR:TAG. */
bool cli_run_check_save(struct cli_run *run);

/* run_save.c: keeps the state of the sandbox in options.save. */
bool cli_run_save(struct cli_run *run);

/* What messages call the program. */
const char *cli_run_name(const struct cli_run *run);

/*
 * What is left to say when all is over: the failure, and the statistics if
 * they are wanted; or all as JSON. Returns the exit status.
 */
int cli_run_report(struct cli_run *run);

#endif
