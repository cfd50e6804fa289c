/*
 * What guests/state.c needs of amd64.
 */
#include <string.h>

#include "state.h"

void cpu_crash(void)
{
	__asm__ volatile("ud2");
}

void cpu_relax(void)
{
	__asm__ volatile("pause");
}

void cpu_lose_thread(void)
{
	__asm__ volatile("wrfsbase %0; ud2" : : "r"(0x123456000));
}

uint64_t cpu_canary(void)
{
	uint64_t value;

	__asm__("movq %%fs:40, %0" : "=r"(value));
	return value;
}

/*
 * To the registers: x87, vector, their control words, GS base. Does not
 * return: the host stops it, or it dies, with all of them as they are.
 */
void cpu_fill(const char *secret)
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

/* XSAVE of all that the host lets it have, and the bases. */
void cpu_dump(struct dump *dump)
{
	uint32_t ecx = 0;
	uint32_t low = 0;

	__asm__("cpuid" : "=a"(low), "=c"(ecx) : "0"(1), "1"(0)
		: "rbx", "rdx");
	__asm__ volatile("fnstsw %0" : "=m"(dump->x87_status));
	__asm__ volatile("fnstcw %0" : "=m"(dump->x87_control));
	__asm__ volatile("stmxcsr %0" : "=m"(dump->mxcsr));
	if (ecx & (1u << 27))
		__asm__ volatile("xsave64 %0"
				 : "+m"(dump->area)
				 : "a"(UINT32_MAX), "d"(UINT32_MAX)
				 : "memory");
	else
		__asm__ volatile("fxsave64 %0" : "+m"(dump->area));
	__asm__ volatile("rdfsbase %0" : "=r"(dump->fs_base));
	__asm__ volatile("rdgsbase %0" : "=r"(dump->gs_base));
}

void cpu_set_control(uint32_t mxcsr, uint32_t x87, uint64_t gs_base)
{
	uint16_t word = (uint16_t)x87;

	__asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
	__asm__ volatile("fldcw %0" : : "m"(word));
	__asm__ volatile("wrgsbase %0" : : "r"(gs_base));
}

int cpu_has_fsgsbase(void)
{
	uint32_t ebx;

	__asm__("cpuid" : "=b"(ebx) : "a"(7), "c"(0) : "rdx");
	return (ebx & 1) != 0;
}
