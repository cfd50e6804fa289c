#include "arch/amd64/boot.h"

#include <string.h>

#include "abi/trap.h"

/* SDM 3A, "Segment Descriptors"; the accessed bit is set in advance. */
#define DESCRIPTOR_KERNEL_CODE UINT64_C(0x00af9b000000ffff)
#define DESCRIPTOR_KERNEL_DATA UINT64_C(0x00cf93000000ffff)
#define DESCRIPTOR_USER_DATA UINT64_C(0x00cff3000000ffff)
#define DESCRIPTOR_USER_CODE UINT64_C(0x00affb000000ffff)

#define STUB_STRIDE 16
#define TSS_IST1 36
#define TSS_RSP0 4
#define TSS_IOPB_BASE 102
#define TSS_IOPB 104
#define VECTOR_BREAKPOINT 3
/*
 * In the syscall page: an XSAVE area, aligned to 64. CPUs want to read all of
 * it, though it says in its first 576 bytes that it is empty.
 */
#define SYSCALL_IMAGE 1280

_Static_assert(MTI_SUPERVISOR_GDT + MTI_GDT_BYTES <= MTI_SUPERVISOR_TSS, "");
_Static_assert(MTI_SUPERVISOR_TSS + MTI_TSS_BYTES <= MTI_SUPERVISOR_IDT, "");
_Static_assert(MTI_SUPERVISOR_IDT + MTI_IDT_BYTES <= MTI_SUPERVISOR_STUBS, "");
_Static_assert(SYSCALL_IMAGE % 64 == 0 &&
		       SYSCALL_IMAGE + 2816 <= MOTE_PAGE_SIZE,
	       "room for all components below the AMX tiles");
_Static_assert(MTI_SUPERVISOR_STUBS + MOTE_FAULT_VECTORS * STUB_STRIDE <=
		       MOTE_PAGE_SIZE,
	       "");

static void put16(uint8_t *at, uint64_t value)
{
	at[0] = (uint8_t)value;
	at[1] = (uint8_t)(value >> 8);
}

static void put64(uint8_t *at, uint64_t value)
{
	int i;

	for (i = 0; i < 8; i++)
		at[i] = (uint8_t)(value >> (8 * i));
}

static void put_gdt(uint8_t *gdt)
{
	uint64_t base = MOTE_GVA_SUPERVISOR + MTI_SUPERVISOR_TSS;
	/* Available 64-bit TSS, present, DPL 0 (SDM 3A, TSS Descriptor). */
	uint64_t tss = (MTI_TSS_BYTES - 1) | ((base & 0xffffff) << 16) |
		       (UINT64_C(0x89) << 40) | (((base >> 24) & 0xff) << 56);

	put64(gdt + MTI_SELECTOR_KERNEL_CODE, DESCRIPTOR_KERNEL_CODE);
	put64(gdt + MTI_SELECTOR_KERNEL_DATA, DESCRIPTOR_KERNEL_DATA);
	put64(gdt + (MTI_SELECTOR_USER_DATA & ~7), DESCRIPTOR_USER_DATA);
	put64(gdt + (MTI_SELECTOR_USER_CODE & ~7), DESCRIPTOR_USER_CODE);
	put64(gdt + MTI_SELECTOR_TSS, tss);
	put64(gdt + MTI_SELECTOR_TSS + 8, base >> 32);
}

static void put_tss(uint8_t *tss)
{
	uint64_t stack = MOTE_GVA_INTERRUPT_STACK + MOTE_PAGE_SIZE;
	unsigned int port;

	put64(tss + TSS_RSP0, stack);
	put64(tss + TSS_IST1, stack);
	put16(tss + TSS_IOPB_BASE, TSS_IOPB);
	memset(tss + TSS_IOPB, 0xff, MTI_TSS_BYTES - TSS_IOPB);
	for (port = MOTE_PORT_FIRST; port <= MOTE_PORT_LAST; port++)
		tss[TSS_IOPB + port / 8] &= (uint8_t)~(1u << (port % 8));
}

