/*
 * Does with the protocol whatever the host's test wants. See hostile.inc.
 */
#include "hostile.inc"

import HostAdd, "i(ii)"
import HostText, "s(s)"
import HostLog, "v(s)", 1
import HostBytes, "y(y)"

	.set ARGUMENT0, SLOT + SLOT_VALUE
	.set ARGUMENT_BYTES, SLOT_BYTES
	.macro argument number, register
	mov SLOT + \number * SLOT_BYTES + SLOT_VALUE(%rbp), \register
	.endm
	.macro length number, register
	mov SLOT + \number * SLOT_BYTES + 4(%rbp), \register
	.endm

export Answer, "I()"
	movq $42, SLOT + SLOT_VALUE(%rcx)
	jmp done

export Id, "I()"
	mov MESSAGE_ID(%rdi), %rax
	mov %rax, SLOT + SLOT_VALUE(%rcx)
	jmp done

/*
 * Arguments: bytes for the out area, bytes for the post area, offset of the
 * former, post_used, port, eax, rdi, rsi. If the `out` comes back, a good
 * result of the first word of the reply area.
 */
	.macro evil name, result
	export \name, "\result(yyuuuuUU)"
	jmp act
	.endm
	evil EvilI64, I
	evil EvilI32, i
	evil EvilBool, b
	evil EvilString, s
	evil EvilBytes, y
	evil EvilVoid, v

act:
	mov %rdi, %rbp
	argument 0, %rsi
	add %rbp, %rsi
	length 0, %ecx
	argument 2, %rdi
	movabs $OUT_AREA, %rax
	add %rax, %rdi
	rep movsb
	argument 1, %rsi
	add %rbp, %rsi
	length 1, %ecx
	movabs $POST_AREA, %rdi
	rep movsb
	argument 3, %rax
	movabs $CONTROL, %rdx
	mov %eax, CONTROL_POST_USED(%rdx)
	argument 4, %rdx
	argument 5, %rax
	argument 6, %rdi
	argument 7, %rsi
	out %eax, %dx
	movabs $REPLY_AREA, %rax
	mov (%rax), %rbx
	jmp finish

/* rax: where, rsi: how many, rdx: the byte. */
export Fill, "I(UUu)"
	mov %rax, %rdi
	mov %rsi, %rcx
	mov %edx, %eax
	rep stosb
	mov $42, %ebx
	jmp finish

/* One call of HostAdd. */
	.macro host_add
	movabs $OUT_AREA, %rcx
	movl $0x00040001, (%rcx)	/* version 1, a host call */
	movl $64, 4(%rcx)
	movq $7, MESSAGE_ID(%rcx)
	movl $0, MESSAGE_FUNCTION(%rcx)
	movl $2, 20(%rcx)
	movq $0, 24(%rcx)
	movq $1, SLOT(%rcx)		/* i32 */
	movq $40, SLOT + 8(%rcx)
	movq $1, SLOT + 16(%rcx)
	movq $2, SLOT + 24(%rcx)
	xor %eax, %eax
	mov $MOTE_PORT_HOST_CALL, %edx
	out %eax, %dx
	.endm

/* rax calls of HostAdd; the result is the last one's. */
export CallHost, "I(U)"
	mov %rax, %r12
	xor %ebx, %ebx
1:	host_add
	movabs $REPLY_AREA, %rcx
	mov SLOT + SLOT_VALUE(%rcx), %rbx
	dec %r12
	jnz 1b
	jmp finish

/* Prints rsi bytes, rax times, each time with a flush. */
export Print, "I(UU)"
	mov %rax, %r12
	mov %rsi, %r13
1:	movabs $POST_AREA, %rcx
	movl $1, (%rcx)
	mov %r13d, 4(%rcx)
	lea 15(%r13), %rax
	and $-8, %rax
	movabs $CONTROL, %rcx
	mov %eax, CONTROL_POST_USED(%rcx)
	xor %eax, %eax
	mov $MOTE_PORT_FLUSH, %edx
	out %eax, %dx
	dec %r12
	jnz 1b
	xor %ebx, %ebx
	jmp finish

/* rax random bytes; the result is the first word of them. */
export Random, "I(U)"
	movabs $REPLY_AREA, %rcx
	movq $0, (%rcx)
	mov %rax, %rdi
	mov $2, %eax
	mov $MOTE_PORT_SERVICE, %edx
	out %eax, %dx
	movabs $REPLY_AREA, %rcx
	mov (%rcx), %rbx
	jmp finish

/* FS base := rax; the result is the word there. */
export FsBase, "I(U)"
	mov %rax, %rdi
	mov $1, %eax
	mov $MOTE_PORT_SERVICE, %edx
	out %eax, %dx
	mov %fs:0, %rbx
	jmp finish

/* ------------------------------------------------- loops without an end */

export Spin, "I()"
1:	jmp 1b

export SpinSyscall, "I()"
	lea 1f(%rip), %rax
	movabs $CONTROL, %rdx
	mov %rax, CONTROL_SYSCALL_HANDLER(%rdx)
1:	syscall
	ud2

export SpinHost, "I()"
	movabs $0x7fffffffffffffff, %rax
	jmp CallHost

export SpinFlush, "I()"
1:	xor %eax, %eax
	mov $MOTE_PORT_FLUSH, %edx
	out %eax, %dx
	jmp 1b

export SpinService, "I()"
1:	mov $2, %eax
	mov $256, %edi
	mov $MOTE_PORT_SERVICE, %edx
	out %eax, %dx
	jmp 1b

export SpinFpu, "I()"
	fninit
	fldpi
1:	fsin
	movaps %xmm0, %xmm1
	divps %xmm1, %xmm0
	jmp 1b

export SpinVmmcall, "I()"
1:	mov $-1, %rax
	vmmcall
	jmp 1b

export SpinCpuid, "I()"
1:	xor %eax, %eax
	cpuid
	jmp 1b

/* Touches each page of the heap, over and over. */
export SpinHeap, "I()"
	movabs $CONTROL, %rcx
	mov CONTROL_HEAP_SIZE(%rcx), %rcx
2:	movabs $HEAP, %rdi
	lea (%rdi, %rcx), %rsi
1:	incq (%rdi)
	add $4096, %rdi
	cmp %rsi, %rdi
	jb 1b
	jmp 2b

/* Counts in the second page of the out area: others see that it runs. */
export Count, "I()"
	movabs $OUT_AREA + 4096, %rcx
	movq $0, (%rcx)
1:	incq (%rcx)
	jmp 1b

/* The same after a host call. */
export HostThenCount, "I()"
	host_add
	jmp Count

	.section .note.GNU-stack, "", @progbits
