#include "compare.h"

#include <string.h>

#include "arch/amd64/boot.h"
#include "arch/amd64/trap.h"

#define FSW_STACK_FAULT 0x40u
#define RFLAGS_NT 0x4000u

/*
 * b is of the backend that a row is about, a of the other one. Whether there
 * was such a difference, and then it is gone.
 */
struct known {
	const char *backend; /* NULL: of any */
	const char *reason;
	bool (*settle)(const struct diff_case *test, struct diff_result *a,
		       struct diff_result *b, struct diff_outcome *outcome);
	unsigned long count;
	/* settle NULL: all of programs with one of these. */
	const char *names[5];
};

static bool alike(void *a, const void *b, size_t size)
{
	if (memcmp(a, b, size) == 0)
		return false;
	memcpy(a, b, size);
	return true;
}

/* These bits of a field of the FXSAVE area. */
static bool bits_alike(struct diff_result *a, struct diff_result *b, size_t at,
		       uint32_t mask)
{
	uint32_t one;
	uint32_t two;

	memcpy(&one, a->fxsave + at, sizeof(one));
	memcpy(&two, b->fxsave + at, sizeof(two));
	if (((one ^ two) & mask) == 0)
		return false;
	one = (one & ~mask) | (two & mask);
	memcpy(a->fxsave + at, &one, sizeof(one));
	return true;
}

static bool flags_alike(struct diff_result *a, struct diff_result *b,
			uint64_t mask)
{
	uint64_t *one = &a->general[MTI_RFLAGS];
	uint64_t two = b->general[MTI_RFLAGS];

	if (((*one ^ two) & mask) == 0)
		return false;
	*one = (*one & ~mask) | (two & mask);
	return true;
}

/* FOP, FIP, FDP */
static bool last_x87(const struct diff_case *test, struct diff_result *a,
		     struct diff_result *b, struct diff_outcome *outcome)
{
	(void)test;
	(void)outcome;
	return alike(a->fxsave + 6, b->fxsave + 6, 18);
}

static bool nested_task(const struct diff_case *test, struct diff_result *a,
			struct diff_result *b, struct diff_outcome *outcome)
{
	(void)test;
	(void)outcome;
	return flags_alike(a, b, RFLAGS_NT);
}

static bool mxcsr_status(const struct diff_case *test, struct diff_result *a,
			 struct diff_result *b, struct diff_outcome *outcome)
{
	(void)test;
	(void)outcome;
	return bits_alike(a, b, 24, 0x3f);
}

/* IE to ES, B, and C1, which says how a result was rounded. */
static bool fsw_status(const struct diff_case *test, struct diff_result *a,
		       struct diff_result *b, struct diff_outcome *outcome)
{
	(void)test;
	(void)outcome;
	return bits_alike(a, b, 2, 0x82ff);
}

/* Everything, where a difference would show anywhere. */
static bool all_alike(struct diff_result *a, const struct diff_result *b,
		      struct diff_outcome *outcome)
{
	bool found = alike(a, b, sizeof(*a));

	found |= !outcome->same_memory;
	outcome->same_memory = true;
	return found;
}

static bool is_named(const struct diff_insn *insn, const char *const *names)
{
	size_t i;

	for (i = 0; insn && names[i]; i++)
		if (strcmp(insn->name, names[i]) == 0)
			return true;
	return false;
}

static bool has(const struct diff_case *test, const char *const *names,
		bool twice)
{
	size_t i;

	for (i = 0; i < test->count; i++)
		if (is_named(&test->insns[i], names) &&
		    (!twice || test->insns[i].twice))
			return true;
	return false;
}

/* One of the first six from pc on. */
static bool has_byte(const struct diff_case *test, uint64_t pc, uint8_t byte)
{
	uint64_t at = pc - test->base;

	return at < DIFF_SLOT_BYTES - 6 &&
	       memchr(test->code + at, byte, 6) != NULL;
}

