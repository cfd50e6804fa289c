/* A guest with a main: prints its arguments, ends with the status asked. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mote_guest.h>

MOTE_EXPORT(i32, Seven, void)
{
	return 7;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		printf("%d: %s\n", i, argv[i]);
	fprintf(stderr, "%d arguments\n", argc - 1);
	if (argc > 2 && strcmp(argv[1], "exit") == 0)
		exit((int)strtol(argv[2], NULL, 10));
	if (argc > 1 && strcmp(argv[1], "crash") == 0)
		abort();
	return argc > 1 && strcmp(argv[1], "three") == 0 ? 3 : 0;
}
