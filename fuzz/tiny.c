/*
 * What the corpus of fuzz-debug is compiled from: few functions, but with
 * frames, lines and names of several kinds.
 */
static volatile int sum;

static __attribute__((noinline)) int leaf(int x)
{
	sum += x;
	return sum;
}

__attribute__((noinline)) int dynamic(int size)
{
	volatile char block[size + 1];

	block[size] = (char)leaf(size);
	return block[size] + leaf(1);
}

__attribute__((noinline)) int aligned(int x)
{
	_Alignas(64) volatile char block[64];

	block[x & 63] = (char)leaf(x);
	return block[1] + dynamic(x);
}

void _start(void)
{
	for (;;)
		sum += aligned(sum & 63);
}
