/*
 * Which instructions are sensitive, and what these few are made of
 * (SDM 2, chapter 2).
 */
#include <string.h>

#include "hv/soft/bare_cpu.h"

#define CODE_MAX 15

/* For opcodes of one and of two bytes. */
enum {
	YES = 1,
	LEGACY,	  /* not in 64-bit code */
	INDIRECT, /* if it is a far transfer */
	PAUSE,	  /* with that prefix; Unicorn would leave */
};

static const uint8_t one_byte[256] = {
	[0x06] = LEGACY, [0x07] = LEGACY, [0x0e] = LEGACY,   [0x16] = LEGACY,
	[0x17] = LEGACY, [0x1e] = LEGACY, [0x1f] = LEGACY,   [0x6c] = YES,
	[0x6d] = YES,	 [0x6e] = YES,	  [0x6f] = YES,	     [0x8c] = YES,
	[0x8e] = YES,	 [0x90] = PAUSE,  [0x9a] = LEGACY,   [0x9c] = YES,
	[0x9d] = YES,	 [0xc4] = YES,	  [0xc5] = YES,	     [0xca] = YES,
	[0xcb] = YES,	 [0xcc] = YES,	  [0xcd] = YES,	     [0xce] = LEGACY,
	[0xcf] = YES,	 [0xe4] = YES,	  [0xe5] = YES,	     [0xe6] = YES,
	[0xe7] = YES,	 [0xea] = LEGACY, [0xec] = YES,	     [0xed] = YES,
	[0xee] = YES,	 [0xef] = YES,	  [0xf1] = YES,	     [0xf4] = YES,
	[0xfa] = YES,	 [0xfb] = YES,	  [0xff] = INDIRECT,
};

static const uint8_t two_bytes[256] = {
	[0x00] = YES, [0x01] = YES, [0x02] = YES, [0x03] = YES, [0x05] = YES,
	[0x06] = YES, [0x07] = YES, [0x08] = YES, [0x09] = YES, [0x20] = YES,
	[0x21] = YES, [0x22] = YES, [0x23] = YES, [0x30] = YES, [0x32] = YES,
	[0x33] = YES, [0x34] = YES, [0x35] = YES, [0x37] = YES, [0xa0] = YES,
	[0xa1] = YES, [0xa2] = YES, [0xa8] = YES, [0xa9] = YES, [0xaa] = YES,
	[0xb2] = YES, [0xb4] = YES, [0xb5] = YES,
};

bool mti_bare_is_prefix(uint8_t byte, bool is_long)
{
	switch (byte) {
	case 0x26:
	case 0x2e:
	case 0x36:
	case 0x3e:
	case 0x64:
	case 0x65:
	case 0x66:
	case 0x67:
	case 0xf0:
	case 0xf2:
	case 0xf3:
		return true;
	default:
		return is_long && (byte & 0xf0) == 0x40;
	}
}

bool mti_bare_is_sensitive(const uint8_t *bytes, size_t size, bool is_long,
			   bool big)
{
	bool repeated = false;
	bool locked = false;
	bool bad = false;
	uint8_t next;
	size_t i = 0;

	while (i < size && mti_bare_is_prefix(bytes[i], is_long)) {
		repeated |= bytes[i] == 0xf3;
		locked |= bytes[i] == 0xf0;
		i++;
	}
	if (i == size)
		return size == CODE_MAX;
	if (locked)
		(void)mti_bare_measure(bytes, size, is_long, big, &bad);
	if (bad)
		return true;
	next = i + 1 < size ? bytes[i + 1] : 0xc0;
	if (bytes[i] == 0x0f)
		return i + 1 < size && two_bytes[next] == YES;
	switch (one_byte[bytes[i]]) {
	case YES:
		return true;
	case LEGACY:
		return !is_long;
	case INDIRECT:
		return ((next >> 3) & 7) == 3 || ((next >> 3) & 7) == 5;
	case PAUSE:
		return repeated;
	default:
		return false;
	}
}

/* ------------------------------------------------------------- decoding */

struct cursor {
	uint8_t bytes[CODE_MAX];
	size_t size;
	size_t at;
	bool failed;
};

static uint64_t take(struct cursor *cursor, size_t size)
{
	uint64_t value = 0;

	if (size > cursor->size - cursor->at) {
		cursor->failed = true;
		return 0;
	}
	memcpy(&value, cursor->bytes + cursor->at, size);
	cursor->at += size;
	return value;
}

