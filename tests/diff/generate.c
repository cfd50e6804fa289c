#include <string.h>

#include "abi/trap.h"
#include "arch/amd64/boot.h"
#include "arch/amd64/trap.h"
#include "case.h"
#include "encode.h"

#define TF 0x100u
#define DF 0x400u
#define AC 0x40000u

/* At most this many instructions are jumped over: the distance is a byte. */
#define SKIP_MAX 6

static struct diff_insn *next(struct diff_case *test)
{
	struct diff_insn *insn = &test->insns[test->count++];

	memset(insn, 0, sizeof(*insn));
	return insn;
}

static void plain(struct diff_case *test, const char *name, const char *bytes,
		  size_t size)
{
	diff_plain(next(test), name, bytes, size);
}

static bool one_in(struct random_source *random, size_t n)
{
	return random_below(random, n) == 0;
}

static const struct diff_form *any(struct random_source *random,
				   const struct diff_form *forms, size_t count)
{
	return &forms[random_below(random, count)];
}

static void from_table(struct diff_case *test, struct random_source *random,
		       const struct diff_form *forms, size_t count)
{
	diff_encode(random, any(random, forms, count), next(test));
}

/* cmp, so that all flags are known. */
static void define_flags(struct diff_case *test, struct random_source *random)
{
	struct diff_insn *insn = next(test);

	diff_plain(insn, "cmp", "\x48\x39", 2);
	diff_put(insn, 0xc0 | random_below(random, 64), 1);
	insn->defines = DIFF_ALL;
}

static void jump(struct diff_case *test, struct random_source *random)
{
	static const uint16_t reads[] = {
		DIFF_OF,
		DIFF_CF,
		DIFF_ZF,
		DIFF_CF | DIFF_ZF,
		DIFF_SF,
		DIFF_PF,
		DIFF_SF | DIFF_OF,
		DIFF_ZF | DIFF_SF | DIFF_OF,
	};
	size_t which = random_below(random, 21);
	struct diff_insn *insn = next(test);

	diff_plain(insn, "jump", "", 0);
	insn->skip = (uint8_t)(1 + random_below(random, SKIP_MAX));
	if (which < 16) {
		insn->reads = reads[which / 2];
		diff_put(insn, 0x70 + which, 1);
	} else {
		/* loopne, loope, loop, jrcxz, jmp */
		insn->reads = which < 18 ? DIFF_ZF : 0;
		if (which < 18)
			insn->name = "loope";
		diff_put(insn, which < 20 ? 0xe0 + which - 16 : 0xeb, 1);
	}
	diff_put(insn, 0, 1);
}

/*
 * mov $n, %r15d; ...; dec %r15d; jg back: ends soon, even if a jump went past
 * the first one.
 */
static void repeat(struct diff_case *test, struct random_source *random,
		   uint8_t group)
{
	struct diff_insn *insn = next(test);
	size_t body = 1 + random_below(random, 5);
	size_t i;

	diff_plain(insn, "load", "\x41\xbf", 2);
	diff_put(insn, 1 + random_below(random, 6), 4);
	insn->group = group;
	for (i = 0; i < body; i++)
		if (one_in(random, 3))
			from_table(test, random, diff_vector_forms,
				   diff_vector_count);
		else
			from_table(test, random, diff_integer_forms,
				   diff_integer_count);
	insn = next(test);
	diff_plain(insn, "dec", "\x41\xff\xcf", 3);
	insn->defines = DIFF_ALL & ~DIFF_CF;
	insn->group = group;
	insn = next(test);
	diff_plain(insn, "jump", "\x7f\x00", 2);
	insn->reads = DIFF_ZF | DIFF_SF | DIFF_OF;
	insn->back = (uint8_t)(body + 1);
	insn->group = group;
}

static uint64_t string_address(struct random_source *random)
{
	if (one_in(random, 12))
		return diff_odd_address(random);
	return DIFF_DATA + 512 + random_below(random, DIFF_DATA_BYTES - 1024);
}

static void string(struct diff_case *test, struct random_source *random)
{
	/* movs cmps stos lods scas, of bytes */
	static const uint8_t opcodes[] = { 0xa4, 0xa6, 0xaa, 0xac, 0xae };
	size_t which = random_below(random, sizeof(opcodes));
	bool compares = which == 1 || which == 4;
	size_t size = random_below(random, 4);
	struct diff_insn *insn;
	size_t rep = random_below(random, 3);

	diff_load(next(test), 6, string_address(random));
	diff_load(next(test), 7, string_address(random));
	diff_load(next(test), 1,
		  one_in(random, 20) ? random_below(random, 8192) :
				       random_below(random, 48));
	if (one_in(random, 4))
		plain(test, "std", "\xfd", 1);
	insn = next(test);
	diff_plain(insn, "string", "", 0);
	if (size == 1)
		diff_put(insn, 0x66, 1);
	if (rep)
		diff_put(insn, rep == 1 ? 0xf3 : 0xf2, 1);
	if (size == 3)
		diff_put(insn, 0x48, 1);
	diff_put(insn, opcodes[which] + (size ? 1u : 0u), 1);
	if (compares && !rep)
		insn->defines = DIFF_ALL;
	if (!one_in(random, 4))
		plain(test, "cld", "\xfc", 1);
}

