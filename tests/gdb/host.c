/*
 * A program that has a guest debugged:
 *
 *	gdb-host GUEST ADDRESS CALL...
 *
 * makes a sandbox with the option gdb and makes the calls, each FUNCTION or
 * FUNCTION=ARGUMENT; "main" runs main, "new" makes another sandbox, "clone"
 * makes one of a snapshot in place of the one that it took the snapshot of,
 * "restore" goes back to that snapshot. One line
 * is printed for each. Without a sandbox calls fail as they would.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mote/mote.h>
#include <mote/snapshot.h>

static mote_error err = MOTE_ERROR_INIT;

static mote_status twice(void *user, mote_host_call *call,
			 const mote_value *args, size_t count,
			 mote_value *result)
{
	(void)user;
	(void)call;
	(void)count;
	*result = (mote_value)MOTE_I32(2 * args[0].as.i32);
	return MOTE_OK;
}

static void print_output(void *user, uint32_t stream, const char *data,
			 size_t size)
{
	(void)user;
	(void)stream;
	fwrite(data, 1, size, stdout);
}

static void report(const char *what, mote_status status, long long result)
{
	if (status == MOTE_OK)
		printf("%s: %lld\n", what, result);
	else
		printf("%s: %s: %s\n", what, mote_status_name(status),
		       err.text);
}

/* Of the snapshot, if there is one. */
static mote_sandbox *make(mote_image *image, mote_snapshot *snapshot,
			  const char *address)
{
	static const mote_host_function functions[] = {
		{ "Twice", "i(i)", twice, NULL },
	};
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;
	mote_sandbox *box = NULL;

	options.flags = MOTE_SANDBOX_OUTPUT_LINES;
	options.gdb = address;
	options.host_functions = functions;
	options.host_function_count = 1;
	options.output = print_output;
	/* For the moments in which no gdb is connected. */
	options.deadline_ns = UINT64_C(60000000000);
	if (snapshot)
		report("clone",
		       mote_sandbox_from_snapshot(snapshot, &options, &box,
						  &err),
		       0);
	else
		report("new", mote_sandbox_new(image, &options, &box, &err),
		       0);
	return box;
}

static mote_snapshot *take(mote_sandbox *box)
{
	mote_snapshot *snapshot = NULL;

	report("snapshot", mote_snapshot_take(box, &snapshot, &err), 0);
	return snapshot;
}

static void call(mote_sandbox *box, char *text)
{
	char *argument = strchr(text, '=');
	mote_value values[1];
	mote_value result;
	size_t count = 0;
	mote_status status;

	memset(&result, 0, sizeof(result));
	if (argument) {
		char *end;
		long number = strtol(argument + 1, &end, 0);

		*argument = '\0';
		values[count++] = *end ? (mote_value)MOTE_STRING(argument + 1)
				       : (mote_value)MOTE_I32((int)number);
	}
	status = mote_call(box, text, values, count, &result, &err);
	report(text, status, result.as.i32);
}

static void run_main(mote_sandbox *box)
{
	static const char *const guest_argv[] = { "guest", "one" };
	int status = 0;
	mote_status outcome = mote_run_main(box, 2, guest_argv, &status, &err);

	report("main", outcome, status);
}

int main(int argc, char **argv)
{
	mote_engine_options options = MOTE_ENGINE_OPTIONS_INIT;
	mote_snapshot *snapshot = NULL;
	mote_engine *engine = NULL;
	mote_image *image = NULL;
	mote_sandbox *box;
	int i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	/* "soft", or the library's choice. */
	options.backend = getenv("MOTE_TEST_BACKEND");
	if (argc < 3 || mote_engine_new(&options, &engine, &err) != MOTE_OK ||
	    mote_image_open(engine, argv[1], &image, &err) != MOTE_OK) {
		fprintf(stderr, "gdb-host: %s\n", err.text);
		return 2;
	}
	box = make(image, NULL, argv[2]);
	for (i = 3; i < argc; i++) {
		if (strcmp(argv[i], "new") == 0) {
			mote_sandbox_free(box);
			box = make(image, NULL, argv[2]);
		} else if (strcmp(argv[i], "clone") == 0) {
			snapshot = take(box);
			mote_sandbox_free(box);
			box = make(image, snapshot, argv[2]);
		} else if (strcmp(argv[i], "restore") == 0) {
			report("restore",
			       mote_sandbox_restore(box, snapshot, &err), 0);
		} else if (strcmp(argv[i], "main") == 0) {
			run_main(box);
		} else {
			call(box, argv[i]);
		}
	}
	mote_sandbox_free(box);
	mote_snapshot_unref(snapshot);
	mote_image_unref(image);
	mote_engine_unref(engine);
	return 0;
}
