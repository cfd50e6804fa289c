/*
 * One sensitive instruction at a time: which it is, and those about flags,
 * interrupts and ports.
 */
#include <string.h>

#include "abi/bare.h"
#include "hv/soft/bare_cpu.h"

#define IO_MAP_BASE 0x66u

static void skip(struct mti_soft_bare *bare, unsigned int length)
{
	bare->rip += length;
	if (!mti_bare_is_long(bare))
		bare->rip &= UINT32_MAX;
}

/* ----------------------------------------------------------------- flags */

static bool push_flags(struct mti_soft_bare *bare, const struct insn *insn)
{
	unsigned int stack = mti_bare_stack_size(bare);
	unsigned int size = insn->operand;
	uint64_t flags = bare->rflags & ~(FLAG_RF | FLAG_VM);
	uint64_t base = 0;
	uint64_t sp;

	if (mti_bare_is_long(bare)) {
		if (size == 4)
			size = 8;
	} else {
		base = bare->segments[MTI_BARE_SS].base;
	}
	sp = (bare->regs[RSP] - size) & mti_bare_mask(stack);
	if (!mti_bare_write(bare, base + sp, &flags, size, 0))
		return false;
	mti_bare_put_register(bare, RSP, stack, sp);
	return true;
}

static bool pop_flags(struct mti_soft_bare *bare, const struct insn *insn)
{
	unsigned int stack = mti_bare_stack_size(bare);
	unsigned int cpl = mti_bare_cpl(bare);
	unsigned int size = insn->operand;
	uint64_t mask = FLAGS_PLAIN | FLAG_TF | FLAG_NT;
	uint64_t base = 0;
	uint64_t flags = 0;
	uint64_t sp = bare->regs[RSP] & mti_bare_mask(stack);

	if (mti_bare_is_long(bare)) {
		if (size == 4)
			size = 8;
	} else {
		base = bare->segments[MTI_BARE_SS].base;
	}
	if (!mti_bare_read(bare, base + sp, &flags, size, ACCESS_READ))
		return false;
	if (size > 2)
		mask |= FLAG_AC | FLAG_ID;
	if (cpl <= (bare->rflags & FLAG_IOPL) >> 12)
		mask |= FLAG_IF;
	if (cpl == 0)
		mask |= FLAG_IOPL;
	bare->rflags = (bare->rflags & ~(mask | FLAG_RF)) | (flags & mask);
	mti_bare_put_register(bare, RSP, stack, bare->regs[RSP] + size);
	return true;
}

static bool set_interrupts(struct mti_soft_bare *bare, bool on)
{
	if (mti_bare_cpl(bare) > (bare->rflags & FLAG_IOPL) >> 12)
		return mti_bare_trap(bare, GP, 0);
	bare->rflags &= ~FLAG_IF;
	if (on)
		bare->rflags |= FLAG_IF;
	return true;
}

/* ----------------------------------------------------------------- ports */

/* SDM 1, 19.5.2: "I/O Permission Bit Map". */
static bool may_use(struct mti_soft_bare *bare, uint16_t port,
		    unsigned int size)
{
	const struct mti_bare_segment *tr = &bare->segments[MTI_BARE_TR];
	uint16_t map = 0;
	uint16_t bits = 0;
	uint32_t at;

	if (mti_bare_cpl(bare) <= (bare->rflags & FLAG_IOPL) >> 12)
		return true;
	if (tr->unusable || !(tr->attributes & 8) ||
	    tr->limit < IO_MAP_BASE + 1)
		return mti_bare_trap(bare, GP, 0);
	if (!mti_bare_read(bare, tr->base + IO_MAP_BASE, &map, sizeof(map),
			   ACCESS_SYSTEM))
		return false;
	at = (uint32_t)map + port / 8;
	if (at + 1 > tr->limit)
		return mti_bare_trap(bare, GP, 0);
	if (!mti_bare_read(bare, tr->base + at, &bits, sizeof(bits),
			   ACCESS_SYSTEM))
		return false;
	if (((uint32_t)bits >> (port & 7)) & ((1u << size) - 1))
		return mti_bare_trap(bare, GP, 0);
	return true;
}

static void fill_exit(struct mti_soft_bare *bare, struct mti_exit *exit,
		      uint16_t port, bool in, unsigned int size, uint32_t count)
{
	uint32_t value = 0;

	if (!in)
		memcpy(&value, bare->io, size);
	*exit = (struct mti_exit){
		.kind = MTI_EXIT_IO,
		.number = port,
		.value = value,
		.in = in,
		.size = (uint8_t)size,
		.count = count,
		.data = bare->io,
	};
}

/*
 * Output that nobody can tell from one exit for each element, as there is on
 * KVM: what else is written may be what ends the run.
 */
