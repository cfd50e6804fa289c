/*
 * A guest for aarch64 that does what only that CPU can do: one export for
 * each way of crashing, and a look at registers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <mote_guest.h>

#define DOORBELL UINT64_C(0x700040000000)

static const char constant[] = "constant";
static char zeros[1 << 16];

MOTE_EXPORT(u64, Read, (u64, at))
{
	uint64_t value;

	__asm__ volatile("ldr %0, [%1]" : "=r"(value) : "r"(at) : "memory");
	return value;
}

MOTE_EXPORT(void, Write, (u64, at))
{
	__asm__ volatile("str xzr, [%0]" : : "r"(at) : "memory");
}

MOTE_EXPORT(void, WritePair, (u64, at))
{
	__asm__ volatile("stp xzr, xzr, [%0]" : : "r"(at) : "memory");
}

MOTE_EXPORT(void, WriteVector, (u64, at))
{
	__asm__ volatile("str q0, [%0]" : : "r"(at) : "memory");
}

MOTE_EXPORT(void, WriteByte, (u64, at))
{
	__asm__ volatile("strb wzr, [%0]" : : "r"(at) : "memory");
}

MOTE_EXPORT(void, WriteWord, (u64, at), (u32, value))
{
	__asm__ volatile("str %w1, [%0]" : : "r"(at), "r"(value) : "memory");
}

MOTE_EXPORT(u32, ReadWord, (u64, at))
{
	uint32_t value;

	__asm__ volatile("ldr %w0, [%1]" : "=r"(value) : "r"(at) : "memory");
	return value;
}

MOTE_EXPORT(u32, Exclusive, (u64, at))
{
	uint32_t value;
	uint32_t failed;

	__asm__ volatile("ldxr %w0, [%2]\n\tstxr %w1, %w0, [%2]"
			 : "=&r"(value), "=&r"(failed)
			 : "r"(at)
			 : "memory");
	return failed;
}

MOTE_EXPORT(void, ZeroBlock, (u64, at))
{
	__asm__ volatile("dc zva, %0" : : "r"(at) : "memory");
}

MOTE_EXPORT(void, Jump, (u64, at))
{
	__asm__ volatile("br %0" : : "r"(at) : "memory");
}

#define INSTRUCTION(name, text)                                                \
	MOTE_EXPORT(void, name, void)                                          \
	{                                                                      \
		__asm__ volatile(text ::: "memory");                           \
	}

INSTRUCTION(Undefined, "udf #0")
INSTRUCTION(Breakpoint, "brk #0")
INSTRUCTION(Trap, "brk #1000")
INSTRUCTION(CallOther, "svc #7")
INSTRUCTION(Hypervisor, "hvc #0")
INSTRUCTION(Secure, "smc #0")
INSTRUCTION(Return, "eret")
INSTRUCTION(Wait, "wfi")
INSTRUCTION(ReadDaif, "mrs x0, daif")
INSTRUCTION(WriteDaif, "msr daifset, #2")
INSTRUCTION(ReadControl, "mrs x0, sctlr_el1")
INSTRUCTION(WriteRoot, "msr ttbr0_el1, x0")
INSTRUCTION(ReadCacheType, "mrs x0, ctr_el0")
INSTRUCTION(CleanCache, "dc civac, x0")
INSTRUCTION(FlushTables, "tlbi vmalle1")

MOTE_EXPORT(u64, AddressOf, (string, what))
{
	if (strcmp(what, "code") == 0)
		return (uintptr_t)__builtin_return_address(0);
	if (strcmp(what, "constant") == 0)
		return (uintptr_t)constant;
	if (strcmp(what, "zeros") == 0)
		return (uintptr_t)zeros;
	if (strcmp(what, "stack") == 0)
		return (uintptr_t)__builtin_frame_address(0);
	if (strcmp(what, "heap") == 0)
		return (uintptr_t)malloc(1 << 20);
	if (strcmp(what, "much heap") == 0)
		return (uintptr_t)malloc(64 << 20);
	return 0;
}

static int recurse(volatile char *above)
{
	volatile char frame[1000];

	frame[0] = above[0];
	if (frame[0] == 2)
		return 0;
	return recurse(frame) + frame[0];
}

MOTE_EXPORT(i32, Recurse, void)
{
	volatile char first = 1;

	return recurse(&first);
}

MOTE_EXPORT(void, Loop, void)
{
	for (;;)
		;
}

/* Back to where the last system call came from, if nobody forgot that. */
MOTE_EXPORT(u64, LastCall, void)
{
	uint64_t place;

	__asm__ volatile("mrs %0, tpidrro_el0" : "=r"(place));
	return place;
}

