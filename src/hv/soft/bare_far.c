/*
 * Transfers to other code segments (SDM 3A, 5.8; SDM 2 under CALL, JMP, RET,
 * IRET, SYSCALL, SYSENTER).
 */
#include <string.h>

#include "hv/soft/bare_cpu.h"

#define FLAT_CODE 0xc09bu
#define FLAT_LONG 0xa09bu
#define FLAT_DATA 0xc093u
#define RING3 0x60u

/* Words that a return pops; nothing changes until all went well. */
struct stack {
	unsigned int width; /* of the stack pointer */
	unsigned int size;  /* of a word */
	uint64_t base;
	uint64_t sp;
};

static struct stack open_stack(const struct mti_soft_bare *bare,
			       unsigned int size)
{
	struct stack stack = {
		.width = mti_bare_stack_size(bare),
		.size = size,
		.sp = bare->regs[RSP],
	};

	if (!mti_bare_is_long(bare))
		stack.base = bare->segments[MTI_BARE_SS].base;
	return stack;
}

static bool pop(struct mti_soft_bare *bare, struct stack *stack,
		uint64_t *value)
{
	uint64_t at = stack->sp & mti_bare_mask(stack->width);

	*value = 0;
	if (!mti_bare_read(bare, stack->base + at, value, stack->size,
			   ACCESS_READ))
		return false;
	stack->sp += stack->size;
	return true;
}

static bool is_target(struct mti_soft_bare *bare,
		      const struct mti_bare_segment *code, uint64_t offset)
{
	if (mti_bare_is_ia32e(bare) && (code->attributes & SEG_LONG))
		return mti_bare_is_canonical(offset) ||
		       mti_bare_trap(bare, GP, 0);
	return offset <= code->limit || mti_bare_trap(bare, GP, 0);
}

static bool is_code(struct mti_soft_bare *bare, uint16_t selector,
		    struct descriptor *code)
{
	uint16_t attributes;

	if (!(selector & 0xfffc))
		return mti_bare_trap(bare, GP, 0);
	if (!mti_bare_descriptor(bare, selector, 0, code))
		return false;
	attributes = code->segment.attributes;
	if (!(attributes & SEG_S)) {
		/* Call and task gates, TSSs: of 16, 32 and 64 bits. */
		if ((0x1a3au >> (attributes & SEG_TYPE)) & 1)
			return mti_bare_stuck(bare,
					      "the software CPU knows no call "
					      "gates and no tasks, selector",
					      selector);
		return mti_bare_trap(bare, GP, selector & 0xfffcu);
	}
	if (!(attributes & SEG_CODE) ||
	    (mti_bare_is_ia32e(bare) &&
	     (attributes & (SEG_LONG | SEG_BIG)) == (SEG_LONG | SEG_BIG)))
		return mti_bare_trap(bare, GP, selector & 0xfffcu);
	return true;
}

/* The code segment of a jump or call at this CPL. */
static bool find_target(struct mti_soft_bare *bare, uint16_t selector,
			uint64_t offset, struct mti_bare_segment *out)
{
	unsigned int cpl = mti_bare_cpl(bare);
	struct descriptor code;
	unsigned int dpl;

	if (!mti_bare_is_protected(bare)) {
		*out = bare->segments[MTI_BARE_CS];
		out->selector = selector;
		out->base = (uint32_t)selector << 4;
		return is_target(bare, out, offset);
	}
	if (!is_code(bare, selector, &code))
		return false;
	dpl = mti_bare_dpl(&code.segment);
	if (code.segment.attributes & SEG_CONFORMING
		    ? dpl > cpl
		    : dpl != cpl || (selector & 3u) > cpl)
		return mti_bare_trap(bare, GP, selector & 0xfffcu);
	if (!(code.segment.attributes & SEG_PRESENT))
		return mti_bare_trap(bare, NP, selector & 0xfffcu);
	if (!is_target(bare, &code.segment, offset) ||
	    !mti_bare_mark_accessed(bare, &code))
		return false;
	*out = code.segment;
	out->selector = (uint16_t)((selector & 0xfffc) | cpl);
	return true;
}

