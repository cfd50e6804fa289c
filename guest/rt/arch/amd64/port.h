/*
 * The instructions by which the runtime leaves the guest and reads the clock.
 */
#ifndef MOTE_RT_PORT_H
#define MOTE_RT_PORT_H

#include <stddef.h>
#include <stdint.h>

static inline void port_out(uint32_t port, uint32_t value, uint64_t argument)
{
	__asm__ volatile("outl %%eax, %%dx"
			 :
			 : "d"(port), "a"(value), "D"(argument)
			 : "memory");
}

static inline uint64_t cpu_ticks(void)
{
	uint32_t low;
	uint32_t high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

static inline void cpu_set_fs_base(uint64_t base)
{
	__asm__ volatile("wrfsbase %0" : : "r"(base) : "memory");
}

/*
 * Not memcpy and memset: what serves system calls must not depend on libc,
 * nor touch vector registers.
 */
static inline void copy_bytes(void *to, const void *from, size_t size)
{
	__asm__ volatile("rep movsb"
			 : "+D"(to), "+S"(from), "+c"(size)
			 :
			 : "memory");
}

static inline void zero_bytes(void *to, size_t size)
{
	__asm__ volatile("rep stosb"
			 : "+D"(to), "+c"(size)
			 : "a"(0)
			 : "memory");
}

#endif
