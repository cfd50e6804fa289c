/* A program that has no more to say than its status. */
#include <mote_guest.h>

int main(void)
{
	return 7;
}
