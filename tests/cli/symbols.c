/*
 * Symbols of hostile files: right answers from a good one, and nothing read
 * out of bounds from any other (the sanitizers watch).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <elf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "symbols.h"

static const char strings[] = "\0first\0second\0label\0wild\033\0data";

enum {
	NAME_FIRST = 1,
	NAME_SECOND = 7,
	NAME_LABEL = 14,
	NAME_WILD = 20,
	NAME_DATA = 26,
};

#define SYMBOLS 7

/* Packed by hand: every field at its natural place. */
struct file {
	Elf64_Ehdr header;
	Elf64_Phdr load;
	Elf64_Shdr sections[4];
	Elf64_Sym symbols[SYMBOLS];
	char strings[sizeof(strings)];
};

#define VADDR UINT64_C(0x1000)
#define LOADED UINT64_C(0x401000)

static const mote_segment segment = {
	.address = LOADED,
	.memory_size = 0x1000,
	.file_offset = 0x40,
	.file_size = 0x100,
	.protection = MOTE_PROT_READ | MOTE_PROT_EXECUTE,
};

static Elf64_Sym symbol(uint32_t name, unsigned char type, uint64_t value,
			uint64_t size)
{
	Elf64_Sym row;

	memset(&row, 0, sizeof(row));
	row.st_name = name;
	row.st_info = ELF64_ST_INFO(STB_GLOBAL, type);
	row.st_shndx = 3;
	row.st_value = value;
	row.st_size = size;
	return row;
}

static void make(struct file *file)
{
	memset(file, 0, sizeof(*file));
	memcpy(file->header.e_ident, ELFMAG, SELFMAG);
	file->header.e_ident[EI_CLASS] = ELFCLASS64;
	file->header.e_ident[EI_DATA] = ELFDATA2LSB;
	file->header.e_phoff = offsetof(struct file, load);
	file->header.e_phnum = 1;
	file->header.e_phentsize = sizeof(Elf64_Phdr);
	file->header.e_shoff = offsetof(struct file, sections);
	file->header.e_shnum = 4;
	file->header.e_shentsize = sizeof(Elf64_Shdr);
	file->load.p_type = PT_LOAD;
	file->load.p_offset = segment.file_offset;
	file->load.p_filesz = segment.file_size;
	file->load.p_memsz = segment.memory_size;
	file->load.p_vaddr = VADDR;
	file->sections[3].sh_addr = VADDR;
	file->sections[3].sh_size = 0x180;
	file->sections[1].sh_type = SHT_SYMTAB;
	file->sections[1].sh_offset = offsetof(struct file, symbols);
	file->sections[1].sh_size = sizeof(file->symbols);
	file->sections[1].sh_entsize = sizeof(Elf64_Sym);
	file->sections[1].sh_link = 2;
	file->sections[2].sh_type = SHT_STRTAB;
	file->sections[2].sh_offset = offsetof(struct file, strings);
	file->sections[2].sh_size = sizeof(file->strings);
	file->symbols[1] = symbol(NAME_SECOND, STT_FUNC, VADDR + 0x100, 0x20);
	file->symbols[2] = symbol(NAME_FIRST, STT_FUNC, VADDR, 0x80);
	/* One label before the function it lies in, one behind. */
	file->symbols[0] = symbol(NAME_LABEL, STT_NOTYPE, VADDR + 0x104, 0);
	file->symbols[3] = symbol(NAME_LABEL, STT_NOTYPE, VADDR + 0x90, 0);
	file->symbols[4] = symbol(NAME_LABEL, STT_NOTYPE, VADDR + 0x108, 0);
	file->symbols[5] = symbol(NAME_WILD, STT_FUNC, VADDR + 0x200, 8);
	file->symbols[6] = symbol(NAME_DATA, STT_OBJECT, VADDR + 0x300, 8);
	memcpy(file->strings, strings, sizeof(strings));
}

static void expect(const struct file *file, uint64_t offset, const char *name,
		   uint64_t from)
{
	struct cli_symbol found;

	assert_true(cli_symbol_find(file, sizeof(*file), &segment,
				    LOADED + offset, &found));
	assert_string_equal(found.name, name);
	assert_int_equal(found.offset, from);
}

