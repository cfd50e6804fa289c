/*
 * Control and debug registers, MSRs, descriptor-table registers, CPUID.
 */
#include <string.h>

#include "hv/soft/bare_cpu.h"

/* Changes of these may change what is mapped. */

#define DR6_ONES UINT64_C(0xffff0ff0)
#define DR7_ONES UINT64_C(0x400)

bool mti_bare_crs_valid(uint64_t cr0, uint64_t cr4, uint64_t efer)
{
	if ((cr0 & ~CR0_ALL) || (cr4 & ~CR4_ALL) || (efer & ~EFER_ALL))
		return false;
	if ((cr0 & CR0_PG) && !(cr0 & CR0_PE))
		return false;
	if ((cr0 & CR0_NW) && !(cr0 & CR0_CD))
		return false;
	if ((efer & EFER_LME) && (cr0 & CR0_PG) && !(cr4 & CR4_PAE))
		return false;
	return !(efer & EFER_LMA) == !((efer & EFER_LME) && (cr0 & CR0_PG));
}

static bool set_crs(struct mti_soft_bare *bare, uint64_t cr0, uint64_t cr4,
		    uint64_t efer)
{
	efer &= ~EFER_LMA;
	if ((efer & EFER_LME) && (cr0 & CR0_PG))
		efer |= EFER_LMA;
	cr0 |= CR0_ET;
	/* 64-bit mode is only left through compatibility mode. */
	if (!mti_bare_crs_valid(cr0, cr4, efer) ||
	    (mti_bare_is_long(bare) && !(efer & EFER_LMA)) ||
	    (!(bare->efer & EFER_LMA) && (efer & EFER_LMA) &&
	     (bare->segments[MTI_BARE_CS].attributes & SEG_LONG)))
		return mti_bare_trap(bare, GP, 0);
	bare->cr0 = cr0;
	bare->cr4 = cr4;
	bare->efer = efer;
	mti_bare_forget(bare);
	return true;
}

static bool write_control(struct mti_soft_bare *bare, unsigned int index,
			  uint64_t value)
{
	switch (index) {
	case 0:
		if (value >> 32)
			return mti_bare_trap(bare, GP, 0);
		return set_crs(bare, value & CR0_ALL, bare->cr4, bare->efer);
	case 2:
		bare->cr2 = value;
		return true;
	case 3:
		if (mti_bare_is_ia32e(bare) && value >> PHYSICAL_BITS)
			return mti_bare_trap(bare, GP, 0);
		bare->cr3 = value;
		mti_bare_forget(bare);
		return true;
	case 4:
		return set_crs(bare, bare->cr0, value, bare->efer);
	case 8: /* there is no APIC whose priority it is */
		return value > 15 ? mti_bare_trap(bare, GP, 0) : true;
	default:
		return mti_bare_trap(bare, UD, 0);
	}
}

static bool read_control(struct mti_soft_bare *bare, unsigned int index,
			 uint64_t *value)
{
	switch (index) {
	case 0:
		*value = bare->cr0;
		return true;
	case 2:
		*value = bare->cr2;
		return true;
	case 3:
		*value = bare->cr3;
		return true;
	case 4:
		*value = bare->cr4;
		return true;
	case 8:
		*value = 0;
		return true;
	default:
		return mti_bare_trap(bare, UD, 0);
	}
}

static bool debug_register(struct mti_soft_bare *bare, unsigned int index,
			   bool write, uint64_t *value)
{
	uint64_t *at;

	if (index > 7)
		return mti_bare_trap(bare, UD, 0);
	if (index < 4)
		at = &bare->dr[index];
	else /* 4 and 5 are the others' names */
		at = index & 1 ? &bare->dr7 : &bare->dr6;
	if (!write) {
		*value = *at;
		return true;
	}
	if (index >= 4 && *value >> 32)
		return mti_bare_trap(bare, GP, 0);
	*at = *value;
	if (at == &bare->dr6)
		*at = (*value & 0xe00f) | DR6_ONES;
	else if (at == &bare->dr7)
		*at = (*value & 0xffff23ff) | DR7_ONES;
	return true;
}

bool mti_bare_control(struct mti_soft_bare *bare, const struct insn *insn)
{
	unsigned int size = mti_bare_is_long(bare) ? 8 : 4;
	uint64_t value = bare->regs[insn->rm] & mti_bare_mask(size);
	bool write = insn->opcode & 2;
	bool done;

	if (mti_bare_cpl(bare))
		return mti_bare_trap(bare, GP, 0);
	if (insn->opcode == 0x0f06) {
		bare->cr0 &= ~CR0_TS;
		return true;
	}
	if (insn->opcode & 1)
		done = debug_register(bare, insn->reg, write, &value);
	else if (write)
		done = write_control(bare, insn->reg, value);
	else
		done = read_control(bare, insn->reg, &value);
	if (done && !write)
		mti_bare_put_register(bare, insn->rm, size, value);
	return done;
}

