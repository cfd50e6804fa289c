/*
 * What must hold of a bare CPU's state before a hypervisor gets it: what no
 * x86 CPU can be in, whatever its make (SDM 3, 2.5, 3.4.5, 17.2, 26.3.1). A
 * given CPU may still refuse what is left.
 */
#include <stddef.h>
#include <string.h>

#include "arch/bare.h"

/* PE MP EM TS ET NE WP AM NW CD PG. */
#define CR0_BITS UINT64_C(0xe005003f)
#define CR0_PE UINT64_C(0x1)
#define CR0_NW UINT64_C(0x20000000)
#define CR0_CD UINT64_C(0x40000000)
#define CR0_PG UINT64_C(0x80000000)
/* Without VMXE, SMXE, and what CPUID hides from bare guests. */
#define CR4_BITS UINT64_C(0x371fff)
#define CR4_PAE UINT64_C(0x20)
#define CR4_PCIDE UINT64_C(0x20000)
#define CR8_MAX UINT64_C(15)
/* SCE LME LMA NXE FFXSR TCE. */
#define EFER_BITS UINT64_C(0xcd01)
#define EFER_LME UINT64_C(0x100)
#define EFER_LMA UINT64_C(0x400)
/* What MOV to CR3 takes at most: 52 bits of address. */
#define CR3_BITS ((UINT64_C(1) << 52) - 1)
#define FLAGS_BITS UINT64_C(0x3f7fd7)
#define FLAG_VM UINT64_C(0x20000)
#define SEGMENT_BITS 0xf0ffu
#define SEGMENT_L 0x2000u
#define SEGMENT_D 0x4000u
#define TABLE_LIMIT 0xffffu

#define XCR0_BITS UINT64_C(0xe7)
#define XCR0_X87 UINT64_C(0x1)
#define XCR0_SSE UINT64_C(0x2)
#define XCR0_AVX UINT64_C(0x4)
#define XCR0_AVX512 UINT64_C(0xe0)

#define XSAVE_MXCSR 24
#define XSAVE_HEADER 512
#define XSAVE_HEADER_END 576
#define MXCSR_BITS 0xffffu

#define RIP 16
#define RFLAGS 17

/* Where it is not as it must be; name stays NULL while all is. */
struct verdict {
	const char *name;
	uint64_t value;
};

static void demand(struct verdict *verdict, bool holds, const char *name,
		   uint64_t value)
{
	if (holds || verdict->name)
		return;
	verdict->name = name;
	verdict->value = value;
}

/* With five levels, as some CPUs have them: backends look closer. */
static bool canonical(uint64_t address)
{
	return address >> 56 == 0 || address >> 56 == UINT64_MAX >> 56;
}

static bool narrow(uint64_t value)
{
	return value >> 32 == 0;
}

static void check_control(const struct mti_bare_state *state,
			  struct verdict *verdict)
{
	uint64_t cr0 = state->cr0;
	uint64_t cr4 = state->cr4;
	bool is_long = state->efer & EFER_LMA;

	demand(verdict, !(cr0 & ~CR0_BITS), "control.cr0", cr0);
	demand(verdict, (cr0 & CR0_PE) || !(cr0 & CR0_PG), "control.cr0", cr0);
	demand(verdict, (cr0 & CR0_CD) || !(cr0 & CR0_NW), "control.cr0", cr0);
	demand(verdict, !(state->cr3 & ~CR3_BITS), "control.cr3", state->cr3);
	demand(verdict, !(cr4 & ~CR4_BITS), "control.cr4", cr4);
	demand(verdict, is_long || !(cr4 & CR4_PCIDE), "control.cr4", cr4);
	demand(verdict, (cr4 & CR4_PAE) || !is_long, "control.cr4", cr4);
	demand(verdict, state->cr8 <= CR8_MAX, "control.cr8", state->cr8);
	demand(verdict, !(state->efer & ~EFER_BITS), "control.efer",
	       state->efer);
	demand(verdict, is_long == ((state->efer & EFER_LME) && (cr0 & CR0_PG)),
	       "control.efer", state->efer);
}

static void check_xcr0(uint64_t xcr0, struct verdict *verdict)
{
	uint64_t wide = xcr0 & XCR0_AVX512;

	if (xcr0 == 0)
		return;
	demand(verdict, (xcr0 & XCR0_X87) && !(xcr0 & ~XCR0_BITS),
	       "control.xcr0", xcr0);
	demand(verdict, (xcr0 & XCR0_SSE) || !(xcr0 & XCR0_AVX),
	       "control.xcr0", xcr0);
	demand(verdict,
	       wide == 0 || (wide == XCR0_AVX512 && (xcr0 & XCR0_AVX)),
	       "control.xcr0", xcr0);
}

