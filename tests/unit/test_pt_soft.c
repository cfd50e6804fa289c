/*
 * Page tables of i686 and aarch64 as another program reads them: the software
 * MMU of Unicorn, which runs a load, a store and a jump at each address, with
 * and without privilege. Without Unicorn this test does not exist.
 *
 * Before 2.1 its x86 walks the tables, and faults as it must, but then uses
 * memory at the virtual address: so there is some, and it is not compared
 * which one was meant. It knows no NX on x86, so the formats without it are
 * compared.
 */
#include <stdlib.h>
#include <string.h>
#include <unicorn/unicorn.h>

#include "harness/random.h"
#include "harness/tables.h"
#include "harness/unit.h"

#define PAGE TABLES_PAGE
#define MIB UINT64_C(0x100000)
#define ROUNDS 12
#define PLACES 60
/* Physical memory: code and a stack, tables, data with its own addresses. */
#define CODE 0x1000u
#define STACK 0x3000u
#define GDT 0x4000u
#define DATA (4 * MIB)
#define DATA_BYTES (4 * MIB)
/* The virtual addresses: the last of all. */
#define AREA_BYTES (1024 * MIB)
/* In a page of data: code, its number, a word to write to. */
#define NUMBER 64

static struct random_source source;
static const struct mti_pt *pt;
static uint64_t places[PLACES];
static uint8_t data[DATA_BYTES];

/* What a probe does, and where its code is. */
enum probe { LOAD, STORE, FETCH, PROBES };

#define CODE_OF(probe) (CODE + 0x40u * (1u + (unsigned int)(probe)))

static uint32_t vector;
/* Whether x86 uses memory at the address that tables give. */
static bool translates;

static void on_interrupt(uc_engine *engine, uint32_t number, void *user)
{
	(void)user;
	vector = number;
	uc_emu_stop(engine);
}

static void must(uc_err error)
{
	if (error != UC_ERR_OK)
		fail_msg("unicorn: %s", uc_strerror(error));
}

static void put(uc_engine *engine, uint64_t at, const void *bytes, size_t size)
{
	must(uc_mem_write(engine, at, bytes, size));
}

static void put_memory(uc_engine *engine, const void *end_code, size_t size)
{
	uint64_t at;
	size_t i;

	for (at = 0; at < DATA_BYTES; at += PAGE) {
		uint32_t number = (uint32_t)(DATA + at);

		memcpy(data + at, end_code, size);
		memcpy(data + at + NUMBER, &number, sizeof(number));
	}
	must(uc_mem_map(engine, 0, 64 * 1024, UC_PROT_ALL));
	must(uc_mem_map(engine, TABLES_BASE, sizeof(tables.pages),
			UC_PROT_ALL));
	must(uc_mem_map(engine, DATA, DATA_BYTES, UC_PROT_ALL));
	put(engine, TABLES_BASE, tables.pages, sizeof(tables.pages));
	put(engine, DATA, data, sizeof(data));
	at = tables_last(pt) + 1 - AREA_BYTES;
	must(uc_mem_map(engine, at, AREA_BYTES, UC_PROT_ALL));
	for (i = 0; i < PLACES; i++)
		put(engine, places[i], end_code, size);
}

/* ----------------------------------------------------------------- i686 */

static void write_x86(uc_engine *engine, int id, uint32_t value)
{
	must(uc_reg_write(engine, id, &value));
}

