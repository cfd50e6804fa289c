/*
 * Code for VMs without a sandbox, see harness/machine.h: linked into the
 * test, copied into the guest, independent of where it lies. A routine starts
 * at its label with rdi and rsi and ends by `finish`.
 */
#include "abi/trap.h"
#include "vm/guests/machine.h"

	.macro routine name
	.globl \name
	.balign 16
\name:
	.endm

	.macro finish
	mov $MOTE_PORT_RETURN, %edx
	out %eax, %dx
	ud2
	.endm

	.section .rodata
	.globl machine_code, machine_code_end
	.balign 4096
machine_code:

routine m_nothing
	finish

routine m_spin
1:	pause
	jmp 1b

routine m_fault
	ud2

routine m_break
	int3
	finish

/* Reads a port: rax is written when the host completes it. */
routine m_in
	mov $MOTE_PORT_RETURN, %edx
	in %dx, %eax
	finish

routine m_insb
	mov $MOTE_PORT_RETURN, %edx
	mov $-1, %rcx
	rep insb
	finish

/* Reads rdi, where nothing is. */
routine m_read
	mov (%rdi), %rax
	finish

routine m_write
	mov %rsi, (%rdi)
	finish

/* One byte in each of rsi pages from rdi. */
routine m_touch
1:	incb (%rdi)
	add $4096, %rdi
	dec %rsi
	jnz 1b
	finish

/* Reads the first word of each of rsi pages from rdi. */
routine m_sweep
1:	mov (%rdi), %rax
	add $4096, %rdi
	dec %rsi
	jnz 1b
	finish

/*
 * Writes in all ways, a page each from rdi, two pages apart; rsi: what the
 * CPU has, MACHINE_HAS_*.
 */
routine m_writes
	movabs $0x1122334455667788, %rax
	mov %rax, (%rdi)
	add $8192, %rdi
	movb $1, 4095(%rdi)
	add $8192, %rdi
	/* Across the end of a page. */
	mov %rax, 4092(%rdi)
	add $16384, %rdi
	lock incl 128(%rdi)
	add $8192, %rdi
	xchg %rax, (%rdi)
	add $8192, %rdi
	mov $1, %ebx
	mov $2, %ecx
	xor %eax, %eax
	xor %edx, %edx
	lock cmpxchg16b (%rdi)
	add $8192, %rdi
	btsq $5, (%rdi)
	add $8192, %rdi
	movnti %rbx, 8(%rdi)
	add $8192, %rdi
	pcmpeqd %xmm0, %xmm0
	movdqa %xmm0, 16(%rdi)
	add $8192, %rdi
	movntdq %xmm0, 32(%rdi)
	sfence
	add $8192, %rdi
	fld1
	fstpt (%rdi)
	add $8192, %rdi
	fxsave (%rdi)
	add $8192, %rdi
	/* A string store over three pages, and a copy into one. */
	cld
	mov $0x5a, %eax
	mov $8200, %ecx
	rep stosb
	and $-4096, %rdi
	add $8192, %rdi
	lea -8192(%rdi), %rdx
	xchg %rsi, %rdx
	mov $256, %ecx
	rep movsq
	xchg %rsi, %rdx
	and $-4096, %rdi
	add $8192, %rdi
	/* A stack of its own: push, call, a failing one later. */
	mov %rsp, %rbx
	lea 2048(%rdi), %rsp
	push %rax
	call 1f
1:	mov %rbx, %rsp
	add $8192, %rdi
	test $MACHINE_HAS_AVX, %esi
	jz 2f
	vpcmpeqd %ymm0, %ymm0, %ymm0
	vmovdqu %ymm0, 4080(%rdi)
	add $16384, %rdi
	vmaskmovps %ymm0, %ymm0, 64(%rdi)
	add $8192, %rdi
2:	test $MACHINE_HAS_AVX512, %esi
	jz 3f
	kxnorw %k1, %k1, %k1
	vmovdqu64 %zmm0, 100(%rdi){%k1}
	add $8192, %rdi
3:	/* Its own code, and the top of the real stack. */
	lea m_written(%rip), %rcx
	mov %rsi, (%rcx)
	push %rsi
	pop %rsi
	/* The system call page stores into the control page. */
	lea 4f(%rip), %rcx
	movabs $MACHINE_CONTROL + MACHINE_SYSCALL_HANDLER, %rdx
	mov %rcx, (%rdx)
	syscall
4:	finish

/* Something in every register that a program can reach; rsi as above. */
routine m_secrets
	movabs $MACHINE_SECRET, %rax
	mov %rax, %r15
	fninit
	push %rax
	movl $MACHINE_X87_SECRET, -8(%rsp)
	fldcw -8(%rsp)
	fildll (%rsp)
	fildll (%rsp)
	fildll (%rsp)
	fildll (%rsp)
	/* All eight at once, and a pointer to the last operand. */
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7
	movq %rax, %mm\n
	.endr
	fsts 64(%rdi)
	movl $MACHINE_MXCSR_SECRET, -8(%rsp)
	ldmxcsr -8(%rsp)
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	movq %rax, %xmm\n
	punpcklqdq %xmm\n, %xmm\n
	.endr
	test $MACHINE_HAS_AVX, %esi
	jz 1f
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vinsertf128 $1, %xmm\n, %ymm\n, %ymm\n
	.endr