static void odd_access(struct diff_case *test, struct random_source *random)
{
	unsigned int reg = (unsigned int)random_below(random, 4);
	struct diff_insn *insn;

	diff_load(next(test), reg, diff_odd_address(random));
	insn = next(test);
	diff_plain(insn, "access", "", 0);
	switch (random_below(random, 9)) {
	case 0:
		diff_put(insn, 0x8a, 1); /* mov (reg), %r8 */
		break;
	case 1:
		diff_put(insn, 0x8948, 2);
		break;
	case 2:
		diff_put(insn, 0x8b66, 2);
		break;
	case 3:
		diff_put(insn, 0x100ff3, 3); /* movss */
		break;
	case 4:
		diff_put(insn, 0x110f, 2); /* movups to memory */
		break;
	case 5:
		diff_put(insn, 0x01, 1); /* add %r32 to memory */
		insn->defines = DIFF_ALL;
		break;
	case 6:
		diff_put(insn, 0xd9, 1); /* fld m32 */
		diff_put(insn, reg, 1);
		return;
	case 7: /* jmp *reg */
		diff_put(insn, 0xff, 1);
		diff_put(insn, 0xe0 | reg, 1);
		return;
	default:
		insn->name = "cmpxchg";
		diff_put(insn, 0xb10f48f0, 4); /* lock, 64 bits */
		insn->defines = DIFF_ALL;
		break;
	}
	diff_put(insn, (random_below(random, 8) << 3) | reg, 1);
}

/* What user mode may not do, and what it may. */
static void forbidden(struct diff_case *test, struct random_source *random)
{
	static const struct {
		const char *name;
		const char *bytes;
		size_t size;
	} all[] = {
		{ "int3", "\xcc", 1 },
		{ "int", "\xcd\x80", 2 },
		{ "int", "\xcd\x03", 2 },
		{ "int", "\xcd\x0e", 2 },
		{ "int", "\xcd\x20", 2 },
		{ "ud2", "\x0f\x0b", 2 },
		{ "ud1", "\x0f\xb9\xc0", 3 },
		{ "hlt", "\xf4", 1 },
		{ "cli", "\xfa", 1 },
		{ "sti", "\xfb", 1 },
		{ "in", "\xe4\x60", 2 },
		{ "in", "\xec", 1 },
		{ "out", "\xe6\x21", 2 },
		{ "out", "\xee", 1 },
		{ "out", "\xef", 1 },
		{ "out", "\xe7\xc0", 2 },
		{ "out", "\xe7\xc8", 2 },
		{ "out", "\xe6\xc4", 2 },
		{ "out", "\x66\xe7\xc4", 3 },
		{ "in", "\xe5\xc4", 2 },
		{ "insb", "\x6c", 1 },
		{ "outsb", "\x6e", 1 },
		{ "mov", "\x0f\x20\xc0", 3 },	  /* %cr0, %rax */
		{ "mov", "\x0f\x22\xd8", 3 },	  /* %rax, %cr3 */
		{ "mov", "\x0f\x21\xf8", 3 },	  /* %dr7, %rax */
		{ "wrmsr", "\x0f\x30", 2 },
		{ "rdmsr", "\x0f\x32", 2 },
		{ "lgdt", "\x41\x0f\x01\x16", 4 }, /* (%r14) */
		{ "lidt", "\x41\x0f\x01\x1e", 4 },
		{ "lldt", "\x0f\x00\xd0", 3 },
		{ "ltr", "\x0f\x00\xd8", 3 },
		{ "lmsw", "\x0f\x01\xf0", 3 },
		{ "clts", "\x0f\x06", 2 },
		{ "invlpg", "\x41\x0f\x01\x3e", 4 },
		{ "wbinvd", "\x0f\x09", 2 },
		{ "sysret", "\x48\x0f\x07", 3 },
		{ "iretq", "\x48\xcf", 2 },
		{ "swapgs", "\x0f\x01\xf8", 3 },
		{ "push", "\x06", 1 },	     /* %es: not in 64-bit mode */
		{ "daa", "\x27", 1 },
		{ "jmp", "\xea", 1 },
		{ "mov", "\x8e\xd8", 2 },    /* %eax, %ds */
		{ "retf", "\x48\xcb", 2 },
		{ "syscall", "\x0f\x05", 2 },
		{ "xsetbv", "\x0f\x01\xd1", 3 },
		{ "lock nop", "\xf0\x90", 2 },
		{ "pop", "\x0f\xa9", 2 },     /* %gs */
		{ "vmcall", "\x0f\x01\xc1", 3 },
	};
	size_t which = random_below(random, sizeof(all) / sizeof(all[0]));
	struct diff_insn *insn = next(test);

	diff_plain(insn, all[which].name, all[which].bytes, all[which].size);
	/* iret takes what is there. */
	if (strcmp(all[which].name, "iretq") == 0)
		insn->defines = DIFF_ALL;
	if (strcmp(all[which].name, "syscall") == 0)
		insn->reads = DIFF_ALL;
}

