/*
 * A guest whose start asks the host how it is to go.
 */
#include <mote_guest.h>

#include "start.h"

MOTE_IMPORT(i32, Start, void);

__attribute__((constructor)) static void start(void)
{
	int way = Start();

	if (way == START_CRASH)
		*(volatile int *)0 = 1;
	while (way == START_SPIN)
		;
}

MOTE_EXPORT(void, Nothing, void)
{
}
