/* What guests/machine.S and the tests that run it agree on. */
#ifndef VM_GUESTS_MACHINE_H
#define VM_GUESTS_MACHINE_H

#define MACHINE_HAS_AVX 1
#define MACHINE_HAS_AVX512 2
#define MACHINE_HAS_FSGSBASE 4
/* m_secrets does not return, but ... */
#define MACHINE_THEN_FAULT 8
#define MACHINE_THEN_SPIN 16

#define MACHINE_SECRET 0x5ec2e75ec2e75ec3
#define MACHINE_FS_SECRET 0x123456789000
#define MACHINE_GS_SECRET 0x765432101000
/* All exceptions masked, rounding to zero. */
#define MACHINE_X87_SECRET 0x0c7f
#define MACHINE_MXCSR_SECRET 0x7f80
#define MACHINE_CONTROL 0x700000000000
#define MACHINE_SYSCALL_HANDLER 120

/* Offsets of what m_look writes, after the XSAVE area. */
#define MACHINE_LOOK_GENERAL 0xb00
#define MACHINE_LOOK_SEGMENTS 0xc00
#define MACHINE_LOOK_BASES 0xc10
#define MACHINE_LOOK_XCR0 0xc20

#ifndef __ASSEMBLER__
#include <stdint.h>

extern const uint8_t machine_code[];
extern const uint8_t machine_code_end[];
extern const uint8_t m_nothing[], m_spin[], m_fault[], m_break[], m_in[],
	m_insb[], m_read[], m_write[], m_touch[], m_sweep[], m_writes[],
	m_secrets[], m_look[], m_steps[], m_steps_end[], m_written[];
#endif

#endif
