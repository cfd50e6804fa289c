/*
 * An ordinary C program: counts the words among its arguments. Only the
 * compiler makes it a guest.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int main(int argc, char **argv)
{
	int count = 0;

	if (argc < 2) {
		fprintf(stderr, "usage: %s WORD...\n", argv[0]);
		return 2;
	}
	qsort(argv + 1, (size_t)argc - 1, sizeof(*argv), compare);
	for (int i = 1; i < argc; i++) {
		count++;
		if (i + 1 == argc || strcmp(argv[i], argv[i + 1]) != 0) {
			printf("%3d %s\n", count, argv[i]);
			count = 0;
		}
	}
	return 0;
}
