/*
 * Guests of unit.soft-bare: each is copied to LOAD and started there.
 *
 * What they do is told through ports: a byte to 0xe9 is a character; four
 * bytes to 0x100 + vector are an exception's error code. After an exception
 * they go on at the address in RESUME.
 */
#define LOAD 0x1000
#define STACK 0x9000
#define RESUME 0x7000
#define CR2 0x7004
#define IDT 0x6000
#define TSS 0x7100
#define KERNEL_STACK 0xa000
#define USER_STACK 0xb000

/* Where x of a guest is. */
#define AT(guest, x) ((x) - guest + LOAD)

	.section .rodata

#define GUEST(name) \
	.balign 16; \
	.globl name; \
name:

#define END(name) \
	.globl name##_end; \
name##_end:

/* ------------------------------------------------------------- real mode */

	.code16
GUEST(guest_real)
	xorw %ax, %ax
	movw %ax, %ds
	movw %ax, %es
	movw $AT(guest_real, real_int), 0x200
	movw $0, 0x202
	movw $AT(guest_real, real_divide), 0
	movw $0, 2
	movb $'a', %al
	outb %al, $0xe9
	int $0x80
	xorw %dx, %dx
	movw $5, %ax
	xorw %cx, %cx
	divw %cx
	lcall $(LOAD / 16), $(real_far - guest_real)
	movw $AT(guest_real, real_text), %si
	movw $(real_text_end - real_text), %cx
	movw $0xe9, %dx
	cld
	rep outsb
	/* Into memory at 0x500, and back. */
	movw $0x500, %di
	movw $4, %cx
	movw $0x10, %dx
	rep insb
	movw $0x500, %si
	movw $4, %cx
	movw $0xe9, %dx
	rep outsb
	inb $0x11, %al
	outb %al, $0xe9
	/* A segment with a base: 0x50:0 is 0x500. */
	movw $0x50, %ax
	movw %ax, %fs
	movb %fs:1, %al
	outb %al, $0xe9
	/* Flags that only software can change. */
	pushf
	popw %ax
	orw $0x4000, %ax
	pushw %ax
	popf
	pushf
	popw %ax
	testw $0x4000, %ax
	jz 1f
	movb $'n', %al
	outb %al, $0xe9
1:	hlt
	movb $'.', %al
	outb %al, $0xe9
	hlt
real_int:
	movb $'b', %al
	outb %al, $0xe9
	iret
real_divide:
	movb $'d', %al
	outb %al, $0xe9
	movw %sp, %bp
	addw $2, (%bp)
	iret
real_far:
	movb $'f', %al
	outb %al, $0xe9
	lret
real_text:
	.ascii "out"
real_text_end:
END(guest_real)

/* -------------------------------------------------- 32 bits, no paging */

/* Tables of the 32-bit guests, and how they report exceptions. */
	.code32
#define KERNEL_CODE 0x08
#define KERNEL_DATA 0x10
#define USER_CODE 0x1b
#define USER_DATA 0x23
#define TASK 0x28
#define ABSENT 0x30
#define BASED 0x38

#define SET_RESUME(guest, label) \
	movl $AT(guest, label), RESUME

#define SAY(character) \
	movb $character, %al; \
	outb %al, $0xe9

/* Ends with a copy of everything that follows in each guest. */
.macro tables32 guest
\guest\()_setup:
	lgdt AT(\guest, \guest\()_gdtr)
	ljmp $KERNEL_CODE, $AT(\guest, \guest\()_reload)
\guest\()_reload:
	movw $KERNEL_DATA, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	xorl %eax, %eax
	movw %ax, %fs
	movw %ax, %gs
	/* Gates for 0 to 0x30: interrupt gates of 32 bits. */
	movl $AT(\guest, \guest\()_stubs), %ebx
	movl $IDT, %edi
	movl $0x31, %ecx
1:	movl %ebx, %eax
	andl $0xffff, %eax
	orl $(KERNEL_CODE << 16), %eax
	movl %eax, (%edi)
	movl %ebx, %eax
	andl $0xffff0000, %eax
	orl $0x8e00, %eax
	movl %eax, 4(%edi)
	addl $16, %ebx
	addl $8, %edi
	loop 1b
	movb $0xee, IDT + 0x30 * 8 + 5
	lidt AT(\guest, \guest\()_idtr)
	movl $KERNEL_STACK, TSS + 4
	movl $KERNEL_DATA, TSS + 8
	movw $TASK, %ax
	ltr %ax
	ret
	.balign 8