static void start_x86(uc_engine *engine)
{
	/* Flat segments: code and data of both rings. */
	static const uint64_t gdt[] = {
		0,
		0x00cf9b000000ffff,
		0x00cf93000000ffff,
		0x00cffb000000ffff,
		0x00cff3000000ffff,
	};
	static const uint8_t end[] = { 0xcd, 0x80 }; /* int $0x80 */
	static const uint8_t user[] = { 0xcf };	     /* iret */
	static const uint8_t load[] = { 0x8b, 0x03, 0xcd, 0x80 };
	static const uint8_t store[] = { 0x89, 0x03, 0xcd, 0x80 };
	static const uint8_t fetch[] = { 0xff, 0xe3 }; /* jmp *%ebx */
	uc_x86_mmr gdtr = { .base = GDT, .limit = sizeof(gdt) - 1 };
	uint32_t cr4 = pt == &mti_pt_i686_pse	? 0x10
		       : pt == &mti_pt_i686_pae ? 0x20
						: 0;

	put_memory(engine, end, sizeof(end));
	put(engine, GDT, gdt, sizeof(gdt));
	put(engine, CODE, user, sizeof(user));
	put(engine, CODE_OF(LOAD), load, sizeof(load));
	put(engine, CODE_OF(STORE), store, sizeof(store));
	put(engine, CODE_OF(FETCH), fetch, sizeof(fetch));
	must(uc_reg_write(engine, UC_X86_REG_GDTR, &gdtr));
	write_x86(engine, UC_X86_REG_CS, 0x08);
	write_x86(engine, UC_X86_REG_SS, 0x10);
	write_x86(engine, UC_X86_REG_DS, 0x23);
	write_x86(engine, UC_X86_REG_ES, 0x23);
	write_x86(engine, UC_X86_REG_CR4, cr4);
	write_x86(engine, UC_X86_REG_CR3, (uint32_t)tables.root);
	write_x86(engine, UC_X86_REG_CR0, 0x80010011); /* PG, WP, ET, PE */
}

static bool probe_x86(uc_engine *engine, enum probe probe, bool user,
		      uint64_t gva, uint64_t *value)
{
	const uint32_t code = CODE_OF(probe);
	const uint32_t frame[] = { code, 0x1b, 2, STACK + 0x800, 0x23 };
	uint32_t result = 0x1234;

	put(engine, STACK + 0xf00, frame, sizeof(frame));
	write_x86(engine, UC_X86_REG_ESP, STACK + 0xf00);
	write_x86(engine, UC_X86_REG_EBX, (uint32_t)gva);
	write_x86(engine, UC_X86_REG_EAX, result);
	vector = 0;
	must(uc_emu_start(engine, user ? CODE : code, 0xfff, 0, 10));
	must(uc_reg_read(engine, UC_X86_REG_EAX, &result));
	*value = result;
	assert_true(vector == 14 || vector == 0x80);
	return vector == 0x80;
}

/* -------------------------------------------------------------- aarch64 */

static void write_arm(uc_engine *engine, uint32_t op1, uint32_t crn,
		      uint32_t crm, uint32_t op2, uint64_t value)
{
	uc_arm64_cp_reg reg = {
		.op0 = 3,
		.op1 = op1,
		.crn = crn,
		.crm = crm,
		.op2 = op2,
		.val = value,
	};

	must(uc_reg_write(engine, UC_ARM64_REG_CP_REG, &reg));
}

static void start_arm(uc_engine *engine)
{
	static const uint32_t end[] = { 0xd4000001 };  /* svc #0 */
	static const uint32_t user[] = { 0xd69f03e0 }; /* eret */
	static const uint32_t load[] = { 0xb9400020, 0xd4000001 };
	static const uint32_t store[] = { 0xb9000020, 0xd4000001 };
	static const uint32_t fetch[] = { 0xd61f0020 }; /* br x1 */
	const struct mti_pt_mapping low = { 0, 0, 64 * 1024,
					    MTI_PT_USER | MTI_PT_EXECUTE };
	uint64_t other = tables_new_root();
	bool upper = pt == &mti_pt_aarch64_upper;

	/* The code is always in the lower half. */
	if (upper)
		assert_int_equal(mti_pt_map(&mti_pt_aarch64, &tables_ops_fixed,
					    other, &low),
				 MTI_PT_OK);
	put_memory(engine, end, sizeof(end));
	put(engine, CODE, user, sizeof(user));
	put(engine, CODE_OF(LOAD), load, sizeof(load));
	put(engine, CODE_OF(STORE), store, sizeof(store));
	put(engine, CODE_OF(FETCH), fetch, sizeof(fetch));
	write_arm(engine, 6, 1, 1, 0, 0x431);		  /* SCR_EL3: RW, NS */
	write_arm(engine, 4, 1, 1, 0, UINT64_C(1) << 31); /* HCR_EL2: RW */
	write_arm(engine, 0, 10, 2, 0, 0xff);		  /* MAIR_EL1 */
	/* TCR_EL1: 48 bits and 4 KiB in both halves, physical too. */
	write_arm(engine, 0, 2, 0, 2,
		  UINT64_C(5) << 32 | UINT64_C(2) << 30 | 16 << 16 | 16);
	write_arm(engine, 0, 2, 0, 0, upper ? other : tables.root);
	write_arm(engine, 0, 2, 0, 1, upper ? tables.root : other);
	write_arm(engine, 0, 1, 0, 0, 0x30d00801); /* SCTLR_EL1: M */
}