static void test_finds(void **state)
{
	struct cli_symbol found;
	struct file file;

	(void)state;
	make(&file);
	expect(&file, 0, "first", 0);
	expect(&file, 0x7f, "first", 0x7f);
	/* Behind a function, at no label: nothing is claimed. */
	assert_false(cli_symbol_find(&file, sizeof(file), &segment,
				     LOADED + 0x80, &found));
	expect(&file, 0x95, "label", 5);
	/* A label inside a function does not hide it. */
	expect(&file, 0x110, "second", 0x10);
	expect(&file, 0x130, "label", 0x28);
	/* It ends with its section. */
	assert_false(cli_symbol_find(&file, sizeof(file), &segment,
				     LOADED + 0x180, &found));
	expect(&file, 0x201, "wild\\x1b", 1);
}

static void refuse(const struct file *file)
{
	struct cli_symbol found;

	assert_false(cli_symbol_find(file, sizeof(*file), &segment, LOADED + 4,
				     &found));
}

static void test_refuses(void **state)
{
	struct file file;

	(void)state;
#define BROKEN(change)                                                         \
	do {                                                                   \
		make(&file);                                                   \
		change;                                                        \
		refuse(&file);                                                 \
	} while (0)
	BROKEN(file.header.e_ident[0] = 0);
	BROKEN(file.header.e_ident[EI_CLASS] = ELFCLASS32);
	BROKEN(file.header.e_ident[EI_DATA] = ELFDATA2MSB);
	BROKEN(file.header.e_phentsize = 1);
	BROKEN(file.header.e_phoff = UINT64_MAX);
	BROKEN(file.header.e_phoff = sizeof(file));
	BROKEN(file.header.e_phnum = 0xffff);
	BROKEN(file.load.p_filesz++);
	BROKEN(file.header.e_shoff = UINT64_MAX - 8);
	BROKEN(file.header.e_shnum = 0xffff);
	BROKEN(file.header.e_shnum = 0);
	BROKEN(file.header.e_shentsize = 0);
	BROKEN(file.sections[1].sh_link = 4);
	BROKEN(file.sections[1].sh_link = UINT32_MAX);
	BROKEN(file.sections[1].sh_entsize = 0);
	BROKEN(file.sections[1].sh_offset = UINT64_MAX);
	BROKEN(file.sections[1].sh_size = UINT64_MAX);
	BROKEN(file.sections[2].sh_offset = UINT64_MAX);
	BROKEN(file.sections[2].sh_size = UINT64_MAX);
	BROKEN(file.symbols[2].st_name = UINT32_MAX);
	BROKEN(file.symbols[2].st_value = UINT64_MAX);
#undef BROKEN
}

/* Every prefix of the file, in a block that ends where the file does. */
static void test_short_files(void **state)
{
	struct cli_symbol found;
	struct file file;

	(void)state;
	make(&file);
	for (size_t size = 0; size < sizeof(file); size++) {
		void *block = malloc(size + (size == 0));

		assert_non_null(block);
		memcpy(block, &file, size);
		(void)cli_symbol_find(block, size, &segment, LOADED, &found);
		free(block);
	}
}

/* A name without an end is cut at the end of its table. */
static void test_endless_name(void **state)
{
	struct cli_symbol found;
	struct file file;
	void *block;

	(void)state;
	make(&file);
	memset(file.strings, 'a', sizeof(file.strings));
	block = malloc(sizeof(file));
	assert_non_null(block);
	memcpy(block, &file, sizeof(file));
	assert_true(
		cli_symbol_find(block, sizeof(file), &segment, LOADED, &found));
	assert_int_equal(strlen(found.name), sizeof(strings) - NAME_FIRST);
	free(block);
}

/* Random damage: no answer is promised, only that nothing breaks. */
static void test_damage(void **state)
{
	uint32_t seed = 1;
	struct cli_symbol found;
	struct file file;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		unsigned char *bytes = (unsigned char *)&file;

		make(&file);
		for (int i = 0; i < 4; i++) {
			seed = seed * 1664525 + 1013904223;
			bytes[(seed >> 8) % sizeof(file)] =
				(unsigned char)(seed >> 24);
		}
		if (cli_symbol_find(&file, sizeof(file), &segment,
				    LOADED + seed % 0x300, &found))
			assert_true(strlen(found.name) < sizeof(found.name));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_finds),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_short_files),
		cmocka_unit_test(test_endless_name),
		cmocka_unit_test(test_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
