/* The kernel's side of exceptions and system calls, and the processes. */
#include "kernel.h"
	.section .text.start, "ax"
	.globl	_start
_start:
	/* That of the host is not in the kernel's page tables. */
	mov	$stack_end, %esp
	push	$0
	push	$0
	push	$0
	push	%ebx
	call	main
	out	%eax, $0xd0
1:	hlt
	jmp	1b

	.text
	/* Every vector: error code or 0, number, registers. */
	.altmacro
	.macro vector number
	.globl	vector\number
vector\number:
	.if \number == 8 || \number == 17 || (\number >= 10 && \number <= 14)
	.else
	push	$0
	.endif
	push	$\number
	jmp	common
	.endm
	.set	i, 0
	.rept	32
	vector	%i
	.set	i, i + 1
	.endr
	.globl	vector128
vector128:
	push	$0
	push	$128
common:
	pusha
	mov	$SELECTOR_DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	push	%esp
	call	trap
	/* What it returns is the frame to go on with. */
	mov	%eax, %esp
	mov	$SELECTOR_USER_DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	popa
	add	$8, %esp
	iret

	.data
	.balign	4
	.globl	vectors
vectors:
	.macro address number
	.long	vector\number
	.endm
	.set	i, 0
	.rept	32
	address	%i
	.set	i, i + 1
	.endr

	/*
	 * A process: counts in its own page and in the shared one, prints
	 * both, yields; position does not matter. Its name is in DATA.
	 */
	.section .rodata
	.balign	4096
	.globl	process
process:
	mov	$USER_DATA, %ebp
	mov	$USER_SHARED, %edi
	mov	$5, %esi
1:	incl	4(%ebp)
	incl	(%edi)
	mov	(%ebp), %ebx
	call	put
	mov	4(%ebp), %ebx
	add	$'0', %ebx
	call	put
	mov	(%edi), %ebx
	add	$'a' - 1, %ebx
	call	put
	mov	$' ', %ebx
	call	put
	mov	$CALL_SNAPSHOT, %eax
	int	$0x80
	mov	$CALL_YIELD, %eax
	int	$0x80
	dec	%esi
	jnz	1b
	mov	$CALL_EXIT, %eax
	mov	(%edi), %ebx
	int	$0x80
put:	mov	$CALL_PRINT, %eax
	int	$0x80
	ret
	.balign	4096
	.bss
	.balign	16
	.skip	8192
stack_end:
	.section .note.GNU-stack, "", @progbits
