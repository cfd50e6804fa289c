/*
 * One function for each way of crashing. See hostile.inc for the registers.
 */
#include "hostile.inc"

export Answer, "I()"
	movq $42, SLOT + SLOT_VALUE(%rcx)
	jmp done

/* --------------------------------------------------------------- memory */

export Read, "I(U)"
	mov %rax, %r12
	faulting mov (%r12), %dl
	jmp done

export Write, "I(U)"
	mov %rax, %r12
	faulting movb $0x90, (%r12)
	jmp done

export Jump, "I(U)"
	mov %rax, %r12
	mov %rax, %rbx
	jmp *%rax

export Call, "I(U)"
	mov %rax, %r12
	mov %rax, %rbx
	call *%rax
	jmp done

/* Where a jump to it is noticed is the CPU maker's choice. */
export JumpAnywhere, "I(U)"
	jmp *%rax

export WriteCode, "I()"
	lea done(%rip), %r12
	faulting movb $0x90, (%r12)
	jmp done

	.section .rodata
constant:
	.quad 0
	.text
export WriteConstant, "I()"
	lea constant(%rip), %r12
	faulting movl $1, (%r12)
	jmp done

	.data
	.p2align 4
data:	ret
	.bss
	.p2align 4
zeros:	.skip 16
	.text
export ExecuteData, "I()"
	lea data(%rip), %r12
	mov %r12, %rbx
	jmp *%r12

export ExecuteZeros, "I()"
	lea zeros(%rip), %r12
	mov %r12, %rbx
	jmp *%r12

export ExecuteConstant, "I()"
	lea constant(%rip), %r12
	mov %r12, %rbx
	jmp *%r12

export ExecuteStack, "I()"
	lea -64(%rsp), %r12
	movb $0xc3, (%r12)
	mov %r12, %rbx
	jmp *%r12

export ExecuteHeap, "I()"
	movabs $HEAP, %r12
	movb $0xc3, (%r12)
	mov %r12, %rbx
	jmp *%r12

/* The last byte of the heap is there, the next is not. */
export PastHeap, "I()"
	movabs $CONTROL, %rax
	mov CONTROL_HEAP_SIZE(%rax), %rax
	movabs $HEAP, %r12
	add %rax, %r12
	movb $1, -1(%r12)
	faulting movb $1, (%r12)
	jmp done

/* rsi: the area; its size is that of the I/O areas. */
export PastArea, "I(U)"
	movabs $CONTROL, %rdx
	mov CONTROL_IO_SIZE(%rdx), %r12
	add %rax, %r12
	movb $1, -1(%r12)
	faulting movb $1, (%r12)
	jmp done

export BelowStack, "I()"
	movabs $CONTROL, %rax
	movabs $STACK_TOP, %r12
	sub CONTROL_STACK_SIZE(%rax), %r12
	movb $1, (%r12)
	dec %r12
	faulting movb $1, (%r12)
	jmp done

export Recurse, "I()"
	movabs $CONTROL, %rax
	movabs $STACK_TOP, %r12
	sub CONTROL_STACK_SIZE(%rax), %r12
	sub $8, %r12
	lea 1f(%rip), %rbx
1:	call 1b
	jmp done

export HugeFrame, "I()"
	sub $(100 << 20), %rsp
	lea -8(%rsp), %r12
	faulting push %rax
	jmp done

/* A word over the border between two regions. */
export Straddle, "I(U)"
	lea 4(%rax), %r12
	faulting mov (%rax), %rdx
	jmp done

/* --------------------------------------------------------- computation */

export DivideByZero, "I()"
	xor %ecx, %ecx
	mov $1, %eax
	cdq
	faulting div %ecx
	jmp done

export DivideOverflow, "I()"
	mov $0x80000000, %eax
	cdq
	mov $-1, %ecx
	faulting idiv %ecx
	jmp done

export DivideOverflow64, "I()"
	movabs $0x8000000000000000, %rax
	cqo
	mov $-1, %rcx
	faulting idiv %rcx
	jmp done

export SseException, "I()"
	movl $0x1d80, -8(%rsp)		/* division by zero unmasked */
	ldmxcsr -8(%rsp)
	xorps %xmm1, %xmm1
	movl $0x3f800000, -8(%rsp)
	movss -8(%rsp), %xmm0
	faulting divss %xmm1, %xmm0
	jmp done

export X87Exception, "I()"
	fninit
	movw $0x037b, -8(%rsp)		/* division by zero unmasked */
	fldcw -8(%rsp)
	fld1
	fldz
	fdivrp
	faulting fwait
	jmp done

export AlignmentCheck, "I()"
	pushf
	orl $0x40000, (%rsp)
	popf
	faulting mov -7(%rsp), %edx
	jmp done

export MisalignedVector, "I()"
	faulting movaps %xmm0, -7(%rsp)
	jmp done

export ReservedMxcsr, "I()"
	movl $0xffff0000, -8(%rsp)
	faulting ldmxcsr -8(%rsp)
	jmp done

