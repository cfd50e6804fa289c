/* Imports in a second file what the first one imports, too. */
#include <mote_guest.h>

MOTE_IMPORT(i32, HostNumber, (i32, seed));
MOTE_POST(Note, (string, text));

MOTE_EXPORT(i32, AskTwice, (i32, seed))
{
	Note("asking twice");
	return HostNumber(seed) + HostNumber(seed + 1);
}
