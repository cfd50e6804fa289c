/* Its host function gives bytes, which may come from a file. */
#include <mote_guest.h>

MOTE_IMPORT(bytes, Blob, void);

MOTE_EXPORT(bytes, Fetch, (bytes, before))
{
	(void)before;
	return Blob();
}