/* --------------------------------------------- instructions, one by one */

	.macro instruction name, insn:vararg
	export \name, "I()"
	faulting \insn
	jmp done
	.endm

	instruction Ud2, ud2
	instruction Ud0, .byte 0x0f, 0xff, 0xc0
	instruction InvalidOpcode, .byte 0x06
	instruction Hlt, hlt
	instruction Cli, cli
	instruction Sti, sti
	instruction Clts, clts
	instruction Invd, invd
	instruction Wbinvd, wbinvd
	instruction Invlpg, invlpg (%rsp)
	instruction Swapgs, swapgs
	instruction Sysret, sysretq
	instruction Sysexit, sysexitl
	instruction Sysenter, sysenter
	instruction ReadCr0, mov %cr0, %rdx
	instruction ReadCr2, mov %cr2, %rdx
	instruction ReadCr3, mov %cr3, %rdx
	instruction ReadCr4, mov %cr4, %rdx
	instruction ReadCr8, mov %cr8, %rdx
	instruction WriteCr0, mov %rax, %cr0
	instruction WriteCr3, mov %rax, %cr3
	instruction WriteCr4, mov %rax, %cr4
	instruction WriteCr8, mov %rax, %cr8
	instruction ReadDr7, mov %dr7, %rdx
	instruction WriteDr0, mov %rax, %dr0
	instruction WriteDr7, mov %rax, %dr7
	instruction Rdmsr, rdmsr
	instruction Wrmsr, wrmsr
	instruction Lgdt, lgdt -16(%rsp)
	instruction Lidt, lidt -16(%rsp)
	instruction Lldt, lldt %ax
	instruction Ltr, ltr %ax
	instruction Lmsw, lmsw %ax
	instruction Monitor, monitor
	instruction Mwait, mwait
	instruction Vmrun, .byte 0x0f, 0x01, 0xd8
	instruction Vmload, .byte 0x0f, 0x01, 0xda
	instruction Stgi, .byte 0x0f, 0x01, 0xdc
	instruction Vmxoff, .byte 0x0f, 0x01, 0xc4
	instruction Vmlaunch, .byte 0x0f, 0x01, 0xc2
	instruction Encls, .byte 0x0f, 0x01, 0xcf
	instruction Getsec, .byte 0x0f, 0x37
	instruction Rsm, .byte 0x0f, 0xaa
	instruction Int0, int $0
	instruction Int1, .byte 0xcd, 1
	instruction Int2, int $2
	instruction Int4, int $4
	instruction Int8, int $8
	instruction Int13, int $13
	instruction Int14, int $14
	instruction Int31, int $31
	instruction Int32, int $32
	instruction Int80, int $0x80
	instruction Int255, int $255
	instruction MovssNull, mov %edx, %ss

export Xsetbv, "I()"
	xor %ecx, %ecx
	xor %edx, %edx
	mov $1, %eax
	faulting xsetbv
	jmp done

/* The CPU has left the instruction when it reports these. */
export Int3, "I()"
	trapping int3
	jmp done

export Int3Long, "I()"
	trapping .byte 0xcd, 3
	jmp done

export Icebp, "I()"
	trapping .byte 0xf1
	jmp done

export SingleStep, "I()"
	lea 1f(%rip), %rbx
	pushf
	orl $0x100, (%rsp)
	popf
	nop
1:	nop
	jmp done

/* ---------------------------------------------------------------- ports */

	.macro port_function name, insn:vararg
	export \name, "I(U)"
	mov %eax, %edx
	mov %rsp, %rdi
	mov %rsp, %rsi
	sub $64, %rsi
	sub $64, %rdi
	mov $1, %ecx
	xor %eax, %eax
	faulting \insn
	jmp done
	.endm

	port_function Out1, out %al, %dx
	port_function Out2, out %ax, %dx
	port_function Out4, out %eax, %dx
	port_function In1, in %dx, %al
	port_function In2, in %dx, %ax
	port_function In4, in %dx, %eax
	port_function Outs1, outsb
	port_function Outs4, outsl
	port_function Ins1, insb
	port_function RepOuts4, rep outsl
	port_function RepIns4, rep insl
	instruction OutImmediate20, out %al, $0x20
	instruction OutImmediate2e, out %al, $0x2e
	instruction InImmediate60, in $0x60, %al

/* --------------------------------------------------- segments and flags */

/* A selector into a segment register: null ones and the user's may pass. */
	.macro load_function name, segment
	export \name, "I(U)"
	faulting mov %eax, \segment
	jmp done
	.endm

	load_function LoadDs, %ds
	load_function LoadEs, %es
	load_function LoadFs, %fs
	load_function LoadGs, %gs
	load_function LoadSs, %ss

export FarReturn, "I(U)"
	sub $64, %rsp
	mov %rax, %rdx
	lea 1f(%rip), %rcx
	push %rdx
	push %rcx
	faulting lretq
1:	cli
	jmp done

export FarJump, "I(U)"
	lea 1f(%rip), %rcx
	mov %rcx, -16(%rsp)
	mov %ax, -8(%rsp)
	faulting .byte 0x48, 0xff, 0x6c, 0x24, 0xf0 /* rex.W ljmp *-16(%rsp) */
