/* Everything that can go wrong in a guest. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mote_guest.h>

static volatile int zero;

MOTE_EXPORT(i32, Divide, (i32, a), (i32, b))
{
	if (b == 0) {
		mote_fail(7, "division of %d by zero", a);
		return 0;
	}
	return a / b;
}

MOTE_EXPORT(void, FailWild, void)
{
	mote_fail(-5, "bad \033[31m\xff text");
}

MOTE_EXPORT(i32, DivideByZero, void)
{
	int result = 1;

	/* The compiler turns 1 / x into comparisons. */
	__asm__ volatile("cltd; idivl %1" : "+a"(result) : "m"(zero) : "edx");
	return result;
}

__attribute__((noinline)) static void store_byte(volatile char *address)
{
	*address = 1;
	/* Keeps this function in the symbol table under its own name. */
	__asm__ volatile("");
}

MOTE_EXPORT(void, WriteNull, void)
{
	printf("about to crash\n");
	store_byte((volatile char *)(uintptr_t)zero);
}

MOTE_EXPORT(void, WriteText, void)
{
	store_byte((volatile char *)(uintptr_t)store_byte);
}

MOTE_EXPORT(void, Illegal, void)
{
	__asm__ volatile("ud2");
}

__attribute__((noinline)) static int deeper(volatile char *above, int depth)
{
	volatile char block[4096];

	if (depth < zero)
		return 0;
	block[0] = (char)depth;
	block[1] = above[0];
	return deeper(block, depth + 1) + block[1];
}

MOTE_EXPORT(i32, Overflow, void)
{
	char start = 0;

	return deeper(&start, 0);
}

MOTE_EXPORT(void, Abort, void)
{
	abort();
}

MOTE_EXPORT(void, Assert, (i32, value))
{
	assert(value == 4711);
}

MOTE_EXPORT(void, Exit, (i32, status))
{
	exit(status);
}

MOTE_EXPORT(void, Spin, void)
{
	while (!zero)
		;
}

MOTE_EXPORT(void, SpinLoudly, void)
{
	printf("spinning\n");
	while (!zero)
		;
}

/* More than the 16 MiB of output that a call may make. */
MOTE_EXPORT(void, Flood, void)
{
	char line[4096];

	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\n';
	for (int i = 0; i < 8192; i++)
		fwrite(line, 1, sizeof(line), stdout);
}

MOTE_EXPORT(void, Print, (u32, kib))
{
	char line[1024];

	memset(line, 'y', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\n';
	for (uint32_t i = 0; i < kib; i++)
		fwrite(line, 1, sizeof(line), stdout);
}

MOTE_EXPORT(bytes, Large, (u32, size))
{
	void *data = calloc(size, 1);

	return mote_make_bytes(data, data ? size : 0);
}

/* A port that is not for guests. */
MOTE_EXPORT(void, WrongPort, void)
{
	__asm__ volatile("outl %%eax, %%dx" : : "a"(1), "d"(0x80));
}

/* A result at an offset where none can be: the protocol is broken. */
MOTE_EXPORT(void, WrongResult, void)
{
	__asm__ volatile("outl %%eax, %%dx" : : "a"(3), "d"(0xc1));
}

MOTE_EXPORT(i32, FailSecond, void)
{
	static int calls;

	if (++calls == 2)
		mote_fail(2, "the second call fails");
	return calls;
}

MOTE_EXPORT(string, Speak, void)
{
	printf("out \033[2Jcleared");
	fprintf(stderr, "err \007bell\n");
	return "said";
}
