/*
 * Entry of the program, entry of each call, and the `syscall` handler.
 */
#include "rt/asm.h"

/* For .cfi_escape. */
#define BYTE_OF(value, n) ((value) >> (8 * (n))) & 0xff
#define ADDRESS_BYTES(value)                                            \
	BYTE_OF(value, 0), BYTE_OF(value, 1), BYTE_OF(value, 2),        \
		BYTE_OF(value, 3), BYTE_OF(value, 4), BYTE_OF(value, 5), \
		BYTE_OF(value, 6), BYTE_OF(value, 7)

	.text

	.weak	_DYNAMIC
	.hidden	_DYNAMIC

/*
 * From the host, once: rsp the stack's top, rdi the control page. In C the
 * address of _DYNAMIC, which only a position-independent program has, would
 * come from a table that is not relocated yet.
 */
	.globl	_start
	.type	_start, @function
_start:
	.cfi_startproc
	.cfi_undefined rip
	xorl	%ebp, %ebp
	andq	$-16, %rsp
	leaq	_DYNAMIC(%rip), %rdi
	call	mote_rt_start
	ud2
	.cfi_endproc
	.size	_start, . - _start

/*
 * void mote_rt_ready(void): init is done; calls begin below this frame,
 * because libc keeps pointers into the ones above. Does not return.
 */
	.globl	mote_rt_ready
	.hidden	mote_rt_ready
	.type	mote_rt_ready, @function
mote_rt_ready:
	.cfi_startproc
	leaq	mote_rt_dispatch_entry(%rip), %rdi
	movq	%rsp, %rsi
	andq	$-16, %rsi
	xorl	%eax, %eax
	movl	$ASM_PORT_READY, %edx
	outl	%eax, %dx
	ud2
	.cfi_endproc
	.size	mote_rt_ready, . - mote_rt_ready

/*
 * From the host, for each call or batch: rdi the first message, rsi how many.
 */
	.globl	mote_rt_dispatch_entry
	.hidden	mote_rt_dispatch_entry
	.type	mote_rt_dispatch_entry, @function
mote_rt_dispatch_entry:
	.cfi_startproc
	.cfi_undefined rip
	xorl	%ebp, %ebp
	call	mote_rt_dispatch
	ud2
	.cfi_endproc
	.size	mote_rt_dispatch_entry, . - mote_rt_dispatch_entry

/*
 * libc executed `syscall` and the host's stub jumped here. All registers but
 * rcx and r11 are the caller's and must be again afterwards, vector registers
 * too; so must the 128 bytes below rsp. The pushes build a struct
 * mote_rt_syscall.
 */
	.globl	mote_rt_syscall_entry
	.hidden	mote_rt_syscall_entry
	.type	mote_rt_syscall_entry, @function
mote_rt_syscall_entry:
	.cfi_startproc
	/*
	 * Nothing is on the stack yet, and the return address is where the
	 * stub has put it: DW_CFA_expression of register 16, 9 bytes:
	 * DW_OP_const8u.
	 */
	.cfi_def_cfa_offset 0
	.cfi_escape 0x10, 16, 9, 0x0e, ADDRESS_BYTES(ASM_SYSCALL_RETURN)
	movabsq	$ASM_SYSCALL_RETURN, %rcx
	movq	(%rcx), %rcx
	leaq	-128(%rsp), %rsp
	.cfi_def_cfa_offset 128
	pushq	%rcx
	.cfi_def_cfa_offset 136
	.cfi_offset rip, -136
	pushq	%rbp
	.cfi_def_cfa_offset 144
	.cfi_offset rbp, -144
	movq	%rsp, %rbp
	.cfi_def_cfa_register rbp
	andq	$-16, %rsp
	pushq	%rdx
	pushq	%rax
	pushq	%r9
	pushq	%r8
	pushq	%r10
	pushq	%rdx
	pushq	%rsi
	pushq	%rdi
	cld
	movq	%rsp, %rdi
	call	mote_rt_syscall
	popq	%rdi
	popq	%rsi
	popq	%rdx
	popq	%r10
	popq	%r8
	popq	%r9
	movq	%rbp, %rsp
	.cfi_def_cfa_register rsp
	popq	%rbp
	.cfi_def_cfa_offset 136
	.cfi_restore rbp
	popq	%rcx
	.cfi_def_cfa_offset 128
	.cfi_register rip, rcx
	leaq	128(%rsp), %rsp
	.cfi_def_cfa_offset 0
	jmpq	*%rcx
	.cfi_endproc
	.size	mote_rt_syscall_entry, . - mote_rt_syscall_entry

	.section .note.GNU-stack,"",@progbits
