/*
 * Code for VMs without a sandbox, as machine.S is for amd64, see
 * harness/machine.h. A routine starts at its label with x0 and x1 and ends by
 * `finish`, which spoils x16.
 */
#include "abi/trap.h"
#include "vm/guests/machine_aarch64.h"

#define DOORBELL 0x700040000000

	.macro routine name
	.globl \name
	.balign 16
\name:
	.endm

	.macro load register, value
	movz \register, #((\value) & 0xffff)
	movk \register, #(((\value) >> 16) & 0xffff), lsl #16
	movk \register, #(((\value) >> 32) & 0xffff), lsl #32
	movk \register, #(((\value) >> 48) & 0xffff), lsl #48
	.endm

	.macro finish
	load x16, DOORBELL + MOTE_PORT_RETURN
	str w0, [x16]
	udf #0
	.endm


	.section .rodata
	.globl machine_code, machine_code_end
	.balign 4096
machine_code:

routine m_nothing
	finish

routine m_spin
1:	yield
	b 1b

routine m_fault
	udf #1

routine m_break
	brk #0
	finish

/* A port that is read: x2 is written when the host completes it. */
routine m_in
	load x16, DOORBELL + MOTE_PORT_RETURN
	mov x2, #77
	ldr w2, [x16]
	finish

/* Reads x0. */
routine m_read
	ldr x2, [x0]
	finish

routine m_write
	str x1, [x0]
	finish

/* One byte in each of x1 pages from x0. */
routine m_touch
1:	ldrb w2, [x0]
	add w2, w2, #1
	strb w2, [x0]
	add x0, x0, #4096
	subs x1, x1, #1
	b.ne 1b
	finish

/* Reads the first word of each of x1 pages from x0. */
routine m_sweep
1:	ldr x2, [x0]
	add x0, x0, #4096
	subs x1, x1, #1
	b.ne 1b
	finish

/* Port x0 with a value of x1; then x2 says that it went on. */
routine m_ring
	load x16, DOORBELL
	add x16, x16, x0
	str w1, [x16]
	mov x0, #99
	finish

/* The same with other stores. */
routine m_store_byte
	load x16, DOORBELL
	strb w1, [x16, x0]
	finish

routine m_store_half
	load x16, DOORBELL
	strh w1, [x16, x0]
	finish

routine m_store_long
	load x16, DOORBELL
	str x1, [x16, x0]
	finish

routine m_store_pair
	load x16, DOORBELL
	add x16, x16, x0
	stp w1, w1, [x16]
	finish

routine m_store_vector
	load x16, DOORBELL
	str s0, [x16, x0]
	finish

routine m_store_back
	load x16, DOORBELL
	add x16, x16, x0
	str w1, [x16], #4
	finish

/* Goes on at x0. */
routine m_jump
	br x0

/* As a C library calls; x0 comes back behind it. */
routine m_call_libc
	adr x2, m_libc
	load x3, 0x700000000078		/* syscall_handler */
	str x2, [x3]
	mov x5, #5
	svc #0
	add x0, x0, x5
	finish

/* The return address is where it has to be. */
routine m_libc
	mrs x4, tpidrro_el0
	adr x2, m_call_libc
	sub x0, x4, x2
	svc #1

/* Something in every register that a program can reach; x0, x1 stay. */
routine m_secrets
	load x2, MACHINE_SECRET
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	dup v\n\().2d, x2
	.endr
	.irp n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	dup v\n\().2d, x2
	.endr
	msr tpidr_el0, x2
	load x3, MACHINE_FPCR_SECRET
	msr fpcr, x3
	load x3, MACHINE_FPSR_SECRET
	msr fpsr, x3
	/* TPIDRRO_EL0, too. */
	adr x3, 1f
	load x4, 0x700000000078
	str x3, [x4]
	svc #0
1:	.irp n, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 18, 19
	mov x\n, x2
	.endr
	.irp n, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
	mov x\n, x2
	.endr
	/* The way out is the caller's. */
	cmp x2, x2
	br x1

/* All that m_secrets left, at x0. */
routine m_look
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	str x\n, [x0, #8 * \n]
	.endr
	.irp n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
	str x\n, [x0, #8 * \n]
	.endr
	mrs x2, nzcv
	str x2, [x0, #MACHINE_LOOK_NZCV]
	mrs x2, tpidr_el0
	str x2, [x0, #MACHINE_LOOK_TPIDR]
	mrs x2, tpidrro_el0
	str x2, [x0, #MACHINE_LOOK_TPIDRRO]
	mrs x2, fpcr
	str x2, [x0, #MACHINE_LOOK_FPCR]
	mrs x2, fpsr
	str x2, [x0, #MACHINE_LOOK_FPSR]
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	str q\n, [x0, #MACHINE_LOOK_V + 16 * \n]
	.endr
	.irp n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	str q\n, [x0, #MACHINE_LOOK_V + 16 * \n]
	.endr
	finish

/* A fault with a different value in each register; x0 stays. */
routine m_registers
	.irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16
	mov x\n, #100 + \n
	.endr
	.irp n, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
	mov x\n, #100 + \n
	.endr
	cmp xzr, xzr
	udf #2

/* The counter twice, and its frequency. */
routine m_counter
	mrs x2, cntvct_el0
	str x2, [x0]
	mrs x2, cntvct_el0
	str x2, [x0, #8]
	mrs x2, cntfrq_el0
	str x2, [x0, #16]
	finish

/* For the debugger: ten instructions, and a v0 that comes out in memory. */
routine m_steps
	mov x2, #1
	mov x3, #2
	add x4, x2, x3
	str x4, [x0]
	mov x5, x4
	add x2, x2, x5
	nop
	sub x2, x2, #1
	str x2, [x0, #8]
	mov x6, x2
	.globl m_steps_end
m_steps_end:
	str q0, [x0, #16]
	finish

/* Each is a privilege that a program has not. */
routine m_forbidden
	msr daifset, #2
	mrs x2, ctr_el0
	wfi
	wfe
	dc civac, x0
	dc cvau, x0
	ic ivau, x0
	mrs x2, cntpct_el0
	msr cntv_ctl_el0, x2
	msr cntv_cval_el0, x2
	svc #2
	svc #0xffff
	.globl m_forbidden_end
m_forbidden_end:

/* As above, or nothing that user mode knows or that the machine has. */
routine m_illegal
	udf #0
	hvc #0
	smc #0
	eret
	mrs x2, sctlr_el1
	msr ttbr0_el1, x2
	msr vbar_el1, x2
	mrs x2, tpidr_el1
	msr cpacr_el1, x2
	msr spsel, #1
	tlbi vmalle1
	ic iallu
	dc isw, x2
	at s1e1r, x2
	mrs x2, pmcr_el0
	mrs x2, id_aa64pfr0_el1
	msr tpidrro_el0, x2
	mrs x2, mdscr_el1
	msr oslar_el1, x2
	mrs x2, dbgdtr_el0
	.globl m_illegal_end
m_illegal_end:

routine m_cycles
	mrs x2, pmccntr_el0
	finish

routine m_debug_channel
	mrs x2, mdccsr_el0
	finish

	.balign 4096
machine_code_end:

	.section .note.GNU-stack,"",@progbits
