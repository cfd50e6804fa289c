/*
 * The part of session.c that is in instructions of amd64.
 */
#include <mote_guest.h>

void crash_illegal(void);
void crash_trap(void);

/* Known values in vector registers. */
MOTE_EXPORT(i32, Vectors, void)
{
	static const float four[4] = { 1.5f, -2.0f, 3.25f, 1000.0f };
	static const int eight[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	int first;

	__asm__ volatile("movups %1, %%xmm1\n\t"
			 "vmovdqu %2, %%ymm2\n"
			 ".globl vectors_loaded\n"
			 "vectors_loaded:\n\t"
			 "vmovd %%xmm2, %0"
			 : "=r"(first)
			 : "m"(four), "m"(eight)
			 : "xmm1", "xmm2");
	return first;
}

/* `syscall` and flags that are pushed and popped, for single steps. */
MOTE_EXPORT(i32, Instructions, void)
{
	long pid;
	unsigned long flags;

	__asm__ volatile(".globl before_syscall\n"
			 "before_syscall:\n\t"
			 "syscall\n"
			 ".globl after_syscall\n"
			 "after_syscall:\n\t"
			 "nop"
			 : "=a"(pid)
			 : "0"(39L)
			 : "rcx", "r11", "memory");
	__asm__ volatile(".globl before_pushf\n"
			 "before_pushf:\n\t"
			 "pushfq\n\t"
			 "popq %0\n\t"
			 "pushq %0\n\t"
			 "popfq\n"
			 ".globl after_popf\n"
			 "after_popf:\n\t"
			 "nop"
			 : "=r"(flags)
			 :
			 : "memory", "cc");
	return (int)(flags & 0x100) + (pid > 0 ? 1 : 0);
}

void crash_illegal(void)
{
	__asm__ volatile("ud2");
}

void crash_trap(void)
{
	__asm__ volatile("int3");
}

/* Code that nobody runs, to put breakpoints into. */
__attribute__((used)) static void room(void)
{
	__asm__ volatile(".fill 400, 1, 0x90");
}