\guest\()_gdt:
	.quad 0
	.quad 0x00cf9a000000ffff
	.quad 0x00cf92000000ffff
	.quad 0x00cffa000000ffff
	.quad 0x00cff2000000ffff
	.quad 0x0000890071000067
	.quad 0x00cf12000000ffff
	.quad 0x0040920007000fff /* at 0x700, small */
\guest\()_gdtr:
	.word 63
	.long AT(\guest, \guest\()_gdt)
\guest\()_idtr:
	.word 0x31 * 8 - 1
	.long IDT
	.balign 16
\guest\()_stubs:
	vector = 0
	.rept 0x31
	.balign 16
	.if vector != 8 && vector != 10 && vector != 11 && vector != 12 && \
		vector != 13 && vector != 14 && vector != 17
	pushl $0
	.endif
	pushl $vector
	jmp \guest\()_common
	vector = vector + 1
	.endr
\guest\()_common:
	pushal
	movl %cr2, %eax
	movl %eax, %ss:CR2
	movl 32(%esp), %edx
	addl $0x100, %edx
	movl 36(%esp), %eax
	outl %eax, %dx
	cmpl $0x130, %edx
	je 1f
	movl %ss:RESUME, %eax
	movl %eax, 40(%esp)
1:	popal
	addl $8, %esp
	iret
.endm

GUEST(guest_protected)
	call guest_protected_setup
	SAY('p')
	int $0x30
	SET_RESUME(guest_protected, 1f)
	ud2
1:	SET_RESUME(guest_protected, 2f)
	movw $0x48, %ax
	movw %ax, %es
2:	SET_RESUME(guest_protected, 3f)
	movw $ABSENT, %ax
	movw %ax, %es
3:	SET_RESUME(guest_protected, 4f)
	movl $0x1b, %ecx
	rdmsr
4:	SET_RESUME(guest_protected, 5f)
	xorl %ecx, %ecx
	divl %ecx
5:	SET_RESUME(guest_protected, 6f)
	int $0x31
6:	/* An MSR that is there. */
	movl $0x174, %ecx
	movl $0x1234, %eax
	xorl %edx, %edx
	wrmsr
	xorl %eax, %eax
	rdmsr
	cmpl $0x1234, %eax
	jne 9f
	SAY('m')
	/* #GP of which the gate is not present. */
	movb $0, IDT + 13 * 8 + 5
	SET_RESUME(guest_protected, 7f)
	movw $0x48, %ax
	movw %ax, %es
7:	movb $0x8e, IDT + 13 * 8 + 5
	movw $KERNEL_DATA, %ax
	movw %ax, %es
	/* Segments with a base. */
	movb $'s', 0x712
	movw $BASED, %ax
	movw %ax, %gs
	movb %gs:0x12, %al
	outb %al, $0xe9
	/* Code that changes while it runs. */
	movl $AT(guest_protected, 7f), %ebx
	movb $'y', 1(%ebx)
7:	movb $'x', %al
	outb %al, $0xe9
	/* User mode. */
	pushl $USER_DATA
	pushl $USER_STACK
	pushl $0x2
	pushl $USER_CODE
	pushl $AT(guest_protected, protected_user)
	SET_RESUME(guest_protected, 8f)
	iret
8:	/* At CPL 3 again, after HLT there. */
	SET_RESUME(guest_protected, 8f)
	pushfl
	popl %eax
	testl $0x3000, %eax
	jnz 8f
	movw %cs, %ax
	cmpw $USER_CODE, %ax
	jne 8f
	/* The kernel's segments are not kept. */
	movw %ds, %ax
	movw %es, %bx
	orw %bx, %ax
	jnz 8f
	/* The bitmap is what lies in the TSS: zero, but for the stack. */
	SAY('u')
	SET_RESUME(guest_protected, 8f)
	cli
8:	SET_RESUME(guest_protected, 8f)
	inb $0x2d, %al
8:	outl %eax, $0xf8
9:	hlt
protected_user:
	int $0x30
	hlt
	tables32 guest_protected
END(guest_protected)

/* -------------------------------------------------------------- 2 levels */

