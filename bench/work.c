#include "work.h"

/* FIPS 180-4, section 4.2.2. */
static const uint32_t sha256_k[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
	0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
	0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
	0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
	0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
	0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
	0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
	0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t x, int n)
{
	return x >> n | x << (32 - n);
}

static uint32_t big_endian(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

static void sha256_block(uint32_t state[8], const uint8_t block[64])
{
	uint32_t a = state[0];
	uint32_t b = state[1];
	uint32_t c = state[2];
	uint32_t d = state[3];
	uint32_t e = state[4];
	uint32_t f = state[5];
	uint32_t g = state[6];
	uint32_t h = state[7];
	uint32_t w[64];
	int i;

	for (i = 0; i < 16; i++)
		w[i] = big_endian(block + 4 * i);
	for (; i < 64; i++)
		w[i] = w[i - 16] + w[i - 7] +
		       (rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^
			w[i - 15] >> 3) +
		       (rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^
			w[i - 2] >> 10);
	for (i = 0; i < 64; i++) {
		uint32_t t1 = h + sha256_k[i] + w[i] + ((e & f) ^ (~e & g)) +
			      (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25));
		uint32_t t2 = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) +
			      ((a & b) ^ (a & c) ^ (b & c));

		h = g;
		g = f;
		f = e;
		e = d + t1;
		d = c;
		c = b;
		b = a;
		a = t1 + t2;
	}
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
	state[4] += e;
	state[5] += f;
	state[6] += g;
	state[7] += h;
}

uint64_t work_sha256(void)
{
	static uint8_t data[WORK_SHA256_BYTES];
	uint32_t h[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
			  0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
	uint8_t last[64] = { 0x80 };
	size_t i;

	if (data[1] == 0)
		for (i = 0; i < sizeof(data); i++)
			data[i] = (uint8_t)(i * 7);
	for (i = 0; i < sizeof(data); i += 64)
		sha256_block(h, data + i);
	for (i = 0; i < 8; i++)
		last[63 - i] = (uint8_t)((uint64_t)sizeof(data) * 8 >> 8 * i);
	sha256_block(h, last);
	return (uint64_t)h[0] << 32 | h[1];
}

uint32_t work_fib(uint32_t n)
{
	return n < 2 ? n : work_fib(n - 1) + work_fib(n - 2);
}

uint64_t work_integer(uint64_t steps)
{
	uint64_t x = 1;

	for (; steps > 0; steps--) {
		x = x * UINT64_C(6364136223846793005) + steps;
		x ^= x >> 29;
	}
	return x;
}

double work_floating(uint64_t steps)
{
	double x = 1;

	for (; steps > 0; steps--)
		x = x * 0.999999 + 0.5;
	return x;
}

uint64_t work_sum(const void *data, size_t size)
{
	const uint8_t *bytes = data;
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < size; i++)
		sum += bytes[i];
	return sum;
}

const char *work_compiler(void)
{
	return __VERSION__;
}