/* What is stored and compared after it differs too. */
static bool stack_fault(const struct diff_case *test, struct diff_result *a,
			struct diff_result *b, struct diff_outcome *outcome)
{
	(void)test;
	/* Of some exits nobody knows. */
	return (!a->has_registers || a->fxsave[2] & FSW_STACK_FAULT) &&
	       all_alike(a, b, outcome);
}

static const struct diff_insn *insn_at(const struct diff_case *test,
				       uint64_t pc)
{
	size_t i;

	for (i = 0; i < test->count; i++)
		if (test->address[i] == pc)
			return &test->insns[i];
	return NULL;
}

static bool memory_flags(const struct diff_case *test, struct diff_result *a,
			 struct diff_result *b, struct diff_outcome *outcome)
{
	(void)test;
	(void)outcome;
	return a->kind == MTI_EXIT_FAULT && b->kind == MTI_EXIT_FAULT &&
	       a->number >= 12 && a->number <= 14 &&
	       flags_alike(a, b, MTI_RFLAGS_SETTABLE);
}

/* At a user port, or a #GP or an error for another. */
static bool io_flags(const struct diff_case *test, struct diff_result *a,
		     struct diff_result *b, struct diff_outcome *outcome)
{
	static const char *const names[] = { "in", "out", "insb", "outsb",
					     NULL };

	(void)outcome;
	if (a->kind != b->kind ||
	    (a->kind == MTI_EXIT_FAULT && !test->raw &&
	     !is_named(insn_at(test, a->general[MTI_RIP]), names)))
		return false;
	return flags_alike(a, b, MTI_RFLAGS_SETTABLE);
}

static bool flush_to_zero(const struct diff_case *test, struct diff_result *a,
			  struct diff_result *b, struct diff_outcome *outcome)
{
	return (test->fxsave[25] & 0x80 || test->fxsave[24] & 0x40) &&
	       all_alike(a, b, outcome);
}

static bool no_popcnt(const struct diff_case *test, struct diff_result *a,
		      struct diff_result *b, struct diff_outcome *outcome)
{
	static const char *const names[] = { "popcnt", NULL };

	return b->kind == MTI_EXIT_FAULT && b->number == 6 &&
	       is_named(insn_at(test, b->general[MTI_RIP]), names) &&
	       all_alike(a, b, outcome);
}

/* KVM's #UD: it emulates what faults with #GP, but not all. */
static bool misaligned(const struct diff_case *test, struct diff_result *a,
		       struct diff_result *b, struct diff_outcome *outcome)
{
	const struct diff_insn *insn = insn_at(test, a->general[MTI_RIP]);

	if (a->kind != MTI_EXIT_FAULT || (a->number != 13 && a->number != 6))
		return false;
	/* Nothing is known of random bytes but that they begin with 0f. */
	if (test->raw ? !has_byte(test, a->general[MTI_RIP], 0x0f) :
			!insn || !insn->aligned)
		return false;
	return all_alike(a, b, outcome);
}

/* b is of KVM in these. */
static bool not_emulated(const struct diff_case *test, struct diff_result *a,
			 struct diff_result *b, struct diff_outcome *outcome)
{
	(void)test;
	(void)outcome;
	if (a->kind != MTI_EXIT_FAULT || b->kind != MTI_EXIT_FAULT ||
	    a->number != 13 || b->number != 6)
		return false;
	b->number = a->number;
	b->fault = a->fault;
	b->error_code = a->error_code;
	return true;
}

/* b is of KVM. */
static bool upper_half(const struct diff_case *test, struct diff_result *a,
		       struct diff_result *b, struct diff_outcome *outcome)
{
	(void)test;
	(void)outcome;
	if (a->kind != MTI_EXIT_FAULT || b->kind != MTI_EXIT_FAULT ||
	    a->number != 14 || b->number != 14 || a->address != b->address ||
	    !(a->address >> 63) || a->error_code == b->error_code ||
	    (a->error_code ^ b->error_code) & ~UINT64_C(9))
		return false;
	b->error_code = a->error_code;
	return true;
}

static bool selectors(const struct diff_case *test, struct diff_result *a,
		      struct diff_result *b, struct diff_outcome *outcome)
{
	bool found = false;
	size_t i;

