/*
 * Random bytes of an engine, by the page; and those that are to repeat.
 */
#include <string.h>

#include "base/error.h"
#include "os/os.h"
#include "sandbox/sandbox.h"

/* What is handed out is gone from the buffer. */
static void hand_out(struct mti_entropy *entropy, uint8_t *to, size_t size)
{
	entropy->left -= size;
	memcpy(to, entropy->bytes + entropy->left, size);
	memset(entropy->bytes + entropy->left, 0, size);
	/* The compiler must not take it for a store that nobody reads. */
	__asm__ volatile("" : : "r"(entropy->bytes) : "memory");
}

mote_status mti_engine_random(mote_engine *engine, void *buffer, size_t size,
			      mote_error *err)
{
	struct mti_entropy *entropy = &engine->entropy;
	int os = 0;

	/* A child of fork() would hand out what its parent does. */
	if (engine->generation != mti_fork_generation()) {
		os = mti_os_random(buffer, size);
	} else {
		pthread_mutex_lock(&entropy->lock);
		if (entropy->left < size) {
			os = mti_os_random(entropy->bytes,
					   sizeof(entropy->bytes));
			entropy->left = os < 0 ? 0 : sizeof(entropy->bytes);
		}
		if (os == 0)
			hand_out(entropy, buffer, size);
		pthread_mutex_unlock(&entropy->lock);
	}
	if (os < 0)
		return mti_error_os(err, MOTE_E_OS, "random numbers", -os,
				    "getrandom");
	return MOTE_OK;
}

/*
 * SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number
 * generators, 2014). It keeps no secrets.
 */
static uint64_t next(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

uint64_t mti_repeat_seed(const struct mote_abi_control *control)
{
	uint64_t state = 0;
	uint64_t word;
	size_t i;

	for (i = 0; i < sizeof(control->random); i += sizeof(word)) {
		memcpy(&word, control->random + i, sizeof(word));
		state ^= word;
		state = next(&state);
	}
	return state;
}

void mti_repeat_random(uint64_t *state, uint8_t *to, size_t size)
{
	while (size > 0) {
		uint64_t word = next(state);
		size_t piece = size < sizeof(word) ? size : sizeof(word);

		memcpy(to, &word, piece);
		to += piece;
		size -= piece;
	}
}
