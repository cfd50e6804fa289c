/*
 * After a restore: everything that is random in a guest would be the same in
 * all of them, if it were not seeded anew.
 *
 * Not what musl's malloc hides its records with: records that are there
 * were made with the old value. It is as good as the snapshot is secret.
 */
#include "rt/rt.h"

#include <string.h>

#include "port.h"

/* Programs that do not use them do not get them linked in for this. */
extern void weak_srand(unsigned int seed) __asm__("srand")
	__attribute__((weak));
extern void weak_srandom(unsigned int seed) __asm__("srandom")
	__attribute__((weak));
/* The state of drand48 and its like (musl, src/prng). */
HIDDEN extern unsigned short __seed48[7] __attribute__((weak));

void mote_rt_reseed(void)
{
	struct {
		uint64_t canary;
		uint32_t srand;
		uint32_t srandom;
		unsigned short seed48[3];
	} from;

	_Static_assert(sizeof(from) <= sizeof(control()->random), "seeds");
	copy_bytes(&from, (const void *)control()->random, sizeof(from));
	/* No function that is active ever returns: the value may change. */
	/* Of its bytes one is 0, as in musl, so that no text runs over it. */
	cpu_set_canary(from.canary & ~UINT64_C(0xff00));
	if (weak_srand != NULL)
		weak_srand(from.srand);
	if (weak_srandom != NULL)
		weak_srandom(from.srandom);
	if (&__seed48 != NULL)
		memcpy(__seed48, from.seed48, sizeof(from.seed48));
	zero_bytes(&from, sizeof(from));
	control()->reseed = 0;
}
