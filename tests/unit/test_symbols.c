/*
 * Symbols of hostile files: right answers from a good one, and nothing read
 * out of bounds from any other (the sanitizers watch).
 */
#include <stdlib.h>
#include <string.h>

#include "debug/symbols.h"
#include "harness/failing_allocator.h"
#include "harness/sections.h"
#include "harness/unit.h"

static const char names[] = "\0first\0second\0label\0alias\0weak\0data";

enum {
	NAME_FIRST = 1,
	NAME_SECOND = 7,
	NAME_LABEL = 14,
	NAME_ALIAS = 20,
	NAME_WEAK = 26,
	NAME_DATA = 31,
};

#define TEXT UINT64_C(0x1000)
#define BIAS UINT64_C(0x400000)

enum { TEXT_SECTION = 2, SYMBOL_SECTION = 3, NAME_SECTION = 4 };

#define ROWS 9

static Elf64_Sym symbol(uint32_t name, unsigned char bind, unsigned char type,
			uint64_t value, uint64_t size)
{
	const Elf64_Sym row = {
		.st_name = name,
		.st_info = (unsigned char)ELF64_ST_INFO(bind, type),
		.st_shndx = TEXT_SECTION,
		.st_value = value,
		.st_size = size,
	};

	return row;
}

static void make(struct sections *file)
{
	const Elf64_Sym rows[ROWS] = {
		/* One label before the function it lies in, one behind. */
		symbol(NAME_LABEL, STB_LOCAL, STT_NOTYPE, TEXT + 0x104, 0),
		symbol(NAME_SECOND, STB_GLOBAL, STT_FUNC, TEXT + 0x100, 0x20),
		symbol(NAME_FIRST, STB_LOCAL, STT_FUNC, TEXT, 0x80),
		symbol(NAME_LABEL, STB_LOCAL, STT_NOTYPE, TEXT + 0x90, 0),
		symbol(NAME_LABEL, STB_LOCAL, STT_NOTYPE, TEXT + 0x108, 0),
		symbol(NAME_WEAK, STB_WEAK, STT_FUNC, TEXT + 0x140, 8),
		symbol(NAME_ALIAS, STB_GLOBAL, STT_FUNC, TEXT + 0x140, 8),
		symbol(NAME_LABEL, STB_LOCAL, STT_FUNC, TEXT + 0x140, 8),
		symbol(NAME_DATA, STB_GLOBAL, STT_OBJECT, TEXT + 0x148, 8),
	};
	const unsigned char text[0x180] = { 0 };
	Elf64_Shdr *row;

	sections_init(file);
	sections_add(file, ".text", SHT_PROGBITS, TEXT, text, sizeof(text));
	row = sections_add(file, ".symtab", SHT_SYMTAB, 0, rows, sizeof(rows));
	row->sh_entsize = sizeof(Elf64_Sym);
	row->sh_link = NAME_SECTION;
	sections_add(file, ".strtab", SHT_STRTAB, 0, names, sizeof(names));
}

/* NULL if nothing is found, else the name, copied. */
static const char *find(const void *bytes, size_t size, uint64_t address,
			uint64_t *start)
{
	static char name[4096];
	struct mti_symbols symbols;
	struct mti_object object;
	const struct mti_symbol *found;
	struct mti_bytes text;

	mti_object_init(&object, bytes, size, BIAS);
	assert_true(mti_symbols_init(&symbols, &object, &mti_allocator_libc));
	found = mti_symbols_find(&symbols, address);
	if (found) {
		text = mti_symbol_name(&object, found);
		assert_true(text.size < sizeof(name));
		memcpy(name, text.data, text.size);
		name[text.size] = '\0';
		*start = found->start;
	}
	mti_symbols_fini(&symbols, &mti_allocator_libc);
	return found ? name : NULL;
}

static void expect(const struct sections *file, uint64_t offset,
		   const char *name, uint64_t start)
{
	uint64_t found = 0;
	const char *got = find(file->bytes, file->size, TEXT + offset, &found);

	assert_non_null(got);
	assert_string_equal(got, name);
	assert_int_equal(found - TEXT, start);
}

static void expect_none(const struct sections *file, uint64_t offset)
{
	uint64_t unused;

	assert_null(find(file->bytes, file->size, TEXT + offset, &unused));
}

static void test_finds(void **state)
{
	struct sections file;

	(void)state;
	make(&file);
	expect(&file, 0, "first", 0);
	expect(&file, 0x7f, "first", 0);
	/* Behind a function, at no label: nothing is claimed. */
	expect_none(&file, 0x80);
	expect_none(&file, UINT64_C(0) - 1);
	expect(&file, 0x95, "label", 0x90);
	/* A label inside a function does not hide it. */
	expect(&file, 0x110, "second", 0x100);
	expect(&file, 0x130, "label", 0x108);
	/* Of several names the global one. */
	expect(&file, 0x141, "alias", 0x140);
	/* Data has no code in it; the label before goes on. */
	expect(&file, 0x149, "label", 0x108);
	/* It ends with its section. */
	expect_none(&file, 0x180);
}