static uint64_t take_signed(struct cursor *cursor, size_t size)
{
	uint64_t value = take(cursor, size);

	if (size == 1)
		return (uint64_t)(int8_t)value;
	if (size == 2)
		return (uint64_t)(int16_t)value;
	return (uint64_t)(int32_t)value;
}

static int8_t segment_of(uint8_t prefix)
{
	switch (prefix) {
	case 0x26:
		return MTI_BARE_ES;
	case 0x2e:
		return MTI_BARE_CS;
	case 0x36:
		return MTI_BARE_SS;
	case 0x3e:
		return MTI_BARE_DS;
	case 0x64:
		return MTI_BARE_FS;
	case 0x65:
		return MTI_BARE_GS;
	default:
		return -1;
	}
}

static uint8_t take_prefixes(struct mti_soft_bare *bare, struct cursor *cursor,
			     struct insn *insn)
{
	bool is_long = mti_bare_is_long(bare);
	bool big = bare->segments[MTI_BARE_CS].attributes & SEG_BIG;
	bool other_operand = false;
	bool other_address = false;
	uint8_t byte = (uint8_t)take(cursor, 1);

	insn->override = -1;
	for (; !cursor->failed && mti_bare_is_prefix(byte, is_long);
	     byte = (uint8_t)take(cursor, 1)) {
		/* Only right before the opcode does it count. */
		insn->rex = 0;
		if (byte == 0x66)
			other_operand = true;
		else if (byte == 0x67)
			other_address = true;
		else if (byte == 0xf0)
			insn->lock = true;
		else if (byte == 0xf2 || byte == 0xf3)
			insn->repeat = byte;
		else if (is_long && (byte & 0xf0) == 0x40)
			insn->rex = byte;
		else
			insn->override = segment_of(byte);
	}
	if (is_long) {
		insn->operand = insn->rex & 8 ? 8 : other_operand ? 2 : 4;
		insn->address = other_address ? 4 : 8;
		if (insn->override != MTI_BARE_FS &&
		    insn->override != MTI_BARE_GS)
			insn->override = -1;
	} else {
		insn->operand = big != other_operand ? 4 : 2;
		insn->address = big != other_address ? 4 : 2;
	}
	return byte;
}

static void take_short_address(struct mti_soft_bare *bare,
			       struct cursor *cursor, struct insn *insn)
{
	static const uint8_t bases[] = {
		RBX, RBX, RBP, RBP, RSI, RDI, RBP, RBX
	};
	const uint64_t *regs = bare->regs;
	uint8_t rm = insn->rm;

	if (insn->mod == 0 && rm == 6) {
		insn->offset = take(cursor, 2);
		return;
	}
	insn->offset = regs[bases[rm]];
	if (rm < 4)
		insn->offset += rm & 1 ? regs[RDI] : regs[RSI];
	if (bases[rm] == RBP)
		insn->segment = MTI_BARE_SS;
	if (insn->mod == 1)
		insn->offset += take_signed(cursor, 1);
	else if (insn->mod == 2)
		insn->offset += take_signed(cursor, 2);
}

static void take_address(struct mti_soft_bare *bare, struct cursor *cursor,
			 struct insn *insn)
{
	const uint64_t *regs = bare->regs;
	uint8_t base = insn->rm & 7;
	bool has_base = true;

	if (base == 4) {
		uint8_t sib = (uint8_t)take(cursor, 1);
		uint8_t index =
			(uint8_t)((sib >> 3 & 7) | (insn->rex & 2 ? 8 : 0));

		base = sib & 7;
		if (index != RSP)
			insn->offset += regs[index] << (sib >> 6);
		has_base = base != 5 || insn->mod != 0;
		if (!has_base)
			insn->offset += take_signed(cursor, 4);
	} else if (base == 5 && insn->mod == 0) {
		has_base = false;
		insn->offset = take_signed(cursor, 4);
		if (mti_bare_is_long(bare)) /* no immediate comes behind */
			insn->offset += bare->rip + cursor->at;
	}
	if (has_base) {
		insn->offset += regs[base | (insn->rex & 1 ? 8 : 0)];
		if (!(insn->rex & 1) && (base == RSP || base == RBP))
			insn->segment = MTI_BARE_SS;
	}
	if (insn->mod == 1)
		insn->offset += take_signed(cursor, 1);
	else if (insn->mod == 2)
		insn->offset += take_signed(cursor, 4);
}

static void take_modrm(struct mti_soft_bare *bare, struct cursor *cursor,
		       struct insn *insn)
{
	uint8_t modrm = (uint8_t)take(cursor, 1);

