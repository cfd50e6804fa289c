/*
 * A bare CPU from the outside: bare.h. How it works: bare_cpu.h.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "hv/soft/bare_cpu.h"

#define DR6_STEP UINT64_C(0x4000)

#define XSAVE_HEADER 512
#define XSAVE_BYTES 576
#define XSAVE_X87 1u
#define XSAVE_SSE 2u
#define FX_MXCSR 24
#define FX_MXCSR_MASK 28
#define FX_ST 32
#define FX_XMM 160
#define MXCSR_DEFAULT 0x1f80u
#define MXCSR_ALL 0xffffu
#define X87_DEFAULT 0x037fu

/* The order of struct mti_bare_state.general. */
static const uint8_t order[REGISTERS] = {
	RAX, RBX, RCX, RDX, RSI, RDI, RBP, RSP, 8, 9, 10, 11, 12, 13, 14, 15,
};

mote_status mti_soft_bare_new(const struct mti_allocator *allocator,
			      const struct mti_vm_config *config,
			      struct mti_soft_bare **out, mote_error *err)
{
	struct mti_soft_bare *bare = mti_alloc(allocator, 1, sizeof(*bare));

	if (!bare)
		return mti_error_set(err, MOTE_E_NO_MEMORY, "soft.bare",
				     "no memory for a software CPU");
	bare->allocator = allocator;
	memcpy(bare->ranges, config->ranges, sizeof(bare->ranges));
	bare->range_count = config->range_count;
	/* Entries of the TLB are of turn 0. */
	bare->turn = 1;
	atomic_init(&bare->kicked, false);
	*out = bare;
	return MOTE_OK;
}

void mti_soft_bare_free(struct mti_soft_bare *bare)
{
	if (!bare)
		return;
	mti_bare_close(bare);
	mti_free(bare->allocator, bare);
}

void mti_soft_bare_kick(struct mti_soft_bare *bare, bool on)
{
	atomic_store_explicit(&bare->kicked, on, memory_order_relaxed);
}

/* --------------------------------------------------------------- running */

/* The CPU after Unicorn has stopped. */
static bool resolve(struct mti_soft_bare *bare, struct mti_exit *exit,
		    bool *left)
{
	struct trap trap = { .vector = DB };
	bool steps = bare->rflags & FLAG_TF;

	switch (bare->stop) {
	case STOP_TRAP:
		return mti_bare_raise(bare, &bare->trap);
	case STOP_EXCEPTION:
		if (bare->vector < 0 || bare->vector > 31)
			return mti_bare_stuck(bare,
					      "the software CPU's exception",
					      (uint64_t)bare->vector);
		trap.vector = bare->vector;
		return mti_bare_raise(bare, &trap);
	case STOP_EMULATE:
		if (!mti_bare_emulate(bare, exit, left)) {
			trap = bare->trap;
			return mti_bare_raise(bare, &trap);
		}
		if (!steps || *left)
			return true;
		break;
	case STOP_STEP:
		break;
	default:
		return true;
	}
	bare->dr6 |= DR6_STEP;
	return mti_bare_raise(bare, &trap);
}

static void cannot_go_on(struct mti_soft_bare *bare, struct mti_exit *exit)
{
	*exit = (struct mti_exit){
		.kind = MTI_EXIT_MACHINE,
		.text = bare->trap.text,
		.detail = bare->trap.detail,
	};
}

mote_status mti_soft_bare_run(struct mti_soft_bare *bare, struct mti_exit *exit,
			      mote_error *err)
{
	bool left = false;
	mote_status status;
	struct trap trap;

	if (!bare->is_set)
		return mti_error_set(err, MOTE_E_STATE, "soft.bare",
				     "the CPU has no state to start from");
	/* The host may have changed tables. */
	mti_bare_forget(bare);
	if (!mti_bare_complete_in(bare)) {
		trap = bare->trap;
		if (!mti_bare_raise(bare, &trap)) {
			cannot_go_on(bare, exit);
			return MOTE_OK;
		}
	}
	while (!left) {
		if (atomic_load_explicit(&bare->kicked, memory_order_relaxed)) {
			*exit = (struct mti_exit){
				.kind = MTI_EXIT_INTERRUPTED,
			};
			return MOTE_OK;
		}
		status = mti_bare_execute(bare, err);
		if (status != MOTE_OK)
			return status;
		bare->rflags &= ~FLAG_RF;
		if (!resolve(bare, exit, &left)) {
			cannot_go_on(bare, exit);
			return MOTE_OK;
		}
	}
	return MOTE_OK;
}

