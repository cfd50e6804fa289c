/*
 * Time: what the host wrote before it entered the guest, plus TSC ticks.
 */
#include "rt/rt.h"

#include "abi/trap.h"
#include "port.h"

static uint64_t entry_ticks;
static uint64_t spent_ticks;

void mote_rt_clock_enter(void)
{
	entry_ticks = cpu_ticks();
	control()->enter_tsc = entry_ticks;
}

void mote_rt_clock_leave(void)
{
	uint64_t now = cpu_ticks();

	spent_ticks += now - entry_ticks;
	control()->leave_tsc = now;
}

static uint64_t to_ns(uint64_t ticks)
{
	unsigned __int128 product = ticks;

	product *= control()->tick_ns;
	return (uint64_t)(product >> 32);
}

/* Without a TSC time stands still in the guest; an exit brings it forward. */
static uint64_t since_entry(void)
{
	if (control()->tick_ns == 0) {
		mote_rt_exit(MOTE_PORT_FLUSH, 0, 0);
		return 0;
	}
	return to_ns(cpu_ticks() - entry_ticks);
}

uint64_t mote_rt_clock_monotonic(void)
{
	uint64_t passed = since_entry();

	return control()->clock_monotonic_ns + passed;
}

uint64_t mote_rt_clock_realtime(void)
{
	uint64_t passed = since_entry();

	return control()->clock_realtime_ns + passed;
}

bool mote_rt_clock_cpu(uint64_t *ns)
{
	if (control()->tick_ns == 0)
		return false;
	*ns = to_ns(spent_ticks + (cpu_ticks() - entry_ticks));
	return true;
}