	(void)test;
	(void)outcome;
	for (i = 0; i < 16; i++) {
		uint64_t one = a->general[i];
		uint64_t two = b->general[i];

		if (one >> 16 != two >> 16 ||
		    !((one & 0xffff) == MTI_SELECTOR_USER_CODE ||
		      (one & 0xffff) == MTI_SELECTOR_USER_DATA) ||
		    !((two & 0xffff) == 0x33 || (two & 0xffff) == 0x2b))
			continue;
		b->general[i] = one;
		found = true;
	}
	return found;
}

static bool control_bits(const struct diff_case *test, struct diff_result *a,
			  struct diff_result *b, struct diff_outcome *outcome)
{
	(void)test;
	(void)outcome;
	return bits_alike(a, b, 0, 0xe0c0);
}

static bool store_to_empty(const struct diff_case *test, struct diff_result *a,
			   struct diff_result *b, struct diff_outcome *outcome)
{
	static const char *const names[] = { "fst", "fstp", NULL };

	(void)outcome;
	return (test->raw || has(test, names, false)) &&
	       bits_alike(a, b, 4, 0xff);
}

static bool canonical(uint64_t address)
{
	return address >> 47 == 0 || address >> 47 == 0x1ffff;
}

/* SDM 2A, "JMP"; APM 3, "Near Jump": before, or behind it. */
static bool jump_nowhere(const struct diff_case *test, struct diff_result *a,
			 struct diff_result *b, struct diff_outcome *outcome)
{
	(void)test;
	if (a->number != 13 || b->number != 13 ||
	    canonical(a->general[MTI_RIP]) == canonical(b->general[MTI_RIP]))
		return false;
	return all_alike(a, b, outcome);
}

/* FINCSTP and FDECSTP leave them undefined (SDM 2A); with FXAM it differs. */
static bool conditions(const struct diff_case *test, struct diff_result *a,
		       struct diff_result *b, struct diff_outcome *outcome)
{
	static const char *const names[] = { "fincstp", "fchs", NULL };

	(void)outcome;
	return has(test, names, false) && bits_alike(a, b, 2, 0x4700);
}

static bool shift_double(const struct diff_case *test, struct diff_result *a,
			 struct diff_result *b, struct diff_outcome *outcome)
{
	static const char *const names[] = { "shld", "shrd", NULL };
	size_t i;

	for (i = 0; i < test->count; i++)
		if (is_named(&test->insns[i], names) &&
		    test->insns[i].relative_at)
			return all_alike(a, b, outcome);
	return false;
}

/* In random bytes. */
static bool other_ud(const struct diff_case *test, struct diff_result *a,
		struct diff_result *b, struct diff_outcome *outcome)
{
	bool one = a->kind == MTI_EXIT_FAULT && a->number == 6;
	bool two = b->kind == MTI_EXIT_FAULT && b->number == 6;

	return test->raw && (one || two) &&
	       (one != two ||
		a->general[MTI_RIP] != b->general[MTI_RIP]) &&
	       all_alike(a, b, outcome);
}

static bool syscall_flags(const struct diff_case *test, struct diff_result *a,
			  struct diff_result *b, struct diff_outcome *outcome)
{
	static const char *const names[] = { "syscall", NULL };

	(void)outcome;
	return (test->raw || has(test, names, false)) &&
	       flags_alike(a, b, 0x200);
}

/* The same address, or that one is where the access enters the next page. */
static bool starts_at(uint64_t address, uint64_t other, uint64_t page)
{
	return address == other || (other == page && page - address < 16);
}

static bool read_modify_write(const struct diff_case *test,
			      struct diff_result *a, struct diff_result *b,
			      struct diff_outcome *outcome)
{
	(void)test;
	(void)outcome;
	uint64_t page = b->address & ~(uint64_t)(MOTE_PAGE_SIZE - 1);

	if (a->kind != MTI_EXIT_FAULT || b->kind != MTI_EXIT_FAULT ||
	    a->number != 14 || b->number != 14 || !(a->error_code & 2) ||
	    b->error_code & 2 || !starts_at(a->address, b->address, page))
		return false;
	a->error_code = b->error_code;
	a->address = b->address;
	a->fault = b->fault;
	return true;
}

