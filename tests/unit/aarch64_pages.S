/*
 * The supervisor page and the part of the syscall page of aarch64, for the
 * assembler to say which bytes they are. abi/layout.h and trap.h are C.
 */
#define DOORBELL_FAULT 0x700040001000
#define CONTROL 0x700000000000
#define HANDLER (CONTROL + 120)
#define FPCR (CONTROL + 132)
#define FPSR (CONTROL + 136)

	.macro address register, value
	movz	\register, #(\value) & 0xffff
	movk	\register, #((\value) >> 32) & 0xffff, lsl #32
	.endm

	.macro ring vector
	movz	x0, #DOORBELL_FAULT & 0xffff
	movk	x0, #(DOORBELL_FAULT >> 16) & 0xffff, lsl #16
	movk	x0, #(DOORBELL_FAULT >> 32) & 0xffff, lsl #32
	str	wzr, [x0, #4 * \vector]
	b	.
	.endm

	.macro other vector
	msr	tpidr_el1, x0
	ring	\vector
	.balignl 128, 0
	.endm

	.text
	.irp	vector, 0, 1, 2, 3, 4, 5, 6, 7
	other	\vector
	.endr

	msr	tpidr_el1, x0
	mrs	x0, esr_el1
	lsr	w0, w0, #24
	cmp	w0, #0x56		/* EC 0x15 with IL */
	b.ne	1f
	mrs	x0, esr_el1
	lsl	w0, w0, #8
	cbz	w0, 2f
	cmp	w0, #1 << 8
	b.ne	1f
	mrs	x0, tpidrro_el0
	msr	elr_el1, x0
	mrs	x0, tpidr_el1
	eret
2:	mrs	x0, elr_el1
	msr	tpidrro_el0, x0
	address	x0, HANDLER
	ldtr	x0, [x0]
	msr	elr_el1, x0
	mrs	x0, tpidr_el1
	eret
1:	ring	8
	.balignl 128, 0

	.irp	vector, 9, 10, 11, 12, 13, 14, 15
	other	\vector
	.endr
	.balignl 4096, 0

	/* The syscall page from MOTE_SYSCALL_RESTORE on. */
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	movi	v\n\().2d, #0
	.endr
	.irp	n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	movi	v\n\().2d, #0
	.endr
	address	x16, FPCR
	ldr	w16, [x16]
	msr	fpcr, x16
	address	x16, FPSR
	ldr	w16, [x16]
	msr	fpsr, x16
	movz	x16, #0
	br	x17
	.balignl 1024, 0
