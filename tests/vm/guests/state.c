/*
 * A guest with state in every place that there is, for snapshots.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include <mote_guest.h>

#include "state.h"

MOTE_IMPORT(string, HostEcho, (string, text));
MOTE_POST(Note, (string, text));

#define PAGE 4096

static int counter = 100;
static int started;
static char text[64];
static char *pages;
static size_t page_count;
static _Thread_local int local = 7;
static volatile char in_bss[PAGE];
static volatile char in_data[64] = "data";
static _Thread_local char in_local[64];

__attribute__((constructor)) static void construct(void)
{
	started++;
	printf("constructed\n");
	Note("constructed");
}

MOTE_EXPORT(i32, Started, void)
{
	return started;
}

MOTE_EXPORT(i32, Count, void)
{
	return ++counter;
}

MOTE_EXPORT(i32, CountLocal, void)
{
	return ++local;
}

MOTE_EXPORT(void, SetText, (string, value))
{
	snprintf(text, sizeof(text), "%s", value);
}

MOTE_EXPORT(string, Text, void)
{
	return text;
}

/* Writes a byte to each of `count` pages, `stride` pages apart. */
MOTE_EXPORT(void, Touch, (u32, count), (u32, stride), (u32, value))
{
	size_t i;

	if (page_count < (size_t)count * stride) {
		free(pages);
		page_count = (size_t)count * stride;
		pages = aligned_alloc(PAGE, page_count * PAGE);
		if (pages == NULL)
			abort();
	}
	for (i = 0; i < count; i++)
		pages[i * stride * PAGE] = (char)value;
}

/* The sum of those bytes. */
MOTE_EXPORT(u64, Sum, (u32, count), (u32, stride))
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < count && i * stride < page_count; i++)
		sum += (unsigned char)pages[i * stride * PAGE];
	return sum;
}

MOTE_EXPORT(void, Crash, void)
{
	cpu_crash();
}

MOTE_EXPORT(void, Spin, void)
{
	for (;;)
		cpu_relax();
}

MOTE_EXPORT(void, Abort, void)
{
	abort();
}

MOTE_EXPORT(void, Exit, (i32, status))
{
	exit(status);
}

MOTE_EXPORT(string, Echo, (string, value))
{
	return HostEcho(value);
}

/* Does not look at it. */
MOTE_EXPORT(void, Ignore, (bytes, data))
{
	(void)data;
}

MOTE_EXPORT(void, Nothing, void)
{
}

/* ---------------------------------------------------------------- random */

MOTE_EXPORT(i32, Rand, void)
{
	return rand();
}

MOTE_EXPORT(i64, Random, void)
{
	return random();
}

MOTE_EXPORT(i64, Lrand48, void)
{
	return lrand48();
}

MOTE_EXPORT(u64, Canary, void)
{
	return cpu_canary();
}

MOTE_EXPORT(bytes, Entropy, (u32, size))
{
	static unsigned char bytes[600];

	if (size > sizeof(bytes) || getrandom(bytes, size, 0) != (ssize_t)size)
		abort();
	return mote_make_bytes(bytes, size);
}

/* ------------------------------------------------------------------ time */

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

MOTE_EXPORT(u64, Now, void)
{
	return now_ns();
}

static uint64_t kept_ns;

MOTE_EXPORT(u64, KeepTime, void)
{
	kept_ns = now_ns();
	return kept_ns;
}

/* As programs do it that wait for a moment of theirs. */
MOTE_EXPORT(void, WaitSince, void)
{
	while (now_ns() < kept_ns + 1000000)
		;
}

/* --------------------------------------------------------------- secrets */

/* Leaves it deep in the stack. */
static __attribute__((noinline)) int in_stack(const char *secret, int depth)
{
	char copy[1000];

	snprintf(copy, sizeof(copy), "%s", secret);
	__asm__ volatile("" : : "r"(copy) : "memory");
	return depth == 0 ? copy[0] : in_stack(secret, depth - 1) + copy[1];
}

/* A secret of 16 bytes, to every place but registers. */
MOTE_EXPORT(string, Hide, (string, secret))
{
	char *kept = strdup(secret);
	char *freed = strdup(secret);
	char *large = malloc(100 * PAGE);
	char name[80];

	if (kept == NULL || freed == NULL || large == NULL)
		abort();
	for (size_t i = 0; i < 100; i++)
		memcpy(large + i * PAGE + i, secret, 16);
	memcpy((char *)in_bss + 100, secret, 16);
	memcpy((char *)in_data + 16, secret, 16);
	memcpy(in_local, secret, 16);
	free(freed);
	snprintf(name, sizeof(name), "%d%s", in_stack(secret, 20), secret);
	setenv(name, secret, 1);
	srand((unsigned int)atoi(secret));
	/* In libc's buffer, the post area, the out and the reply area. */
	printf("%s", secret);
	Note(secret);
	HostEcho(secret);
	return mote_format("%s!", secret);
}

/* end: 0 return, 1 crash, 2 spin, 3 change FS base too and crash. */
MOTE_EXPORT(void, HideInRegisters, (string, secret), (u32, end))
{
	static char copy[16];

	memcpy(copy, secret, 16);
	cpu_fill(copy);
	if (end == 1)
		cpu_crash();
	while (end == 2)
		cpu_relax();
	if (end == 3)
		cpu_lose_thread();
}

static struct dump dump;

MOTE_EXPORT(bytes, Registers, void)
{
	cpu_dump(&dump);
	return mote_make_bytes(&dump, sizeof(dump));
}

/* As a program that wants to keep them would. */
MOTE_EXPORT(void, SetControl, (u32, mxcsr), (u32, x87), (u64, gs_base))
{
	cpu_set_control(mxcsr, x87, gs_base);
}

MOTE_EXPORT(bool, HasFsgsbase, void)
{
	return cpu_has_fsgsbase();
}

int main(void)
{
	printf("main %d\n", counter);
	return counter & 0x7f;
}
