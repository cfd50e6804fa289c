#include "arch/aarch64/boot.h"

#include <string.h>

/*
 * Into the doorbell of the faults, see abi/trap.h: which vector it was. All
 * registers but x0 are the guest's. Never resumed.
 *
 *	movz	x0, #0x1000
 *	movk	x0, #0x4000, lsl #16
 *	movk	x0, #0x7000, lsl #32
 *	str	wzr, [x0, #4 * vector]
 *	b	.
 */
static const uint32_t ring[] = {
	0xd2820000, 0xf2a80000, 0xf2ce0000, 0xb900001f, 0x14000000,
};

_Static_assert(MOTE_GVA_DOORBELL_FAULT == UINT64_C(0x700040001000), "ring");

#define RING_STORE 3
/* The field of STR is in units of 4 bytes. */
#define STORE_OFFSET_SHIFT 10

/*
 * A synchronous exception of user mode: `svc` goes on there, whatever else
 * it is rings. One register is free, and so are the flags, which ERET loads.
 * What is read from memory, the address of the handler, is read with user
 * mode's rights (LDTR); a bad one is a fault of user mode.
 *
 *	msr	tpidr_el1, x0
 *	mrs	x0, esr_el1
 *	lsr	w0, w0, #24
 *	cmp	w0, #0x56		// EC 0x15, SVC; IL
 *	b.ne	1f
 *	mrs	x0, esr_el1
 *	lsl	w0, w0, #8
 *	cbz	w0, 2f			// svc #0
 *	cmp	w0, #0x100
 *	b.ne	1f
 *	mrs	x0, tpidrro_el0		// svc #1
 *	msr	elr_el1, x0
 *	mrs	x0, tpidr_el1
 *	eret
 * 2:	mrs	x0, elr_el1
 *	msr	tpidrro_el0, x0
 *	movz	x0, #0x78		// syscall_handler
 *	movk	x0, #0x7000, lsl #32
 *	ldtr	x0, [x0]
 *	msr	elr_el1, x0
 *	mrs	x0, tpidr_el1
 *	eret
 * 1:	(ring)
 */
static const uint32_t synchronous[] = {
	0xd518d080, 0xd5385200, 0x53187c00, 0x7101581f, 0x54000241,
	0xd5385200, 0x53185c00, 0x340000e0, 0x7104001f, 0x540001a1,
	0xd53bd060, 0xd5184020, 0xd538d080, 0xd69f03e0, 0xd5384020,
	0xd51bd060, 0xd2800f00, 0xf2ce0000, 0xf8400800, 0xd5184020,
	0xd538d080, 0xd69f03e0,
};

_Static_assert(MOTE_GVA_CONTROL + MOTE_CONTROL_SYSCALL_HANDLER ==
		       UINT64_C(0x700000000078),
	       "synchronous");
_Static_assert(MOTE_SVC_CALL == 0 && MOTE_SVC_RETURN == 1, "synchronous");
_Static_assert(sizeof(synchronous) + sizeof(ring) <= MTI_AARCH64_VECTOR_BYTES,
	       "synchronous");

/* Of all other vectors: msr tpidr_el1, x0. */
static const uint32_t other[] = { 0xd518d080 };

/* Instructions are little-endian (Arm ARM, B2.6.2). */
static uint8_t *put_code(uint8_t *at, const uint32_t *code, size_t size)
{
	size_t i;

	for (i = 0; i < size / sizeof(*code); i++) {
		*at++ = (uint8_t)code[i];
		*at++ = (uint8_t)(code[i] >> 8);
		*at++ = (uint8_t)(code[i] >> 16);
		*at++ = (uint8_t)(code[i] >> 24);
	}
	return at;
}

void mti_aarch64_supervisor_page(uint8_t page[MOTE_PAGE_SIZE])
{
	uint32_t code[sizeof(ring) / sizeof(ring[0])];
	uint32_t vector;

	_Static_assert(MOTE_DOORBELL_VECTORS * MTI_AARCH64_VECTOR_BYTES <=
			       MOTE_PAGE_SIZE,
		       "vectors");
	memcpy(code, ring, sizeof(ring));
	for (vector = 0; vector < MOTE_DOORBELL_VECTORS; vector++) {
		uint8_t *at = page + (size_t)vector * MTI_AARCH64_VECTOR_BYTES;

		if (vector == MOTE_DOORBELL_SYNCHRONOUS)
			at = put_code(at, synchronous, sizeof(synchronous));
		else
			at = put_code(at, other, sizeof(other));
		code[RING_STORE] = ring[RING_STORE] |
				   vector << STORE_OFFSET_SHIFT;
		put_code(at, code, sizeof(code));
	}
}

/*
 * Where the first entry after a restore begins, in user mode. Moves leave
 * the flags alone.
 *
 *	movi	v0.2d, #0		// to v31
 *	movz	x16, #0x84		// fpcr
 *	movk	x16, #0x7000, lsl #32
 *	ldr	w16, [x16]
 *	msr	fpcr, x16
 *	movz	x16, #0x88		// fpsr
 *	movk	x16, #0x7000, lsl #32
 *	ldr	w16, [x16]
 *	msr	fpsr, x16
 *	movz	x16, #0
 *	br	x17
 */
static const uint32_t control_words[] = {
	0xd2801090, 0xf2ce0010, 0xb9400210, 0xd51b4410, 0xd2801110,
	0xf2ce0010, 0xb9400210, 0xd51b4430, 0xd2800010, 0xd61f0220,
};

#define MOVI_ZERO UINT32_C(0x6f00e400)
#define VECTORS 32

_Static_assert(MOTE_GVA_CONTROL + MOTE_CONTROL_FPCR ==
			       UINT64_C(0x700000000084) &&
		       MOTE_CONTROL_FPSR == MOTE_CONTROL_FPCR + 4,
	       "control_words");

void mti_aarch64_syscall_page(uint8_t page[MOTE_PAGE_SIZE])
{
	uint8_t *at = page + MOTE_SYSCALL_RESTORE;
	uint32_t i;

	for (i = 0; i < VECTORS; i++) {
		const uint32_t clear = MOVI_ZERO | i;

		at = put_code(at, &clear, sizeof(clear));
	}
	put_code(at, control_words, sizeof(control_words));
}

void mti_aarch64_put_control(const struct mti_cpu_state *state,
			     struct mote_abi_control *control)
{
	control->fpcr = state->fpcr;
	control->fpsr = state->fpsr;
}