static bool probe_arm(uc_engine *engine, enum probe probe, bool user,
		      uint64_t gva, uint64_t *value)
{
	const uint64_t code = CODE_OF(probe);

	*value = 0x1234;
	write_arm(engine, 0, 4, 0, 1, code); /* ELR_EL1 */
	write_arm(engine, 0, 4, 0, 0, 0);    /* SPSR_EL1: EL0 */
	must(uc_reg_write(engine, UC_ARM64_REG_X0, value));
	must(uc_reg_write(engine, UC_ARM64_REG_X1, &gva));
	vector = 0;
	must(uc_emu_start(engine, user ? CODE : code, 0xffc, 0, 10));
	must(uc_reg_read(engine, UC_ARM64_REG_X0, value));
	assert_true(vector == 2 || vector == 3 || vector == 4);
	return vector == 2;
}

/* ------------------------------------------------------------ comparing */

static bool is_arm(void)
{
	return pt->levels == 4;
}

static void map_some(void)
{
	static const uint32_t all[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14 };
	struct mti_pt_mapping mapping = { 0, 0, 64 * 1024,
					  MTI_PT_USER | MTI_PT_EXECUTE };
	size_t i;

	if (!is_arm())
		mapping.flags |= MTI_PT_WRITE; /* the stack */
	if (pt != &mti_pt_aarch64_upper)
		assert_int_equal(mti_pt_map(pt, &tables_ops_fixed, tables.root,
					    &mapping),
				 MTI_PT_OK);
	for (i = 0; i + 2 < PLACES; i += 3) {
		uint64_t page = random_below(&source, 900);
		uint64_t count = 1 + random_below(&source, 100);
		uint64_t gva = tables_last(pt) + 1 - AREA_BYTES;

		gva += random_below(&source, 10) * 32 * MIB + 8 * MIB +
		       random_below(&source, 2048) * PAGE;
		if (random_below(&source, 2)) { /* a large one */
			page = 0;
			count = 1024;
			gva &= ~(4 * MIB - 1);
		}
		if (random_below(&source, 10) == 0)
			gva = tables_last(pt) + 1 - count * PAGE;
		mapping.gva = gva;
		mapping.gpa = DATA + page * PAGE;
		mapping.size = count * PAGE;
		mapping.flags = all[random_below(&source, 12)] | MTI_PT_LARGE;
		assert_int_equal(mti_pt_map(pt, &tables_ops_fixed, tables.root,
					    &mapping),
				 MTI_PT_OK);
		places[i] = gva;
		places[i + 1] = gva + (count - 1) * PAGE;
		places[i + 2] = gva - PAGE;
	}
}

/* Something else in an entry on the way to a place, or at its end. */
static void spoil(uint64_t gva)
{
	static const uint64_t x86[] = { 1, 2, 4 };
	static const uint64_t leaf[] = { 1, 0x40, 0x80, UINT64_C(1) << 53,
					 UINT64_C(1) << 54 };
	const size_t level = random_below(&source, pt->levels);
	struct mti_pt_entry entry;
	uint64_t table = tables.root;
	uint64_t flip = 1;
	uint64_t raw = 0;
	size_t index = 0;
	unsigned int i;

	for (i = 0;; i++) {
		index = (gva >> pt->shift[i]) & ((1u << pt->bits[i]) - 1);
		raw = tables_get(pt, table, index);
		pt->decode(i, raw, &entry);
		if (i == level || entry.kind != MTI_PT_KIND_TABLE)
			break;
		table = entry.gpa;
	}
	if (is_arm() && entry.kind == MTI_PT_KIND_TABLE)
		flip = UINT64_C(1) << (59 + random_below(&source, 4));
	else if (is_arm())
		flip = leaf[random_below(&source, 5)];
	else if (pt->levels == 2 || i > 0)
		flip = x86[random_below(&source, 3)];
	if (entry.kind == MTI_PT_KIND_LEAF || entry.kind == MTI_PT_KIND_TABLE)
		tables_set(pt, table, index, raw ^ flip);
}