/* SDM 3A, "64-Bit IDT Gate Descriptors": interrupt gates on IST 1. */
static void put_idt(uint8_t *idt)
{
	unsigned int vector;

	for (vector = 0; vector < MOTE_FAULT_VECTORS; vector++) {
		uint64_t stub = MOTE_GVA_SUPERVISOR + MTI_SUPERVISOR_STUBS +
				vector * STUB_STRIDE;
		uint8_t *gate = idt + vector * 16;
		/* Only int3 may be raised by user code on purpose. */
		uint8_t dpl = vector == VECTOR_BREAKPOINT ? 3 : 0;

		put16(gate, stub & 0xffff);
		put16(gate + 2, MTI_SELECTOR_KERNEL_CODE);
		gate[4] = 1;
		gate[5] = (uint8_t)(0x8e | dpl << 5);
		put16(gate + 6, (stub >> 16) & 0xffff);
		put64(gate + 8, stub >> 32);
	}
}

/* The port is the vector; all registers are the guest's. Never resumed. */
static void put_stubs(uint8_t *stubs)
{
	unsigned int vector;

	for (vector = 0; vector < MOTE_FAULT_VECTORS; vector++) {
		uint8_t *stub = stubs + vector * STUB_STRIDE;

		stub[0] = 0xe6; /* out %al, $port */
		stub[1] = (uint8_t)(MOTE_PORT_FAULT + vector);
		stub[2] = 0xf4; /* hlt */
		stub[3] = 0xeb; /* jmp stub + 2 */
		stub[4] = 0xfd;
	}
}

void mti_amd64_supervisor_page(uint8_t page[MOTE_PAGE_SIZE])
{
	put_gdt(page + MTI_SUPERVISOR_GDT);
	put_tss(page + MTI_SUPERVISOR_TSS);
	put_idt(page + MTI_SUPERVISOR_IDT);
	put_stubs(page + MTI_SUPERVISOR_STUBS);
}

/* Appends code; returns where it ends. */
static uint8_t *put_code(uint8_t *at, const void *code, size_t size)
{
	memcpy(at, code, size);
	return at + size;
}

/* A RIP-relative operand at the end of an instruction of the syscall page. */
static uint8_t *put_target(const uint8_t *page, uint8_t *at, uint64_t target)
{
	uint64_t next = MOTE_GVA_SYSCALL + (uint64_t)(at + 4 - page);
	uint32_t displacement = (uint32_t)(target - next);

	return put_code(at, &displacement, sizeof(displacement));
}

/*
 * IA32_LSTAR points here. Hardware arrives at CPL0 with the user's stack,
 * kvm-pvm at CPL3: the same code serves both, uses no stack, and goes on in
 * user mode at the handler that the guest runtime chose. What it stores and
 * loads is in a page the guest may write, at fixed addresses, so that CPL0
 * never touches an address the guest chose. SYSRET with a bad address is
 * #GP at CPL0 and, through the interrupt stack, a guest fault like any other.
 *
 *	mov	%rcx, syscall_return(%rip)
 *	mov	%cs, %ecx
 *	test	$3, %cl
 *	jnz	1f
 *	mov	syscall_handler(%rip), %rcx
 *	mov	$0x202, %r11d
 *	sysretq
 * 1:	jmp	*syscall_handler(%rip)
 */
static void put_syscall(uint8_t *page)
{
	static const uint8_t head[] = { 0x48, 0x89, 0x0d };
	static const uint8_t check[] = { 0x8c, 0xc9, 0xf6, 0xc1, 0x03,
					 0x75, 0x10, 0x48, 0x8b, 0x0d };
	static const uint8_t leave[] = { 0x41, 0xbb, 0x02, 0x02, 0x00,
					 0x00, 0x48, 0x0f, 0x07 };
	static const uint8_t jump[] = { 0xff, 0x25 };
	uint64_t handler = MOTE_GVA_CONTROL + MOTE_CONTROL_SYSCALL_HANDLER;
	uint8_t *at = page;

	at = put_code(at, head, sizeof(head));
	at = put_target(page, at,
			MOTE_GVA_CONTROL + MOTE_CONTROL_SYSCALL_RETURN);
	at = put_code(at, check, sizeof(check));
	at = put_target(page, at, handler);
	at = put_code(at, leave, sizeof(leave));
	at = put_code(at, jump, sizeof(jump));
	put_target(page, at, handler);
}

