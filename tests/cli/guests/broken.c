/* Crashes before the first call: its constructor does. */
#include <mote_guest.h>

__attribute__((constructor)) static void start(void)
{
	__builtin_trap();
}

MOTE_EXPORT(void, Nothing, void)
{
}