GUEST(guest_paged)
	call guest_paged_setup
	/* The host has filled tables at 0x100000 and 0x101000. */
	movl $0x100000, %eax
	movl %eax, %cr3
	movl %cr4, %eax
	orl $0x10, %eax
	movl %eax, %cr4
	movl %cr0, %eax
	orl $0x80010000, %eax
	movl %eax, %cr0
	SAY('1')
	movb $'A', 0x400000
	movb $'S', 0x401000
	movl $0x101000, %eax
	movl %eax, %cr3
	movb $'B', 0x400000
	movb 0x401000, %al
	outb %al, $0xe9
	movl $0x100000, %eax
	movl %eax, %cr3
	movb 0x400000, %al
	outb %al, $0xe9
	/* Code in both, at the same address. */
	movl $0x403000, %ebx
	call *%ebx
	movl $0x101000, %eax
	movl %eax, %cr3
	call *%ebx
	movl $0x100000, %eax
	movl %eax, %cr3
	call *%ebx
	/* Faults. */
	SET_RESUME(guest_paged, 1f)
	movl 0x800000, %eax
1:	SET_RESUME(guest_paged, 2f)
	movl %eax, 0x402ffe /* the next page is read-only */
2:	movl CR2, %eax
	outl %eax, $0xf0
	SET_RESUME(guest_paged, 3f)
	movl $0x403008, %edi
	stosl
3:	movl %edi, %eax
	outl %eax, $0xf0
	SET_RESUME(guest_paged, 3f)
	popl 0x403008
3:	movl %esp, %eax
	outl %eax, $0xf0
	/* WP off: it goes through. */
	movl %cr0, %eax
	andl $0xfffeffff, %eax
	movl %eax, %cr0
	movl $0x99, 0x403800
	orl $0x10000, %eax
	movl %eax, %cr0
	SAY('w')
	/* A page that appears without INVLPG, one that goes with it. */
	SET_RESUME(guest_paged, 4f)
	movl 0x404000, %eax
4:	movl $0x205003, 0x102010
	movl 0x404000, %eax
	movl $0, 0x102010
	invlpg 0x404000
	SET_RESUME(guest_paged, 5f)
	movl 0x404000, %eax
5:	/* User mode: in its own page, then in the kernel's. */
	pushl $USER_DATA
	pushl $0x402800
	pushl $0x3002
	pushl $USER_CODE
	pushl $0x402000
	movl $(0x402000 + user_end - guest_user), RESUME
	iret
	tables32 guest_paged
END(guest_paged)

/* What is at 0x402000 for user mode: it reads what is the kernel's. */
GUEST(guest_user)
	movb $'U', %al
	outb %al, $0xe9
	int $0x30
	movl 0x1000, %eax
user_end:
	outl %eax, $0xf8
END(guest_user)

/* ------------------------------------------------------------------- PAE */

GUEST(guest_pae)
	call guest_pae_setup
	movl $0x100000, %eax
	movl %eax, %cr3
	movl $0x20, %eax
	movl %eax, %cr4
	movl $0xc0000080, %ecx
	rdmsr
	orl $0x800, %eax
	wrmsr
	movl %cr0, %eax
	orl $0x80010000, %eax
	movl %eax, %cr0
	SAY('2')
	movb $'P', 0x400000
	movb 0x400000, %al
	outb %al, $0xe9
	/* No execution there. */
	SET_RESUME(guest_pae, 1f)
	movl %esp, %ebp
	movl $0x400000, %ebx
	jmp *%ebx
1:	/* A reserved bit. */
	SET_RESUME(guest_pae, 2f)
	movl 0x600000, %eax
2:	SET_RESUME(guest_pae, 3f)
	movl 0x800000, %eax
3:	hlt
	tables32 guest_pae
END(guest_pae)

/* -------------------------------------------------------------- the ends */

GUEST(guest_triple)
	call guest_triple_setup
	SAY('t')
	lidt AT(guest_triple, triple_idtr)
	ud2
triple_idtr:
	.word 0
	.long 0
	tables32 guest_triple
END(guest_triple)

/* #PF for lack of a stack, for which there is no stack either. */
GUEST(guest_double)
	call guest_double_setup
	movl $0x100000, %eax
	movl %eax, %cr3
	movl $0x10, %eax
	movl %eax, %cr4
	movl %cr0, %eax
	orl $0x80000000, %eax
	movl %eax, %cr0
	/* In user mode, with a kernel stack that is not there. */
	movl $0x900000, TSS + 4
	pushl $USER_DATA
	pushl $0x402800
	pushl $0x3002
	pushl $USER_CODE
	pushl $0x402000
	iret
	tables32 guest_double
END(guest_double)

/* For ever: the handler goes back to what it was for. */
GUEST(guest_loop)
	call guest_loop_setup
	SET_RESUME(guest_loop, 1f)
	movl $AT(guest_loop, 2f), %eax
	movw %ax, IDT + 6 * 8
	SAY('l')