	insn->mod = modrm >> 6;
	insn->reg = (uint8_t)((modrm >> 3 & 7) | (insn->rex & 4 ? 8 : 0));
	insn->rm = modrm & 7;
	insn->segment = MTI_BARE_DS;
	if (insn->mod == 3 || (insn->opcode & 0xfffc) == 0x0f20) {
		insn->mod = 3;
		insn->rm |= insn->rex & 1 ? 8 : 0;
	} else if (insn->address == 2) {
		take_short_address(bare, cursor, insn);
	} else {
		take_address(bare, cursor, insn);
	}
	insn->offset &= mti_bare_mask(insn->address);
	if (insn->override >= 0)
		insn->segment = insn->override;
}

static bool has_modrm(uint16_t opcode)
{
	switch (opcode) {
	case 0x8c:
	case 0x8e:
	case 0xc4:
	case 0xc5:
	case 0xff:
	case 0x0f00:
	case 0x0f01:
	case 0x0f02:
	case 0x0f03:
	case 0x0f20:
	case 0x0f21:
	case 0x0f22:
	case 0x0f23:
	case 0x0fb2:
	case 0x0fb4:
	case 0x0fb5:
		return true;
	default:
		return false;
	}
}

bool mti_bare_decode(struct mti_soft_bare *bare, struct insn *insn)
{
	uint64_t linear = bare->rip;
	struct cursor cursor = { .at = 0 };

	*insn = (struct insn){ .length = 0 };
	if (!mti_bare_is_long(bare))
		linear = (uint32_t)(linear + bare->segments[MTI_BARE_CS].base);
	cursor.size = mti_bare_fetch(bare, linear, cursor.bytes);
	if (cursor.size == 0)
		return false;
	insn->opcode = take_prefixes(bare, &cursor, insn);
	if (insn->opcode == 0x0f)
		insn->opcode = (uint16_t)(0x0f00 | take(&cursor, 1));
	if (has_modrm(insn->opcode))
		take_modrm(bare, &cursor, insn);
	switch (insn->opcode) {
	case 0x9a:
	case 0xea:
		insn->immediate = take(&cursor, insn->operand);
		insn->selector = (uint16_t)take(&cursor, 2);
		break;
	case 0xca:
		insn->immediate = take(&cursor, 2);
		break;
	case 0xcd:
	case 0xe4:
	case 0xe5:
	case 0xe6:
	case 0xe7:
		insn->immediate = take(&cursor, 1);
		break;
	default:
		break;
	}
	insn->length = (uint8_t)cursor.at;
	if (!cursor.failed)
		return true;
	/* It goes on in a page that cannot be fetched, or for ever. */
	if (cursor.size == CODE_MAX)
		return mti_bare_trap(bare, GP, 0);
	(void)mti_bare_host(bare, linear + cursor.size, ACCESS_FETCH);
	return false;
}

/* ------------------------------------------------------------- operands */

uint64_t mti_bare_operand_linear(struct mti_soft_bare *bare,
				 const struct insn *insn, uint64_t more)
{
	uint64_t offset = (insn->offset + more) & mti_bare_mask(insn->address);

	if (mti_bare_is_long(bare) && insn->segment != MTI_BARE_FS &&
	    insn->segment != MTI_BARE_GS)
		return offset;
	return bare->segments[insn->segment].base + offset;
}

bool mti_bare_get_operand(struct mti_soft_bare *bare, const struct insn *insn,
			  unsigned int size, uint64_t *value)
{
	*value = 0;
	if (insn->mod == 3) {
		*value = bare->regs[insn->rm] & mti_bare_mask(size);
		return true;
	}
	return mti_bare_read(bare, mti_bare_operand_linear(bare, insn, 0),
			     value, size, ACCESS_READ);
}

void mti_bare_put_register(struct mti_soft_bare *bare, unsigned int index,
			   unsigned int size, uint64_t value)
{
	uint64_t mask = mti_bare_mask(size);

	if (size >= 4) /* of which the upper half is cleared */
		bare->regs[index] = value & mask;
	else
		bare->regs[index] =
			(bare->regs[index] & ~mask) | (value & mask);
}

bool mti_bare_put_operand(struct mti_soft_bare *bare, const struct insn *insn,
			  unsigned int size, uint64_t value)
{
	if (insn->mod == 3) {
		mti_bare_put_register(bare, insn->rm, size, value);
		return true;
	}
	return mti_bare_write(bare, mti_bare_operand_linear(bare, insn, 0),
			      &value, size, 0);
}
