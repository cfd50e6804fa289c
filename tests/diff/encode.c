#include "encode.h"

#include <string.h>

#define REX 0x40u
#define REX_W 8u
#define REX_R 4u
#define REX_X 2u
#define REX_B 1u

/* What is put together for one instruction. */
struct operands {
	unsigned int bits; /* of general operands */
	unsigned int rex;
	bool need_rex;
	bool lock;
	unsigned int reg;
	bool memory;
	unsigned int rm; /* a register */
	/* Memory: */
	unsigned int base;  /* BASE_* or a register */
	bool index;
	unsigned int scale;
	int32_t displacement;
	uint64_t target; /* BASE_RIP */
};

#define BASE_NONE 16
#define BASE_RIP 17

void diff_put(struct diff_insn *insn, uint64_t value, size_t bytes)
{
	size_t i;

	for (i = 0; i < bytes; i++)
		insn->bytes[insn->size++] = (uint8_t)(value >> (8 * i));
}

void diff_plain(struct diff_insn *insn, const char *name, const void *bytes,
		size_t size)
{
	memset(insn, 0, sizeof(*insn));
	insn->name = name;
	memcpy(insn->bytes, bytes, size);
	insn->size = (uint8_t)size;
}

void diff_load(struct diff_insn *insn, unsigned int reg, uint64_t value)
{
	diff_plain(insn, "load", "", 0);
	diff_put(insn, REX | REX_W | (reg >= 8 ? REX_B : 0), 1);
	diff_put(insn, 0xb8u + (reg & 7), 1);
	diff_put(insn, value, 8);
}

uint64_t diff_odd_address(struct random_source *random)
{
	static const uint64_t odd[] = {
		DIFF_CODE,
		DIFF_CODE + DIFF_CODE_BYTES,
		DIFF_DATA - 1,
		DIFF_DATA + DIFF_DATA_BYTES,
		DIFF_CONST + 64,
		DIFF_CONST + DIFF_CONST_BYTES,
		0,
		MOTE_GVA_PROGRAM_FIRST,
		MOTE_GVA_CONTROL + 2048,
		MOTE_GVA_SYSCALL,
		MOTE_GVA_SUPERVISOR,
		MOTE_GVA_INTERRUPT_STACK,
		MOTE_GVA_STACK_TOP,
		MOTE_GVA_STACK_TOP - DIFF_STACK_BYTES,
		UINT64_C(0x7fffffffffff),
		UINT64_C(0x800000000000),
		UINT64_C(0x8000000000000000),
		UINT64_C(0xffff800000000000),
		UINT64_C(0xffffffffffffffff),
	};
	uint64_t address =
		odd[random_below(random, sizeof(odd) / sizeof(odd[0]))];

	/* Often across the border. */
	return address + random_below(random, 40) - 20;
}

/* A register to be written, unless much depends on it. */
static unsigned int pick(struct random_source *random)
{
	unsigned int reg = (unsigned int)random_below(random, 16);

	if (reg != 4 && reg != DIFF_INDEX && reg != DIFF_POINTER &&
	    reg != DIFF_COUNTER)
		return reg;
	return random_below(random, 200) == 0 ? reg : reg & 3;
}

/* An offset into data. */
static int32_t offset(struct random_source *random, bool aligned)
{
	size_t at = random_below(random, DIFF_DATA_BYTES - 64);

	if (random_below(random, 16) == 0)
		at = 4096 - 1 - random_below(random, 16);
	if (aligned && random_below(random, 24) != 0)
		at &= ~(size_t)15;
	return (int32_t)at;
}

static void memory(struct random_source *random, bool aligned,
		   struct operands *o)
{
	int32_t at = offset(random, aligned);
	const int32_t middle = 2048;

