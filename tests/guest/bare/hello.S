/* Unpaged 32 bits, without a note: prints, exits with 7. */
	.code32
	.section .text.start, "ax"
	.globl _start
_start:
	cmpl	$0x45544f4d, %eax
	jne	bad
	cmpl	%eax, (%ebx)
	jne	bad
	mov	$text, %esi
	mov	$(text_end - text), %ecx
	mov	$0x3f8, %edx
	rep outsb
	mov	$7, %eax
	out	%eax, $0xd0
bad:	ud2
	.section .rodata
text:	.ascii "Hello from 32 bits\n"
text_end:
