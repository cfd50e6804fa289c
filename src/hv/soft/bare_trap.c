/*
 * Exceptions and software interrupts, delivered as the CPU does (SDM 3A,
 * chapter 6): through the IVT in real mode, through gates else.
 */
#include <string.h>

#include "hv/soft/bare_cpu.h"

#define GATE_TASK 5u
#define GATE_TRAP 1u /* interrupts stay on */
#define GATE_WIDE 8u /* 32 bits, or 64 */
#define ERROR_IDT 2u

/* What is to be delivered. */
struct event {
	int vector;
	bool software; /* INT n, INT3, INTO: the gate's DPL counts */
	bool has_error;
	uint32_t error;
	uint32_t ext; /* for error codes of faults on the way */
	uint64_t flags;
};

struct gate {
	struct mti_bare_segment code;
	uint64_t offset;
	unsigned int size; /* bytes of what is pushed */
	unsigned int cpl;
	unsigned int ist;
	bool keeps_interrupts;
};

/* A frame, and the stack that it is pushed to. */
struct frame {
	struct mti_bare_segment ss;
	uint64_t sp;
	uint64_t words[6];
	unsigned int count;
	unsigned int stack; /* bytes of the stack pointer */
	bool switched;
};

static bool has_error_code(int vector)
{
	return vector == DF || (vector >= TS && vector <= PF) || vector == 17;
}

static bool is_contributory(int vector)
{
	return vector == DE || (vector >= TS && vector <= GP);
}

/* --------------------------------------------------------------- real mode */

static bool deliver_real(struct mti_soft_bare *bare, const struct event *event)
{
	uint32_t at = (uint32_t)event->vector * 4;
	struct mti_bare_segment *cs = &bare->segments[MTI_BARE_CS];
	unsigned int stack = mti_bare_stack_size(bare);
	uint16_t target[2];
	uint16_t frame[3];
	uint64_t sp = (bare->regs[RSP] - 6) & mti_bare_mask(stack);

	if (at + 3 > bare->idt.limit)
		return mti_bare_trap(bare, GP, 0);
	if (!mti_bare_read(bare, bare->idt.base + at, target, sizeof(target),
			   ACCESS_SYSTEM))
		return false;
	frame[0] = (uint16_t)bare->rip;
	frame[1] = cs->selector;
	frame[2] = (uint16_t)event->flags;
	if (!mti_bare_write(bare, bare->segments[MTI_BARE_SS].base + sp, frame,
			    sizeof(frame), 0))
		return false;
	mti_bare_put_register(bare, RSP, stack, sp);
	bare->rip = target[0];
	cs->selector = target[1];
	cs->base = (uint32_t)target[1] << 4;
	bare->rflags &= ~(FLAG_IF | FLAG_TF | FLAG_AC);
	return true;
}

/* ------------------------------------------------------------------ gates */

static bool find_code(struct mti_soft_bare *bare, uint16_t selector,
		      const struct event *event, struct gate *gate)
{
	uint32_t error = (selector & 0xfffcu) | event->ext;
	unsigned int cpl = mti_bare_cpl(bare);
	struct descriptor code;
	uint16_t attributes;
	unsigned int dpl;

	if (!(selector & 0xfffc))
		return mti_bare_trap(bare, GP, event->ext);
	if (!mti_bare_descriptor(bare, selector, event->ext, &code))
		return false;
	attributes = code.segment.attributes;
	dpl = mti_bare_dpl(&code.segment);
	if ((attributes & (SEG_S | SEG_CODE)) != (SEG_S | SEG_CODE) ||
	    dpl > cpl)
		return mti_bare_trap(bare, GP, error);
	if (!(attributes & SEG_PRESENT))
		return mti_bare_trap(bare, NP, error);
	if (mti_bare_is_ia32e(bare) &&
	    (attributes & (SEG_LONG | SEG_BIG)) != SEG_LONG)
		return mti_bare_trap(bare, GP, error);
	gate->cpl = attributes & SEG_CONFORMING ? cpl : dpl;
	if (!mti_bare_mark_accessed(bare, &code))
		return false;
	gate->code = code.segment;
	gate->code.selector = (uint16_t)((selector & 0xfffc) | gate->cpl);
	return true;
}

static bool find_gate(struct mti_soft_bare *bare, const struct event *event,
		      struct gate *gate)
{
	bool wide = mti_bare_is_ia32e(bare);
	uint32_t bytes = wide ? 16 : 8;
	uint32_t at = (uint32_t)event->vector * bytes;
	uint32_t error = (uint32_t)event->vector * 8 + ERROR_IDT + event->ext;
	uint32_t words[4] = { 0 };
	unsigned int type;