/* What lies before the border has been written. */
static bool half_a_store(const struct diff_case *test, struct diff_result *a,
			 struct diff_result *b, struct diff_outcome *outcome)
{
	(void)test;
	return a->kind == MTI_EXIT_FAULT && b->kind == MTI_EXIT_FAULT &&
	       a->number == 14 && b->number == 14 &&
	       b->address % MOTE_PAGE_SIZE == 0 &&
	       a->general[MTI_RIP] == b->general[MTI_RIP] &&
	       all_alike(a, b, outcome);
}

/* The last bytes of the lower half, and what is no address. */
static bool past_the_half(const struct diff_case *test, struct diff_result *a,
			  struct diff_result *b, struct diff_outcome *outcome)
{
	(void)test;
	return a->kind == MTI_EXIT_FAULT && b->kind == MTI_EXIT_FAULT &&
	       a->number != 14 && b->number == 14 &&
	       b->address >> 4 == UINT64_C(0x7ffffffffff) &&
	       all_alike(a, b, outcome);
}

static bool ports_last(const struct diff_case *test, struct diff_result *a,
		       struct diff_result *b, struct diff_outcome *outcome)
{
	static const char *const names[] = { "insb", "outsb", NULL };

	return (test->raw ||
		is_named(insn_at(test, a->general[MTI_RIP]), names)) &&
	       a->number == 13 && b->number == 14 && all_alike(a, b, outcome);
}

/* And one that is refused has written all the same. */
static bool refused_io(const struct diff_case *test, struct diff_result *a,
		       struct diff_result *b, struct diff_outcome *outcome)
{
	static const char *const names[] = { "in", "out", "insb", "outsb",
					     NULL };

	return a->number == 13 && b->number == 13 &&
	       (test->raw ||
		is_named(insn_at(test, a->general[MTI_RIP]), names)) &&
	       a->general[MTI_RIP] - b->general[MTI_RIP] + 8 < 16 &&
	       all_alike(a, b, outcome);
}

static bool stack_segment(const struct diff_case *test, struct diff_result *a,
			  struct diff_result *b, struct diff_outcome *outcome)
{
	(void)test;
	(void)outcome;
	if (a->number != 12 || b->number != 13)
		return false;
	a->number = b->number;
	return true;
}

static bool no_exception(const struct diff_case *test,
			     struct diff_result *a, struct diff_result *b,
			     struct diff_outcome *outcome)
{
	(void)test;
	return a->kind == MTI_EXIT_FAULT &&
	       (a->number == 16 || a->number == 17 || a->number == 19) &&
	       all_alike(a, b, outcome);
}

/* Among random bytes: it touches the stack at its new end. */
static bool enter(const struct diff_case *test, struct diff_result *a,
		  struct diff_result *b, struct diff_outcome *outcome)
{
	return test->raw && a->kind == MTI_EXIT_FAULT &&
	       a->fault == MOTE_FAULT_STACK_OVERFLOW &&
	       has_byte(test, a->general[MTI_RIP], 0xc8) &&
	       all_alike(a, b, outcome);
}

/*
 * Which half of an operand of 80 bits is looked at first; TEST in its other
 * encoding, of memory relative to RIP.
 */
static bool near_address(const struct diff_case *test, struct diff_result *a,
		      struct diff_result *b, struct diff_outcome *outcome)
{
	(void)test;
	return a->kind == MTI_EXIT_FAULT && a->number == 14 &&
	       b->number == 14 &&
	       a->general[MTI_RIP] == b->general[MTI_RIP] &&
	       b->address - a->address + 9 < 19 && a->address != b->address &&
	       all_alike(a, b, outcome);
}

static bool lock_register(const struct diff_case *test, struct diff_result *a,
			  struct diff_result *b, struct diff_outcome *outcome)
{
	const struct diff_insn *insn = insn_at(test, a->general[MTI_RIP]);

	return a->kind == MTI_EXIT_FAULT && a->number == 6 && insn &&
	       insn->bytes[0] == 0xf0 && all_alike(a, b, outcome);
}

