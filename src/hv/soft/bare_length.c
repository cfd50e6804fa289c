/*
 * How long instructions are (SDM 2, appendix A), so that each is known before
 * Unicorn translates it: some that no CPU takes end its process.
 */
#include "hv/soft/bare_cpu.h"

#define INSN_MAX 15

/* What follows an opcode. */
enum {
	M = 1,	 /* ModRM */
	B = 2,	 /* a byte */
	W = 4,	 /* two bytes */
	Z = 8,	 /* 2 or 4, by the operand */
	V = 16,	 /* 2, 4 or 8 */
	A = 32,	 /* an address */
	G = 64,	 /* an operand for TEST in group 3 only */
	L = 128, /* may be locked, if the operand is in memory */
};

#define ARITHMETIC M | L, M | L, M, M, B, Z, 0, 0
#define COMPARE M, M, M, M, B, Z, 0, 0
#define TIMES8(x) x, x, x, x, x, x, x, x

static const uint8_t one_byte[256] = {
	/* 00 */ ARITHMETIC,
	ARITHMETIC,
	ARITHMETIC,
	ARITHMETIC,
	/* 20 */ ARITHMETIC,
	ARITHMETIC,
	ARITHMETIC,
	COMPARE,
	/* 40 */ TIMES8(0),
	TIMES8(0),
	TIMES8(0),
	TIMES8(0),
	/* 60 */ 0,
	0,
	M,
	M,
	0,
	0,
	0,
	0,
	Z,
	M | Z,
	B,
	M | B,
	0,
	0,
	0,
	0,
	/* 70 */ TIMES8(B),
	TIMES8(B),
	/* 80 */ M | B | L,
	M | Z | L,
	M | B | L,
	M | B | L,
	M,
	M,
	M | L,
	M | L,
	/* 88 */ TIMES8(M),
	/* 90 */ TIMES8(0),
	0,
	0,
	Z | W,
	0,
	0,
	0,
	0,
	0,
	/* a0 */ A,
	A,
	A,
	A,
	0,
	0,
	0,
	0,
	B,
	Z,
	0,
	0,
	0,
	0,
	0,
	0,
	/* b0 */ TIMES8(B),
	TIMES8(V),
	/* c0 */ M | B,
	M | B,
	W,
	0,
	M,
	M,
	M | B,
	M | Z,
	W | B,
	0,
	W,
	0,
	0,
	B,
	0,
	0,
	/* d0 */ M,
	M,
	M,
	M,
	B,
	B,
	0,
	0,
	TIMES8(M),
	/* e0 */ TIMES8(B),
	Z,
	Z,
	Z | W,
	B,
	0,
	0,
	0,
	0,
	/* f0 */ 0,
	0,
	0,
	0,
	0,
	0,
	M | G | B | L,
	M | G | Z | L,
	0,
	0,
	0,
	0,
	0,
	0,
	M | L,
	M | L,
};

static const uint8_t two_bytes[256] = {
	/* 00 */ M,
	M,
	M,
	M,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	M,
	0,
	M | B,
	/* 10 */ TIMES8(M),
	TIMES8(M),
	/* 20 */ TIMES8(M),
	TIMES8(M),
	/* 30 */ TIMES8(0),
	M,
	0,
	M | B,
	0,
	0,
	0,
	0,
	0,
	/* 40 */ TIMES8(M),
	TIMES8(M),
	TIMES8(M),
	TIMES8(M),
	/* 60 */ TIMES8(M),
	TIMES8(M),
	/* 70 */ M | B,
	M | B,
	M | B,
	M | B,
	M,
	M,
	M,
	0,
	TIMES8(M),
	/* 80 */ TIMES8(Z),
	TIMES8(Z),
	/* 90 */ TIMES8(M),
	TIMES8(M),
	/* a0 */ 0,
	0,
	0,
	M,
	M | B,
	M,
	M,
	M,
	0,
	0,
	0,
	M | L,
	M | B,
	M,
	M,
	M,
	/* b0 */ M | L,
	M | L,
	M,
	M | L,
	M,
	M,
	M,
	M,
	M,
	M,
	M | B | L,
	M | L,
	M,
	M,
	M,
	M,
	/* c0 */ M | L,
	M | L,
	M | B,
	M,
	M | B,
	M | B,
	M | B,
	M | L,
	TIMES8(0),
	/* d0 */ TIMES8(M),
	TIMES8(M),
	TIMES8(M),
	TIMES8(M),
	/* f0 */ TIMES8(M),
	TIMES8(M),
};