/* What must happen, after our reading of the tables. */
static bool expected(const struct mti_pt_translation *found, enum probe probe,
		     bool user)
{
	bool reachable = !user || (found->flags & MTI_PT_USER);

	switch (probe) {
	case LOAD:
		return reachable;
	case STORE:
		return reachable && (found->flags & MTI_PT_WRITE);
	default:
		return reachable && (found->flags & MTI_PT_EXECUTE);
	}
}

/* What flags do not say: who may execute, if not both (pt.h). */
static bool is_told(const struct mti_pt_translation *found, enum probe probe,
		    bool user)
{
	return probe != FETCH || !is_arm() ||
	       user == !!(found->flags & MTI_PT_USER);
}

static void compare(uc_engine *engine, uc_context *start, uint64_t gva)
{
	struct mti_pt_translation found;
	bool mapped = mti_pt_translate(pt, &tables_ops, tables.root, gva,
				       &found) == MTI_PT_OK;
	unsigned int i;

	for (i = 0; i < 2 * PROBES; i++) {
		enum probe probe = (enum probe)(i / 2);
		uint64_t at = probe == FETCH ? gva : gva + NUMBER;
		bool user = i % 2;
		uint64_t value;
		bool works;

		/* Nothing is refused on x86. */
		if (probe == FETCH && !is_arm())
			continue;
		if (mapped && !is_told(&found, probe, user))
			continue;
		must(uc_context_restore(engine, start));
		works = is_arm() ? probe_arm(engine, probe, user, at, &value)
				 : probe_x86(engine, probe, user, at, &value);
		if (works != (mapped && expected(&found, probe, user)))
			fail_msg("%s, 0x%llx, probe %d, user %d: %d", pt->name,
				 (unsigned long long)gva, probe, user, works);
		if (!translates && !is_arm())
			continue;
		if (probe == LOAD && works)
			assert_int_equal(value, found.gpa);
		/* Stores must not change the numbers. */
		if (probe == STORE && works) {
			uint32_t number = 0;

			must(uc_mem_read(engine, found.gpa + NUMBER, &number,
					 4));
			assert_int_equal(number, 0x1234);
			number = (uint32_t)found.gpa;
			put(engine, found.gpa + NUMBER, &number, 4);
		}
	}
}

static void round_of(const struct mti_pt *format)
{
	uc_context *start;
	uc_engine *engine;
	uc_hook hook;
	size_t i;

	pt = format;
	tables_reset();
	map_some();
	for (i = 0; i < 10; i++)
		spoil(places[random_below(&source, PLACES - 3)]);
	must(uc_open(is_arm() ? UC_ARCH_ARM64 : UC_ARCH_X86,
		     is_arm() ? UC_MODE_ARM : UC_MODE_32, &engine));
	must(uc_hook_add(engine, &hook, UC_HOOK_INTR, (void *)on_interrupt,
			 NULL, 1, 0));
	if (is_arm())
		start_arm(engine);
	else
		start_x86(engine);
	must(uc_context_alloc(engine, &start));
	must(uc_context_save(engine, start));
	for (i = 0; i < PLACES; i++)
		compare(engine, start, places[i]);
	must(uc_context_free(start));
	must(uc_close(engine));
}

static void test_compared(void **state)
{
	static const struct mti_pt *const formats[] = {
		&mti_pt_i686,	 &mti_pt_i686_pse,	&mti_pt_i686_pae,
		&mti_pt_aarch64, &mti_pt_aarch64_upper,
	};
	size_t i;

	(void)state;
	for (i = 0; i < 5 * ROUNDS; i++)
		round_of(formats[i % 5]);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compared),
	};

	unsigned int major;
	unsigned int minor;

	(void)uc_version(&major, &minor);
	translates = major > 2 || minor > 0;
	source.state = random_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