/* push $flags; popf */
static void pop_flags(struct diff_case *test, struct random_source *random,
		      uint8_t group)
{
	/* Without NT: see known.c; it would be pushed and stored. */
	uint32_t flags = (uint32_t)random_u64(random) & 0x3fbfff;
	struct diff_insn *insn = next(test);

	if (!one_in(random, 24))
		flags &= ~TF;
	if (!one_in(random, 24))
		flags &= ~AC;
	if (!one_in(random, 4))
		flags &= ~DF;
	diff_plain(insn, "push", "\x68", 1);
	diff_put(insn, flags, 4);
	insn->group = group;
	insn = next(test);
	diff_plain(insn, "popf", "\x9d", 1);
	insn->defines = DIFF_ALL;
	insn->group = group;
}

/* call over some instructions; where it lands something may pop. */
static void call(struct diff_case *test, struct random_source *random,
		 uint8_t group)
{
	struct diff_insn *insn = next(test);

	if (one_in(random, 2)) {
		/* lea 2(%rip), %rax; push; ret: behind the ret */
		diff_plain(insn, "call", "\x48\x8d\x05\x02\x00\x00\x00\x50\xc3",
			   9);
	} else if (one_in(random, 2)) {
		/* ret imm16 */
		diff_plain(insn, "call",
			   "\x48\x8d\x0d\x04\x00\x00\x00\x51\xc2\x08\x00", 11);
	} else {
		/* call +0; pop */
		diff_plain(insn, "call", "\xe8\x00\x00\x00\x00\x58", 6);
	}
	insn->group = group;
}

/*
 * fnstsw %ax; movzbl %ah, %eax; and $0xfd, %al: not the exceptions and C1, see
 * known.c. For that there is no FNCLEX and no FNINIT, too: they would hide
 * that there were any.
 */
static void store_status(struct diff_case *test)
{
	struct diff_insn *insn = next(test);

	diff_plain(insn, "x87", "\xdf\xe0\x0f\xb6\xc4\x24\xfd", 7);
	insn->defines = DIFF_ALL & ~DIFF_AF;
	insn->undefines = DIFF_AF;
}

static void fpu(struct diff_case *test, struct random_source *random)
{
	static const uint8_t more[][2] = {
		{ 0xd9, 0xfc }, /* frndint */
		{ 0xd9, 0xd0 }, /* fnop */
		{ 0xda, 0xe9 }, /* fucompp */
		{ 0xde, 0xd9 }, /* fcompp */
		{ 0x9b, 0x90 }, /* fwait; nop */
	};
	size_t which = random_below(random, 60);

	if (which == 59)
		store_status(test);
	else if (which == 58)
		plain(test, "fincstp", one_in(random, 2) ? "\xd9\xf6" :
							   "\xd9\xf7", 2);
	else if (which < sizeof(more) / sizeof(more[0]))
		diff_plain(next(test), "x87", more[which], 2);
	else
		from_table(test, random, diff_x87_forms, diff_x87_count);
}

/*
 * Random bytes, but none that begin AVX instructions, and not those behind 0f
 * whose result is another one each time: rdtsc, cpuid, rdrand; rdtscp and
 * xgetbv are with lgdt and lidt.
 */
static void bytes(struct diff_case *test, struct random_source *random)
{
	static const uint8_t avx[] = { 0xc4, 0xc5, 0x62 };
	static const uint8_t varying[] = { 0x31, 0xa2, 0xc7, 0x01 };
	struct diff_insn *insn = next(test);
	size_t size = 2 + random_below(random, 11);
	uint8_t all[12];
	size_t i;

	for (i = 0; i < size; i++)
		all[i] = (uint8_t)random_u64(random);
	if (one_in(random, 2))
		all[0] = 0x0f;
	for (i = 0; i < size; i++)
		if (memchr(avx, all[i], sizeof(avx)) ||
		    memchr(varying, all[i], sizeof(varying)))
			all[i] = 0x90;
	diff_plain(insn, "raw", all, size);
}

