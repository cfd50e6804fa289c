/*
 * Segment registers and descriptors (SDM 3A, chapters 3 and 5; the checks
 * are those of SDM 2 under MOV, LLDT, LTR).
 */
#include <string.h>

#include "hv/soft/bare_cpu.h"

#define TYPE_LDT 2
#define TYPE_TSS16 1
#define TYPE_TSS 9
#define TYPE_BUSY 2

static void parse(uint32_t low, uint32_t high, uint16_t selector,
		  struct mti_bare_segment *out)
{
	uint32_t limit = (low & 0xffff) | (high & 0xf0000);

	out->selector = selector;
	out->attributes = (uint16_t)((high >> 8) & SEG_ALL);
	out->base = (low >> 16) | (high & 0xff) << 16 | (high & 0xff000000);
	out->limit =
		out->attributes & SEG_GRANULAR ? limit << 12 | 0xfff : limit;
	out->unusable = false;
}

/* ext: what is or'ed into the error code. */
bool mti_bare_descriptor(struct mti_soft_bare *bare, uint16_t selector,
			 uint32_t ext, struct descriptor *out)
{
	const struct mti_bare_segment *table = &bare->gdt;
	uint32_t offset = selector & 0xfff8u;
	uint32_t words[2];

	if (selector & 4)
		table = &bare->segments[MTI_BARE_LDT];
	if (((selector & 4) && table->unusable) || offset + 7 > table->limit)
		return mti_bare_trap(bare, GP, (selector & 0xfffcu) | ext);
	out->linear = table->base + offset;
	if (!mti_bare_read(bare, out->linear, words, sizeof(words),
			   ACCESS_SYSTEM))
		return false;
	out->low = words[0];
	out->high = words[1];
	parse(words[0], words[1], selector, &out->segment);
	return true;
}

bool mti_bare_mark_accessed(struct mti_soft_bare *bare,
			    struct descriptor *descriptor)
{
	uint8_t type;

	if (descriptor->segment.attributes & SEG_ACCESSED)
		return true;
	descriptor->segment.attributes |= SEG_ACCESSED;
	type = (uint8_t)descriptor->segment.attributes;
	return mti_bare_write(bare, descriptor->linear + 5, &type, 1,
			      ACCESS_SYSTEM);
}

bool mti_bare_stack_segment(struct mti_soft_bare *bare, uint16_t selector,
			    unsigned int cpl, int vector, uint32_t ext,
			    struct mti_bare_segment *out)
{
	uint32_t error = (selector & 0xfffcu) | ext;
	struct descriptor found;
	uint16_t attributes;

	if (!(selector & 0xfffc))
		return mti_bare_trap(bare, vector, ext);
	if (!mti_bare_descriptor(bare, selector, ext, &found)) {
		if (bare->trap.vector == GP)
			bare->trap.vector = vector;
		return false;
	}
	attributes = found.segment.attributes;
	if ((selector & 3u) != cpl || mti_bare_dpl(&found.segment) != cpl ||
	    (attributes & (SEG_S | SEG_CODE | SEG_WRITABLE)) !=
		    (SEG_S | SEG_WRITABLE))
		return mti_bare_trap(bare, vector, error);
	if (!(attributes & SEG_PRESENT))
		return mti_bare_trap(bare, SS, error);
	if (!mti_bare_mark_accessed(bare, &found))
		return false;
	*out = found.segment;
	return true;
}

static void make_null(struct mti_bare_segment *segment, uint16_t selector,
		      unsigned int dpl)
{
	*segment = (struct mti_bare_segment){
		.selector = selector,
		.attributes = (uint16_t)(dpl << SEG_DPL_SHIFT),
		.unusable = true,
	};
}

static bool load_stack(struct mti_soft_bare *bare, uint16_t selector)
{
	struct mti_bare_segment *ss = &bare->segments[MTI_BARE_SS];
	unsigned int cpl = mti_bare_cpl(bare);

	if (!(selector & 0xfffc) && mti_bare_is_long(bare) && cpl < 3 &&
	    selector == cpl) {
		make_null(ss, selector, cpl);
		return true;
	}
	return mti_bare_stack_segment(bare, selector, cpl, GP, 0, ss);
}

