/*
 * Entry of the program, entry of each call, and the `syscall` handler.
 */
#include "rt/asm.h"

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
	movabsq	$ASM_SYSCALL_RETURN, %rcx
	movq	(%rcx), %rcx
	leaq	-128(%rsp), %rsp
	pushq	%rcx
	pushq	%rbp
	movq	%rsp, %rbp
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
	popq	%rbp
	popq	%rcx
	leaq	128(%rsp), %rsp
	jmpq	*%rcx
	.size	mote_rt_syscall_entry, . - mote_rt_syscall_entry

	.section .note.GNU-stack,"",@progbits
