/*
 * A guest with state in every place that there is, for snapshots.
 */
#include <immintrin.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mote_guest.h>

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
	__asm__ volatile("ud2");
}

MOTE_EXPORT(void, Spin, void)
{
	for (;;)
		__asm__ volatile("pause");
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
	uint64_t value;

	__asm__("movq %%fs:40, %0" : "=r"(value));
	return value;
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

/*
 * To the registers: x87, vector, their control words, GS base. Does not
 * return: the host stops it, or it dies, with all of them as they are.
 */
static void fill_registers(const char *secret)
{
	uint32_t mxcsr = 0x1f80 | 0x6000 | 0x003f;
	uint16_t x87 = 0x0c7f;
	uint64_t base;

	memcpy(&base, secret, 5);
	base &= 0xffffffffff;
	__asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
	__asm__ volatile("fldcw %0" : : "m"(x87));
	__asm__ volatile(
		"movq (%0), %%mm0; movq (%0), %%mm1; movq (%0), %%mm2\n\t"
		"movq (%0), %%mm3; movq (%0), %%mm4; movq (%0), %%mm5\n\t"
		"movq (%0), %%mm6; movq (%0), %%mm7\n\t"
		"movups (%0), %%xmm0; movups (%0), %%xmm1\n\t"
		"movups (%0), %%xmm2; movups (%0), %%xmm3\n\t"
		"movups (%0), %%xmm4; movups (%0), %%xmm5\n\t"
		"movups (%0), %%xmm6; movups (%0), %%xmm7\n\t"
		"movups (%0), %%xmm8; movups (%0), %%xmm9\n\t"
		"movups (%0), %%xmm10; movups (%0), %%xmm11\n\t"
		"movups (%0), %%xmm12; movups (%0), %%xmm13\n\t"
		"movups (%0), %%xmm14; movups (%0), %%xmm15"
		:
		: "r"(secret)
		: "memory");
	if (__builtin_cpu_supports("avx"))
		__asm__ volatile(
			"vbroadcastf128 (%0), %%ymm7\n\t"
			"vbroadcastf128 (%0), %%ymm15"
			:
			: "r"(secret)
			: "memory");
	if (__builtin_cpu_supports("avx512f"))
		__asm__ volatile(
			"vbroadcasti32x4 (%0), %%zmm3\n\t"
			"vbroadcasti32x4 (%0), %%zmm17\n\t"
			"vbroadcasti32x4 (%0), %%zmm31\n\t"
			"kmovw %k1, %%k1; kmovw %k1, %%k7"
			:
			: "r"(secret), "r"(0x5a5a)
			: "memory");
	__asm__ volatile("wrgsbase %0" : : "r"(base));
}

/* end: 0 return, 1 crash, 2 spin, 3 change FS base too and crash. */
MOTE_EXPORT(void, HideInRegisters, (string, secret), (u32, end))
{
	static char copy[16];

	memcpy(copy, secret, 16);
	fill_registers(copy);
	if (end == 1)
		__asm__ volatile("ud2");
	while (end == 2)
		__asm__ volatile("pause");
	if (end == 3)
		__asm__ volatile("wrfsbase %0; ud2" : : "r"(0x123456000));
}

struct dump {
	_Alignas(64) unsigned char area[8192];
	uint64_t fs_base;
	uint64_t gs_base;
	uint32_t mxcsr;
	uint16_t x87_control;
	uint16_t x87_status;
};

static struct dump dump;

/* XSAVE of all that the host lets it have, and the bases. */
static __attribute__((noinline)) void dump_registers(void)
{
	uint32_t ecx = 0;
	uint32_t low = 0;
	uint32_t high = 0;

	__asm__("cpuid" : "=a"(low), "=c"(ecx) : "0"(1), "1"(0)
		: "rbx", "rdx");
	__asm__ volatile("fnstsw %0" : "=m"(dump.x87_status));
	__asm__ volatile("fnstcw %0" : "=m"(dump.x87_control));
	__asm__ volatile("stmxcsr %0" : "=m"(dump.mxcsr));
	if (ecx & (1u << 27))
		__asm__ volatile("xsave64 %0"
				 : "+m"(dump.area)
				 : "a"(UINT32_MAX), "d"(UINT32_MAX)
				 : "memory");
	else
		__asm__ volatile("fxsave64 %0" : "+m"(dump.area));
	__asm__ volatile("rdfsbase %0" : "=r"(dump.fs_base));
	__asm__ volatile("rdgsbase %0" : "=r"(dump.gs_base));
	(void)high;
}

MOTE_EXPORT(bytes, Registers, void)
{
	dump_registers();
	return mote_make_bytes(&dump, sizeof(dump));
}

/* As a program that wants to keep them would. */
MOTE_EXPORT(void, SetControl, (u32, mxcsr), (u32, x87), (u64, gs_base))
{
	uint16_t word = (uint16_t)x87;

	__asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
	__asm__ volatile("fldcw %0" : : "m"(word));
	__asm__ volatile("wrgsbase %0" : : "r"(gs_base));
}

MOTE_EXPORT(bool, HasFsgsbase, void)
{
	uint32_t ebx;

	__asm__("cpuid" : "=b"(ebx) : "a"(7), "c"(0) : "rdx");
	return (ebx & 1) != 0;
}

int main(void)
{
	printf("main %d\n", counter);
	return counter & 0x7f;
}