static bool is_stream(uint16_t port)
{
	return port == MOTE_BARE_PORT_DEBUG ||
	       (port >= MOTE_BARE_PORT_SERIAL &&
		port <= MOTE_BARE_PORT_SERIAL_LAST);
}

/* Where a string instruction is, and how far it goes in one exit. */
struct string {
	uint64_t linear;
	uint32_t count;
};

static void find_string(struct mti_soft_bare *bare, const struct insn *insn,
			bool in, unsigned int size, struct string *out)
{
	uint64_t mask = mti_bare_mask(insn->address);
	uint64_t offset = bare->regs[in ? RDI : RSI] & mask;
	int segment = in ? MTI_BARE_ES : MTI_BARE_DS;
	uint64_t room;

	if (!in && insn->override >= 0)
		segment = insn->override;
	out->linear = offset;
	if (!mti_bare_is_long(bare) || segment == MTI_BARE_FS ||
	    segment == MTI_BARE_GS)
		out->linear += bare->segments[segment].base;
	out->count = 1;
	if (!insn->repeat || (bare->rflags & FLAG_DF) ||
	    (!in && !is_stream((uint16_t)bare->regs[RDX])))
		return;
	/* As many as are in this page, and before addresses wrap. */
	room = (PAGE_BYTES - (out->linear & PAGE_MASK)) / size;
	if (room > (mask - offset) / size)
		room = (mask - offset) / size;
	if (room > (bare->regs[RCX] & mask))
		room = bare->regs[RCX] & mask;
	if (room > 1)
		out->count = (uint32_t)room;
}

/* count elements are done. */
static void step_string(struct mti_soft_bare *bare, unsigned int index,
			unsigned int address, unsigned int size, uint32_t count,
			bool repeated, unsigned int length)
{
	uint64_t mask = mti_bare_mask(address);
	uint64_t bytes = (uint64_t)count * size;

	if (bare->rflags & FLAG_DF)
		bytes = 0 - bytes;
	mti_bare_put_register(bare, index, address, bare->regs[index] + bytes);
	if (repeated) {
		mti_bare_put_register(bare, RCX, address,
				      bare->regs[RCX] - count);
		if (bare->regs[RCX] & mask)
			return;
	}
	skip(bare, length);
}

static void expect_in(struct mti_soft_bare *bare, const struct insn *insn,
		      unsigned int size, uint32_t count, bool string)
{
	memset(bare->io, 0, (size_t)size * count);
	bare->in_pending = true;
	bare->in_string = string;
	bare->in_size = (uint8_t)size;
	bare->in_address = insn->address;
	bare->in_repeated = insn->repeat;
	bare->in_count = count;
	bare->in_length = insn->length;
}

bool mti_bare_complete_in(struct mti_soft_bare *bare)
{
	unsigned int size = bare->in_size;
	uint64_t value = 0;
	uint64_t linear;

	if (!bare->in_pending)
		return true;
	bare->in_pending = false;
	if (!bare->in_string) {
		memcpy(&value, bare->io, size);
		mti_bare_put_register(bare, RAX, size, value);
		skip(bare, bare->in_length);
		return true;
	}
	linear = bare->regs[RDI] & mti_bare_mask(bare->in_address);
	if (!mti_bare_is_long(bare))
		linear += bare->segments[MTI_BARE_ES].base;
	if (!mti_bare_write(bare, linear, bare->io,
			    (size_t)size * bare->in_count, 0))
		return false;
	step_string(bare, RDI, bare->in_address, size, bare->in_count,
		    bare->in_repeated, bare->in_length);
	return true;
}

static bool string_io(struct mti_soft_bare *bare, const struct insn *insn,
		      unsigned int size, struct mti_exit *exit, bool *left)
{
	uint16_t port = (uint16_t)bare->regs[RDX];
	bool in = insn->opcode < 0x6e;
	struct string string;

	if (!may_use(bare, port, size))
		return false;
	if (insn->repeat && !(bare->regs[RCX] & mti_bare_mask(insn->address))) {
		skip(bare, insn->length);
		return true;
	}
	find_string(bare, insn, in, size, &string);
	if (in) {
		if (!mti_bare_probe(bare, string.linear,
				    (size_t)size * string.count, 0))
			return false;
		expect_in(bare, insn, size, string.count, true);
	} else {
		if (!mti_bare_read(bare, string.linear, bare->io,
				   (size_t)size * string.count, ACCESS_READ))
			return false;
		step_string(bare, RSI, insn->address, size, string.count,
			    insn->repeat, insn->length);
	}
	fill_exit(bare, exit, port, in, size, string.count);
	*left = true;
	return true;
}