	o->memory = true;
	switch (random_below(random, aligned ? 6 : 10)) {
	case 0:
	case 1:
	case 2:
		o->base = DIFF_POINTER;
		o->displacement = at - middle;
		if (random_below(random, 2))
			o->displacement = (int32_t)random_below(random, 15) *
						  16 - 128;
		break;
	case 3:
		o->base = BASE_RIP;
		o->target = DIFF_DATA + (uint64_t)at;
		break;
	case 4:
		o->base = BASE_NONE;
		o->displacement = (int32_t)DIFF_DATA + at;
		break;
	case 5: /* the stack */
		o->base = 4;
		o->displacement = (int32_t)random_below(random, 32) * 16;
		break;
	case 6:
		o->base = (unsigned int)random_below(random, 16);
		if (random_below(random, 6) != 0)
			o->base = DIFF_POINTER;
		o->displacement = (int32_t)random_below(random, 256) - 128;
		break;
	default:
		o->base = random_below(random, 4) ? DIFF_POINTER : BASE_NONE;
		o->index = true;
		o->scale = (unsigned int)random_below(random, 4);
		o->displacement = at / 2 - middle;
		if (o->base == BASE_NONE)
			o->displacement += (int32_t)DIFF_DATA + middle;
		break;
	}
}

static bool needs_rex(unsigned int reg)
{
	return reg >= 4 && reg < 8; /* spl, bpl, sil, dil */
}

static void choose(struct random_source *random, const struct diff_form *form,
		   struct operands *o)
{
	const uint16_t kind = form->kind;

	memset(o, 0, sizeof(*o));
	o->bits = kind & DIFF_BYTE ? 8 : 32;
	if (kind & DIFF_SIZED)
		o->bits = 16u << random_below(random, 3);
	else if (kind & (DIFF_WIDE | DIFF_XREG | DIFF_XRM))
		o->bits = kind & DIFF_WIDE ? 32u << random_below(random, 2) :
					     32;
	/* Of 32 bits: see known.c. */
	if (form->map == 1 && form->opcode == 0xb1 && o->bits == 32)
		o->bits = 64;
	o->reg = form->extension >= 0 ? (unsigned int)form->extension :
					pick(random);
	if (form->extension < 0 && kind & DIFF_XREG)
		o->reg = (unsigned int)random_below(random, 16);
	o->rm = pick(random);
	if (kind & DIFF_XRM)
		o->rm = (unsigned int)random_below(random, 16);
	if (kind & DIFF_KEEPS)
		o->rm = (unsigned int)random_below(random, 16);
	if (!(kind & DIFF_MODRM))
		return;
	if (kind & DIFF_MEM_ONLY ||
	    (!(kind & DIFF_REG_ONLY) && random_below(random, 5) < 2))
		memory(random, kind & DIFF_ALIGNED, o);
	/*
	 * With a register it is #UD, but Unicorn 2.0.1 (QEMU 5) aborts at the
	 * bit operations.
	 */
	if (kind & DIFF_LOCK && o->memory)
		o->lock = random_below(random, 5) == 0;
	else if (kind & DIFF_LOCK && form->opcode != 0xba)
		o->lock = random_below(random, 300) == 0;
	/* ah to bh, or spl to dil: both, but rsp is not to be written. */
	if (kind & DIFF_BYTE && !o->memory && needs_rex(o->rm))
		o->need_rex = o->rm != 4 && random_below(random, 2);
	if (kind & DIFF_BYTE && form->extension < 0 && needs_rex(o->reg))
		o->need_rex |= o->reg != 4 && random_below(random, 2);
}

static void put_rex(const struct diff_form *form, struct operands *o,
		    struct diff_insn *insn)
{
	unsigned int base = o->memory ? o->base : o->rm;

	if (o->bits == 64)
		o->rex |= REX_W;
	if (form->kind & DIFF_MODRM) {
		if (o->reg >= 8)
			o->rex |= REX_R;
		if (base >= 8 && base < BASE_NONE)
			o->rex |= REX_B;
		if (o->index)
			o->rex |= REX_X; /* r12 */
	} else if (form->kind & DIFF_PLUS && o->rm >= 8) {
		o->rex |= REX_B;
	}
	if (o->rex || o->need_rex)
		diff_put(insn, REX | o->rex, 1);
}