	if (at + bytes - 1 > bare->idt.limit)
		return mti_bare_trap(bare, GP, error);
	if (!mti_bare_read(bare, bare->idt.base + at, words, bytes,
			   ACCESS_SYSTEM))
		return false;
	type = words[1] >> 8 & 0x1f;
	if (type == GATE_TASK && !wide)
		return mti_bare_stuck(
			bare, "the software CPU knows no task gates, of vector",
			(uint64_t)event->vector);
	if ((type & ~(GATE_TRAP | GATE_WIDE)) != 6 ||
	    (wide && !(type & GATE_WIDE)))
		return mti_bare_trap(bare, GP, error);
	if (event->software && (words[1] >> 13 & 3) < mti_bare_cpl(bare))
		return mti_bare_trap(bare, GP, error);
	if (!(words[1] & 0x8000))
		return mti_bare_trap(bare, NP, error);
	gate->size = wide ? 8 : type & GATE_WIDE ? 4 : 2;
	gate->keeps_interrupts = type & GATE_TRAP;
	gate->offset = (words[0] & 0xffff) | (words[1] & 0xffff0000);
	if (gate->size == 2)
		gate->offset &= 0xffff;
	gate->offset |= (uint64_t)words[2] << 32;
	gate->ist = wide ? words[1] & 7 : 0;
	return find_code(bare, (uint16_t)(words[0] >> 16), event, gate);
}

/* ------------------------------------------------------------------ stacks */

/* A stack from the TSS (SDM 3A, 7.2.1 and 7.7). */
static bool read_tss(struct mti_soft_bare *bare, const struct event *event,
		     uint32_t offset, void *bytes, uint32_t size)
{
	const struct mti_bare_segment *tr = &bare->segments[MTI_BARE_TR];

	if (tr->unusable || offset + size - 1 > tr->limit)
		return mti_bare_trap(bare, TS,
				     (tr->selector & 0xfffcu) | event->ext);
	return mti_bare_read(bare, tr->base + offset, bytes, size,
			     ACCESS_SYSTEM);
}

static bool inner_stack(struct mti_soft_bare *bare, const struct event *event,
			const struct gate *gate, struct frame *frame)
{
	bool is_short = !(bare->segments[MTI_BARE_TR].attributes & 8);
	uint32_t size = is_short ? 2 : 4;
	uint32_t at = is_short ? 2 + gate->cpl * 4 : 4 + gate->cpl * 8;
	uint16_t selector = 0;

	frame->sp = 0;
	if (!read_tss(bare, event, at, &frame->sp, size) ||
	    !read_tss(bare, event, at + size, &selector, sizeof(selector)))
		return false;
	return mti_bare_stack_segment(bare, selector, gate->cpl, TS, event->ext,
				      &frame->ss);
}

static bool long_stack(struct mti_soft_bare *bare, const struct event *event,
		       const struct gate *gate, struct frame *frame)
{
	bool inner = gate->cpl < mti_bare_cpl(bare);
	uint32_t at = gate->ist ? 28 + gate->ist * 8 : 4 + gate->cpl * 8;

	frame->sp = bare->regs[RSP];
	if ((gate->ist || inner) && !read_tss(bare, event, at, &frame->sp, 8))
		return false;
	if (!mti_bare_is_canonical(frame->sp))
		return mti_bare_trap(bare, SS, event->ext);
	frame->sp &= ~UINT64_C(15);
	frame->switched = true;
	frame->ss = bare->segments[MTI_BARE_SS];
	if (inner)
		frame->ss = (struct mti_bare_segment){
			.selector = (uint16_t)gate->cpl,
			.attributes = (uint16_t)(gate->cpl << SEG_DPL_SHIFT),
			.unusable = true,
		};
	return true;
}

static bool find_stack(struct mti_soft_bare *bare, const struct event *event,
		       const struct gate *gate, struct frame *frame)
{
	if (mti_bare_is_ia32e(bare)) {
		frame->stack = 8;
		return long_stack(bare, event, gate, frame);
	}
	if (gate->cpl < mti_bare_cpl(bare)) {
		frame->switched = true;
		if (!inner_stack(bare, event, gate, frame))
			return false;
	} else {
		frame->ss = bare->segments[MTI_BARE_SS];
		frame->sp = bare->regs[RSP];
	}
	frame->stack = frame->ss.attributes & SEG_BIG ? 4 : 2;
	return true;
}

