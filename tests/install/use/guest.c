/* A stranger's guest. */
#include <mote_guest.h>

MOTE_EXPORT(i32, Add, (i32, a), (i32, b))
{
	return a + b;
}