/* ------------------------------------------------------------------ MSRs */

#define MSR_EFER 0xc0000080u
#define MSR_FS_BASE 0xc0000100u
#define MSR_GS_BASE 0xc0000101u

/* enum mti_bare_msr or the like; NULL: there is no such MSR. */
static uint64_t *find_msr(struct mti_soft_bare *bare, uint32_t number)
{
	switch (number) {
	case 0xc0000081:
		return &bare->msrs[MTI_BARE_STAR];
	case 0xc0000082:
		return &bare->msrs[MTI_BARE_LSTAR];
	case 0xc0000083:
		return &bare->msrs[MTI_BARE_CSTAR];
	case 0xc0000084:
		return &bare->msrs[MTI_BARE_SFMASK];
	case 0xc0000102:
		return &bare->msrs[MTI_BARE_KERNEL_GS_BASE];
	case 0x174:
		return &bare->msrs[MTI_BARE_SYSENTER_CS];
	case 0x175:
		return &bare->msrs[MTI_BARE_SYSENTER_ESP];
	case 0x176:
		return &bare->msrs[MTI_BARE_SYSENTER_EIP];
	case 0x277:
		return &bare->msrs[MTI_BARE_PAT];
	case MSR_FS_BASE:
		return &bare->segments[MTI_BARE_FS].base;
	case MSR_GS_BASE:
		return &bare->segments[MTI_BARE_GS].base;
	default:
		return NULL;
	}
}

/* Of its eight bytes each is a type: 0, 1, 4 to 7. */
static bool is_pat(uint64_t value)
{
	unsigned int i;

	for (i = 0; i < 64; i += 8) {
		uint64_t type = value >> i & 0xff;

		if (type > 7 || type == 2 || type == 3)
			return false;
	}
	return true;
}

static bool msr_accepts(uint32_t number, uint64_t value)
{
	switch (number) {
	case 0x277:
		return is_pat(value);
	case 0x174:
	case 0xc0000081:
		return true;
	case 0xc0000084:
		return !(value >> 32);
	default:
		return mti_bare_is_canonical(value);
	}
}

static bool write_msr(struct mti_soft_bare *bare, uint32_t number,
		      uint64_t value)
{
	uint64_t *msr = find_msr(bare, number);

	if (number == MSR_EFER) {
		if ((value & ~EFER_ALL) ||
		    ((bare->cr0 & CR0_PG) && ((value ^ bare->efer) & EFER_LME)))
			return mti_bare_trap(bare, GP, 0);
		return set_crs(bare, bare->cr0, bare->cr4, value);
	}
	if (!msr || !msr_accepts(number, value))
		return mti_bare_trap(bare, GP, 0);
	*msr = value;
	return true;
}

/* Everything that is not named here is refused. */
bool mti_bare_msr(struct mti_soft_bare *bare, const struct insn *insn)
{
	uint32_t number = (uint32_t)bare->regs[RCX];
	const uint64_t *msr =
		number == MSR_EFER ? &bare->efer : find_msr(bare, number);

	if (mti_bare_cpl(bare) || !msr)
		return mti_bare_trap(bare, GP, 0);
	if (insn->opcode == 0x0f30)
		return write_msr(bare, number,
				 (uint32_t)bare->regs[RAX] | bare->regs[RDX]
								     << 32);
	bare->regs[RAX] = (uint32_t)*msr;
	bare->regs[RDX] = *msr >> 32;
	return true;
}

/* ------------------------------------------- groups 6 and 7, LAR and LSL */

static bool store_table(struct mti_soft_bare *bare, const struct insn *insn,
			const struct mti_bare_segment *table)
{
	uint8_t bytes[10];
	uint16_t limit = (uint16_t)table->limit;
	size_t size = mti_bare_is_long(bare) ? 8 : 4;

	memcpy(bytes, &limit, 2);
	memcpy(bytes + 2, &table->base, size);
	return mti_bare_write(bare, mti_bare_operand_linear(bare, insn, 0),
			      bytes, 2 + size, 0);
}

