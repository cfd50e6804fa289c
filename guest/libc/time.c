#include "libc/libc.h"

#include <errno.h>
#include <sys/time.h>
#include <time.h>

#include "port.h"

#define NS_PER_S UINT64_C(1000000000)

/* 0, or an error if there is no such clock. */
static long read_clock(uint64_t clock, uint64_t *ns)
{
	switch ((uint32_t)clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
		*ns = mote_rt_clock_realtime();
		return 0;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
		*ns = mote_rt_clock_monotonic();
		return 0;
	case CLOCK_PROCESS_CPUTIME_ID:
	case CLOCK_THREAD_CPUTIME_ID:
		return mote_rt_clock_cpu(ns) ? 0 : -EINVAL;
	default:
		return -EINVAL;
	}
}

static void to_timespec(uint64_t ns, struct timespec *time)
{
	time->tv_sec = (time_t)(ns / NS_PER_S);
	time->tv_nsec = (long)(ns % NS_PER_S);
}

/* False if it is not a time; what cannot be counted becomes the maximum. */
static bool to_ns(const struct timespec *time, uint64_t *ns)
{
	if (time->tv_sec < 0 || time->tv_nsec < 0 ||
	    (uint64_t)time->tv_nsec >= NS_PER_S)
		return false;
	if ((uint64_t)time->tv_sec >= UINT64_MAX / 2 / NS_PER_S)
		*ns = UINT64_MAX / 2;
	else
		*ns = (uint64_t)time->tv_sec * NS_PER_S +
		      (uint64_t)time->tv_nsec;
	return true;
}

long mote_libc_clock_gettime(const uint64_t *args)
{
	uint64_t ns;
	long error = read_clock(args[0], &ns);

	if (error == 0)
		to_timespec(ns, (struct timespec *)args[1]);
	return error;
}

long mote_libc_clock_getres(const uint64_t *args)
{
	uint64_t ns;
	long error = read_clock(args[0], &ns);

	if (error == 0 && args[1] != 0)
		to_timespec(1, (struct timespec *)args[1]);
	return error;
}

long mote_libc_gettimeofday(const uint64_t *args)
{
	struct timeval *time = (struct timeval *)args[0];
	uint64_t ns = mote_rt_clock_realtime();

	if (time != NULL) {
		time->tv_sec = (time_t)(ns / NS_PER_S);
		time->tv_usec = (suseconds_t)(ns % NS_PER_S / 1000);
	}
	return 0;
}

long mote_libc_time(const uint64_t *args)
{
	time_t now = (time_t)(mote_rt_clock_realtime() / NS_PER_S);

	if (args[0] != 0)
		*(time_t *)args[0] = now;
	return (long)now;
}

/* Nobody else can run in the meantime, so waiting is all there is to do. */
void mote_libc_wait_until(uint64_t ns)
{
	while (mote_rt_clock_monotonic() < ns)
		cpu_relax();
}

long mote_libc_nanosleep(const uint64_t *args)
{
	uint64_t ns;

	if (!to_ns((const struct timespec *)args[0], &ns))
		return -EINVAL;
	mote_libc_wait_until(mote_rt_clock_monotonic() + ns);
	return 0;
}

long mote_libc_clock_nanosleep(const uint64_t *args)
{
	uint64_t now = 0;
	uint64_t ns;
	long error = read_clock(args[0], &now);

	if (error != 0)
		return error;
	if (!to_ns((const struct timespec *)args[2], &ns))
		return -EINVAL;
	if ((args[1] & TIMER_ABSTIME) != 0)
		ns = ns > now ? ns - now : 0;
	mote_libc_wait_until(mote_rt_clock_monotonic() + ns);
	return 0;
}
