/* A guest whose state is worth keeping. */
#include <stdio.h>

#include <mote_guest.h>

static int count;
static int started;

static void __attribute__((constructor)) start(void)
{
	printf("started\n");
	started++;
}

MOTE_EXPORT(i32, Count, (i32, step))
{
	count += step;
	return count;
}

MOTE_EXPORT(i32, Started, void)
{
	return started;
}

MOTE_EXPORT(void, Crash, void)
{
	__builtin_trap();
}