static bool move_io(struct mti_soft_bare *bare, const struct insn *insn,
		    struct mti_exit *exit, bool *left)
{
	unsigned int wide = insn->operand == 2 ? 2 : 4;
	unsigned int size = insn->opcode & 1 ? wide : 1;
	uint16_t port = (uint16_t)bare->regs[RDX];
	bool in = !(insn->opcode & 2);

	if (insn->opcode < 0x70)
		return string_io(bare, insn, size, exit, left);
	if (insn->opcode < 0xe8)
		port = (uint16_t)insn->immediate;
	if (!may_use(bare, port, size))
		return false;
	if (in) {
		expect_in(bare, insn, size, 1, false);
	} else {
		memcpy(bare->io, &bare->regs[RAX], size);
		skip(bare, insn->length);
	}
	fill_exit(bare, exit, port, in, size, 1);
	*left = true;
	return true;
}

/* -------------------------------------------------------------- the rest */

static bool halt(struct mti_soft_bare *bare, const struct insn *insn,
		 struct mti_exit *exit, bool *left)
{
	if (mti_bare_cpl(bare))
		return mti_bare_trap(bare, GP, 0);
	skip(bare, insn->length);
	*exit = (struct mti_exit){ .kind = MTI_EXIT_HALT };
	*left = true;
	return true;
}

static bool interrupt(struct mti_soft_bare *bare, const struct insn *insn)
{
	int vector = (int)insn->immediate;

	if (insn->opcode == 0xcc)
		vector = BP;
	else if (insn->opcode == 0xf1)
		vector = DB;
	else if (insn->opcode == 0xce)
		vector = OF;
	skip(bare, insn->length);
	if (insn->opcode == 0xce && !(bare->rflags & FLAG_OF))
		return true;
	return mti_bare_software_interrupt(bare, vector);
}

/* Those that go on with the next instruction. */
static bool in_line(struct mti_soft_bare *bare, const struct insn *insn)
{
	switch (insn->opcode) {
	case 0x90: /* PAUSE */
		return true;
	case 0x9c:
		return push_flags(bare, insn);
	case 0x9d:
		return pop_flags(bare, insn);
	case 0xfa:
	case 0xfb:
		return set_interrupts(bare, insn->opcode == 0xfb);
	case 0x0f00:
	case 0x0f01:
	case 0x0f02:
	case 0x0f03:
		return mti_bare_tables(bare, insn);
	case 0x0f06:
	case 0x0f20:
	case 0x0f21:
	case 0x0f22:
	case 0x0f23:
		return mti_bare_control(bare, insn);
	case 0x0f08: /* INVD, WBINVD: there is no cache */
	case 0x0f09:
		return mti_bare_cpl(bare) ? mti_bare_trap(bare, GP, 0) : true;
	case 0x0f30:
	case 0x0f32:
		return mti_bare_msr(bare, insn);
	case 0x0f33: /* RDPMC: there are none */
		return mti_bare_trap(bare, GP, 0);
	case 0x0f37:
	case 0x0faa:
		return mti_bare_trap(bare, UD, 0);
	case 0x0fa2:
		return mti_bare_cpuid(bare);
	default:
		return mti_bare_move_segment(bare, insn);
	}
}

static bool dispatch(struct mti_soft_bare *bare, const struct insn *insn,
		     struct mti_exit *exit, bool *left)
{
	switch (insn->opcode) {
	case 0xf4:
		return halt(bare, insn, exit, left);
	case 0x6c:
	case 0x6d:
	case 0x6e:
	case 0x6f:
	case 0xe4:
	case 0xe5:
	case 0xe6:
	case 0xe7:
	case 0xec:
	case 0xed:
	case 0xee:
	case 0xef:
		return move_io(bare, insn, exit, left);
	case 0xcc:
	case 0xcd:
	case 0xce:
	case 0xf1:
		return interrupt(bare, insn);
	case 0xcf:
		return mti_bare_iret(bare, insn);
	case 0x9a:
	case 0xca:
	case 0xcb:
	case 0xea:
	case 0xff:
		return mti_bare_far(bare, insn);
	case 0x0f05:
	case 0x0f07:
	case 0x0f34:
	case 0x0f35:
		return mti_bare_fast_call(bare, insn);
	default:
		break;
	}
	if (!in_line(bare, insn))
		return false;
	skip(bare, insn->length);
	return true;
}

bool mti_bare_emulate(struct mti_soft_bare *bare, struct mti_exit *exit,
		      bool *left)
{
	uint64_t rip = bare->rip;
	struct insn insn;

	*left = false;
	if (!mti_bare_decode(bare, &insn))
		return false;
	if (insn.lock)
		return mti_bare_trap(bare, UD, 0);
	if (dispatch(bare, &insn, exit, left))
		return true;
	bare->rip = rip;
	return false;
}
