/*
 * The part of session.c that is in instructions of aarch64.
 */
#include <mote_guest.h>

void crash_illegal(void);
void crash_trap(void);

/* Known values in vector registers. */
MOTE_EXPORT(i32, Vectors, void)
{
	static const float four[4] = { 1.5f, -2.0f, 3.25f, 1000.0f };
	static const int ints[4] = { 1, 2, 3, 4 };
	int first;

	__asm__ volatile("ldr q1, %1\n\t"
			 "ldr q31, %2\n"
			 ".globl vectors_loaded\n"
			 "vectors_loaded:\n\t"
			 "mov %w0, v31.s[0]"
			 : "=r"(first)
			 : "m"(four), "m"(ints)
			 : "v1", "v31");
	return first;
}

/*
 * For single steps: `svc`, flags, jumps of every kind, exclusive accesses,
 * loads and stores that move their base.
 */
MOTE_EXPORT(i32, Instructions, void)
{
	static unsigned long words[4] = { 5, 6, 7, 8 };
	unsigned long *at = words;
	register long number __asm__("x8") = 172; /* getpid */
	register long pid __asm__("x0") = 0;
	unsigned long value;
	unsigned int failed;

	__asm__ volatile(".globl before_svc\n"
			 "before_svc:\n\t"
			 "svc #0\n"
			 ".globl after_svc\n"
			 "after_svc:\n\t"
			 "nop"
			 : "+r"(pid)
			 : "r"(number)
			 : "memory");
	__asm__ volatile(".globl before_jumps\n"
			 "before_jumps:\n\t"
			 "cmp %2, #0\n\t"
			 "b.ne 1f\n\t"
			 "nop\n"
			 "1:\n\t"
			 "adr x9, 2f\n\t"
			 "br x9\n\t"
			 "nop\n"
			 "2:\n\t"
			 "ldr %0, [%2], #8\n\t"
			 "str %0, [%2, #8]!\n\t"
			 "ldxr %0, [%2]\n\t"
			 "add %0, %0, #1\n\t"
			 "stxr %w1, %0, [%2]\n"
			 ".globl after_jumps\n"
			 "after_jumps:\n\t"
			 "nop"
			 : "=&r"(value), "=&r"(failed), "+r"(at)
			 :
			 : "x9", "memory", "cc");
	return (int)(words[2] * 100 + failed * 10) + (pid > 0 ? 1 : 0);
}

void crash_illegal(void)
{
	__asm__ volatile("udf #0");
}

void crash_trap(void)
{
	__asm__ volatile("brk #0x2a");
}