static bool load_table(struct mti_soft_bare *bare, const struct insn *insn,
		       struct mti_bare_segment *table)
{
	uint8_t bytes[10];
	uint64_t base = 0;
	uint16_t limit;
	size_t size = mti_bare_is_long(bare) ? 8 : 4;

	if (!mti_bare_read(bare, mti_bare_operand_linear(bare, insn, 0), bytes,
			   2 + size, ACCESS_READ))
		return false;
	memcpy(&limit, bytes, 2);
	memcpy(&base, bytes + 2, size);
	if (size == 4 && insn->operand == 2)
		base &= 0xffffff;
	if (!mti_bare_is_canonical(base))
		return mti_bare_trap(bare, GP, 0);
	table->base = base;
	table->limit = limit;
	return true;
}

static bool swap_gs(struct mti_soft_bare *bare)
{
	struct mti_bare_segment *gs = &bare->segments[MTI_BARE_GS];
	uint64_t base = gs->base;

	if (!mti_bare_is_long(bare))
		return mti_bare_trap(bare, UD, 0);
	if (mti_bare_cpl(bare))
		return mti_bare_trap(bare, GP, 0);
	gs->base = bare->msrs[MTI_BARE_KERNEL_GS_BASE];
	bare->msrs[MTI_BARE_KERNEL_GS_BASE] = base;
	return true;
}

static bool load_word(struct mti_soft_bare *bare, const struct insn *insn)
{
	const uint64_t bits = CR0_PE | CR0_MP | CR0_EM | CR0_TS;
	uint64_t value;

	if (!mti_bare_get_operand(bare, insn, 2, &value))
		return false;
	value = (bare->cr0 & ~bits) | (value & bits) | (bare->cr0 & CR0_PE);
	return set_crs(bare, value, bare->cr4, bare->efer);
}

/* 0f 01 */
static bool group7(struct mti_soft_bare *bare, const struct insn *insn)
{
	unsigned int reg = insn->reg & 7;

	if (insn->mod == 3 && reg == 7 && insn->rm == 0)
		return swap_gs(bare);
	if (reg == 4)
		return mti_bare_put_operand(bare, insn,
					    insn->mod == 3 ? insn->operand : 2,
					    bare->cr0);
	if (reg == 5 || (insn->mod == 3 && reg != 6))
		return mti_bare_trap(bare, UD, 0);
	if (reg < 2)
		return store_table(bare, insn, reg ? &bare->idt : &bare->gdt);
	if (mti_bare_cpl(bare))
		return mti_bare_trap(bare, GP, 0);
	if (reg == 6)
		return load_word(bare, insn);
	if (reg == 7) {
		mti_bare_forget(bare);
		return true;
	}
	return load_table(bare, insn, reg == 2 ? &bare->gdt : &bare->idt);
}

/*
 * Whether a selector can be asked about, with LAR, LSL, VERR, VERW: false
 * also for a fault on the way, which bare->trap then has.
 */
static bool is_visible(struct mti_soft_bare *bare, uint16_t selector,
		       struct descriptor *found)
{
	unsigned int dpl;

	bare->trap = (struct trap){ .vector = GP };
	if (!(selector & 0xfffc) ||
	    !mti_bare_descriptor(bare, selector, 0, found))
		return false;
	dpl = mti_bare_dpl(&found->segment);
	return (found->segment.attributes &
		(SEG_S | SEG_CODE | SEG_CONFORMING)) ==
		       (SEG_S | SEG_CODE | SEG_CONFORMING) ||
	       (dpl >= mti_bare_cpl(bare) && dpl >= (selector & 3u));
}

/* Sets ZF, unless a fault came in between. */
static bool answer(struct mti_soft_bare *bare, bool yes)
{
	if (!yes && bare->trap.vector != GP)
		return false;
	bare->rflags &= ~FLAG_ZF;
	if (yes)
		bare->rflags |= FLAG_ZF;
	return true;
}

static bool verify(struct mti_soft_bare *bare, const struct insn *insn,
		   bool write)
{
	struct descriptor found;
	uint16_t attributes;
	uint64_t selector;

	if (!mti_bare_get_operand(bare, insn, 2, &selector))
		return false;
	if (!is_visible(bare, (uint16_t)selector, &found))
		return answer(bare, false);
	attributes = found.segment.attributes;
	bare->trap.vector = GP;
	if (!(attributes & SEG_S))
		return answer(bare, false);
	if (attributes & SEG_CODE)
		return answer(bare, !write && (attributes & SEG_WRITABLE));
	return answer(bare, !write || (attributes & SEG_WRITABLE));
}

