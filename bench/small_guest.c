/*
 * The guest of `create` and `idle_kib`: small and ordinary. It has one
 * export, which is therefore number 0: floor.c calls it by number.
 */
#include <stdio.h>
#include <stdlib.h>

#include <mote_guest.h>

MOTE_EXPORT(i32, Answer, void)
{
	return 42;
}

int main(int argc, char **argv)
{
	char *copy = malloc(100);

	if (!copy)
		return 1;
	snprintf(copy, 100, "%d arguments, first %s", argc, argv[0]);
	puts(copy);
	free(copy);
	return 0;
}