/* A system call leaves all registers alone but x0; the sum of those it did. */
MOTE_EXPORT(u64, CallKeeps, void)
{
	uint64_t wrong;

	__asm__ volatile(
		"	mov	x8, #172\n" /* getpid */
		"	mov	x1, #101\n	mov	x2, #102\n"
		"	mov	x3, #103\n	mov	x4, #104\n"
		"	mov	x5, #105\n	mov	x6, #106\n"
		"	mov	x7, #107\n	mov	x9, #109\n"
		"	mov	x10, #110\n	mov	x11, #111\n"
		"	mov	x12, #112\n	mov	x13, #113\n"
		"	mov	x14, #114\n	mov	x15, #115\n"
		"	mov	x16, #116\n	mov	x17, #117\n"
		"	mov	x30, #130\n"
		"	cmp	x8, #172\n" /* equal */
		"	svc	#0\n"
		"	cset	x18, ne\n"
		"	sub	x0, x0, #1\n"
		"	orr	x18, x18, x0\n"
		"	.irp	n, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, "
		"14, 15, 16, 17, 30\n"
		"	sub	x\\n, x\\n, #100 + \\n\n"
		"	orr	x18, x18, x\\n\n"
		"	.endr\n"
		"	sub	x8, x8, #172\n"
		"	orr	%0, x18, x8\n"
		: "=r"(wrong)
		:
		: "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9",
		  "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17", "x18",
		  "x30", "cc", "memory");
	return wrong;
}

static _Thread_local uint64_t local = 5;

MOTE_EXPORT(u64, CountLocal, void)
{
	return ++local;
}

MOTE_EXPORT(void, SetControl, (u64, fpcr), (u64, fpsr))
{
	__asm__ volatile("msr fpcr, %0\n\tmsr fpsr, %1"
			 :
			 : "r"(fpcr), "r"(fpsr));
}

MOTE_EXPORT(u64, Control, void)
{
	uint64_t fpcr;
	uint64_t fpsr;

	__asm__ volatile("mrs %0, fpcr\n\tmrs %1, fpsr"
			 : "=r"(fpcr), "=r"(fpsr));
	return fpcr << 32 | fpsr;
}

/* In registers that no function touches on the way out. */
MOTE_EXPORT(void, HideSecret, (u64, secret))
{
	__asm__ volatile("dup v20.2d, %0\n\tdup v31.2d, %0"
			 :
			 : "r"(secret)
			 : "v20", "v31");
}

MOTE_EXPORT(u64, FindSecret, void)
{
	uint64_t a;
	uint64_t b;

	__asm__ volatile("umov %0, v20.d[1]\n\tumov %1, v31.d[0]"
			 : "=r"(a), "=r"(b));
	return a | b;
}

MOTE_EXPORT(bool, ClockRuns, void)
{
	struct timespec first;
	struct timespec now;
	int i;

	clock_gettime(CLOCK_MONOTONIC, &first);
	for (i = 0; i < 100; i++) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec > first.tv_sec || now.tv_nsec > first.tv_nsec)
			return true;
	}
	return false;
}

MOTE_EXPORT(u64, Print, (u32, count))
{
	uint32_t i;

	for (i = 0; i < count; i++)
		printf("line %u\n", i);
	return count;
}
