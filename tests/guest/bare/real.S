/*
 * Real mode: finds its memory, uses the stack and a software interrupt of its
 * own, prints, exits with 16.
 */
#define BARE_MODE 1
#include "note.h"
	.code16
	.section .text.start, "ax"
	.globl	_start
_start:
	cmpl	$0x45544f4d, %eax
	jne	bad
	test	%sp, %sp
	jnz	bad
	/* The structure of EBX, by way of a segment. */
	shr	$4, %ebx
	mov	%bx, %fs
	cmpl	%eax, %fs:0
	jne	bad
	/* The vector of int 0x21. */
	xor	%ax, %ax
	mov	%ax, %es
	movw	$service, %es:0x84
	mov	%cs, %ax
	mov	%ax, %es:0x86
	push	%cs
	pop	%ds
	mov	$text, %si
	mov	$(text_end - text), %cx
	int	$0x21
	cmpw	$0xface, %bx
	jne	bad
	/* HMA: what lies behind 1 MiB. */
	mov	$0xffff, %ax
	mov	%ax, %es
	movw	%ax, %es:0x10
	mov	$16, %eax
	out	%eax, $0xd0
bad:	mov	$1, %eax
	out	%eax, $0xd0
	hlt
service:
	mov	$0x3f8, %dx
	cld
1:	lodsb
	out	%al, %dx
	loop	1b
	mov	$0xface, %bx
	iret
text:	.ascii	"Real mode\n"
text_end:
	.section .note.GNU-stack, "", @progbits
