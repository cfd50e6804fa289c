/*
 * Entry of the program, entry of each call, and the handler of `svc #0`.
 */
#include "rt/asm.h"

	.text

	.weak	_DYNAMIC
	.hidden	_DYNAMIC

/*
 * From the host, once: sp the stack's top, x0 the control page. In C the
 * address of _DYNAMIC, which only a position-independent program has, would
 * come from a table that is not relocated yet. The distance to what is absent
 * is 0 on this architecture.
 */
	.globl	_start
	.type	_start, %function
_start:
	.cfi_startproc
	.cfi_undefined x30
	mov	x29, #0
	mov	x30, #0
	adr	x1, 1f
	ldr	x0, [x1]
	cbz	x0, 2f
	add	x0, x0, x1
2:	bl	mote_rt_start
	brk	#1000
	.balign	8
1:	.quad	_DYNAMIC - .
	.cfi_endproc
	.size	_start, . - _start

/*
 * void mote_rt_ready(void): init is done; calls begin below this frame,
 * because libc keeps pointers into the ones above. Does not return.
 */
	.globl	mote_rt_ready
	.hidden	mote_rt_ready
	.type	mote_rt_ready, %function
mote_rt_ready:
	.cfi_startproc
	adrp	x0, mote_rt_dispatch_entry
	add	x0, x0, :lo12:mote_rt_dispatch_entry
	mov	x1, sp
	movz	x2, #ASM_DOORBELL & 0xffff
	movk	x2, #(ASM_DOORBELL >> 16) & 0xffff, lsl #16
	movk	x2, #(ASM_DOORBELL >> 32) & 0xffff, lsl #32
	str	wzr, [x2, #ASM_PORT_READY]
	brk	#1000
	.cfi_endproc
	.size	mote_rt_ready, . - mote_rt_ready

/*
 * From the host, for each call or batch: x0 the first message, x1 how many.
 */
	.globl	mote_rt_dispatch_entry
	.hidden	mote_rt_dispatch_entry
	.type	mote_rt_dispatch_entry, %function
mote_rt_dispatch_entry:
	.cfi_startproc
	.cfi_undefined x30
	mov	x29, #0
	mov	x30, #0
	bl	mote_rt_dispatch
	brk	#1000
	.cfi_endproc
	.size	mote_rt_dispatch_entry, . - mote_rt_dispatch_entry

/*
 * libc executed `svc #0` and EL1 went on here. All registers but x0 are the
 * caller's and must be again afterwards, flags and vector registers too. What
 * is stored from x0 on is a struct mote_rt_syscall. The return address is in
 * TPIDRRO_EL0; for debuggers also at 176, as register 32, which is no other.
 */
	.globl	mote_rt_syscall_entry
	.hidden	mote_rt_syscall_entry
	.type	mote_rt_syscall_entry, %function
mote_rt_syscall_entry:
	.cfi_startproc
	.cfi_return_column 32
	stp	x29, x30, [sp, #-192]!
	.cfi_def_cfa_offset 192
	.cfi_offset x29, -192
	.cfi_offset x30, -184
	mov	x29, sp
	stp	x0, x1, [sp, #16]
	stp	x2, x3, [sp, #32]
	stp	x4, x5, [sp, #48]
	stp	x8, x6, [sp, #64]
	stp	x7, x9, [sp, #80]
	stp	x10, x11, [sp, #96]
	stp	x12, x13, [sp, #112]
	stp	x14, x15, [sp, #128]
	stp	x16, x17, [sp, #144]
	mrs	x9, nzcv
	stp	x18, x9, [sp, #160]
	mrs	x9, tpidrro_el0
	str	x9, [sp, #176]
	.cfi_offset 32, -16
	add	x0, sp, #16
	bl	mote_rt_syscall
	ldp	x18, x9, [sp, #160]
	msr	nzcv, x9
	ldp	x16, x17, [sp, #144]
	ldp	x14, x15, [sp, #128]
	ldp	x12, x13, [sp, #112]
	ldp	x10, x11, [sp, #96]
	ldp	x7, x9, [sp, #80]
	ldp	x8, x6, [sp, #64]
	ldp	x4, x5, [sp, #48]
	ldp	x2, x3, [sp, #32]
	ldr	x1, [sp, #24]
	ldp	x29, x30, [sp], #192
	.cfi_restore x29
	.cfi_restore x30
	.cfi_def_cfa_offset 0
	svc	#1
	.cfi_endproc
	.size	mote_rt_syscall_entry, . - mote_rt_syscall_entry

	.section .note.GNU-stack,"",%progbits