static void fill_frame(const struct mti_soft_bare *bare,
		       const struct event *event, struct frame *frame)
{
	unsigned int i = 0;

	if (event->has_error)
		frame->words[i++] = event->error;
	frame->words[i++] = bare->rip;
	frame->words[i++] = bare->segments[MTI_BARE_CS].selector;
	frame->words[i++] = event->flags;
	if (frame->switched) {
		frame->words[i++] = bare->regs[RSP];
		frame->words[i++] = bare->segments[MTI_BARE_SS].selector;
	}
	frame->count = i;
}

static bool push_frame(struct mti_soft_bare *bare, const struct gate *gate,
		       struct frame *frame)
{
	bool is_long = mti_bare_is_ia32e(bare);
	uint8_t bytes[48];
	unsigned int size = frame->count * gate->size;
	unsigned int access = gate->cpl < 3 ? ACCESS_SYSTEM : 0;
	unsigned int i;

	for (i = 0; i < frame->count; i++)
		memcpy(bytes + (size_t)i * gate->size, &frame->words[i],
		       gate->size);
	frame->sp = (frame->sp - size) & mti_bare_mask(frame->stack);
	return mti_bare_write(bare, (is_long ? 0 : frame->ss.base) + frame->sp,
			      bytes, size, access);
}

static bool deliver(struct mti_soft_bare *bare, const struct event *event)
{
	struct gate gate = { .size = 0 };
	struct frame frame = { .count = 0 };

	if (!mti_bare_is_protected(bare))
		return deliver_real(bare, event);
	if (!find_gate(bare, event, &gate) ||
	    !find_stack(bare, event, &gate, &frame))
		return false;
	fill_frame(bare, event, &frame);
	if (!push_frame(bare, &gate, &frame))
		return false;
	bare->segments[MTI_BARE_SS] = frame.ss;
	mti_bare_put_register(bare, RSP, frame.stack, frame.sp);
	bare->segments[MTI_BARE_CS] = gate.code;
	bare->rip = gate.offset;
	bare->rflags &= ~(FLAG_TF | FLAG_NT | FLAG_RF | FLAG_VM);
	if (!gate.keeps_interrupts)
		bare->rflags &= ~FLAG_IF;
	return true;
}

/* ------------------------------------------------------------------ events */

/* What two exceptions, one on the way to the other, make (SDM 3A, 6-5). */
static int combine(int first, int second)
{
	if (first == DF)
		return -1;
	if ((is_contributory(first) && is_contributory(second)) ||
	    (first == PF && (second == PF || is_contributory(second))))
		return DF;
	return second;
}

/* After one that failed with bare->trap. */
static bool escalate(struct mti_soft_bare *bare, int vector)
{
	for (;;) {
		struct trap trap = bare->trap;
		struct event event = { .ext = 1 };

		if (trap.vector < 0)
			return false;
		if (trap.vector == PF)
			bare->cr2 = trap.cr2;
		vector = combine(vector, trap.vector);
		if (vector < 0)
			return mti_bare_stuck(bare, "triple fault, vector",
					      (uint64_t)trap.vector);
		event.vector = vector;
		event.has_error = has_error_code(vector);
		event.error = vector == DF ? 0 : trap.error;
		event.flags = bare->rflags | FLAG_RF;
		if (deliver(bare, &event))
			return true;
	}
}

bool mti_bare_raise(struct mti_soft_bare *bare, const struct trap *trap)
{
	struct event event = {
		.vector = trap->vector,
		.has_error = has_error_code(trap->vector),
		.error = trap->error,
		.ext = 1,
		.flags = bare->rflags,
	};

	if (trap->vector < 0) {
		bare->trap = *trap;
		return false;
	}
	if (trap->vector == PF)
		bare->cr2 = trap->cr2;
	/* Faults are to be restarted; #DB here is always behind one. */
	if (trap->vector != DB)
		event.flags |= FLAG_RF;
	return deliver(bare, &event) || escalate(bare, event.vector);
}

/* rip is behind the instruction. A fault on the way is the instruction's. */
bool mti_bare_software_interrupt(struct mti_soft_bare *bare, int vector)
{
	const struct event event = {
		.vector = vector,
		.software = true,
		.flags = bare->rflags,
	};

	return deliver(bare, &event);
}