/* What is known of one while it is measured. */
struct measure {
	const uint8_t *bytes;
	size_t size;
	size_t at;
	bool is_long;
	bool operand; /* there is that prefix */
	bool address;
	bool lock;
	bool wide; /* REX.W */
};

static uint8_t peek(const struct measure *measure, size_t ahead)
{
	size_t at = measure->at + ahead;

	return at < measure->size ? measure->bytes[at] : 0;
}

static void skip_prefixes(struct measure *measure)
{
	for (;; measure->at++) {
		uint8_t byte = peek(measure, 0);

		if (!mti_bare_is_prefix(byte, measure->is_long))
			return;
		measure->wide = false;
		if (byte == 0x66)
			measure->operand = !measure->operand;
		else if (byte == 0x67)
			measure->address = !measure->address;
		else if (byte == 0xf0)
			measure->lock = true;
		else if ((byte & 0xf0) == 0x40)
			measure->wide = byte & 8;
		if (measure->at >= measure->size)
			return;
	}
}

/* ModRM and what belongs to it. */
static void skip_operand(struct measure *measure, bool short_address)
{
	uint8_t modrm = peek(measure, 0);
	uint8_t mod = modrm >> 6;
	uint8_t rm = modrm & 7;

	measure->at++;
	if (mod == 3)
		return;
	if (short_address) {
		measure->at += mod == 2 || (mod == 0 && rm == 6) ? 2 : mod;
		return;
	}
	if (rm == 4) {
		rm = peek(measure, 0) & 7;
		measure->at++;
	}
	if (mod == 1)
		measure->at++;
	else if (mod == 2 || rm == 5)
		measure->at += 4;
}

/* Of INC, DEC, NOT, NEG and so on only some may be locked. */
static bool may_lock(uint16_t opcode, uint8_t what, uint8_t modrm)
{
	uint8_t reg = modrm >> 3 & 7;

	if (!(what & L) || modrm >= 0xc0)
		return false;
	switch (opcode) {
	case 0x80:
	case 0x81:
	case 0x82:
	case 0x83:
		return reg != 7;
	case 0xf6:
	case 0xf7:
		return reg == 2 || reg == 3;
	case 0xfe:
	case 0xff:
		return reg < 2;
	case 0x0fba:
		return reg > 4;
	case 0x0fc7:
		return reg == 1;
	default:
		return true;
	}
}

static size_t immediate(const struct measure *measure, uint8_t what,
			unsigned int operand, unsigned int address)
{
	size_t size = 0;

	if (what & B)
		size += 1;
	if (what & W)
		size += 2;
	if (what & Z)
		size += operand == 2 ? 2 : 4;
	if (what & V)
		size += measure->wide ? 8 : operand;
	if (what & A)
		size += address;
	return size;
}

size_t mti_bare_measure(const uint8_t *bytes, size_t size, bool is_long,
			bool big, bool *bad)
{
	struct measure measure = { .bytes = bytes,
				   .size = size,
				   .is_long = is_long };
	unsigned int operand;
	unsigned int address;
	uint16_t opcode;
	uint8_t modrm;
	uint8_t what;

	skip_prefixes(&measure);
	operand = (is_long || big) != measure.operand ? 4 : 2;
	address = (is_long || big) != measure.address ? 4 : 2;
	if (is_long)
		address = measure.address ? 4 : 8;
	opcode = peek(&measure, 0);
	what = one_byte[opcode];
	measure.at++;
	if (opcode == 0x0f) {
		opcode = (uint16_t)(0x0f00 | peek(&measure, 0));
		what = two_bytes[opcode & 0xff];
		measure.at++;
		if (opcode == 0x0f38 || opcode == 0x0f3a)
			measure.at++;
	}
	modrm = peek(&measure, 0);
	*bad = measure.lock && !may_lock(opcode, what, modrm);
	if (what & M)
		skip_operand(&measure, address == 2);
	if ((what & G) && (modrm & 0x38) > 8)
		what = 0;
	/* Jumps of 64-bit code are always near. */
	if (is_long &&
	    (opcode == 0xe8 || opcode == 0xe9 || (opcode & 0xfff0) == 0x0f80))
		operand = 4;
	measure.at += immediate(&measure, what, operand, address);
	if (measure.at > INSN_MAX)
		*bad = true;
	return measure.at;
}