static bool lock_neg(const struct diff_case *test, struct diff_result *a,
		     struct diff_result *b, struct diff_outcome *outcome)
{
	size_t i;

	for (i = 0; i < test->count; i++)
		if (strcmp(test->insns[i].name, "neg") == 0 &&
		    test->insns[i].bytes[0] == 0xf0)
			return all_alike(a, b, outcome);
	return false;
}

static bool ends_at_end(const struct diff_result *result)
{
	return result->number == 14 && result->error_code & 16 &&
	       result->address == DIFF_CODE + DIFF_CODE_BYTES;
}

static bool start_of_block(const struct diff_case *test, struct diff_result *a,
			   struct diff_result *b, struct diff_outcome *outcome)
{
	(void)test;
	return (ends_at_end(a) || ends_at_end(b)) && all_alike(a, b, outcome);
}

static bool is_nan(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return (value & 0x7f800000) == 0x7f800000;
}

/*
 * Of two NaNs SSE takes the first, x87 the larger one. A NaN among the results
 * says that it may have been so.
 */
static bool order_of_nans(const struct diff_case *test, struct diff_result *a,
			  struct diff_result *b, struct diff_outcome *outcome)
{
	static const char *const names[] = { "dpps", "dppd", NULL };
	bool floats = has(test, names, false) || test->raw;
	bool nan = false;
	size_t i;

	for (i = 0; i < test->count; i++)
		floats |= test->insns[i].floats;
	for (i = 160; i < 416; i += 4)
		nan |= is_nan(a->fxsave + i) ||
		       (i % 8 && (a->fxsave[i + 3] & 0x7f) == 0x7f &&
			a->fxsave[i + 2] >= 0xf0);
	nan |= !outcome->same_memory && (is_nan(outcome->memory.bytes[0]) ||
					 is_nan(outcome->memory.bytes[0] + 4));
	if (!floats || !nan)
		return false;
	return all_alike(a, b, outcome);
}

/* FLDL2T and the like, where RC is not to nearest. */
static bool constants(const struct diff_case *test, struct diff_result *a,
		      struct diff_result *b, struct diff_outcome *outcome)
{
	static const char *const names[] = { "fconst", NULL };

	return test->fxsave[1] & 0x0c && has(test, names, false) &&
	       all_alike(a, b, outcome);
}

static bool sysret(const struct diff_case *test, struct diff_result *a,
		   struct diff_result *b, struct diff_outcome *outcome)
{
	static const char *const names[] = { "sysret", "vmcall", "xsetbv",
					     NULL };
	uint64_t pc = b->general[MTI_RIP];

	(void)outcome;
	/* Or in the page that has a SYSRET. */
	if (a->number != 13 || b->number != 6 ||
	    !(test->raw || is_named(insn_at(test, pc), names) ||
	      pc - MOTE_GVA_SYSCALL < MOTE_PAGE_SIZE))
		return false;
	b->number = a->number;
	b->fault = a->fault;
	return true;
}

/* What lies on the stack are no selectors. */
static bool far_returns(const struct diff_case *test, struct diff_result *a,
			struct diff_result *b, struct diff_outcome *outcome)
{
	static const char *const names[] = { "iretq", "retf", NULL };
	uint64_t pc = a->general[MTI_RIP];

	if (a->kind != MTI_EXIT_FAULT || b->kind != MTI_EXIT_FAULT ||
	    (a->number != 13 && a->number != 14))
		return false;
	if (!is_named(insn_at(test, pc), names) &&
	    !(test->raw && (has_byte(test, pc, 0xca) ||
			    has_byte(test, pc, 0xcb) ||
			    has_byte(test, pc, 0xcf))))
		return false;
	return all_alike(a, b, outcome);
}

static bool own_page(const struct diff_case *test, struct diff_result *a,
		     struct diff_result *b, struct diff_outcome *outcome)
{
	(void)test;
	return a->kind == MTI_EXIT_FAULT && a->number == 14 &&
	       a->address >> 12 == 0x100000 && all_alike(a, b, outcome);
}

