/*
 * A guest crashes: where it was, and a core file for later.
 * usage: backtrace invoice.elf [core-file]
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <mote/debug.h>

#define FRAMES 32

static void print_backtrace(mote_sandbox *box)
{
	mote_error err = MOTE_ERROR_INIT;
	mote_frame frames[FRAMES];
	size_t count = 0;

	if (mote_sandbox_backtrace(box, frames, FRAMES, &count, &err) !=
	    MOTE_OK) {
		fprintf(stderr, "no backtrace: %s\n", err.text);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		/* Whoever made the guest's file chose these names. */
		const char *slash = strrchr(frames[i].file, '/');

		printf("#%zu %s, %s:%u\n", i, frames[i].name,
		       slash ? slash + 1 : frames[i].file, frames[i].line);
	}
}

static void write_core(mote_sandbox *box, const char *path)
{
	mote_error err = MOTE_ERROR_INIT;
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		perror(path);
	else if (mote_sandbox_dump_core(box, fd, &err) != MOTE_OK)
		fprintf(stderr, "%s: %s\n", path, err.text);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	const mote_value good[] = { MOTE_STRING("pear"), MOTE_I32(2) };
	const mote_value bad[] = { MOTE_STRING("plum"), MOTE_I32(2) };
	mote_error err = MOTE_ERROR_INIT;
	mote_engine *engine = NULL;
	mote_sandbox *box = NULL;
	mote_image *image = NULL;
	mote_value result;
	int status = 1;

	if (mote_engine_new(NULL, &engine, &err) != MOTE_OK ||
	    mote_image_open(engine, argc > 1 ? argv[1] : "invoice.elf", &image,
			    &err) != MOTE_OK ||
	    mote_sandbox_new(image, NULL, &box, &err) != MOTE_OK ||
	    mote_call(box, "Total", good, 2, &result, &err) != MOTE_OK) {
		fprintf(stderr, "%s\n", err.text);
		goto out;
	}
	printf("two pears: %d\n", result.as.i32);
	if (mote_call(box, "Total", bad, 2, &result, &err) !=
	    MOTE_E_GUEST_FAULT)
		goto out;
	printf("two plums: %s\n",
	       mote_fault_text((mote_fault_kind)err.fault.kind));
	print_backtrace(box);
	if (argc > 2)
		write_core(box, argv[2]);
	status = 0;
out:
	mote_sandbox_free(box);
	mote_image_unref(image);
	mote_engine_unref(engine);
	return status;
}