bool mti_bare_load_segment(struct mti_soft_bare *bare, int which,
			   uint16_t selector)
{
	struct mti_bare_segment *segment = &bare->segments[which];
	struct descriptor found;
	uint16_t attributes;
	unsigned int dpl;

	if (!mti_bare_is_protected(bare)) {
		/* Limits and rights stay as they were. */
		segment->selector = selector;
		segment->base = (uint32_t)selector << 4;
		return true;
	}
	if (which == MTI_BARE_SS)
		return load_stack(bare, selector);
	if (!(selector & 0xfffc)) {
		make_null(segment, selector, 0);
		return true;
	}
	if (!mti_bare_descriptor(bare, selector, 0, &found))
		return false;
	attributes = found.segment.attributes;
	dpl = mti_bare_dpl(&found.segment);
	if (!(attributes & SEG_S) ||
	    (attributes & (SEG_CODE | SEG_WRITABLE)) == SEG_CODE)
		return mti_bare_trap(bare, GP, selector & 0xfffcu);
	if ((attributes & (SEG_CODE | SEG_CONFORMING)) !=
		    (SEG_CODE | SEG_CONFORMING) &&
	    (dpl < mti_bare_cpl(bare) || dpl < (selector & 3u)))
		return mti_bare_trap(bare, GP, selector & 0xfffcu);
	if (!(attributes & SEG_PRESENT))
		return mti_bare_trap(bare, NP, selector & 0xfffcu);
	if (!mti_bare_mark_accessed(bare, &found))
		return false;
	*segment = found.segment;
	return true;
}

/* SDM 2, IRET: "RETURN-TO-OUTER-PRIVILEGE-LEVEL". */
void mti_bare_drop_segments(struct mti_soft_bare *bare)
{
	unsigned int cpl = mti_bare_cpl(bare);
	int i;

	for (i = MTI_BARE_DS; i <= MTI_BARE_GS; i++) {
		struct mti_bare_segment *segment = &bare->segments[i];
		uint16_t attributes = segment->attributes;

		if ((attributes & (SEG_CODE | SEG_CONFORMING)) !=
			    (SEG_CODE | SEG_CONFORMING) &&
		    mti_bare_dpl(segment) < cpl)
			make_null(segment, 0, 0);
	}
}

/* LLDT and LTR. */
bool mti_bare_load_system(struct mti_soft_bare *bare, uint16_t selector,
			  bool task)
{
	struct mti_bare_segment *to =
		&bare->segments[task ? MTI_BARE_TR : MTI_BARE_LDT];
	struct descriptor found;
	uint32_t upper = 0;
	unsigned int type;

	if (!(selector & 0xfffc) && !task) {
		make_null(to, selector, 0);
		return true;
	}
	if (!(selector & 0xfffc) || (selector & 4))
		return mti_bare_trap(bare, GP, selector & 0xfffcu);
	if (!mti_bare_descriptor(bare, selector, 0, &found))
		return false;
	type = found.segment.attributes & (SEG_TYPE | SEG_S);
	if (task ? type != TYPE_TSS &&
			    (type != TYPE_TSS16 || mti_bare_is_ia32e(bare))
		 : type != TYPE_LDT)
		return mti_bare_trap(bare, GP, selector & 0xfffcu);
	if (!(found.segment.attributes & SEG_PRESENT))
		return mti_bare_trap(bare, NP, selector & 0xfffcu);
	if (mti_bare_is_ia32e(bare) &&
	    !mti_bare_read(bare, found.linear + 8, &upper, sizeof(upper),
			   ACCESS_SYSTEM))
		return false;
	found.segment.base |= (uint64_t)upper << 32;
	if (!mti_bare_is_canonical(found.segment.base))
		return mti_bare_trap(bare, GP, selector & 0xfffcu);
	if (task) {
		uint8_t rights;

		found.segment.attributes |= TYPE_BUSY;
		rights = (uint8_t)found.segment.attributes;
		if (!mti_bare_write(bare, found.linear + 5, &rights, 1,
				    ACCESS_SYSTEM))
			return false;
	}
	*to = found.segment;
	return true;
}

/* MOV, PUSH, POP, LDS and so on. */

static bool pop(struct mti_soft_bare *bare, unsigned int size, uint64_t *value)
{
	unsigned int stack = mti_bare_stack_size(bare);
	uint64_t sp = bare->regs[RSP] & mti_bare_mask(stack);

	*value = 0;
	return mti_bare_read(bare, bare->segments[MTI_BARE_SS].base + sp, value,
			     size, ACCESS_READ);
}