/* LAR and LSL. */
static bool look_up(struct mti_soft_bare *bare, const struct insn *insn)
{
	/* System descriptors: LDT, TSSs; of LAR, also gates. */
	uint32_t types = insn->opcode == 0x0f02 ? 0x1a3eu : 0x0a0eu;
	struct descriptor found;
	uint64_t selector;
	uint64_t value;

	if (!mti_bare_get_operand(bare, insn, 2, &selector))
		return false;
	if (!is_visible(bare, (uint16_t)selector, &found))
		return answer(bare, false);
	bare->trap.vector = GP;
	if (!(found.segment.attributes & SEG_S) &&
	    !((types >> (found.segment.attributes & SEG_TYPE)) & 1))
		return answer(bare, false);
	value = insn->opcode == 0x0f02 ? found.high & 0xf0ff00
				       : found.segment.limit;
	mti_bare_put_register(bare, insn->reg, insn->operand, value);
	return answer(bare, true);
}

bool mti_bare_tables(struct mti_soft_bare *bare, const struct insn *insn)
{
	unsigned int reg = insn->reg & 7;
	uint64_t selector;

	if (insn->opcode == 0x0f01)
		return group7(bare, insn);
	if (!mti_bare_is_protected(bare))
		return mti_bare_trap(bare, UD, 0);
	if (insn->opcode != 0x0f00)
		return look_up(bare, insn);
	if (reg < 2)
		return mti_bare_put_operand(
			bare, insn, insn->mod == 3 ? insn->operand : 2,
			bare->segments[reg ? MTI_BARE_TR : MTI_BARE_LDT]
				.selector);
	if (reg > 5)
		return mti_bare_trap(bare, UD, 0);
	if (reg >= 4)
		return verify(bare, insn, reg == 5);
	if (mti_bare_cpl(bare))
		return mti_bare_trap(bare, GP, 0);
	return mti_bare_get_operand(bare, insn, 2, &selector) &&
	       mti_bare_load_system(bare, (uint16_t)selector, reg == 3);
}

/* ----------------------------------------------------------------- CPUID */

/* SSE3 SSSE3 CX16 SSE4.1 SSE4.2 AES, a hypervisor. */
#define LEAF1_ECX 0x82182201u
/* FPU PSE TSC MSR PAE CX8 SEP PGE CMOV PAT CLFSH MMX FXSR SSE SSE2. */
#define LEAF1_EDX 0x0789a979u
#define EXTENDED_ECX 0x1u	 /* LAHF */
#define EXTENDED_EDX 0x20100800u /* LM, NX, SYSCALL */

/* Without what mti_os_cpu_features leaves out: it is the supervisor's. */
void mti_soft_bare_features(uint64_t *features)
{
	memset(features, 0, MTI_CPU_FEATURE_WORDS * sizeof(*features));
	features[0] = LEAF1_ECX & ~0x80000000u;
	features[1] = LEAF1_EDX & 0x07888911u;
	features[5] = EXTENDED_ECX;
	features[6] = EXTENDED_EDX & ~0x00100000u;
}

/*
 * What Unicorn 2.0.1 has and what is above, whatever the host: no VMX, SVM,
 * APIC, XSAVE. The hypervisor's leaf is that of all backends.
 */
bool mti_bare_cpuid(struct mti_soft_bare *bare)
{
	uint32_t out[4] = { 0 };

	switch ((uint32_t)bare->regs[RAX]) {
	case 0:
		out[0] = 1;
		memcpy(&out[1], "Mote", 4);
		memcpy(&out[3], "Soft", 4);
		memcpy(&out[2], "CPU ", 4);
		break;
	case 1:
		out[0] = 0x00000600; /* family 6 */
		out[1] = 0x00000800; /* lines of 64 bytes */
		out[2] = LEAF1_ECX;
		out[3] = LEAF1_EDX;
		break;
	case 0x40000000:
		out[0] = 0x40000000;
		memcpy(&out[1], "Mote", 4);
		memcpy(&out[2], "Mote", 4);
		memcpy(&out[3], "Mote", 4);
		break;
	case 0x80000000:
		out[0] = 0x80000008;
		break;
	case 0x80000001:
		out[2] = EXTENDED_ECX;
		out[3] = EXTENDED_EDX;
		break;
	case 0x80000008:
		out[0] = 48 << 8 | PHYSICAL_BITS; /* of linear ones, too */
		break;
	default:
		break;
	}
	bare->regs[RAX] = out[0];
	bare->regs[RBX] = out[1];
	bare->regs[RCX] = out[2];
	bare->regs[RDX] = out[3];
	return true;
}