/* ----------------------------------------------------------------- state */

mote_status mti_soft_bare_get(struct mti_soft_bare *bare,
			      struct mti_bare_state *state, mote_error *err)
{
	const uint64_t features = XSAVE_X87 | XSAVE_SSE;
	unsigned int i;

	if (!bare->is_set)
		return mti_error_set(err, MOTE_E_STATE, "soft.bare",
				     "the CPU has no state yet");
	/* What it cannot be completed with is found again by running it. */
	mti_bare_forget(bare);
	(void)mti_bare_complete_in(bare);
	mti_bare_take_fx(bare);
	memset(state, 0, sizeof(*state));
	for (i = 0; i < REGISTERS; i++)
		state->general[i] = bare->regs[order[i]];
	state->general[16] = bare->rip;
	state->general[17] = bare->rflags;
	memcpy(state->segments, bare->segments, sizeof(state->segments));
	state->gdt = bare->gdt;
	state->idt = bare->idt;
	state->cr0 = bare->cr0;
	state->cr2 = bare->cr2;
	state->cr3 = bare->cr3;
	state->cr4 = bare->cr4;
	state->efer = bare->efer;
	memcpy(state->dr, bare->dr, sizeof(state->dr));
	state->dr6 = bare->dr6;
	state->dr7 = bare->dr7;
	memcpy(state->msrs, bare->msrs, sizeof(state->msrs));
	memcpy(state->vector, bare->fx, FX_BYTES);
	memcpy(state->vector + XSAVE_HEADER, &features, sizeof(features));
	state->vector_size = XSAVE_BYTES;
	return MOTE_OK;
}

static mote_status refuse(mote_error *err, const char *what, uint64_t value)
{
	return mti_error_set(err, MOTE_E_INVALID, "soft.bare",
			     "the software CPU cannot be in this state: "
			     "%s is 0x%llx",
			     what, (unsigned long long)value);
}

static mote_status check_segments(const struct mti_bare_state *state,
				  mote_error *err)
{
	static const char *const segment_names[] = {
		"CS base", "SS base", "DS base",  "ES base",
		"FS base", "GS base", "LDT base", "TR base",
	};
	bool is_long = state->efer & EFER_LMA;
	unsigned int i;

	for (i = 0; i < MTI_BARE_SEGMENTS; i++) {
		uint64_t base = state->segments[i].base;

		if (i < MTI_BARE_FS || !is_long ? base >> 32
						: !mti_bare_is_canonical(base))
			return refuse(err, segment_names[i], base);
	}
	if (is_long ? !mti_bare_is_canonical(state->gdt.base)
		    : state->gdt.base >> 32)
		return refuse(err, "GDT base", state->gdt.base);
	if (is_long ? !mti_bare_is_canonical(state->idt.base)
		    : state->idt.base >> 32)
		return refuse(err, "IDT base", state->idt.base);
	return MOTE_OK;
}

static mote_status check_vector(const struct mti_bare_state *state,
				mote_error *err)
{
	uint32_t mxcsr;
	uint64_t used;

	if (state->vector_size == 0)
		return MOTE_OK;
	if (state->vector_size < XSAVE_BYTES ||
	    state->vector_size > sizeof(state->vector))
		return refuse(err, "the size of the XSAVE area",
			      state->vector_size);
	memcpy(&used, state->vector + XSAVE_HEADER, sizeof(used));
	if (used & ~(uint64_t)(XSAVE_X87 | XSAVE_SSE))
		return refuse(err, "XSTATE_BV", used);
	memcpy(&mxcsr, state->vector + FX_MXCSR, sizeof(mxcsr));
	if ((used & XSAVE_SSE) && (mxcsr & ~MXCSR_ALL))
		return refuse(err, "MXCSR", mxcsr);
	return MOTE_OK;
}

