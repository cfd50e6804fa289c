/*
 * Line tables: each version of the format, and tables that lie.
 */
#include <stdlib.h>
#include <string.h>

#include "debug/lines.h"
#include "harness/sections.h"
#include "harness/unit.h"

enum {
	COPY = 1, ADVANCE_PC = 2, ADVANCE_LINE = 3, SET_FILE = 4,
	CONST_ADD_PC = 8, FIXED_ADVANCE_PC = 9, SET_ISA = 12,
	OPCODE_BASE = 13, LINE_BASE = -3, LINE_RANGE = 12,
};

#define TEXT UINT64_C(0x1000)

static const char line_texts[] = "/where\0src\0deep.c";
static const char texts[] = "?\0other.c";

static void put_extended(struct byte_run *run, uint8_t code, uint64_t value,
			 size_t size)
{
	put_number(run, 0, 1);
	put_uleb(run, size + 1);
	put_number(run, code, 1);
	put_number(run, value, size);
}

/* Four lines: 10, 11 in file 1, 20 in file 2, none, at 0, 4, 0x10, 0x20. */
static void put_program(struct byte_run *run, uint64_t address, bool wide)
{
	put_extended(run, 2, address, 8);
	put_number(run, ADVANCE_LINE, 1);
	put_sleb(run, 9);
	put_number(run, COPY, 1);
	/* Special: address + 4, line + 1. */
	put_number(run, OPCODE_BASE + (1 - LINE_BASE) + LINE_RANGE * 4, 1);
	put_number(run, SET_ISA, 1);
	put_uleb(run, 3);
	put_extended(run, 0x80, 0x1234, 2);
	put_number(run, SET_FILE, 1);
	put_uleb(run, 2);
	put_number(run, ADVANCE_LINE, 1);
	put_sleb(run, 9);
	if (wide) {
		put_number(run, FIXED_ADVANCE_PC, 1);
		put_number(run, 12, 2);
	} else {
		put_number(run, ADVANCE_PC, 1);
		put_uleb(run, 12);
	}
	put_number(run, COPY, 1);
	/* (255 - 13) / 12 = 20. */
	put_number(run, CONST_ADD_PC, 1);
	put_number(run, ADVANCE_LINE, 1);
	put_sleb(run, -20);
	put_number(run, COPY, 1);
	put_number(run, ADVANCE_PC, 1);
	put_uleb(run, 4);
	put_extended(run, 1, 0, 0);
}

static void put_old_tables(struct byte_run *run)
{
	put_text(run, "src");
	put_text(run, "/abs/lib");
	put_number(run, 0, 1);
	put_text(run, "near.c");
	put_number(run, 0, 3);
	put_text(run, "far.c");
	put_number(run, 2, 1);
	put_number(run, 0, 2);
	put_number(run, 0, 1);
}

/* Folders by .debug_line_str; files by all kinds of forms. */
static void put_new_tables(struct byte_run *run, size_t offset_size)
{
	put_number(run, 1, 1);
	put_uleb(run, 1);
	put_uleb(run, 0x1f);
	put_uleb(run, 2);
	put_number(run, 0, offset_size);
	put_number(run, 7, offset_size);
	put_number(run, 4, 1);
	put_uleb(run, 1); /* path */
	put_uleb(run, 0x1f);
	put_uleb(run, 2); /* folder */
	put_uleb(run, 0x0b);
	put_uleb(run, 5); /* MD5 */
	put_uleb(run, 0x1e);
	put_uleb(run, 0x2001); /* of some vendor: a block */
	put_uleb(run, 0x09);
	put_uleb(run, 3);
	for (int i = 0; i < 3; i++) {
		put_number(run, 11, offset_size);
		put_number(run, i == 2 ? 1 : 0, 1);
		put_number(run, 0, 8);
		put_number(run, 0, 8);
		put_uleb(run, 2);
		put_number(run, 0, 2);
	}
}