static bool jump_or_call(struct mti_soft_bare *bare, const struct insn *insn,
			 uint16_t selector, uint64_t offset, bool call)
{
	unsigned int size = insn->operand;
	struct stack stack = open_stack(bare, size);
	struct mti_bare_segment code;
	uint8_t frame[16] = { 0 };
	uint64_t back = bare->rip + insn->length;

	if (!find_target(bare, selector, offset, &code))
		return false;
	if (call) {
		memcpy(frame, &back, size);
		memcpy(frame + size, &bare->segments[MTI_BARE_CS].selector, 2);
		stack.sp = (stack.sp - 2 * size) & mti_bare_mask(stack.width);
		if (!mti_bare_write(bare, stack.base + stack.sp, frame,
				    2 * (size_t)size, 0))
			return false;
		mti_bare_put_register(bare, RSP, stack.width, stack.sp);
	}
	bare->segments[MTI_BARE_CS] = code;
	bare->rip = offset;
	return true;
}

/* What comes from the stack: a place to return to. */
struct place {
	uint64_t ip;
	uint64_t cs;
	uint64_t sp;
	uint64_t ss;
	bool has_stack;
};

/* Checks it all; *code and *ss are then loaded. */
static bool find_return(struct mti_soft_bare *bare, const struct place *place,
			struct mti_bare_segment *code,
			struct mti_bare_segment *ss)
{
	uint16_t selector = (uint16_t)place->cs;
	unsigned int rpl = selector & 3;
	struct descriptor found;
	unsigned int dpl;

	if (!is_code(bare, selector, &found)) {
		/* Gates are nothing to return to. */
		if (bare->trap.vector < 0)
			(void)mti_bare_trap(bare, GP, selector & 0xfffcu);
		return false;
	}
	dpl = mti_bare_dpl(&found.segment);
	if (rpl < mti_bare_cpl(bare) ||
	    (found.segment.attributes & SEG_CONFORMING ? dpl > rpl
						       : dpl != rpl))
		return mti_bare_trap(bare, GP, selector & 0xfffcu);
	if (!(found.segment.attributes & SEG_PRESENT))
		return mti_bare_trap(bare, NP, selector & 0xfffcu);
	if (!is_target(bare, &found.segment, place->ip) ||
	    !mti_bare_mark_accessed(bare, &found))
		return false;
	*code = found.segment;
	*ss = bare->segments[MTI_BARE_SS];
	if (!place->has_stack)
		return true;
	if (!(place->ss & 0xfffc) && rpl < 3 && (code->attributes & SEG_LONG) &&
	    (place->ss & 3) == rpl) {
		*ss = (struct mti_bare_segment){
			.selector = (uint16_t)place->ss,
			.attributes = (uint16_t)(rpl << SEG_DPL_SHIFT),
			.unusable = true,
		};
		return true;
	}
	return mti_bare_stack_segment(bare, (uint16_t)place->ss, rpl, GP, 0,
				      ss);
}

static void go_back(struct mti_soft_bare *bare, const struct place *place,
		    const struct stack *stack,
		    const struct mti_bare_segment *code,
		    const struct mti_bare_segment *ss)
{
	unsigned int cpl = mti_bare_cpl(bare);
	unsigned int width = stack->width;
	uint64_t sp = stack->sp;

	bare->segments[MTI_BARE_CS] = *code;
	bare->segments[MTI_BARE_SS] = *ss;
	bare->rip = place->ip;
	if (place->has_stack) {
		width = mti_bare_stack_size(bare);
		sp = place->sp;
	}
	mti_bare_put_register(bare, RSP, width, sp);
	if (mti_bare_cpl(bare) > cpl)
		mti_bare_drop_segments(bare);
}

static void go_real(struct mti_soft_bare *bare, const struct place *place,
		    const struct stack *stack)
{
	struct mti_bare_segment *cs = &bare->segments[MTI_BARE_CS];

	cs->selector = (uint16_t)place->cs;
	cs->base = (uint32_t)cs->selector << 4;
	bare->rip = place->ip;
	mti_bare_put_register(bare, RSP, stack->width, stack->sp);
}

