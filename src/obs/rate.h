/*
 * How many log records a sandbox may send: a second's worth at once, and that
 * many a second in the long run. Pure.
 */
#ifndef MTI_OBS_RATE_H
#define MTI_OBS_RATE_H

#include <stdbool.h>
#include <stdint.h>

#define MTI_RATE_SECOND_NS UINT64_C(1000000000)
#define MTI_RATE_RECORDS 1000

/* Credit is time: a record costs its part of a second. */
struct mti_rate {
	uint64_t last_ns;
	uint64_t credit_ns;
};

static inline void mti_rate_init(struct mti_rate *rate, uint64_t now_ns)
{
	rate->last_ns = now_ns;
	rate->credit_ns = MTI_RATE_SECOND_NS;
}

/* Whether one more may pass. now_ns does not go back. */
static inline bool mti_rate_take(struct mti_rate *rate, uint64_t now_ns)
{
	const uint64_t price = MTI_RATE_SECOND_NS / MTI_RATE_RECORDS;
	uint64_t passed = now_ns - rate->last_ns;

	rate->last_ns = now_ns;
	if (passed > MTI_RATE_SECOND_NS - rate->credit_ns)
		rate->credit_ns = MTI_RATE_SECOND_NS;
	else
		rate->credit_ns += passed;
	if (rate->credit_ns < price)
		return false;
	rate->credit_ns -= price;
	return true;
}

#endif
