/*
 * Ways to be in the middle of something: each export gets to its end through
 * frames of another kind. The numbers in the comments are looked for.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mote_guest.h>

#ifdef __clang__
#define NOINLINE __attribute__((noinline))
#else
#define NOINLINE __attribute__((noinline, noclone))
#endif

struct record {
	int number;
	double weight;
	char name[16];
};

struct record global_record = { 4711, 2.5, "a record" };
static volatile int zero;

/* Keeps a call from becoming a jump, and its function alive. */
#define AFTER() __asm__ volatile("" : : : "memory")

NOINLINE static void fall(volatile int *where)
{
	*where = global_record.number; /* line: fall */
	AFTER();
}

NOINLINE static int third(int depth)
{
	fall((volatile int *)(uintptr_t)(zero + depth)); /* line: third */
	AFTER();
	return depth;
}

NOINLINE static int second(int depth)
{
	int result = third(depth) + 1; /* line: second */

	AFTER();
	return result;
}

MOTE_EXPORT(i32, Fall, (i32, depth))
{
	int result = second(depth) + 1; /* line: Fall */

	AFTER();
	return result;
}

/* Through libc, which has no unwind tables. */
NOINLINE static int compare(const void *a, const void *b)
{
	int result = *(const int *)a - *(const int *)b;

	fall((volatile int *)(uintptr_t)zero); /* line: compare */
	AFTER();
	return result;
}

MOTE_EXPORT(i32, Sort, void)
{
	int numbers[] = { 3, 1, 2, 5, 4 };

	qsort(numbers, 5, sizeof(numbers[0]), compare); /* line: Sort */
	AFTER();
	return numbers[0];
}

/* In libc itself: the format is no address. */
MOTE_EXPORT(i32, Print, void)
{
	char text[32];

	snprintf(text, sizeof(text), "%s", /* line: Print */
		 (const char *)(uintptr_t)(zero + 16));
	AFTER();
	return text[0];
}

/* The stack of this frame is realigned: its CFA is an expression. */
NOINLINE static int aligned(int depth)
{
	_Alignas(64) volatile char block[128];

	memset((char *)(uintptr_t)block, depth, sizeof(block));
	fall((volatile int *)(uintptr_t)zero); /* line: aligned */
	AFTER();
	return block[depth];
}

MOTE_EXPORT(i32, Aligned, void)
{
	int result = aligned(3) + 1; /* line: Aligned */

	AFTER();
	return result;
}

/* A frame of a size that only the frame pointer knows. */
NOINLINE static int dynamic(int size)
{
	volatile char block[size + 1];

	block[size] = 1;
	fall((volatile int *)(uintptr_t)zero); /* line: dynamic */
	AFTER();
	return block[size];
}

MOTE_EXPORT(i32, Dynamic, (i32, size))
{
	int result = dynamic(size) + 1; /* line: Dynamic */

	AFTER();
	return result;
}

NOINLINE static int recurse(int depth)
{
	volatile char block[512];
	int result;

	block[0] = (char)depth;
	result = recurse(depth + 1) + block[0]; /* line: recurse */
	AFTER();
	return result;
}

MOTE_EXPORT(i32, Overflow, void)
{
	int result = recurse(0) + 1; /* line: Overflow */

	AFTER();
	return result;
}

/* A jump to where nothing is. */
NOINLINE static int jump(int (*function)(int))
{
	int result = function(7) + 1; /* line: jump */

	AFTER();
	return result;
}

MOTE_EXPORT(i32, Jump, void)
{
	int result = jump((int (*)(int))(uintptr_t)(zero + 0x66000)) + 1;

	AFTER();
	return result;
}

NOINLINE static void give_up(void)
{
	abort(); /* line: give_up */
}

MOTE_EXPORT(i32, GiveUp, void)
{
	give_up(); /* line: GiveUp */
	AFTER();
	return 0;
}

/* Leaves through libc and a system call of the runtime. */
MOTE_EXPORT(i32, Quit, void)
{
	exit(zero + 3); /* line: Quit */
}

NOINLINE static void spin(volatile uint64_t *count)
{
	while (!zero) /* line: spin */
		(*count)++;
	AFTER();
}

MOTE_EXPORT(i32, Spin, void)
{
	uint64_t count = 0;

	spin(&count); /* line: Spin */
	AFTER();
	return (int32_t)count;
}

MOTE_EXPORT(i32, Divide, (i32, by))
{
	int result = 1;

	__asm__ volatile("cltd; idivl %1" /* line: Divide */
			 : "+a"(result)
			 : "m"(by)
			 : "edx");
	return result;
}

MOTE_EXPORT(i32, Illegal, void)
{
	__asm__ volatile("ud2"); /* line: Illegal */
	return 0;
}

MOTE_EXPORT(i32, Breakpoint, void)
{
	__asm__ volatile("int3"); /* line: Breakpoint */
	return 0;
}

MOTE_EXPORT(i32, Execute, void)
{
	int result = jump((int (*)(int))(uintptr_t)&global_record);

	AFTER();
	return result;
}

/* Leaves numbers in the heap and in vector registers to be found. */
MOTE_EXPORT(i32, Marks, void)
{
	static const double mark = 1234.5;
	volatile uint64_t *heap = malloc(3 << 20);

	if (!heap)
		return 0;
	heap[100000] = UINT64_C(0x1122334455667788);
	__asm__ volatile("movsd %0, %%xmm9" : : "m"(mark) : "xmm9");
	second(zero); /* line: Marks */
	AFTER();
	return (int32_t)heap[100000];
}

MOTE_EXPORT(i32, Add, (i32, a), (i32, b))
{
	return a + b;
}

MOTE_EXPORT(i32, Refuse, void)
{
	mote_fail(7, "no such item");
	return 0;
}

/* A system call of libc: nearly all of its time is spent on the way. */
NOINLINE static void ask(void)
{
	while (!zero)
		(void)getpid();
	AFTER();
}

MOTE_EXPORT(i32, Ask, void)
{
	ask(); /* line: Ask */
	AFTER();
	return 0;
}

/* fwrite() jumps to a function that its file names. */
NOINLINE static size_t print(size_t size)
{
	static char text[1 << 16];
	size_t done = fwrite(text, 1, size, stdout); /* line: print */

	AFTER();
	return done;
}

MOTE_EXPORT(i32, Flood, void)
{
	size_t done = 0;

	while (!zero) {
		done += print(60000 + (size_t)zero); /* line: Flood */
		AFTER();
	}
	return (int32_t)done;
}
