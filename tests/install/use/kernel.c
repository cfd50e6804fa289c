/* As much of a kernel as its header can be tried with. */
#include <mote_bare.h>

#if defined(__x86_64__)
MOTE_BARE_GUEST(MOTE_BARE_LONG, 0);
#else
MOTE_BARE_GUEST(MOTE_BARE_PAGED, 4 << 20);
#endif

void _start(void);

void _start(void)
{
	for (;;)
		__asm__ volatile("outl %0, $0xd0" : : "a"(0));
}