static bool return_far(struct mti_soft_bare *bare, const struct insn *insn)
{
	struct stack stack = open_stack(bare, insn->operand);
	struct mti_bare_segment code;
	struct mti_bare_segment ss;
	struct place place = { .ip = 0 };

	if (!pop(bare, &stack, &place.ip) || !pop(bare, &stack, &place.cs))
		return false;
	stack.sp += insn->immediate;
	if (!mti_bare_is_protected(bare)) {
		go_real(bare, &place, &stack);
		return true;
	}
	if ((place.cs & 3) > mti_bare_cpl(bare)) {
		place.has_stack = true;
		if (!pop(bare, &stack, &place.sp) ||
		    !pop(bare, &stack, &place.ss))
			return false;
	}
	if (!find_return(bare, &place, &code, &ss))
		return false;
	place.sp += insn->immediate;
	go_back(bare, &place, &stack, &code, &ss);
	return true;
}

bool mti_bare_far(struct mti_soft_bare *bare, const struct insn *insn)
{
	uint64_t offset = 0;
	uint16_t selector = 0;
	uint64_t at;

	switch (insn->opcode) {
	case 0x9a:
	case 0xea:
		return jump_or_call(bare, insn, insn->selector, insn->immediate,
				    insn->opcode == 0x9a);
	case 0xca:
	case 0xcb:
		return return_far(bare, insn);
	default:
		break;
	}
	if (insn->mod == 3)
		return mti_bare_trap(bare, UD, 0);
	at = mti_bare_operand_linear(bare, insn, 0);
	return mti_bare_read(bare, at, &offset, insn->operand, ACCESS_READ) &&
	       mti_bare_read(bare, at + insn->operand, &selector,
			     sizeof(selector), ACCESS_READ) &&
	       jump_or_call(bare, insn, selector, offset, (insn->reg & 7) == 3);
}

/* ------------------------------------------------------------------ IRET */

static void set_flags(struct mti_soft_bare *bare, uint64_t flags,
		      unsigned int size, unsigned int cpl)
{
	uint64_t mask = FLAGS_PLAIN | FLAG_TF | FLAG_NT;

	if (size > 2)
		mask |= FLAG_RF | FLAG_AC | FLAG_ID;
	if (cpl <= (bare->rflags & FLAG_IOPL) >> 12)
		mask |= FLAG_IF;
	if (cpl == 0)
		mask |= FLAG_IOPL;
	bare->rflags = (bare->rflags & ~mask) | (flags & mask) | FLAG_ONE;
}

bool mti_bare_iret(struct mti_soft_bare *bare, const struct insn *insn)
{
	struct stack stack = open_stack(bare, insn->operand);
	unsigned int cpl = mti_bare_cpl(bare);
	struct mti_bare_segment code;
	struct mti_bare_segment ss;
	struct place place = { .ip = 0 };
	uint64_t flags;

	if (mti_bare_is_protected(bare) && (bare->rflags & FLAG_NT)) {
		if (mti_bare_is_ia32e(bare))
			return mti_bare_trap(bare, GP, 0);
		return mti_bare_stuck(
			bare, "the software CPU knows no tasks, IRET at",
			bare->rip);
	}
	if (!pop(bare, &stack, &place.ip) || !pop(bare, &stack, &place.cs) ||
	    !pop(bare, &stack, &flags))
		return false;
	if (!mti_bare_is_protected(bare)) {
		go_real(bare, &place, &stack);
		set_flags(bare, flags, insn->operand, 0);
		return true;
	}
	if (insn->operand == 4 && cpl == 0 && (flags & FLAG_VM) &&
	    !mti_bare_is_ia32e(bare))
		return mti_bare_stuck(bare,
				      "the software CPU knows no virtual-8086 "
				      "mode, IRET at",
				      bare->rip);
	if (mti_bare_is_long(bare) || (place.cs & 3) > cpl) {
		place.has_stack = true;
		if (!pop(bare, &stack, &place.sp) ||
		    !pop(bare, &stack, &place.ss))
			return false;
	}
	if (!find_return(bare, &place, &code, &ss))
		return false;
	go_back(bare, &place, &stack, &code, &ss);
	set_flags(bare, flags, insn->operand, cpl);
	return true;
}

/* ------------------------------------------- SYSCALL, SYSENTER and returns */

static void enter_flat(struct mti_soft_bare *bare, uint16_t code,
		       uint16_t stack, unsigned int cpl, bool is_long)
{
	uint32_t rights = is_long ? FLAT_LONG : FLAT_CODE;

	bare->segments[MTI_BARE_CS] = (struct mti_bare_segment){
		.limit = UINT32_MAX,
		.selector = (uint16_t)((code & 0xfffc) | cpl),
		.attributes = (uint16_t)(rights | (cpl ? RING3 : 0)),
	};
	bare->segments[MTI_BARE_SS] = (struct mti_bare_segment){
		.limit = UINT32_MAX,
		.selector = (uint16_t)((stack & 0xfffc) | cpl),
		.attributes = (uint16_t)(FLAT_DATA | (cpl ? RING3 : 0)),
	};
}