static void put_unit(struct byte_run *section, unsigned int version,
		     size_t offset_size, const struct byte_run *tables,
		     const struct byte_run *program)
{
	static const unsigned char operands[] = { 0, 1, 1, 1, 1, 0,
						  0, 0, 1, 0, 0, 1 };
	struct byte_run head = { .size = 0 };
	struct byte_run unit = { .size = 0 };

	put_number(&head, 1, 1);
	if (version >= 4)
		put_number(&head, 1, 1);
	put_number(&head, 1, 1);
	put_number(&head, (uint64_t)(int64_t)LINE_BASE, 1);
	put_number(&head, LINE_RANGE, 1);
	put_number(&head, OPCODE_BASE, 1);
	put_bytes(&head, operands, sizeof(operands));
	put_bytes(&head, tables->bytes, tables->size);
	put_number(&unit, version, 2);
	if (version >= 5)
		put_number(&unit, 8, 2);
	put_number(&unit, head.size, offset_size);
	put_bytes(&unit, head.bytes, head.size);
	put_bytes(&unit, program->bytes, program->size);
	if (offset_size == 8)
		put_number(section, UINT32_MAX, 4);
	put_number(section, unit.size, offset_size);
	put_bytes(section, unit.bytes, unit.size);
}

static struct byte_run unit_of(unsigned int version, size_t offset_size,
			       uint64_t address)
{
	struct byte_run section = { .size = 0 };
	struct byte_run tables = { .size = 0 };
	struct byte_run program = { .size = 0 };

	if (version >= 5)
		put_new_tables(&tables, offset_size);
	else
		put_old_tables(&tables);
	put_program(&program, address, version == 3);
	put_unit(&section, version, offset_size, &tables, &program);
	return section;
}

static struct mti_object object_of(const struct byte_run *section)
{
	struct mti_object object = { .bias = 0 };

	object.lines.data = section->bytes;
	object.lines.size = section->size;
	object.line_texts.data = (const uint8_t *)line_texts;
	object.line_texts.size = sizeof(line_texts);
	object.texts.data = (const uint8_t *)texts;
	object.texts.size = sizeof(texts);
	return object;
}

static struct mti_line_query find(const struct byte_run *section,
				  uint64_t address)
{
	const struct mti_object object = object_of(section);
	struct mti_line_query query = { .address = address };
	struct mti_line_query *scratch[2];

	mti_lines_find(&object, &query, 1, scratch);
	return query;
}

static void expect(const struct byte_run *section, uint64_t address,
		   uint32_t line, const char *file)
{
	const struct mti_line_query query = find(section, address);

	assert_int_equal(query.line, line);
	assert_string_equal(query.file, file);
}

static void expect_all(const struct byte_run *section, const char *first,
		       const char *second)
{
	expect(section, TEXT - 1, 0, "");
	expect(section, TEXT, 10, first);
	expect(section, TEXT + 3, 10, first);
	expect(section, TEXT + 4, 11, first);
	expect(section, TEXT + 0xf, 11, first);
	expect(section, TEXT + 0x10, 20, second);
	expect(section, TEXT + 0x23, 20, second);
	/* Line 0: the compiler's own code. */
	expect(section, TEXT + 0x24, 0, "");
	expect(section, TEXT + 0x28, 0, "");
}

static void test_versions(void **state)
{
	struct byte_run section;
	unsigned int version;

	(void)state;
	for (version = 2; version <= 4; version++) {
		section = unit_of(version, version == 3 ? 8 : 4, TEXT);
		expect_all(&section, "near.c", "/abs/lib/far.c");
	}
	section = unit_of(5, 4, TEXT);
	expect_all(&section, "deep.c", "src/deep.c");
	section = unit_of(5, 8, TEXT);
	expect_all(&section, "deep.c", "src/deep.c");
}

/* Units of an unknown version are read over; dead functions do not count. */
static void test_units(void **state)
{
	struct byte_run section = unit_of(6, 4, TEXT);
	struct byte_run more = unit_of(4, 4, 0);

	(void)state;
	put_bytes(&section, more.bytes, more.size);
	expect(&section, 4, 0, "");
	more = unit_of(5, 4, TEXT);
	put_bytes(&section, more.bytes, more.size);
	expect_all(&section, "deep.c", "src/deep.c");
}

