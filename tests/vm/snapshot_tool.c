/*
 * Saves and loads a snapshot, for scripts.
 *
 *	snapshot-tool save DIR TAG GUEST TEXT	prints the digest
 *	snapshot-tool load DIR REFERENCE	prints the text
 */
#include <stdio.h>
#include <string.h>

#include <mote/snapshot.h>

static mote_error err = MOTE_ERROR_INIT;

static int failed(const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", what,
		mote_status_name((mote_status)err.code), err.text);
	return 1;
}

static mote_status echo(void *user, mote_host_call *call,
			const mote_value *args, size_t count,
			mote_value *result)
{
	(void)user;
	(void)call;
	(void)count;
	*result = args[0];
	return MOTE_OK;
}

static mote_status note(void *user, mote_host_call *call,
			const mote_value *args, size_t count,
			mote_value *result)
{
	(void)user;
	(void)call;
	(void)args;
	(void)count;
	(void)result;
	return MOTE_OK;
}

static const mote_host_function functions[] = {
	{ "HostEcho", "s(s)", echo, NULL },
	{ "Note", "v(s)", note, NULL },
};

static mote_sandbox_options options(void)
{
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;

	options.host_functions = functions;
	options.host_function_count = 2;
	return options;
}

static int save(mote_engine *engine, char **argv)
{
	const mote_sandbox_options how = options();
	const mote_value text = MOTE_STRING(argv[5]);
	char digest[MOTE_DIGEST_BYTES];
	mote_snapshot *snapshot = NULL;
	mote_sandbox *box = NULL;
	mote_image *image = NULL;
	mote_value result;
	int status = 1;

	if (mote_image_open(engine, argv[4], &image, &err) == MOTE_OK &&
	    mote_sandbox_new(image, &how, &box, &err) == MOTE_OK &&
	    mote_call(box, "SetText", &text, 1, &result, &err) == MOTE_OK &&
	    mote_snapshot_take(box, &snapshot, &err) == MOTE_OK &&
	    mote_snapshot_save(snapshot, argv[2], argv[3], NULL, NULL, digest,
			       &err) == MOTE_OK)
		status = puts(digest) < 0;
	else
		failed("save");
	mote_snapshot_unref(snapshot);
	mote_sandbox_free(box);
	mote_image_unref(image);
	return status;
}

static int load(mote_engine *engine, char **argv)
{
	const mote_sandbox_options how = options();
	mote_snapshot *snapshot = NULL;
	mote_sandbox *box = NULL;
	mote_value result;
	int status = 1;

	if (mote_snapshot_load(engine, argv[2], argv[3], MOTE_LOAD_VERIFY,
			       &snapshot, &err) == MOTE_OK &&
	    mote_sandbox_from_snapshot(snapshot, &how, &box, &err) ==
		    MOTE_OK &&
	    mote_call(box, "Text", NULL, 0, &result, &err) == MOTE_OK)
		status = puts(result.as.string.data) < 0;
	else
		failed("load");
	mote_snapshot_unref(snapshot);
	mote_sandbox_free(box);
	return status;
}

int main(int argc, char **argv)
{
	mote_engine *engine = NULL;
	int status = 2;

	if (mote_engine_new(NULL, &engine, &err) != MOTE_OK)
		return failed("engine");
	if (argc == 6 && strcmp(argv[1], "save") == 0)
		status = save(engine, argv);
	else if (argc == 4 && strcmp(argv[1], "load") == 0)
		status = load(engine, argv);
	mote_engine_unref(engine);
	return status;
}