/* FLD makes a quiet NaN of it. */
static bool signaling_load(const struct diff_case *test, struct diff_result *a,
			   struct diff_result *b, struct diff_outcome *outcome)
{
	size_t i;

	(void)test;
	for (i = 32; i < 160; i += 16)
		if ((a->fxsave[i + 9] & 0x7f) == 0x7f &&
		    a->fxsave[i + 8] == 0xff &&
		    memcmp(a->fxsave + i, b->fxsave + i, 10) != 0)
			return all_alike(a, b, outcome);
	return false;
}

/* Both of its operands fault. */
static bool string_order(const struct diff_case *test, struct diff_result *a,
			 struct diff_result *b, struct diff_outcome *outcome)
{
	static const char *const names[] = { "string", NULL };

	(void)outcome;
	if (a->kind != MTI_EXIT_FAULT || b->kind != MTI_EXIT_FAULT ||
	    a->general[MTI_RIP] != b->general[MTI_RIP] ||
	    !is_named(insn_at(test, a->general[MTI_RIP]), names) ||
	    (a->number == b->number && a->address == b->address))
		return false;
	a->number = b->number;
	a->fault = b->fault;
	a->error_code = b->error_code;
	a->address = b->address;
	return true;
}

/* The result overwrites what is still to be read. */
static bool horizontal(const struct diff_case *test, struct diff_result *a,
		       struct diff_result *b, struct diff_outcome *outcome)
{
	static const char *const names[] = {
		"phaddw", "phaddd", "phaddsw", "phsubw", "phsubd", "phsubsw",
		NULL,
	};

	return has(test, names, true) && all_alike(a, b, outcome);
}

#define ROW(backend, reason, settle) { backend, reason, settle, 0, { NULL } }

/*
 * CMPXCHG of 32 bits is not tried: the emulator clears upper halves that
 * processors do not, or not all.
 */