/* Many at once, out of order and repeated: each has its own answer. */
static void test_together(void **state)
{
	enum { COUNT = 300 };
	const struct byte_run section = unit_of(5, 4, TEXT);
	const struct mti_object object = object_of(&section);
	struct mti_line_query queries[COUNT];
	struct mti_line_query *scratch[2 * COUNT];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT; i++)
		queries[i].address = TEXT - 8 + i * 7 % 0x40;
	mti_lines_find(&object, queries, COUNT, scratch);
	for (i = 0; i < COUNT; i++) {
		const struct mti_line_query one =
			find(&section, TEXT - 8 + i * 7 % 0x40);

		assert_int_equal(queries[i].line, one.line);
		assert_string_equal(queries[i].file, one.file);
	}
}

static void test_long_names(void **state)
{
	struct byte_run section = { .size = 0 };
	struct byte_run tables = { .size = 0 };
	struct byte_run program = { .size = 0 };
	struct mti_line_query query;
	char folder[191];
	char name[300];

	(void)state;
	memset(folder, 'f', sizeof(folder) - 1);
	folder[sizeof(folder) - 1] = '\0';
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	put_text(&tables, folder);
	put_number(&tables, 0, 1);
	put_text(&tables, "twenty-bytes-long.c");
	put_number(&tables, 1, 3);
	put_text(&tables, name);
	put_number(&tables, 0, 3);
	put_number(&tables, 0, 1);
	put_program(&program, TEXT, false);
	put_unit(&section, 4, 4, &tables, &program);
	query = find(&section, TEXT);
	assert_int_equal(strlen(query.file), MTI_LINE_FILE_MAX - 1);
	assert_memory_equal(query.file, "...ff", 5);
	assert_string_equal(query.file + MTI_LINE_FILE_MAX - 22,
			    "f/twenty-bytes-long.c");
	query = find(&section, TEXT + 0x10);
	assert_int_equal(strlen(query.file), MTI_LINE_FILE_MAX - 1);
	assert_memory_equal(query.file, "...nn", 5);
}

/* Fields that would divide by zero, loop for ever or point nowhere. */
static void test_hostile_fields(void **state)
{
	struct byte_run good = unit_of(4, 4, TEXT);
	struct byte_run section;
	size_t i;

	(void)state;
	/* length, version, header length, unit, VLIW, is_stmt, base, range */
	section = good;
	section.bytes[14] = 0;
	expect(&section, TEXT, 0, "");
	section = good;
	section.bytes[15] = 0;
	expect(&section, TEXT, 0, "");
	section = good;
	memset(section.bytes, 0xff, 4);
	expect(&section, TEXT, 0, "");
	section = good;
	memset(section.bytes, 0xff, 12);
	expect(&section, TEXT, 0, "");
	section = good;
	memset(section.bytes + 6, 0xff, 4);
	expect(&section, TEXT, 0, "");
	/* A table of 2^63 rows that take no bytes. */
	section = unit_of(5, 4, TEXT);
	for (i = 0; i + 5 < section.size; i++)
		if (memcmp(section.bytes + i, "\1\1\37\2", 4) == 0)
			break;
	section.bytes[i] = 0;
	memset(section.bytes + i + 1, 0xff, 9);
	section.bytes[i + 9] = 0x7f;
	expect(&section, TEXT, 10, "");
}

/* All prefixes, at the end of their block; and each byte spoilt. */
static void test_damage(void **state)
{
	const unsigned int versions[] = { 4, 5 };
	struct byte_run section;
	struct byte_run good;
	size_t v;
	size_t i;

	(void)state;
	for (v = 0; v < 2; v++) {
		good = unit_of(versions[v], 4, TEXT);
		for (i = 0; i < good.size; i++) {
			struct mti_object object = object_of(&good);
			struct mti_line_query query = { .address = TEXT };
			struct mti_line_query *scratch[2];
			uint8_t *block = malloc(i + (i == 0));

			assert_non_null(block);
			memcpy(block, good.bytes, i);
			object.lines.data = block;
			object.lines.size = i;
			mti_lines_find(&object, &query, 1, scratch);
			free(block);
			section = good;
			section.bytes[i] ^= 0xff;
			(void)find(&section, TEXT + 4);
			section.bytes[i] = 0x80;
			(void)find(&section, TEXT + 0x10);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_units),
		cmocka_unit_test(test_together),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_hostile_fields),
		cmocka_unit_test(test_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