1:	ud2
2:	iret
	tables32 guest_loop
END(guest_loop)

GUEST(guest_spin)
	SAY('l')
	movl $-1, %ecx
	xorl %esi, %esi
	xorl %edi, %edi
	rep movsb
1:	jmp 1b
END(guest_spin)

/* No IDT: the fault is a triple one, and its code is in a block by itself. */
GUEST(guest_plain_triple)
	nop
	ud2
END(guest_plain_triple)

/* Five elements for a port where each may end the run. */
GUEST(guest_string_out)
	movl $LOAD, %esi
	movl $5, %ecx
	movl $0xdc, %edx
	cld
	rep outsl
	hlt
END(guest_string_out)

	.macro page_4m
	movl $0x100000, %eax
	movl %eax, %cr3
	movl $0x10, %eax
	movl %eax, %cr4
	movl %cr0, %eax
	orl $0x80000000, %eax
	movl %eax, %cr0
	.endm

/* Reads each page of 192 MiB of addresses, of which it has 4. */
GUEST(guest_wide_reads)
	page_4m
	movl $0x400000, %esi
	movl $(192 << 20) / 4096, %ecx
1:	movb (%esi), %al
	addl $4096, %esi
	loop 1b
	outl %eax, $0xdc
END(guest_wide_reads)

/* Runs what is there. */
GUEST(guest_wide_code)
	page_4m
	movl $0x400000, %eax
	jmp *%eax
END(guest_wide_code)

/* CR3 where no memory is. */
GUEST(guest_lost)
	call guest_lost_setup
	SAY('o')
	movl $0x70000000, %eax
	movl %eax, %cr3
	movl %cr0, %eax
	orl $0x80000000, %eax
	movl %eax, %cr0
	hlt
	tables32 guest_lost
END(guest_lost)

GUEST(guest_no_gdt)
	lgdt AT(guest_no_gdt, no_gdt)
	movw $8, %ax
	movw %ax, %ds
	hlt
no_gdt:
	.word 0xffff
	.long 0x70000000
END(guest_no_gdt)

/* Steps of one instruction each. */
GUEST(guest_step)
	call guest_step_setup
	movl $AT(guest_step, step_handler), %eax
	movw %ax, IDT + 8
	pushfl
	orl $0x100, (%esp)
	popfl
	nop
	cpuid
	nop
	pushfl
	andl $~0x100, (%esp)
	popfl
	SAY('.')
	hlt
step_handler:
	pushl %eax
	movl %dr6, %eax
	testl $0x4000, %eax
	jz 1f
	SAY('s')
1:	popl %eax
	iret
	tables32 guest_step
END(guest_step)

/* State that must survive: hidden parts, x87, SSE, MSRs. */
GUEST(guest_state)
	call guest_state_setup
	movw $BASED, %ax
	movw %ax, %gs
	/* What GS was loaded from is gone. */
	movl $0, AT(guest_state, guest_state_gdt) + BASED
	movl $0, AT(guest_state, guest_state_gdt) + BASED + 4
	movb $'g', 0x703
	fldpi
	fld1
	movl $0x01020304, %eax
	movd %eax, %xmm5
	movl $0x12345678, %ebx
	movl %ebx, %dr1
	movl $0x176, %ecx
	movl $0x4321, %eax
	xorl %edx, %edx
	wrmsr
	stc
	movw $0xdc, %dx
	inl %dx, %eax
	jnc 9f
	outl %eax, $0xf0
	movb %gs:3, %al
	outb %al, $0xe9
	faddp
	fistpl 0x600
	movl 0x600, %eax
	outl %eax, $0xf0
	movd %xmm5, %eax
	outl %eax, $0xf0
	movl %dr1, %eax
	outl %eax, $0xf0
	rdmsr
	outl %eax, $0xf0
	int $0x30
9:	hlt
	tables32 guest_state
END(guest_state)

/* ------------------------------------------------------------------ long */

	.code64
#define LONG_CODE 0x08
#define LONG_DATA 0x10

#define SET_RESUME64(guest, label) \
	movl $AT(guest, label), RESUME

GUEST(guest_long)
	lgdt AT(guest_long, long_gdtr)
	movw $LONG_DATA, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	pushq $LONG_CODE
	pushq $AT(guest_long, 1f)
	lretq
1:	movl $AT(guest_long, long_stubs), %ebx
	movl $IDT, %edi
	movl $32, %ecx
