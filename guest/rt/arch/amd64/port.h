/*
 * The instructions by which the runtime leaves the guest and reads the clock,
 * and what else of the runtime depends on the CPU.
 */
#ifndef MOTE_RT_PORT_H
#define MOTE_RT_PORT_H

#include <stddef.h>
#include <stdint.h>

#define CPU_NAME "x86_64"
#define CPU_RELOCATION R_X86_64_RELATIVE
/* arch_prctl sets the thread pointer. */
#define CPU_HAS_FS_BASE 1

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

static inline void cpu_relax(void)
{
	__builtin_ia32_pause();
}

/*
 * The call that a return address is behind: CALL rel32 (SDM 2A, "CALL") is
 * this byte and a 4-byte distance; of others, its last byte.
 */
static inline const unsigned char *cpu_call_before(const unsigned char *after)
{
	return after[-5] == 0xE8 ? after - 5 : after - 1;
}

/* Where compilers look for the stack protector's value. */
static inline void cpu_set_canary(uint64_t value)
{
	__asm__ volatile("movq %0, %%fs:40" : : "r"(value) : "memory");
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