/*
 * Where the first entry after a restore begins, in user mode; eax is 0.
 * Segment registers, because kvm-pvm keeps what the guest loaded whatever
 * the host sets. FNINIT, because some CPUs load the x87 pointers to the last
 * instruction and operand only if an exception is pending (APM 2, "FXSAVE
 * and FXRSTOR Instructions"), and would keep those of the last caller. The
 * image says that every component has its first value; all but MXCSR, which
 * is loaded from it, and then from the control page. AMX tiles (bit 18) are
 * left out: their image would not fit, and no guest can use them. Moves leave
 * the flags alone.
 *
 * segments:
 *	mov	%eax, %fs
 *	wrfsbase %rcx
 *	mov	%eax, %gs
 *	wrgsbase %rdx
 *	mov	%eax, %ds
 *	mov	%eax, %es
 *	jmp	*%r10
 * xsave:
 *	fninit
 *	mov	$~(1 << 18), %eax
 *	mov	$-1, %edx
 *	xrstor	image(%rip)
 *	jmp	1f
 * fxsave:
 *	fninit
 *	fxrstor	image(%rip)
 * 1:	fldcw	x87_control(%rip)
 *	ldmxcsr	mxcsr(%rip)
 *	jmp	end
 * end:
 *	mov	$0, %eax
 *	mov	$0, %edx
 *	mov	$0, %ecx
 *	mov	$0, %r10d
 *	jmp	*%r11
 */
static void put_restore(uint8_t *page)
{
	static const uint8_t segments[] = {
		0x8e, 0xe0, 0xf3, 0x48, 0x0f, 0xae, 0xd1, 0x8e, 0xe8, 0xf3,
		0x48, 0x0f, 0xae, 0xda, 0x8e, 0xd8, 0x8e, 0xc0, 0x41, 0xff,
		0xe2
	};
	static const uint8_t xrstor[] = { 0xdb, 0xe3, 0xb8, 0xff, 0xff,
					  0xfb, 0xff, 0xba, 0xff, 0xff,
					  0xff, 0xff, 0x0f, 0xae, 0x2d };
	static const uint8_t fxrstor[] = { 0xdb, 0xe3, 0x0f, 0xae, 0x0d };
	static const uint8_t fldcw[] = { 0xd9, 0x2d };
	static const uint8_t ldmxcsr[] = { 0x0f, 0xae, 0x15 };
	static const uint8_t end[] = {
		0xb8, 0, 0, 0, 0, 0xba, 0, 0, 0, 0, 0xb9, 0, 0, 0, 0,
		0x41, 0xba, 0, 0, 0, 0, 0x41, 0xff, 0xe3
	};
	const uint64_t image = MOTE_GVA_SYSCALL + SYSCALL_IMAGE;
	uint8_t *at;

	put_code(page + MTI_RESTORE_SEGMENTS, segments, sizeof(segments));
	at = put_code(page + MTI_RESTORE_XSAVE, xrstor, sizeof(xrstor));
	at = put_target(page, at, image);
	*at++ = 0xeb;
	*at = (uint8_t)(MTI_RESTORE_FXSAVE + sizeof(fxrstor) + 4 -
			(uint64_t)(at + 1 - page));
	at = put_code(page + MTI_RESTORE_FXSAVE, fxrstor, sizeof(fxrstor));
	at = put_target(page, at, image);
	at = put_code(at, fldcw, sizeof(fldcw));
	at = put_target(page, at,
			MOTE_GVA_CONTROL + MOTE_CONTROL_X87_CONTROL);
	at = put_code(at, ldmxcsr, sizeof(ldmxcsr));
	at = put_target(page, at, MOTE_GVA_CONTROL + MOTE_CONTROL_MXCSR);
	*at++ = 0xeb;
	*at = (uint8_t)(MTI_RESTORE_END - (uint64_t)(at + 1 - page));
	put_code(page + MTI_RESTORE_END, end, sizeof(end));
	/* FCW and MXCSR (SDM 1, "Legacy Region of an XSAVE Area"). */
	put16(page + SYSCALL_IMAGE, MTI_X87_CONTROL_RESET);
	put16(page + SYSCALL_IMAGE + 24, MTI_MXCSR_RESET);
}

void mti_amd64_syscall_page(uint8_t page[MOTE_PAGE_SIZE])
{
	put_syscall(page);
	put_restore(page);
}

void mti_amd64_put_control(const struct mti_cpu_state *state,
			   struct mote_abi_control *control)
{
	control->mxcsr = state->mxcsr;
	control->x87_control = (uint16_t)state->x87_control;
	control->reserved3 = 0;
}