static void put_modrm(const struct operands *o, struct diff_insn *insn)
{
	unsigned int reg = (o->reg & 7) << 3;
	bool byte = o->displacement >= -128 && o->displacement < 128;
	unsigned int index;

	if (!o->memory) {
		diff_put(insn, 0xc0 | reg | (o->rm & 7), 1);
	} else if (o->base == BASE_RIP) {
		diff_put(insn, reg | 5, 1);
		insn->relative_at = insn->size;
		insn->relative_to = o->target;
		diff_put(insn, 0, 4);
	} else if (o->base == BASE_NONE) {
		diff_put(insn, reg | 4, 1);
		index = o->index ? DIFF_INDEX & 7 : 4;
		diff_put(insn, o->scale << 6 | index << 3 | 5, 1);
		diff_put(insn, (uint32_t)o->displacement, 4);
	} else {
		diff_put(insn, (byte ? 0x40u : 0x80u) | reg |
				       (o->index ? 4 : o->base & 7),
			 1);
		if (o->index)
			diff_put(insn, o->scale << 6 | (DIFF_INDEX & 7) << 3 |
					       (o->base & 7),
				 1);
		else if ((o->base & 7) == 4)
			diff_put(insn, 0x24, 1);
		diff_put(insn, (uint32_t)o->displacement, byte ? 1 : 4);
	}
}

static void put_immediate(struct random_source *random,
			  const struct diff_form *form,
			  const struct operands *o, struct diff_insn *insn)
{
	uint64_t value = random_any_width(random);
	unsigned int bytes = o->bits / 8;

	switch (form->immediate) {
	case DIFF_IMM_8:
		if (form->kind & DIFF_SMALL)
			value = random_below(random, o->bits);
		if (form->kind & DIFF_THREE)
			value &= 7;
		diff_put(insn, value, 1);
		break;
	case DIFF_IMM_SIZED:
		diff_put(insn, value, bytes > 4 ? 4 : bytes);
		break;
	case DIFF_IMM_FULL:
		diff_put(insn, value, bytes);
		break;
	default:
		break;
	}
}

void diff_encode(struct random_source *random, const struct diff_form *form,
		 struct diff_insn *insn)
{
	struct operands o;

	memset(insn, 0, sizeof(*insn));
	choose(random, form, &o);
	insn->name = form->name;
	insn->reads = form->reads;
	insn->defines = form->defines;
	insn->undefines = form->undefines;
	insn->aligned = o.memory && form->kind & DIFF_ALIGNED;
	insn->floats = form->kind & DIFF_FLOAT;
	insn->twice = form->kind & DIFF_XREG && form->kind & DIFF_XRM &&
		      !o.memory && o.reg == o.rm;
	/*
	 * and $31, %eax; and $31, %edx: with 0x80000000 as a length, Unicorn
	 * 2.0.1 (pcmp_elen of QEMU 5) reads outside of its tables and crashes.
	 */
	if (strncmp(form->name, "pcmpestr", 8) == 0)
		diff_put(insn, UINT64_C(0x1fe2831fe083), 6);
	if (o.lock)
		diff_put(insn, 0xf0, 1);
	if (o.bits == 16)
		diff_put(insn, 0x66, 1);
	if (form->prefix)
		diff_put(insn, form->prefix, 1);
	put_rex(form, &o, insn);
	if (form->map)
		diff_put(insn, 0x0f, 1);
	if (form->map > 1)
		diff_put(insn, form->map == 2 ? 0x38 : 0x3a, 1);
	diff_put(insn, form->opcode + (form->kind & DIFF_PLUS ? o.rm & 7 : 0u),
		 1);
	if (form->kind & DIFF_MODRM)
		put_modrm(&o, insn);
	put_immediate(random, form, &o, insn);
}
