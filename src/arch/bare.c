#include "arch/bare.h"

#include <string.h>

#define CR0_PE 0x1u
#define CR0_ET 0x10u /* hardwired; some hypervisors demand it */
#define CR0_PG 0x80000000u
#define CR4_PSE 0x10u
#define CR4_PAE 0x20u
#define EFER_LME_LMA 0x500u
#define EFER_LMA 0x400u
#define EFER_NXE 0x800u
#define DR6_RESET 0xffff0ff0u
#define DR7_RESET 0x400u
#define PAT_RESET UINT64_C(0x0007040600070406)

/* Attributes: type, S, DPL, P, then AVL, L, D/B, G (SDM 3, 3.4.5). */
#define DATA_16 0x0093u
#define CODE_16 0x009bu
#define DATA_32 0xc093u
#define CODE_32 0xc09bu
#define CODE_64 0xa09bu
#define LDT_NONE 0x0082u
#define TSS_BUSY 0x008bu

/* Order of mti_bare_state.general. */
enum { RAX, RBX, RSP = 7, RIP = 16, RFLAGS = 17 };

const struct mti_pt *mti_bare_mode_pt(uint32_t mode)
{
	switch (mode) {
	case MOTE_BARE_PAGED:
		return &mti_pt_i686;
	case MOTE_BARE_PAGED_PAE:
		return &mti_pt_i686_pae;
	case MOTE_BARE_LONG:
		return &mti_pt_amd64;
	default:
		return NULL;
	}
}

static void set_segment(struct mti_bare_segment *segment, uint64_t base,
			uint16_t selector, uint32_t limit, uint16_t attributes)
{
	segment->base = base;
	segment->selector = selector;
	segment->limit = limit;
	segment->attributes = attributes;
}

static void start_real(const struct mti_bare_start *start,
		       struct mti_bare_state *state)
{
	struct mti_bare_segment *segments = state->segments;
	uint64_t code = start->entry & ~UINT64_C(0xffff);
	uint64_t stack = start->stack_end - 0x10000;
	int i;

	for (i = MTI_BARE_CS; i <= MTI_BARE_GS; i++)
		set_segment(&segments[i], 0, 0, 0xffff, DATA_16);
	set_segment(&segments[MTI_BARE_CS], code, (uint16_t)(code >> 4), 0xffff,
		    CODE_16);
	set_segment(&segments[MTI_BARE_DS], code, (uint16_t)(code >> 4), 0xffff,
		    DATA_16);
	segments[MTI_BARE_ES] = segments[MTI_BARE_DS];
	set_segment(&segments[MTI_BARE_SS], stack, (uint16_t)(stack >> 4),
		    0xffff, DATA_16);
	state->general[RIP] = start->entry & 0xffff;
	state->general[RSP] = 0;
	/* The vectors at address 0. */
	state->idt.limit = 0x3ff;
}

/* Selectors are as they would be with a table like everybody's. */
static void start_flat(const struct mti_bare_start *start,
		       struct mti_bare_state *state)
{
	struct mti_bare_segment *segments = state->segments;
	bool wide = start->mode == MOTE_BARE_LONG;
	int i;

	for (i = MTI_BARE_CS; i <= MTI_BARE_GS; i++)
		set_segment(&segments[i], 0, 0x10, 0xffffffff, DATA_32);
	set_segment(&segments[MTI_BARE_CS], 0, 0x8, 0xffffffff,
		    wide ? CODE_64 : CODE_32);
	state->general[RIP] = start->entry;
	state->general[RSP] = start->stack_end;
	state->cr0 |= CR0_PE;
}

static void start_paging(const struct mti_bare_start *start,
			 struct mti_bare_state *state)
{
	if (!mti_bare_mode_pt(start->mode))
		return;
	state->cr0 |= CR0_PG;
	state->cr3 = start->page_table;
	if (start->mode != MOTE_BARE_PAGED)
		state->cr4 = CR4_PAE;
	if (start->mode == MOTE_BARE_LONG)
		state->efer = EFER_LME_LMA | EFER_NXE;
}

void mti_bare_start(const struct mti_bare_start *start,
		    struct mti_bare_state *state)
{
	memset(state, 0, sizeof(*state));
	state->general[RAX] = MOTE_BARE_MAGIC;
	state->general[RBX] = start->info;
	state->general[RFLAGS] = 2;
	state->cr0 = CR0_ET;
	set_segment(&state->segments[MTI_BARE_LDT], 0, 0, 0xffff, LDT_NONE);
	state->segments[MTI_BARE_LDT].unusable = true;
	set_segment(&state->segments[MTI_BARE_TR], 0, 0, 0xffff, TSS_BUSY);
	if (start->mode == MOTE_BARE_REAL)
		start_real(start, state);
	else
		start_flat(start, state);
	start_paging(start, state);
	state->dr6 = DR6_RESET;
	state->dr7 = DR7_RESET;
	state->msrs[MTI_BARE_PAT] = PAT_RESET;
}

const struct mti_pt *mti_bare_paging(const struct mti_bare_state *state,
				     uint64_t *root)
{
	*root = state->cr3;
	if (!(state->cr0 & CR0_PG))
		return NULL;
	if (state->efer & EFER_LMA)
		return &mti_pt_amd64;
	if (state->cr4 & CR4_PAE)
		return state->efer & EFER_NXE ? &mti_pt_i686_pae_nx :
						&mti_pt_i686_pae;
	return state->cr4 & CR4_PSE ? &mti_pt_i686_pse : &mti_pt_i686;
}

uint64_t mti_bare_pc(const struct mti_bare_state *state)
{
	uint64_t pc = state->general[RIP];

	if (state->efer & EFER_LMA)
		return pc + state->segments[MTI_BARE_CS].base;
	return (uint32_t)(pc + state->segments[MTI_BARE_CS].base);
}
