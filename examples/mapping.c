/*
 * A file in a guest without a copy, and one that the guest may write to
 * without changing it. usage: mapping text.elf
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mote/snapshot.h>

static const char rhyme[] = "the cat sat on the mat\n";

static mote_error err = MOTE_ERROR_INIT;

/* A file with the rhyme, a thousand times. */
static int make_file(void)
{
	char path[] = "/tmp/mote-example-XXXXXX";
	int fd = mkstemp(path);

	if (fd < 0)
		return -1;
	unlink(path);
	for (int i = 0; i < 1000; i++)
		if (write(fd, rhyme, strlen(rhyme)) < 0)
			return -1;
	return fd;
}

static void call(mote_sandbox *box, const char *function, uint64_t address,
		 uint64_t size)
{
	const mote_value args[] = { MOTE_U64(address), MOTE_U64(size) };
	mote_value result;

	if (mote_call(box, function, args, 2, &result, &err) != MOTE_OK)
		printf("%s: %s\n", function,
		       mote_fault_text((mote_fault_kind)err.fault.kind));
	else if (result.type == MOTE_TYPE_U64)
		printf("%s: %d\n", function, (int)result.as.u64);
	else
		printf("%s: %s", function,
		       (const char *)result.as.string.data);
}

static int run(mote_sandbox *box, int fd)
{
	mote_snapshot *before = NULL;
	uint64_t address = 0; /* anywhere */
	uint64_t own = 0;
	char line[sizeof(rhyme)] = "";

	if (mote_snapshot_take(box, &before, &err) != MOTE_OK)
		return 1;
	/* All of it, read-only. */
	if (mote_map_file(box, fd, 0, 0, 0, &address, &err) != MOTE_OK)
		return 1;
	call(box, "CountWords", address, 1000 * strlen(rhyme));

	/* What the guest writes here is its own. */
	if (mote_map_file(box, fd, 0, 0, MOTE_MAP_PRIVATE, &own, &err) !=
	    MOTE_OK)
		return 1;
	call(box, "Shout", own, strlen(rhyme));
	if (pread(fd, line, strlen(rhyme), 0) < 0)
		return 1;
	printf("the file: %s", line);

	/* The other one it may only read. */
	call(box, "Shout", address, strlen(rhyme));

	/* After a restore nothing is mapped. */
	if (mote_sandbox_restore(box, before, &err) != MOTE_OK)
		return 1;
	call(box, "CountWords", address, 100);
	mote_snapshot_unref(before);
	return 0;
}

int main(int argc, char **argv)
{
	const char *path = argc > 1 ? argv[1] : "text.elf";
	mote_engine *engine = NULL;
	mote_image *image = NULL;
	mote_sandbox *box = NULL;
	int fd = make_file();
	int failed = 1;

	if (mote_engine_new(NULL, &engine, &err) == MOTE_OK &&
	    mote_image_open(engine, path, &image, &err) == MOTE_OK &&
	    mote_sandbox_new(image, NULL, &box, &err) == MOTE_OK)
		failed = run(box, fd);
	if (failed)
		fprintf(stderr, "%s\n", err.text);
	close(fd);
	mote_sandbox_free(box);
	mote_image_unref(image);
	mote_engine_unref(engine);
	return failed;
}
