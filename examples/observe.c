/*
 * Log messages of a guest, and a trace of what it and the library do.
 * usage: observe orders.elf
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <mote/observe.h>

static void show(void *user, const mote_log_record *record)
{
	static const char *const levels[] = { "off",  "error", "warn",
					      "info", "debug", "trace" };

	printf("%s %.*s: %.*s\n", levels[record->level],
	       (int)record->module.size, (const char *)record->module.data,
	       (int)record->text.size, (const char *)record->text.data);
}

static mote_status write_trace(mote_trace *trace, mote_error *err)
{
	int fd = open("observe.json", O_WRONLY | O_CREAT | O_TRUNC, 0666);
	mote_status status = mote_trace_write(trace, fd, err);

	close(fd);
	return status;
}

static mote_status order(mote_sandbox *box, const char *item, int32_t count,
			 mote_error *err)
{
	const mote_value args[] = { MOTE_STRING(item), MOTE_I32(count) };

	return mote_call(box, "Order", args, 2, NULL, err);
}

int main(int argc, char **argv)
{
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;
	mote_error err = MOTE_ERROR_INIT;
	mote_engine *engine = NULL;
	mote_image *image = NULL;
	mote_trace *trace = NULL;
	mote_sandbox *box = NULL;
	mote_status status;

	status = mote_engine_new(NULL, &engine, &err);
	if (status == MOTE_OK)
		status = mote_image_open(engine,
					 argc > 1 ? argv[1] : "orders.elf",
					 &image, &err);
	if (status == MOTE_OK)
		status = mote_trace_new(engine, 0, &trace, &err);
	options.log = show;
	options.log_filter = "orders=debug,mote=debug,warn";
	options.trace = trace;
	if (status == MOTE_OK)
		status = mote_sandbox_new(image, &options, &box, &err);
	if (status == MOTE_OK)
		status = order(box, "pencils", 7, &err);
	if (status == MOTE_OK)
		status = order(box, "brushes", 4, &err);
	if (status == MOTE_OK)
		status = write_trace(trace, &err);
	if (status != MOTE_OK)
		fprintf(stderr, "%s\n", err.text);
	mote_sandbox_free(box);
	mote_trace_unref(trace);
	mote_image_unref(image);
	mote_engine_unref(engine);
	return status == MOTE_OK ? 0 : 1;
}