static mote_status check(const struct mti_bare_state *state, mote_error *err)
{
	uint64_t flags = state->general[17];
	const struct mti_bare_segment *cs = &state->segments[MTI_BARE_CS];
	bool is_long = (state->efer & EFER_LMA) && (cs->attributes & SEG_LONG);
	mote_status status;

	if (!mti_bare_crs_valid(state->cr0 | CR0_ET, state->cr4, 0) &&
	    (state->cr0 & ~CR0_ALL))
		return refuse(err, "CR0", state->cr0);
	if (state->cr4 & ~CR4_ALL)
		return refuse(err, "CR4", state->cr4);
	/* Without an APIC it is always 0. */
	if (state->cr8)
		return refuse(err, "CR8", state->cr8);
	if (!mti_bare_crs_valid(state->cr0 | CR0_ET, state->cr4, state->efer))
		return refuse(err, "EFER, with CR0 and CR4,", state->efer);
	if (state->xcr0 & ~(uint64_t)(XSAVE_X87 | XSAVE_SSE))
		return refuse(err, "XCR0", state->xcr0);
	if (flags & ~FLAGS_ALL)
		return refuse(err, "RFLAGS", flags);
	if (is_long ? !mti_bare_is_canonical(state->general[16])
		    : state->general[16] >> 32)
		return refuse(err, "RIP", state->general[16]);
	if (is_long && (cs->attributes & SEG_BIG))
		return refuse(err, "the attributes of CS", cs->attributes);
	status = check_segments(state, err);
	return status == MOTE_OK ? check_vector(state, err) : status;
}

/* Components that are not used are as after reset. */
static void set_fx(struct mti_soft_bare *bare,
		   const struct mti_bare_state *state)
{
	const uint16_t control = X87_DEFAULT;
	const uint32_t mxcsr = MXCSR_DEFAULT;
	const uint32_t mask = MXCSR_ALL;
	const uint8_t *vector = state->vector;
	uint64_t used = 0;

	if (state->vector_size)
		memcpy(&used, vector + XSAVE_HEADER, sizeof(used));
	bare->fx_owner = NULL;
	memset(bare->fx, 0, sizeof(bare->fx));
	memcpy(bare->fx, &control, sizeof(control));
	memcpy(bare->fx + FX_MXCSR, &mxcsr, sizeof(mxcsr));
	memcpy(bare->fx + FX_MXCSR_MASK, &mask, sizeof(mask));
	if (used & XSAVE_X87) {
		memcpy(bare->fx, vector, FX_MXCSR);
		memcpy(bare->fx + FX_ST, vector + FX_ST, FX_XMM - FX_ST);
	}
	if (used & XSAVE_SSE) {
		memcpy(bare->fx + FX_MXCSR, vector + FX_MXCSR, sizeof(mxcsr));
		memcpy(bare->fx + FX_XMM, vector + FX_XMM, 256);
	}
}

mote_status mti_soft_bare_set(struct mti_soft_bare *bare,
			      const struct mti_bare_state *state,
			      mote_error *err)
{
	mote_status status = check(state, err);
	unsigned int i;

	if (status != MOTE_OK)
		return status;
	for (i = 0; i < REGISTERS; i++)
		bare->regs[order[i]] = state->general[i];
	bare->rip = state->general[16];
	bare->rflags = state->general[17] | FLAG_ONE;
	memcpy(bare->segments, state->segments, sizeof(bare->segments));
	for (i = 0; i < MTI_BARE_SEGMENTS; i++)
		bare->segments[i].attributes &= SEG_ALL;
	bare->gdt = state->gdt;
	bare->idt = state->idt;
	bare->cr0 = state->cr0 | CR0_ET;
	bare->cr2 = state->cr2;
	bare->cr3 = state->cr3;
	bare->cr4 = state->cr4;
	bare->efer = state->efer;
	memcpy(bare->dr, state->dr, sizeof(bare->dr));
	bare->dr6 = state->dr6;
	bare->dr7 = state->dr7;
	memcpy(bare->msrs, state->msrs, sizeof(bare->msrs));
	set_fx(bare, state);
	bare->in_pending = false;
	bare->is_set = true;
	mti_bare_forget(bare);
	return MOTE_OK;
}
