/* The entry of bare guests in C, 32 or 64 bits. */
	.section .text.start, "ax"
	.globl	_start
_start:
#ifdef __x86_64__
	mov	%rbx, %rdi
	call	main
	out	%eax, $0xd0
#else
	push	$0
	push	$0
	push	$0
	push	%ebx
	call	main
	out	%eax, $0xd0
#endif
1:	hlt
	jmp	1b
	.section .note.GNU-stack, "", @progbits
