/*
 * What guests/state.c needs of the CPU.
 */
#ifndef VM_GUESTS_STATE_H
#define VM_GUESTS_STATE_H

#include <stdint.h>

/* The names are amd64's. AArch64: TPIDR_EL0, 0, FPCR, FPSR, 0. */
struct dump {
	_Alignas(64) unsigned char area[8192];
	uint64_t fs_base;
	uint64_t gs_base;
	uint32_t mxcsr;
	uint16_t x87_control;
	uint16_t x87_status;
};

void cpu_crash(void);
void cpu_relax(void);
/* Takes the thread pointer away, and crashes. */
void cpu_lose_thread(void);
uint64_t cpu_canary(void);
/* 16 bytes to all registers that a program can reach. */
void cpu_fill(const char *secret);
void cpu_dump(struct dump *dump);
void cpu_set_control(uint32_t mxcsr, uint32_t x87, uint64_t gs_base);
/* Whether GS base can be set, where there is one. */
int cpu_has_fsgsbase(void);

#endif