2:	movl %ebx, %eax
	andl $0xffff, %eax
	orl $(LONG_CODE << 16), %eax
	movl %eax, (%rdi)
	movl %ebx, %eax
	andl $0xffff0000, %eax
	orl $0x8e00, %eax
	movl %eax, 4(%rdi)
	movq $0, 8(%rdi)
	addl $16, %ebx
	addl $16, %edi
	loop 2b
	/* #UD on a stack of its own. */
	movb $1, IDT + 6 * 16 + 4
	movq $KERNEL_STACK, TSS + 36
	lidt AT(guest_long, long_idtr)
	movw $0x28, %ax
	ltr %ax
	SAY('L')
	SET_RESUME64(guest_long, 3f)
	int3
3:	SET_RESUME64(guest_long, 4f)
	ud2
4:	cmpq $STACK, %rsp
	jne 9f
	SET_RESUME64(guest_long, 5f)
	movq $0x123456789a, %rax
	movq (%rax), %rbx
5:	movl CR2 + 4, %eax
	outl %eax, $0xf0
	SET_RESUME64(guest_long, 6f)
	movq $0x8000000000000000, %rax
	movq (%rax), %rbx
6:	SET_RESUME64(guest_long, 7f)
	movl $0x400000, %eax /* no execution */
	jmp *%rax
7:	/* Bits that no address has: of a page, of a table, of CR3. */
	SET_RESUME64(guest_long, 8f)
	movl 0x600000, %eax
8:	SET_RESUME64(guest_long, 8f)
	movl 0x40000000, %eax
8:	SET_RESUME64(guest_long, 8f)
	movq $0x0008000000100000, %rax
	movq %rax, %cr3
8:	/* SSE, and registers that 32 bits have not. */
	movq $0x1122334455667788, %r9
	movq %r9, %xmm9
	movq %xmm9, %rax
	shrq $32, %rax
	outl %eax, $0xf0
	/* SYSCALL, to user mode and back. */
	movl $0xc0000081, %ecx
	xorl %eax, %eax
	movl $0x00100008, %edx
	wrmsr
	movl $0xc0000082, %ecx
	movl $AT(guest_long, long_syscall), %eax
	xorl %edx, %edx
	wrmsr
	movl $0xc0000080, %ecx
	rdmsr
	orl $1, %eax
	wrmsr
	movl $0x200000, %ecx
	movl $0x3002, %r11d
	sysretq
9:	hlt
long_syscall:
	SAY('K')
	movl %ecx, %eax
	outl %eax, $0xf0
	/* 32-bit code, and back to its 64 bits. */
	pushq $0x38
	pushq $AT(guest_long, long_compat)
	lretq
long_back:
	movl $0xc0000101, %ecx
	movl $0x700, %eax
	movl $0, %edx
	wrmsr
	swapgs
	swapgs
	movb $'G', 0x705
	movb %gs:5, %al
	outb %al, $0xe9
	hlt
	.code32
long_compat:
	SAY('c')
	ljmp $LONG_CODE, $AT(guest_long, long_back)
	.code64
	.balign 8
long_gdt:
	.quad 0
	.quad 0x00af9a000000ffff
	.quad 0x00cf92000000ffff
	.quad 0x00cff2000000ffff /* SYSRET: + 8 */
	.quad 0x00affa000000ffff /* + 16 */
	.quad 0x0000890071000067
	.quad 0
	.quad 0x00cf9a000000ffff
long_gdtr:
	.word 63
	.quad AT(guest_long, long_gdt)
long_idtr:
	.word 32 * 16 - 1
	.quad IDT
	.balign 16
long_stubs:
	vector = 0
	.rept 32
	.balign 16
	.if vector != 8 && vector != 10 && vector != 11 && vector != 12 && \
		vector != 13 && vector != 14 && vector != 17
	pushq $0
	.endif
	pushq $vector
	jmp long_common
	vector = vector + 1
	.endr
long_common:
	pushq %rax
	pushq %rdx
	movq %cr2, %rax
	movq %rax, CR2
	movl 16(%rsp), %edx
	addl $0x100, %edx
	movl 24(%rsp), %eax
	outl %eax, %dx
	movl RESUME, %eax
	movq %rax, 32(%rsp)
	popq %rdx
	popq %rax
	addq $16, %rsp
	iretq
END(guest_long)

/* What is at 0x200000 for user mode. */
GUEST(guest_long_user)
	movb $'U', %al
	outb %al, $0xe9
	syscall
END(guest_long_user)

	.section .note.GNU-stack, "", @progbits