static void check_segments(const struct mti_bare_state *state,
			   struct verdict *verdict)
{
	const struct mti_bare_segment *cs = &state->segments[MTI_BARE_CS];
	int i;

	for (i = 0; i < MTI_BARE_SEGMENTS; i++) {
		const struct mti_bare_segment *it = &state->segments[i];

		demand(verdict, !(it->attributes & ~SEGMENT_BITS), "segments",
		       it->attributes);
		demand(verdict,
		       i == MTI_BARE_CS ||
				       (i < MTI_BARE_FS && !it->unusable) ?
			       narrow(it->base) :
			       canonical(it->base),
		       "segments", it->base);
	}
	demand(verdict,
	       !(state->efer & EFER_LMA) || !(cs->attributes & SEGMENT_L) ||
		       !(cs->attributes & SEGMENT_D),
	       "segments.cs.attributes", cs->attributes);
	demand(verdict, canonical(state->gdt.base), "gdt.base",
	       state->gdt.base);
	demand(verdict, state->gdt.limit <= TABLE_LIMIT, "gdt.limit",
	       state->gdt.limit);
	demand(verdict, canonical(state->idt.base), "idt.base",
	       state->idt.base);
	demand(verdict, state->idt.limit <= TABLE_LIMIT, "idt.limit",
	       state->idt.limit);
}

static void check_general(const struct mti_bare_state *state,
			  struct verdict *verdict)
{
	uint64_t flags = state->general[RFLAGS];
	uint64_t rip = state->general[RIP];
	bool is_long = state->efer & EFER_LMA;
	bool wide = is_long &&
		    (state->segments[MTI_BARE_CS].attributes & SEGMENT_L);

	demand(verdict, wide ? canonical(rip) : narrow(rip), "registers.rip",
	       rip);
	demand(verdict, !(flags & ~FLAGS_BITS), "registers.rflags", flags);
	demand(verdict, !is_long || !(flags & FLAG_VM), "registers.rflags",
	       flags);
	demand(verdict, narrow(state->dr6), "debug.dr6", state->dr6);
	demand(verdict, narrow(state->dr7), "debug.dr7", state->dr7);
}

static void check_msrs(const struct mti_bare_state *state,
		       struct verdict *verdict)
{
	static const struct {
		enum mti_bare_msr msr;
		const char *name;
	} addresses[] = {
		{ MTI_BARE_LSTAR, "msrs.lstar" },
		{ MTI_BARE_CSTAR, "msrs.cstar" },
		{ MTI_BARE_KERNEL_GS_BASE, "msrs.kernel_gs_base" },
		{ MTI_BARE_SYSENTER_ESP, "msrs.sysenter_esp" },
		{ MTI_BARE_SYSENTER_EIP, "msrs.sysenter_eip" },
	};
	uint64_t pat = state->msrs[MTI_BARE_PAT];
	size_t i;

	for (i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
		demand(verdict, canonical(state->msrs[addresses[i].msr]),
		       addresses[i].name, state->msrs[addresses[i].msr]);
	/* Kinds of memory: 0, 1, 4 to 7. */
	for (i = 0; i < 64; i += 8)
		demand(verdict,
		       (pat >> i & 0xff) < 8 && (pat >> i & 0x6) != 2,
		       "msrs.pat", pat);
}

static void check_vector(const struct mti_bare_state *state,
			 struct verdict *verdict)
{
	uint32_t size = state->vector_size;
	uint64_t present;
	uint32_t mxcsr;
	int i;

	if (size == 0)
		return;
	if (size < XSAVE_HEADER_END || size > sizeof(state->vector)) {
		demand(verdict, false, "vector", size);
		return;
	}
	memcpy(&present, state->vector + XSAVE_HEADER, sizeof(present));
	memcpy(&mxcsr, state->vector + XSAVE_MXCSR, sizeof(mxcsr));
	demand(verdict, !(present & ~XCR0_BITS), "vector", present);
	demand(verdict, !(mxcsr & ~MXCSR_BITS), "vector", mxcsr);
	for (i = XSAVE_HEADER + 8; i < XSAVE_HEADER_END; i++)
		demand(verdict, state->vector[i] == 0, "vector",
		       state->vector[i]);
}

const char *mti_bare_wrong(const struct mti_bare_state *state, uint64_t *value)
{
	struct verdict verdict = { .name = NULL };

	check_control(state, &verdict);
	check_xcr0(state->xcr0, &verdict);
	check_segments(state, &verdict);
	check_general(state, &verdict);
	check_msrs(state, &verdict);
	check_vector(state, &verdict);
	*value = verdict.value;
	return verdict.name;
}
