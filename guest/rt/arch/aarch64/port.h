/*
 * The instructions by which the runtime leaves the guest and reads the clock,
 * and what else of the runtime depends on the CPU.
 */
#ifndef MOTE_RT_PORT_H
#define MOTE_RT_PORT_H

#include <stddef.h>
#include <stdint.h>

#include "abi/layout.h"

#define CPU_NAME "aarch64"
#define CPU_RELOCATION R_AARCH64_RELATIVE

static inline void port_out(uint32_t port, uint32_t value, uint64_t argument)
{
	register uint64_t x0 __asm__("x0") = argument;

	/* A plain store, as hypervisors can decode it. */
	__asm__ volatile("str %w1, [%2]"
			 :
			 : "r"(x0), "r"(value), "r"(MOTE_GVA_DOORBELL + port)
			 : "memory");
}

/* ISB: not before what comes before it. */
static inline uint64_t cpu_ticks(void)
{
	uint64_t ticks;

	__asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(ticks) : : "memory");
	return ticks;
}

static inline void cpu_relax(void)
{
	__asm__ volatile("yield");
}

/* The call that a return address is behind. */
static inline const unsigned char *cpu_call_before(const unsigned char *after)
{
	return after - 4;
}

/* Where compilers look for the stack protector's value. */
extern uintptr_t __stack_chk_guard __attribute__((weak));

static inline void cpu_set_canary(uint64_t value)
{
	if (&__stack_chk_guard != NULL)
		__stack_chk_guard = value;
}

/*
 * Not memcpy and memset: what serves system calls must not depend on libc,
 * nor touch vector registers.
 */
static inline void copy_bytes(void *to, const void *from, size_t size)
{
	uint64_t a;
	uint64_t b;

	__asm__ volatile("	subs	%[size], %[size], #16\n"
			 "	b.lo	2f\n"
			 "1:	ldp	%[a], %[b], [%[from]], #16\n"
			 "	stp	%[a], %[b], [%[to]], #16\n"
			 "	subs	%[size], %[size], #16\n"
			 "	b.hs	1b\n"
			 "2:	adds	%[size], %[size], #16\n"
			 "	b.eq	4f\n"
			 "3:	ldrb	%w[a], [%[from]], #1\n"
			 "	strb	%w[a], [%[to]], #1\n"
			 "	subs	%[size], %[size], #1\n"
			 "	b.ne	3b\n"
			 "4:\n"
			 : [to] "+&r"(to), [from] "+&r"(from),
			   [size] "+&r"(size), [a] "=&r"(a), [b] "=&r"(b)
			 :
			 : "cc", "memory");
}

static inline void zero_bytes(void *to, size_t size)
{
	__asm__ volatile("	subs	%[size], %[size], #16\n"
			 "	b.lo	2f\n"
			 "1:	stp	xzr, xzr, [%[to]], #16\n"
			 "	subs	%[size], %[size], #16\n"
			 "	b.hs	1b\n"
			 "2:	adds	%[size], %[size], #16\n"
			 "	b.eq	4f\n"
			 "3:	strb	wzr, [%[to]], #1\n"
			 "	subs	%[size], %[size], #1\n"
			 "	b.ne	3b\n"
			 "4:\n"
			 : [to] "+&r"(to), [size] "+&r"(size)
			 :
			 : "cc", "memory");
}

#endif