static void one(struct diff_case *test, struct random_source *random,
		uint8_t group)
{
	size_t which = random_below(random, 1000);

	if (which < 560)
		from_table(test, random, diff_integer_forms,
			   diff_integer_count);
	else if (which < 770)
		from_table(test, random, diff_vector_forms, diff_vector_count);
	else if (which < 840)
		fpu(test, random);
	else if (which < 900)
		jump(test, random);
	else if (which < 920)
		repeat(test, random, group);
	else if (which < 945)
		string(test, random);
	else if (which < 965)
		pop_flags(test, random, group);
	else if (which < 980)
		call(test, random, group);
	else if (which < 992)
		odd_access(test, random);
	else
		forbidden(test, random);
}

static void put(uint8_t *at, uint64_t value, size_t bytes)
{
	memcpy(at, &value, bytes);
}

static void fill_fxsave(struct diff_case *test, struct random_source *random)
{
	uint8_t *area = test->fxsave;
	size_t used = 8 - random_below(random, 3) * random_below(random, 4);
	uint32_t mxcsr = MTI_MXCSR_RESET;
	size_t i;

	memset(area, 0, DIFF_FXSAVE_BYTES);
	/* All masked; precision and rounding as they come. */
	put(area, 0x7fu | (random_below(random, 4) << 10) |
			  (one_in(random, 4) ? random_below(random, 4) << 8 :
					       0x300u),
	    2);
	put(area + 2, ((8 - used) & 7) << 11, 2);
	put(area + 4, used ? 0xffu << (8 - used) & 0xff : 0, 1);
	for (i = 0; i < used; i++) {
		uint64_t exponent = 16343 + random_below(random, 80);

		if (one_in(random, 8))
			exponent = random_u64(random) & 0x7fff;
		put(area + 32 + 16 * i,
		    random_u64(random) | UINT64_C(1) << 63, 8);
		put(area + 40 + 16 * i,
		    exponent | (random_u64(random) & 0x8000), 2);
	}
	mxcsr |= (uint32_t)random_below(random, 4) << 13;
	if (one_in(random, 8))
		mxcsr |= 1u << 15;
	if (one_in(random, 8))
		mxcsr |= 1u << 6;
	if (one_in(random, 64))
		mxcsr &= ~(0x80u << random_below(random, 6));
	put(area + 24, mxcsr, 4);
	for (i = 0; i < 32; i++)
		put(area + 160 + 8 * i, diff_number(random), 8);
}

static void fill_registers(struct diff_case *test, struct random_source *random)
{
	uint64_t *general = test->general;
	size_t i;

	for (i = 0; i < 16; i++)
		general[i] = random_any_width(random);
	general[MTI_RSP] = MOTE_GVA_STACK_TOP - 4096;
	general[MTI_RBP] = MOTE_GVA_STACK_TOP - 4096 +
			   8 * random_below(random, 64);
	general[MTI_RSI] = DIFF_DATA + random_below(random, DIFF_DATA_BYTES);
	general[MTI_RDI] = DIFF_DATA + random_below(random, DIFF_DATA_BYTES);
	general[MTI_R12] = random_below(random, 256);
	general[MTI_R14] = DIFF_DATA + 2048;
	general[MTI_R15] = random_below(random, 4);
	general[MTI_RFLAGS] = MTI_RFLAGS_USER |
			      (random_u64(random) & DIFF_ALL) |
			      (one_in(random, 8) ? DF : 0);
}

void diff_generate(struct diff_case *test, uint64_t seed, bool raw)
{
	struct random_source random = { seed };
	size_t wanted;
	uint8_t group = 1;
	size_t kept;

	memset(test, 0, sizeof(*test));
	test->seed = seed;
	test->data_seed = random_u64(&random);
	test->slot = DIFF_SLOT_FIRST;
	test->ends_at_port = one_in(&random, 4);
	test->at_page_end = one_in(&random, 32);
	test->raw = one_in(&random, 10) && raw;
	fill_registers(test, &random);
	fill_fxsave(test, &random);
	wanted = 1 + random_below(&random, test->raw ? 4 : 24);
	while (test->count < wanted) {
		kept = test->count;
		if (test->raw)
			bytes(test, &random);
		else
			one(test, &random, group++);
		if (diff_assemble(test))
			continue;
		/* It would read an undefined flag: not without a cmp. */
		test->count = kept;
		define_flags(test, &random);
	}
	while (!diff_assemble(test))
		test->count--;
}
