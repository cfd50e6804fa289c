#include "harness/random.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

uint64_t random_u64(struct random_source *source)
{
	uint64_t z = source->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

size_t random_below(struct random_source *source, size_t limit)
{
	return (size_t)(random_u64(source) % limit);
}

uint64_t random_any_width(struct random_source *source)
{
	uint64_t value = random_u64(source) >> random_below(source, 64);

	switch (random_below(source, 4)) {
	case 0:
		return ~value;
	case 1:
		return UINT64_C(1) << random_below(source, 64);
	default:
		return value;
	}
}

uint64_t random_seed(int argc, char **argv)
{
	const char *text = getenv("MOTE_SEED");
	uint64_t seed;
	int i;

	for (i = 1; i + 1 < argc; i++) {
		if (strcmp(argv[i], "--seed") == 0)
			text = argv[i + 1];
	}
	if (text) {
		seed = strtoull(text, NULL, 0);
	} else {
		struct timespec now;

		clock_gettime(CLOCK_REALTIME, &now);
		seed = (uint64_t)now.tv_nsec ^ (uint64_t)now.tv_sec << 30;
	}
	printf("again: %s --seed %" PRIu64 "\n", argv[0], seed);
	fflush(stdout);
	return seed;
}

static void change_field(struct random_source *source, unsigned char *bytes,
			 size_t size)
{
	size_t width = (size_t)1 << random_below(source, 4);
	uint64_t value = 0;
	size_t at;

	if (width > size)
		return;
	at = random_below(source, size - width + 1);
	memcpy(&value, bytes + at, width);
	switch (random_below(source, 4)) {
	case 0: /* near to what it was */
		value += random_below(source, 33) - 16;
		break;
	case 1:
		value ^= UINT64_C(1) << random_below(source, 8 * width);
		break;
	default:
		value = random_any_width(source);
		break;
	}
	memcpy(bytes + at, &value, width);
}

size_t random_mutate(struct random_source *source, unsigned char *bytes,
		     size_t size)
{
	size_t changes = 1 + random_below(source, 4);
	size_t i;

	for (i = 0; i < changes; i++)
		change_field(source, bytes, size);
	if (size && random_below(source, 8) == 0)
		return random_below(source, size);
	return size;
}
