/*
 * Runs the main() of a guest, as a shell would run a program.
 * usage: main_program words.elf [ARG...]
 */
#include <stdio.h>

#include <mote/mote.h>

/* What the guest prints is bytes of a stranger: do not trust it to end in a
 * NUL, nor a terminal to survive it.
 */
static void output(void *user, uint32_t stream, const char *data, size_t size)
{
	FILE *file = stream == MOTE_STREAM_STDERR ? stderr : stdout;

	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)data[i];

		putc(c == '\n' || c == '\t' || (c >= ' ' && c != 127) ? c : '?',
		     file);
	}
}

int main(int argc, char **argv)
{
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;
	mote_error err = MOTE_ERROR_INIT;
	mote_engine *engine = NULL;
	mote_image *image = NULL;
	mote_sandbox *box = NULL;
	int exit_status = 1;
	mote_status status;

	if (argc < 2) {
		fprintf(stderr, "usage: main_program GUEST [ARG...]\n");
		return 2;
	}
	options.output = output;
	options.deadline_ns = UINT64_C(10) * 1000 * 1000 * 1000;
	options.heap_bytes = 64 << 20;
	status = mote_engine_new(NULL, &engine, &err);
	if (status == MOTE_OK)
		status = mote_image_open(engine, argv[1], &image, &err);
	if (status == MOTE_OK)
		status = mote_sandbox_new(image, &options, &box, &err);
	if (status == MOTE_OK)
		status = mote_run_main(box, (size_t)argc - 1,
				       (const char *const *)argv + 1,
				       &exit_status, &err);
	if (status != MOTE_OK)
		fprintf(stderr, "%s\n", err.text);
	/* After main it can only be freed, or restored to a snapshot. */
	mote_sandbox_free(box);
	mote_image_unref(image);
	mote_engine_unref(engine);
	return exit_status;
}