static bool push_segment(struct mti_soft_bare *bare, const struct insn *insn,
			 int which)
{
	unsigned int stack = mti_bare_stack_size(bare);
	unsigned int size = insn->operand;
	uint64_t value = bare->segments[which].selector;
	uint64_t sp;

	if (mti_bare_is_long(bare) && size == 4)
		size = 8;
	sp = (bare->regs[RSP] - size) & mti_bare_mask(stack);
	if (!mti_bare_write(bare, bare->segments[MTI_BARE_SS].base + sp, &value,
			    size, 0))
		return false;
	mti_bare_put_register(bare, RSP, stack, sp);
	return true;
}

static bool pop_segment(struct mti_soft_bare *bare, const struct insn *insn,
			int which)
{
	unsigned int size = insn->operand;
	unsigned int stack = mti_bare_stack_size(bare);
	uint64_t value;

	if (mti_bare_is_long(bare) && size == 4)
		size = 8;
	if (!pop(bare, size, &value) ||
	    !mti_bare_load_segment(bare, which, (uint16_t)value))
		return false;
	mti_bare_put_register(bare, RSP, stack, bare->regs[RSP] + size);
	return true;
}

/* A far pointer in memory. */
static bool load_pointer(struct mti_soft_bare *bare, const struct insn *insn,
			 int which)
{
	uint64_t offset = 0;
	uint16_t selector = 0;
	uint64_t at;

	/* Else AVX begins like this. */
	if (insn->mod == 3 || (insn->opcode < 0x100 && mti_bare_is_long(bare)))
		return mti_bare_trap(bare, UD, 0);
	at = mti_bare_operand_linear(bare, insn, 0);
	if (!mti_bare_read(bare, at, &offset, insn->operand, ACCESS_READ) ||
	    !mti_bare_read(bare, at + insn->operand, &selector,
			   sizeof(selector), ACCESS_READ) ||
	    !mti_bare_load_segment(bare, which, selector))
		return false;
	mti_bare_put_register(bare, insn->reg, insn->operand, offset);
	return true;
}

static bool move(struct mti_soft_bare *bare, const struct insn *insn)
{
	static const int order[] = { MTI_BARE_ES, MTI_BARE_CS, MTI_BARE_SS,
				     MTI_BARE_DS, MTI_BARE_FS, MTI_BARE_GS };
	unsigned int size = insn->mod == 3 ? insn->operand : 2;
	unsigned int index = insn->reg & 7;
	uint64_t value;

	if (index > 5 || (insn->opcode == 0x8e && index == 1))
		return mti_bare_trap(bare, UD, 0);
	if (insn->opcode == 0x8c)
		return mti_bare_put_operand(
			bare, insn, size,
			bare->segments[order[index]].selector);
	return mti_bare_get_operand(bare, insn, 2, &value) &&
	       mti_bare_load_segment(bare, order[index], (uint16_t)value);
}

bool mti_bare_move_segment(struct mti_soft_bare *bare, const struct insn *insn)
{
	switch (insn->opcode) {
	case 0x06:
		return push_segment(bare, insn, MTI_BARE_ES);
	case 0x0e:
		return push_segment(bare, insn, MTI_BARE_CS);
	case 0x16:
		return push_segment(bare, insn, MTI_BARE_SS);
	case 0x1e:
		return push_segment(bare, insn, MTI_BARE_DS);
	case 0x0fa0:
		return push_segment(bare, insn, MTI_BARE_FS);
	case 0x0fa8:
		return push_segment(bare, insn, MTI_BARE_GS);
	case 0x07:
		return pop_segment(bare, insn, MTI_BARE_ES);
	case 0x17:
		return pop_segment(bare, insn, MTI_BARE_SS);
	case 0x1f:
		return pop_segment(bare, insn, MTI_BARE_DS);
	case 0x0fa1:
		return pop_segment(bare, insn, MTI_BARE_FS);
	case 0x0fa9:
		return pop_segment(bare, insn, MTI_BARE_GS);
	case 0xc4:
		return load_pointer(bare, insn, MTI_BARE_ES);
	case 0xc5:
		return load_pointer(bare, insn, MTI_BARE_DS);
	case 0x0fb2:
		return load_pointer(bare, insn, MTI_BARE_SS);
	case 0x0fb4:
		return load_pointer(bare, insn, MTI_BARE_FS);
	case 0x0fb5:
		return load_pointer(bare, insn, MTI_BARE_GS);
	default:
		return move(bare, insn);
	}
}
