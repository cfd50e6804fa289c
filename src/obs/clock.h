/*
 * When something happened in a guest, from its TSC. Pure.
 *
 * The host knows the clock before it enters and after it has left; the guest
 * reads its TSC first and last. What is between both on each side is taken to
 * be the same, so that no offset of the guest's TSC matters. A guest may lie:
 * its times stay within the two of the host.
 */
#ifndef MTI_OBS_CLOCK_H
#define MTI_OBS_CLOCK_H

#include <stdint.h>

struct mti_guest_clock {
	uint64_t tick_ns;  /* ns of a tick times 2^32; 0: no use of the TSC */
	uint64_t enter_ns; /* the host's clock at the last entry */
	uint64_t leave_ns; /* and at the exit */
	uint64_t enter_tsc;
	uint64_t lead_ns;  /* from the host's entry to the guest's */
};

static inline uint64_t
mti_guest_clock_ticks(const struct mti_guest_clock *clock, uint64_t ticks)
{
	unsigned __int128 ns = (unsigned __int128)ticks * clock->tick_ns >> 32;

	return ns > UINT64_MAX ? UINT64_MAX : (uint64_t)ns;
}

/* A crash or a signal: how long the entry took is not known. */
static inline void mti_guest_clock_lost(struct mti_guest_clock *clock)
{
	clock->lead_ns = 0;
}

/* An exit that the guest has asked for: now it can be told. */
static inline void mti_guest_clock_sync(struct mti_guest_clock *clock,
					uint64_t leave_tsc)
{
	uint64_t whole = clock->leave_ns - clock->enter_ns;
	uint64_t inside =
		mti_guest_clock_ticks(clock, leave_tsc - clock->enter_tsc);

	clock->lead_ns = inside < whole ? (whole - inside) / 2 : 0;
}

static inline uint64_t mti_guest_clock_at(const struct mti_guest_clock *clock,
					  uint64_t tsc)
{
	uint64_t whole = clock->leave_ns - clock->enter_ns;
	uint64_t passed = 0;

	if (tsc > clock->enter_tsc)
		passed = mti_guest_clock_ticks(clock, tsc - clock->enter_tsc);
	if (passed > whole || clock->lead_ns > whole - passed)
		return clock->leave_ns;
	return clock->enter_ns + clock->lead_ns + passed;
}

#endif
