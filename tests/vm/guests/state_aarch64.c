/*
 * What guests/state.c needs of AArch64.
 */
#include "state.h"

extern uintptr_t __stack_chk_guard __attribute__((weak));

void cpu_crash(void)
{
	__asm__ volatile("udf #0");
}

void cpu_relax(void)
{
	__asm__ volatile("yield");
}

void cpu_lose_thread(void)
{
	__asm__ volatile("msr tpidr_el0, %0; udf #0"
			 :
			 : "r"(UINT64_C(0x123456000)));
}

uint64_t cpu_canary(void)
{
	return &__stack_chk_guard ? __stack_chk_guard : 0;
}

/* Vectors and their control words; rounding to zero, all flags. */
void cpu_fill(const char *secret)
{
	__asm__ volatile(
		"msr fpcr, %1; msr fpsr, %2\n\t"
		"ldr q0, [%0]; ldr q1, [%0]; ldr q2, [%0]; ldr q3, [%0]\n\t"
		"ldr q4, [%0]; ldr q5, [%0]; ldr q6, [%0]; ldr q7, [%0]\n\t"
		"ldr q8, [%0]; ldr q9, [%0]; ldr q10, [%0]; ldr q11, [%0]\n\t"
		"ldr q12, [%0]; ldr q13, [%0]; ldr q14, [%0]\n\t"
		"ldr q15, [%0]; ldr q16, [%0]; ldr q17, [%0]\n\t"
		"ldr q18, [%0]; ldr q19, [%0]; ldr q20, [%0]\n\t"
		"ldr q21, [%0]; ldr q22, [%0]; ldr q23, [%0]\n\t"
		"ldr q24, [%0]; ldr q25, [%0]; ldr q26, [%0]\n\t"
		"ldr q27, [%0]; ldr q28, [%0]; ldr q29, [%0]\n\t"
		"ldr q30, [%0]; ldr q31, [%0]"
		:
		: "r"(secret), "r"(UINT64_C(0xc00000)), "r"(UINT64_C(0x9f))
		: "memory");
}

/* Where amd64 has x87 is nothing. */
void cpu_dump(struct dump *dump)
{
	uint64_t fpcr;
	uint64_t fpsr;

	__asm__ volatile(
		"stp q0, q1, [%0]; stp q2, q3, [%0, #32]\n\t"
		"stp q4, q5, [%0, #64]; stp q6, q7, [%0, #96]\n\t"
		"stp q8, q9, [%0, #128]; stp q10, q11, [%0, #160]\n\t"
		"stp q12, q13, [%0, #192]; stp q14, q15, [%0, #224]\n\t"
		"stp q16, q17, [%0, #256]; stp q18, q19, [%0, #288]\n\t"
		"stp q20, q21, [%0, #320]; stp q22, q23, [%0, #352]\n\t"
		"stp q24, q25, [%0, #384]; stp q26, q27, [%0, #416]\n\t"
		"stp q28, q29, [%0, #448]; stp q30, q31, [%0, #480]"
		:
		: "r"(dump->area + 256)
		: "memory");
	__asm__ volatile("mrs %0, tpidr_el0" : "=r"(dump->fs_base));
	__asm__ volatile("mrs %0, fpcr; mrs %1, fpsr"
			 : "=r"(fpcr), "=r"(fpsr));
	dump->mxcsr = (uint32_t)fpcr;
	dump->x87_control = (uint16_t)fpsr;
}

void cpu_set_control(uint32_t mxcsr, uint32_t x87, uint64_t gs_base)
{
	(void)gs_base;
	__asm__ volatile("msr fpcr, %0; msr fpsr, %1"
			 :
			 : "r"((uint64_t)mxcsr), "r"((uint64_t)x87));
}

int cpu_has_fsgsbase(void)
{
	return 1;
}