1:	cli
	jmp done

export FarCall, "I(U)"
	lea 1f(%rip), %rcx
	mov %rcx, -16(%rsp)
	mov %ax, -8(%rsp)
	faulting .byte 0x48, 0xff, 0x5c, 0x24, 0xf0 /* rex.W lcall *-16(%rsp) */
1:	cli
	jmp done

/* To a code selector of the caller's choice, with all flags set. */
export Iret, "I(UUU)"
	lea 1f(%rip), %rcx
	mov %rsp, %rbp
	push %rsi			/* ss */
	push %rbp
	push %rdx			/* flags */
	push %rax			/* cs */
	push %rcx
	faulting iretq
1:	jmp done

/* IOPL 3 and IF by popf: silently not taken. */
export PopfThenCli, "I()"
	pushf
	orl $0x3000, (%rsp)
	popf
	faulting cli
	jmp done

export PopfThenOut, "I()"
	pushf
	orl $0x3000, (%rsp)
	popf
	faulting out %al, $0x80
	jmp done

export NestedTaskIret, "I()"
	pushf
	orl $0x4000, (%rsp)
	popf
	faulting iretq
	jmp done

export Popf, "I(U)"
	push %rax
	popf
	jmp done

export SetFsBase, "I(U)"
	faulting wrfsbase %rax
	jmp done

export SetGsBase, "I(U)"
	faulting wrgsbase %rax
	jmp done

export ReadThroughFs, "I(U)"
	mov %rax, %r12
	wrfsbase %rax
	faulting mov %fs:0, %dl
	jmp done

/* ------------------------------------------------ the stack and syscall */

/* A fault with a stack pointer of the guest's choice. */
export FaultWithStack, "I(U)"
	mov %rax, %rsp
	faulting ud2

export BreakWithStack, "I(U)"
	mov %rax, %rsp
	trapping int3

export PushWithStack, "I(U)"
	mov %rax, %rsp
	lea -8(%rax), %r12
	faulting push %rdx

	.macro set_handler register
	movabs $CONTROL, %rdi
	mov \register, CONTROL_SYSCALL_HANDLER(%rdi)
	.endm

/* The handler anywhere. */
export SyscallTo, "I(U)"
	mov %rax, %r12
	mov %rax, %rbx
	set_handler %rax
	syscall
	ud2

/* The handler is in user mode: rsp is not touched, cli does not work. */
export SyscallCli, "I(U)"
	mov %rax, %rsp
	lea 1f(%rip), %rbx
	set_handler %rbx
	syscall
	ud2
1:	cli
	jmp done

/* syscall with every flag set that popf takes: TF, DF, NT, AC. */
export SyscallFlags, "I()"
	lea 1f(%rip), %rdx
	set_handler %rdx
	pushf
	orl $0x44400, (%rsp)
	popf
	syscall
	ud2
1:	faulting ud2

export SyscallStep, "I()"
	lea 1f(%rip), %rdx
	set_handler %rdx
	pushf
	orl $0x100, (%rsp)
	popf
	syscall
	ud2
1:	ud2

/* syscall works, again and again: rdx times. */
export SyscallLoop, "I(U)"
	lea 1f(%rip), %rdx
	set_handler %rdx
	mov %rax, %rbx
2:	syscall
1:	dec %rbx
	jnz 2b
	movabs $OUT_AREA, %rcx
	movq $1, SLOT + SLOT_VALUE(%rcx)
	jmp done

/* Straight into the stub of the syscall page, at any byte of it. */
export JumpToStub, "I(U)"
	movabs $SYSCALL_PAGE, %rdx
	add %rax, %rdx
	lea 1f(%rip), %rcx
	set_handler %rcx
	mov $0x202, %r11d
	jmp *%rdx
1:	faulting ud2

/* ------------------------------------- may go on: they only have to end */

export Vmmcall, "I()"
	mov $-1, %rax
	faulting vmmcall
	jmp done

export Vmcall, "I()"
	mov $-1, %rax
	faulting vmcall
	jmp done

export Sgdt, "I()"
	faulting sgdt -16(%rsp)
	jmp done

export Sidt, "I()"
	faulting sidt -16(%rsp)
	jmp done

export Str, "I()"
	faulting str %eax
	jmp done

export Smsw, "I()"
	faulting smsw %eax
	jmp done

export Rdpmc, "I()"
	xor %ecx, %ecx
	faulting rdpmc
	jmp done

export Rdpkru, "I()"
	xor %ecx, %ecx
	faulting rdpkru
	jmp done

export Xbegin, "I()"
	faulting xbegin 1f
1:	jmp done

export Lar, "I(U)"
	faulting lar %eax, %edx
	jmp done

export Abort, "I(U)"
	mov %rax, %rdi
	mov $6, %eax
	mov $MOTE_PORT_ABORT, %edx
	out %eax, %dx
	jmp done

export Exit, "I(U)"
	mov $MOTE_PORT_EXIT, %edx
	out %eax, %dx
	jmp done

	.section .note.GNU-stack, "", @progbits
