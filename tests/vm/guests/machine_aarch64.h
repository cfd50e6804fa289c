/* What guests/machine_aarch64.S and vm.aarch64 agree on. */
#ifndef VM_GUESTS_MACHINE_AARCH64_H
#define VM_GUESTS_MACHINE_AARCH64_H

#define MACHINE_SECRET 0x5ec2e75ec2e75ec3
/* Rounding to zero, default NaN; all flags. */
#define MACHINE_FPCR_SECRET 0x02c00000
#define MACHINE_FPSR_SECRET 0x0800009f

/* What m_look writes: X0 to X30, then ... */
#define MACHINE_LOOK_NZCV 248
#define MACHINE_LOOK_TPIDR 256
#define MACHINE_LOOK_TPIDRRO 264
#define MACHINE_LOOK_FPCR 272
#define MACHINE_LOOK_FPSR 280
#define MACHINE_LOOK_V 512
#define MACHINE_LOOK_END 1024

#ifndef __ASSEMBLER__
#include <stdint.h>

extern const uint8_t machine_code[];
extern const uint8_t machine_code_end[];
extern const uint8_t m_nothing[], m_spin[], m_fault[], m_break[], m_in[],
	m_read[], m_write[], m_touch[], m_sweep[], m_secrets[], m_look[],
	m_steps[], m_steps_end[], m_ring[], m_store_byte[], m_store_half[],
	m_store_long[], m_store_pair[], m_store_vector[], m_store_back[],
	m_jump[], m_call_libc[], m_libc[], m_registers[], m_forbidden[],
	m_forbidden_end[], m_illegal[], m_illegal_end[], m_counter[],
	m_debug_channel[], m_cycles[];
#endif

#endif