static bool system_call(struct mti_soft_bare *bare, const struct insn *insn)
{
	uint64_t star = bare->msrs[MTI_BARE_STAR];
	uint16_t selector = (uint16_t)(star >> 32);

	if (!mti_bare_is_long(bare) || !(bare->efer & EFER_SCE))
		return mti_bare_trap(bare, UD, 0);
	bare->regs[RCX] = bare->rip + insn->length;
	bare->regs[11] = bare->rflags & ~FLAG_RF;
	bare->rflags &= ~(bare->msrs[MTI_BARE_SFMASK] | FLAG_RF);
	bare->rflags |= FLAG_ONE;
	bare->rip = bare->msrs[MTI_BARE_LSTAR];
	enter_flat(bare, selector, (uint16_t)(selector + 8), 0, true);
	return true;
}

static bool system_return(struct mti_soft_bare *bare, const struct insn *insn)
{
	uint16_t selector = (uint16_t)(bare->msrs[MTI_BARE_STAR] >> 48);
	bool is_long = insn->operand == 8;
	uint64_t to = bare->regs[RCX];

	if (!mti_bare_is_long(bare) || !(bare->efer & EFER_SCE))
		return mti_bare_trap(bare, UD, 0);
	if (mti_bare_cpl(bare) || (is_long && !mti_bare_is_canonical(to)))
		return mti_bare_trap(bare, GP, 0);
	bare->rip = is_long ? to : (uint32_t)to;
	bare->rflags = (bare->regs[11] & FLAGS_ALL & ~FLAG_RF) | FLAG_ONE;
	enter_flat(bare, (uint16_t)(selector + (is_long ? 16 : 0)),
		   (uint16_t)(selector + 8), 3, is_long);
	return true;
}

static bool system_enter(struct mti_soft_bare *bare)
{
	uint16_t selector = (uint16_t)bare->msrs[MTI_BARE_SYSENTER_CS];
	bool is_long = mti_bare_is_ia32e(bare);
	uint64_t mask = mti_bare_mask(is_long ? 8 : 4);

	if (!mti_bare_is_protected(bare) || !(selector & 0xfffc))
		return mti_bare_trap(bare, GP, 0);
	bare->rflags &= ~(FLAG_IF | FLAG_RF | FLAG_VM);
	bare->regs[RSP] = bare->msrs[MTI_BARE_SYSENTER_ESP] & mask;
	bare->rip = bare->msrs[MTI_BARE_SYSENTER_EIP] & mask;
	enter_flat(bare, selector, (uint16_t)(selector + 8), 0, is_long);
	return true;
}

static bool system_exit(struct mti_soft_bare *bare, const struct insn *insn)
{
	uint16_t selector = (uint16_t)bare->msrs[MTI_BARE_SYSENTER_CS];
	bool is_long = insn->operand == 8;
	uint64_t mask = mti_bare_mask(is_long ? 8 : 4);
	uint16_t code = (uint16_t)(selector + (is_long ? 32 : 16));

	if (!mti_bare_is_protected(bare) || !(selector & 0xfffc) ||
	    mti_bare_cpl(bare))
		return mti_bare_trap(bare, GP, 0);
	if (is_long && !(mti_bare_is_canonical(bare->regs[RDX]) &&
			 mti_bare_is_canonical(bare->regs[RCX])))
		return mti_bare_trap(bare, GP, 0);
	bare->rip = bare->regs[RDX] & mask;
	bare->regs[RSP] = bare->regs[RCX] & mask;
	enter_flat(bare, code, (uint16_t)(code + 8), 3, is_long);
	return true;
}

bool mti_bare_fast_call(struct mti_soft_bare *bare, const struct insn *insn)
{
	switch (insn->opcode) {
	case 0x0f05:
		return system_call(bare, insn);
	case 0x0f07:
		return system_return(bare, insn);
	case 0x0f34:
		return system_enter(bare);
	default:
		return system_exit(bare, insn);
	}
}