/* Those that settle everything come first. */
static struct known all[] = {
	ROW("soft", "no #GP for memory of SSE instructions that is not aligned",
	    misaligned),
	ROW("soft",
	    "an instruction that reaches into a page without code faults at "
	    "the start of its block",
	    start_of_block),
	ROW(NULL,
	    "a jump to what is no address: before it or behind it, as the "
	    "maker likes",
	    jump_nowhere),
	ROW("soft", "POPCNT is #UD", no_popcnt),
	ROW("soft", "of random bytes others are #UD", other_ud),
	ROW("soft",
	    "SHLD and SHRD with an immediate of memory relative to RIP are "
	    "one byte off",
	    shift_double),
	{ "soft", "CMPXCHG8B takes flags from before", NULL, 0,
	  { "cmpxchg8b" } },
	ROW("soft", "horizontal integer operations on one register alone",
	    horizontal),
	ROW("soft", "SSE takes another of two NaNs", order_of_nans),
	ROW("soft", "x87: a signaling NaN that is loaded stays one",
	    signaling_load),
	ROW("soft", "a page at 4 GiB is the emulator's own, and readable",
	    own_page),
	{ "soft", "flags behind LOOPE and LOOPNE", NULL, 0, { "loope" } },
	ROW("soft", "FLDPI and the like round to nearest always", constants),
	ROW("soft", "SYSRET, VMCALL and XSETBV are #UD", sysret),
	ROW("soft", "no #XM, no #AC, and #MF not always", no_exception),
	ROW("soft", "LOCK with a register is not always #UD", lock_register),
	{ "soft", "PCMPESTRx and PCMPISTRx find other matches", NULL, 0,
	  { "pcmpestrm", "pcmpestri", "pcmpistrm", "pcmpistri" } },
	ROW("soft", "an address of 80 bits, or of TEST, is some bytes off",
	    near_address),
	ROW("soft", "LOCK NEG leaves other flags", lock_neg),
	ROW("soft", "INS and OUTS look at memory before ports", ports_last),
	ROW("soft", "the end of the lower half is a page like others",
	    past_the_half),
	ROW("soft", "IRET and RETF look at pages before selectors",
	    far_returns),
	ROW("soft", "CMPS and MOVS look at their operands in another order",
	    string_order),
	{ "soft", "FBSTP writes 0 for -0", NULL, 0,
	  { "fbstp" } },
	{ "soft", "FISTTP of a number that is too large", NULL, 0,
	  { "fisttp" } },
	ROW("soft", "ENTER does not touch the end of what it takes", enter),
	ROW("soft", "MXCSR.FTZ does nothing, and DAZ nothing to MIN and MAX", flush_to_zero),
	ROW("soft", "x87: no stack overflow or underflow is noticed",
	    stack_fault),
	ROW("soft", "a read-modify-write of memory that is not there is a read",
	    read_modify_write),
	ROW("soft",
	    "an access across a border is half done when its second part faults",
	    half_a_store),
	ROW("soft", "#GP for #SS", stack_segment),
	ROW("soft", "flags of an instruction whose access to memory faults",
	    memory_flags),
	ROW("soft", "flags are not kept by an I/O instruction", io_flags),
	ROW("soft",
	    "INS that is refused has written; where what precedes an I/O "
	    "instruction looks like a prefix it counts as one",
	    refused_io),
	ROW("soft", "MXCSR: no exception is noted", mxcsr_status),
	ROW("soft",
	    "x87: exceptions are noted in part; C1 is not set by rounding",
	    fsw_status),
	ROW("soft", "x87: bits of the control word without a meaning",
	    control_bits),
	ROW("soft", "x87: a store to an empty register leaves it empty",
	    store_to_empty),
	ROW(NULL, "x87: C0 to C3 after FINCSTP, FDECSTP, and FXAM of no number",
	    conditions),
	ROW(NULL,
	    "x87: pointers to the last instruction and operand, which "
	    "processors keep in different ways",
	    last_x87),
	ROW("kvm",
	    "kvm-pvm emulates what faults with #GP, and some is #UD then",
	    not_emulated),
	ROW("kvm",
	    "kvm-pvm says of some kernel addresses that they are present, or "
	    "have reserved bits",
	    upper_half),
	ROW("kvm", "kvm-pvm shows the host's selectors of CS and SS",
	    selectors),
	ROW("kvm", "kvm-pvm shows IF as cleared by a syscall", syscall_flags),
	ROW("kvm", "kvm-pvm loses NT when the host handles a page fault",
	    nested_task),
};

/* The emulator has computed some of them, and begins again. */
static struct known once =
	ROW("soft", "flags of an instruction that is the first to touch a page",
	    NULL);

static bool is_of(const struct known *row, const struct diff_target *target)
{
	return !row->backend || strcmp(row->backend, target->ops->name) == 0;
}

static bool settle(const struct known *row, const struct diff_case *test,
		   struct diff_result *a, struct diff_result *b,
		   struct diff_outcome *outcome)
{
	if (row->settle)
		return row->settle(test, a, b, outcome);
	return has(test, row->names, false) && all_alike(a, b, outcome);
}

void diff_known_settle(const struct diff_case *test,
		       const struct diff_target *targets,
		       struct diff_outcome *outcome, bool count)
{
	struct diff_result *results = outcome->results;
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		bool first = is_of(&all[i], &targets[0]);

		if (!first && !is_of(&all[i], &targets[1]))
			continue;
		if (settle(&all[i], test, &results[first ? 1 : 0],
			   &results[first ? 0 : 1], outcome) &&
		    count)
			all[i].count++;
	}
}

bool diff_known_once(const struct diff_target *targets)
{
	size_t i;

	for (i = 0; i < 2; i++)
		if (strcmp(targets[i].ops->name, once.backend) == 0) {
			once.count++;
			return true;
		}
	return false;
}

void diff_known_print(FILE *out)
{
	size_t i;

	fprintf(out, "expected differences:\n");
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i].count)
			fprintf(out, "%9lu %s: %s\n", all[i].count,
				all[i].backend ? all[i].backend : "all",
				all[i].reason);
	if (once.count)
		fprintf(out, "%9lu %s: %s\n", once.count, once.backend,
			once.reason);
}
