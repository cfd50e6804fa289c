/*
 * Runs a fuzz target without libFuzzer: every file of the given folders (or
 * the given files), then, with --mutate N, N random mutations of them.
 *
 *	fuzz-elf [--mutate N] [--seed N] [--reach] FILE-OR-FOLDER...
 *
 * With --reach it fails if the inputs alone leave out what the target says
 * they must reach (fuzz_missing).
 *
 * The round that crashed can be had again with the seed that was printed. Every
 * input is in a block of exactly its size.
 */
#include "fuzz.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "harness/random.h"

#define INPUTS_MAX 4096
#define INPUT_SIZE_MAX (1u << 20)

struct input {
	uint8_t *data;
	size_t size;
};

static struct input inputs[INPUTS_MAX];
static size_t input_count;

static void fail(const char *what, const char *path)
{
	fprintf(stderr, "%s: %s\n", path, what);
	exit(2);
}

static void add_file(const char *path)
{
	struct input *input = &inputs[input_count];
	FILE *file = fopen(path, "rb");
	uint8_t *shrunk;

	if (!file)
		fail("cannot be opened", path);
	if (input_count == INPUTS_MAX)
		fail("one input too many", path);
	input->data = malloc(INPUT_SIZE_MAX);
	if (!input->data)
		fail("no memory", path);
	input->size = fread(input->data, 1, INPUT_SIZE_MAX, file);
	if (ferror(file))
		fail("cannot be read", path);
	fclose(file);
	/* Never fails in practice; then the block is merely larger. */
	shrunk = realloc(input->data, input->size ? input->size : 1);
	if (shrunk)
		input->data = shrunk;
	input_count++;
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* In the order of names, so that a seed means the same everywhere. */
static void add_folder(const char *path)
{
	struct dirent **entries;
	char *name;
	int count;
	int i;

	count = scandir(path, &entries, is_visible, alphasort);
	if (count < 0)
		fail("cannot be read", path);
	for (i = 0; i < count; i++) {
		if (asprintf(&name, "%s/%s", path, entries[i]->d_name) < 0)
			fail("no memory", path);
		add_file(name);
		free(name);
		free(entries[i]);
	}
	free(entries);
}

static void add_path(const char *path)
{
	struct stat info;

	if (stat(path, &info) != 0)
		fail("there is no such file", path);
	if (S_ISDIR(info.st_mode))
		add_folder(path);
	else
		add_file(path);
}

static void run_exact(const uint8_t *data, size_t size)
{
	uint8_t *exact = malloc(size ? size : 1);

	if (!exact)
		fail("no memory", "input");
	memcpy(exact, data, size);
	LLVMFuzzerTestOneInput(exact, size);
	free(exact);
}

static void run_mutations(struct random_source *source, uint64_t rounds)
{
	static uint8_t scratch[INPUT_SIZE_MAX];
	const struct input *input;
	uint64_t round;

	for (round = 0; round < rounds; round++) {
		input = &inputs[random_below(source, input_count)];
		memcpy(scratch, input->data, input->size);
		run_exact(scratch, random_mutate(source, scratch, input->size));
	}
}

int main(int argc, char **argv)
{
	struct random_source source = { random_seed(argc, argv) };
	uint64_t rounds = 0;
	bool reach = false;
	size_t missing = 0;
	size_t n;
	int i;

	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--mutate") == 0 && i + 1 < argc)
			rounds = strtoull(argv[++i], NULL, 0);
		else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
			i++;
		else if (strcmp(argv[i], "--reach") == 0)
			reach = true;
		else
			add_path(argv[i]);
	}
	if (input_count == 0) {
		fprintf(stderr,
			"usage: %s [--mutate N] [--seed N] [--reach] "
			"FILE-OR-FOLDER...\n",
			argv[0]);
		return 2;
	}
	for (n = 0; n < input_count; n++)
		run_exact(inputs[n].data, inputs[n].size);
	if (reach)
		missing = fuzz_missing ? fuzz_missing() : 1;
	run_mutations(&source, rounds);
	printf("%zu inputs, %" PRIu64 " mutations\n", input_count, rounds);
	for (n = 0; n < input_count; n++)
		free(inputs[n].data);
	return missing ? 1 : 0;
}