static void test_refuses(void **state)
{
	struct sections file;

	(void)state;
#define BROKEN(change)                                                         \
	do {                                                                   \
		make(&file);                                                   \
		change;                                                        \
		expect_none(&file, 4);                                         \
	} while (0)
	BROKEN(file.header->e_ident[0] = 0);
	BROKEN(file.header->e_ident[EI_CLASS] = ELFCLASS32);
	BROKEN(file.header->e_ident[EI_DATA] = ELFDATA2MSB);
	BROKEN(file.header->e_shoff = UINT64_MAX - 8);
	BROKEN(file.header->e_shnum = 0xffff);
	BROKEN(file.header->e_shnum = 0);
	BROKEN(file.header->e_shentsize = 0);
	BROKEN(file.rows[SYMBOL_SECTION].sh_link = 99);
	BROKEN(file.rows[SYMBOL_SECTION].sh_link = UINT32_MAX);
	BROKEN(file.rows[SYMBOL_SECTION].sh_entsize = 0);
	BROKEN(file.rows[SYMBOL_SECTION].sh_flags = SHF_COMPRESSED);
	BROKEN(file.rows[SYMBOL_SECTION].sh_offset = UINT64_MAX);
	BROKEN(file.rows[SYMBOL_SECTION].sh_size = UINT64_MAX);
	BROKEN(file.rows[NAME_SECTION].sh_offset = UINT64_MAX);
	BROKEN(file.rows[NAME_SECTION].sh_size = UINT64_MAX);
	BROKEN(file.rows[NAME_SECTION].sh_size = 0);
	BROKEN(file.rows[NAME_SECTION].sh_type = SHT_NOBITS);
#undef BROKEN
}

/* A name without an end is cut at the end of its table. */
static void test_endless_name(void **state)
{
	struct sections file;
	uint64_t start;

	(void)state;
	make(&file);
	memset(file.bytes + file.rows[NAME_SECTION].sh_offset, 'a',
	       sizeof(names));
	assert_int_equal(strlen(find(file.bytes, file.size, TEXT, &start)),
			 sizeof(names) - NAME_FIRST);
}

/* A long one is not read to its end, for each frame anew. */
static void test_long_name(void **state)
{
	static char text[4 * MTI_SYMBOL_NAME_MAX];
	const struct mti_symbol found = { .name = 1 };
	struct mti_object object = { 0 };

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	object.names.data = (const uint8_t *)text;
	object.names.size = sizeof(text);
	assert_int_equal(mti_symbol_name(&object, &found).size,
			 MTI_SYMBOL_NAME_MAX);
}

/* Every prefix of the file, in a block that ends where the file does. */
static void test_short_files(void **state)
{
	struct sections file;
	uint64_t start;
	size_t size;

	(void)state;
	make(&file);
	for (size = 0; size < file.size; size++) {
		void *block = malloc(size + (size == 0));

		assert_non_null(block);
		memcpy(block, file.bytes, size);
		(void)find(block, size, TEXT, &start);
		free(block);
	}
}

static void test_no_memory(void **state)
{
	struct failing_allocator memory;
	struct mti_symbols symbols;
	struct mti_object object;
	struct sections file;

	(void)state;
	make(&file);
	mti_object_init(&object, file.bytes, file.size, BIAS);
	failing_allocator_init(&memory, 1, false);
	assert_false(mti_symbols_init(&symbols, &object, &memory.allocator));
	assert_int_equal(memory.live, 0);
}

/* Many labels of nothing before a function: the look-back ends. */
static void test_bounded(void **state)
{
	enum { LABELS = 1000 };
	static Elf64_Sym rows[LABELS + 1];
	struct mti_symbols symbols;
	struct mti_object object = { 0 };
	size_t i;

	(void)state;
	rows[0] = symbol(NAME_FIRST, STB_GLOBAL, STT_FUNC, TEXT, 0x10000);
	for (i = 1; i <= LABELS; i++)
		rows[i] = symbol(NAME_WEAK, STB_GLOBAL, STT_FUNC,
				 TEXT + i * 2, 1);
	object.symbols.data = (const uint8_t *)rows;
	object.symbols.size = sizeof(rows);
	object.names.data = (const uint8_t *)names;
	object.names.size = sizeof(names);
	assert_true(mti_symbols_init(&symbols, &object, &mti_allocator_libc));
	assert_non_null(mti_symbols_find(
		&symbols, TEXT + 2 * (MTI_SYMBOL_STEPS - 1) + 1));
	assert_null(mti_symbols_find(&symbols, TEXT + 2 * LABELS + 1));
	mti_symbols_fini(&symbols, &mti_allocator_libc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_finds),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_endless_name),
		cmocka_unit_test(test_long_name),
		cmocka_unit_test(test_short_files),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