1:	test $MACHINE_HAS_AVX512, %esi
	jz 2f
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vpbroadcastq %rax, %zmm\n
	.endr
	.irp n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	vpbroadcastq %rax, %zmm\n
	.endr
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7
	kmovw %eax, %k\n
	.endr
2:	pop %rbx
	/* The selector of user data, which is the host's with kvm-pvm. */
	mov %ss, %edx
	mov %edx, %ds
	mov %edx, %es
	mov %edx, %gs
	xor %edx, %edx
	mov %edx, %fs
	mov %edx, %ds
	test $MACHINE_HAS_FSGSBASE, %esi
	jz 3f
	movabs $MACHINE_FS_SECRET, %rbx
	wrfsbase %rbx
	movabs $MACHINE_GS_SECRET, %rbx
	wrgsbase %rbx
3:	mov %rax, %rbx
	mov %rax, %rcx
	mov %rax, %rbp
	mov %rax, %r8
	mov %rax, %r9
	mov %rax, %r10
	mov %rax, %r11
	mov %rax, %r12
	mov %rax, %r13
	mov %rax, %r14
	/* The way out is the caller's: r15 says which. */
	test $MACHINE_THEN_FAULT, %esi
	jnz 4f
	test $MACHINE_THEN_SPIN, %esi
	jnz 5f
	finish
4:	ud2
5:	/* Tells that it got so far. */
	mov %rax, (%rdi)
6:	pause
	jmp 6b

/* All that m_secrets left, at rdi (see struct machine_look); rsi as above. */
routine m_look
	mov %rax, MACHINE_LOOK_GENERAL + 0x00(%rdi)
	pushf
	pop %rax
	mov %rax, MACHINE_LOOK_GENERAL + 0x78(%rdi)
	mov %rbx, MACHINE_LOOK_GENERAL + 0x08(%rdi)
	mov %rcx, MACHINE_LOOK_GENERAL + 0x10(%rdi)
	mov %rdx, MACHINE_LOOK_GENERAL + 0x18(%rdi)
	mov %rbp, MACHINE_LOOK_GENERAL + 0x20(%rdi)
	mov %r8, MACHINE_LOOK_GENERAL + 0x28(%rdi)
	mov %r9, MACHINE_LOOK_GENERAL + 0x30(%rdi)
	mov %r10, MACHINE_LOOK_GENERAL + 0x38(%rdi)
	mov %r11, MACHINE_LOOK_GENERAL + 0x40(%rdi)
	mov %r12, MACHINE_LOOK_GENERAL + 0x48(%rdi)
	mov %r13, MACHINE_LOOK_GENERAL + 0x50(%rdi)
	mov %r14, MACHINE_LOOK_GENERAL + 0x58(%rdi)
	mov %r15, MACHINE_LOOK_GENERAL + 0x60(%rdi)
	mov %ds, MACHINE_LOOK_SEGMENTS + 0(%rdi)
	mov %es, MACHINE_LOOK_SEGMENTS + 2(%rdi)
	mov %fs, MACHINE_LOOK_SEGMENTS + 4(%rdi)
	mov %gs, MACHINE_LOOK_SEGMENTS + 6(%rdi)
	test $MACHINE_HAS_FSGSBASE, %esi
	jz 1f
	rdfsbase %rax
	mov %rax, MACHINE_LOOK_BASES + 0(%rdi)
	rdgsbase %rax
	mov %rax, MACHINE_LOOK_BASES + 8(%rdi)
1:	test $MACHINE_HAS_AVX, %esi
	jz 2f
	mov $0xe7, %eax
	xor %edx, %edx
	xsave64 (%rdi)
	xor %ecx, %ecx
	xgetbv
	mov %eax, MACHINE_LOOK_XCR0(%rdi)
	finish
2:	fxsave64 (%rdi)
	finish

/*
 * For the debugger: ten instructions, and an xmm0 that comes out in memory.
 * rdi: where.
 */
routine m_steps
	mov $1, %eax
	mov $2, %ebx
	lea (%rax, %rbx), %rcx
	mov %rcx, (%rdi)
	push %rcx
	pop %rdx
	add %rdx, %rax
	nop
	sub $1, %rax
	mov %rax, 8(%rdi)
	.globl m_steps_end
m_steps_end:
	movdqu %xmm0, 16(%rdi)
	finish

	.balign 4096
	.globl m_written
m_written:
	.quad 0
	.balign 4096
machine_code_end:

	.section .note.GNU-stack,"",@progbits
