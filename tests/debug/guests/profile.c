/*
 * Work for profiles: known shares of time in known functions, and a heap
 * with a known peak and known leaks.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <mote_guest.h>

#ifdef __clang__
#define NOINLINE __attribute__((noinline))
#else
#define NOINLINE __attribute__((noinline, noclone))
#endif

#define AFTER() __asm__ volatile("" : : : "memory")

NOINLINE static void burn(uint32_t rounds)
{
	for (volatile uint32_t i = 0; i < rounds; i++)
		;
	AFTER();
}

NOINLINE static void light(uint32_t rounds)
{
	burn(rounds);
	AFTER();
}

NOINLINE static void heavy(uint32_t rounds)
{
	burn(rounds * 3);
	AFTER();
}

/* A quarter in light, three quarters in heavy. */
MOTE_EXPORT(void, Work, (u32, times), (u32, rounds))
{
	for (uint32_t i = 0; i < times; i++) {
		light(rounds);
		heavy(rounds);
	}
}

static int compare(const void *a, const void *b)
{
	burn(100);
	return *(const int *)a - *(const int *)b;
}

/* Through libc. */
MOTE_EXPORT(i32, Sort, (u32, count))
{
	int *numbers = malloc(count * sizeof(int));
	uint32_t seed = 1;
	int first;

	for (uint32_t i = 0; i < count; i++) {
		seed = seed * 1664525 + 1013904223;
		numbers[i] = (int)(seed >> 8);
	}
	qsort(numbers, count, sizeof(int), compare);
	first = numbers[0];
	free(numbers);
	return first;
}

static void *kept[16];

NOINLINE static void *grab(size_t size)
{
	void *block = malloc(size);

	AFTER();
	return block;
}

NOINLINE static void leak(void)
{
	kept[0] = grab(1000);
	kept[1] = calloc(10, 200);
	kept[2] = realloc(kept[2], 300);
	kept[2] = realloc(kept[2], 5000);
	kept[3] = strdup("twelve chars");
	kept[4] = aligned_alloc(64, 640);
	AFTER();
}

/*
 * At its peak 100000 + 50000; leaks 1000 + 2000 + 5000 + 13 + 640 of it.
 */
MOTE_EXPORT(i32, Heap, void)
{
	void *large = grab(100000);
	void *more = grab(50000);

	free(more);
	free(large);
	free(NULL);
	more = grab(20000);
	free(more);
	leak();
	return kept[4] != NULL;
}
