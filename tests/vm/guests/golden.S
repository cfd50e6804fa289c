/*
 * The guest of the golden snapshots: state in data, zeros, heap and stack, an
 * import and a posted import. Small, for what it becomes is in the repository.
 */
#include "hostile.inc"

import Weekday, "s()"
import Note, "v(s)", 1

	.data
	.p2align 3
counter:
	.quad 100
	.bss
	.p2align 3
zeros:	.skip 16
	.text

/* One more each time. */
export Count, "I()"
	incq counter(%rip)
	mov counter(%rip), %rax
	mov %rax, SLOT + SLOT_VALUE(%rcx)
	jmp done

/* Leaves a number in zeros, heap and below the stack. */
export Keep, "I(U)"
	mov %rax, zeros(%rip)
	movabs $HEAP, %rbx
	mov %rax, 0x5000(%rbx)
	mov %rax, -0x800(%rsp)
	jmp done

/* The sum of the three. */
export Kept, "I()"
	mov zeros(%rip), %rax
	movabs $HEAP, %rbx
	add 0x5000(%rbx), %rax
	add -0x800(%rsp), %rax
	mov %rax, SLOT + SLOT_VALUE(%rcx)
	jmp done
