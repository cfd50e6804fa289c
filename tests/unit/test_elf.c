/*
 * mti_elf_parse over images that are valid, and over images with one thing
 * wrong: each check has a case, and the text must name the field.
 */
#include "harness/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/layout.h"
#include "elf/elf.h"
#include "elf_cases.h"
#include "harness/elf_builder.h"
#include "harness/failing_allocator.h"

/*
 * Parses a copy in a block of exactly that size, so that AddressSanitizer
 * sees a read beyond the file, then fills *err. Nothing may stay allocated.
 */
static mote_status parse_exact(const unsigned char *bytes, size_t size,
			       mote_error *err)
{
	struct failing_allocator state;
	unsigned char *copy = malloc(size ? size : 1);
	struct mti_elf elf;
	mote_status status;

	assert_non_null(copy);
	memcpy(copy, bytes, size);
	failing_allocator_init(&state, 0, false);
	memset(&elf, 0x5a, sizeof(elf));
	status = mti_elf_parse(copy, size, &state.allocator, &elf, err);
	if (status == MOTE_OK) {
		mti_elf_fini(&elf, &state.allocator);
	} else {
		struct mti_elf untouched;

		memset(&untouched, 0x5a, sizeof(untouched));
		assert_memory_equal(&elf, &untouched, sizeof(elf));
	}
	assert_int_equal(state.live, 0);
	free(copy);
	return status;
}

static void apply(struct elf_image *image, const struct elf_case *test)
{
	size_t i;

	for (i = 0; i < ELF_CASE_PATCHES; i++) {
		const struct elf_patch *patch = &test->patches[i];

		assert_true(patch->at + patch->width <= image->size);
		if (patch->text)
			memcpy(image->bytes + patch->at, patch->text,
			       patch->width);
		else
			memcpy(image->bytes + patch->at, &patch->value,
			       patch->width);
	}
}

static void run_case(const struct elf_case *test, bool position_independent)
{
	struct elf_image image = elf_image_new(position_independent, 0);
	mote_error err = MOTE_ERROR_INIT;
	mote_status status;

	apply(&image, test);
	status = parse_exact(image.bytes, image.size, &err);
	if (test->text && status != MOTE_E_IMAGE)
		fail_msg("%s: accepted", test->name);
	if (!test->text && status != MOTE_OK)
		fail_msg("%s: refused: %s", test->name, err.text);
	if (test->text && !strstr(err.text, test->text))
		fail_msg("%s: \"%s\" is not in \"%s\"", test->name, test->text,
			 err.text);
	elf_image_free(&image);
}

static void test_cases(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < elf_case_count; i++) {
		if (elf_cases[i].types != ELF_DYN)
			run_case(&elf_cases[i], false);
		if (elf_cases[i].types != ELF_EXEC)
			run_case(&elf_cases[i], true);
	}
}

static void check_export(const struct mti_elf *elf, size_t position,
			 const char *name, uint32_t index,
			 const char *signature, const char *parameters)
{
	const struct mti_elf_function *export = &elf->exports[position];

	assert_string_equal(export->name, name);
	assert_int_equal(export->index, index);
	assert_string_equal(export->signature_text, signature);
	assert_string_equal(export->parameters, parameters);
	assert_int_equal(export->flags, 0);
	assert_ptr_equal(mti_elf_find_export(elf, name), export);
}

static void check_import(const struct mti_elf *elf, size_t position,
			 const char *name, const char *signature,
			 uint32_t flags)
{
	const struct mti_elf_function *import = &elf->imports[position];

	assert_string_equal(import->name, name);
	assert_int_equal(import->index, position);
	assert_string_equal(import->signature_text, signature);
	assert_int_equal(import->flags, flags);
}

static void check_segment(const struct mti_elf *elf, size_t index,
			  uint64_t address, uint64_t memory_size,
			  uint64_t offset, uint64_t file_size,
			  uint32_t protection)
{
	const struct mti_elf_segment *segment = &elf->segments[index];

	assert_int_equal(segment->address, address);
	assert_int_equal(segment->memory_size, memory_size);
	assert_int_equal(segment->file_offset, offset);
	assert_int_equal(segment->file_size, file_size);
	assert_int_equal(segment->protection, protection);
}

static void check_valid(const struct mti_elf *elf, bool position_independent)
{
	static const char *const absent[] = { "",	"A", "alph",
					      "alphab", "b", "zz" };
	size_t i;

	assert_int_equal(elf->position_independent, position_independent);
	assert_true(elf->has_main);
	assert_int_equal(elf->abi_version, MOTE_ABI_VERSION);
	assert_int_equal(elf->entry, ELF_ADDRESS_TEXT);
	assert_int_equal(elf->segment_count, 3);
	check_segment(elf, 0, ELF_BASE, ELF_AT_TEXT, 0, ELF_AT_TEXT,
		      MTI_PROT_READ);
	check_segment(elf, 1, ELF_ADDRESS_TEXT, ELF_TEXT_SIZE, ELF_AT_TEXT,
		      ELF_TEXT_SIZE, MTI_PROT_READ | MTI_PROT_EXECUTE);
	check_segment(elf, 2, ELF_ADDRESS_DATA, ELF_DATA_SIZE + ELF_BSS_SIZE,
		      ELF_AT_DATA, ELF_DATA_SIZE,
		      MTI_PROT_READ | MTI_PROT_WRITE);
	assert_int_equal(elf->export_count, 3);
	check_export(elf, 0, "alpha", 1, "s(si)", "name,count");
	check_export(elf, 1, "mid.dle", 2, "v()", "");
	check_export(elf, 2, "zeta", 0, "i(i)", "n");
	assert_int_equal(elf->exports[0].signature.result, MOTE_TYPE_STRING);
	assert_int_equal(elf->exports[0].signature.count, 2);
	assert_int_equal(elf->exports[0].signature.params[1], MOTE_TYPE_I32);
	for (i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
		assert_null(mti_elf_find_export(elf, absent[i]));
	assert_int_equal(elf->import_count, 3);
	check_import(elf, 0, "log", "v(s)", MOTE_FUNCTION_POSTED);
	check_import(elf, 1, "Now", "U()", 0);
	check_import(elf, 2, "log", "v(s)", MOTE_FUNCTION_POSTED);
}

/* At every address modulo 8: nothing may rely on how the file is aligned. */
static void test_valid(void **state)
{
	mote_error err = MOTE_ERROR_INIT;
	struct elf_image image;
	struct mti_elf elf;
	unsigned char *copy;
	size_t shift;
	int pie;

	(void)state;
	for (pie = 0; pie < 2; pie++) {
		image = elf_image_new(pie, 0);
		for (shift = 0; shift < 8; shift++) {
			copy = malloc(shift + image.size);
			assert_non_null(copy);
			memcpy(copy + shift, image.bytes, image.size);
			assert_int_equal(mti_elf_parse(copy + shift, image.size,
						       &mti_allocator_libc,
						       &elf, &err),
					 MOTE_OK);
			check_valid(&elf, pie);
			mti_elf_fini(&elf, &mti_allocator_libc);
			assert_null(elf.exports);
			assert_null(elf.imports);
			free(copy);
		}
		elf_image_free(&image);
	}
}

/* Without tables and main nothing is allocated and nothing found. */
static void test_empty_tables(void **state)
{
	struct elf_image image = elf_image_new(false, 0);
	mote_error err = MOTE_ERROR_INIT;
	struct failing_allocator memory;
	struct mti_elf elf;

	(void)state;
	failing_allocator_init(&memory, 1, true);
	elf_image_move_exports(&image, 0, 0);
	elf_image_move_imports(&image, 0, 0);
	image.note->main = -(int32_t)(ELF_BASE + ELF_AT_NOTE_BODY +
				      offsetof(struct mote_abi_note, main));
	assert_int_equal(mti_elf_parse(image.bytes, image.size,
				       &memory.allocator, &elf, &err),
			 MOTE_OK);
	assert_int_equal(memory.requests, 0);
	assert_int_equal(elf.export_count, 0);
	assert_int_equal(elf.import_count, 0);
	assert_false(elf.has_main);
	assert_null(mti_elf_find_export(&elf, "main"));
	mti_elf_fini(&elf, &memory.allocator);
	elf_image_free(&image);
}

/* The other way to say that there is no main. */
static void test_no_main(void **state)
{
	struct elf_image image = elf_image_new(true, 0);
	mote_error err = MOTE_ERROR_INIT;
	struct mti_elf elf;

	(void)state;
	image.note->main = 0;
	assert_int_equal(mti_elf_parse(image.bytes, image.size,
				       &mti_allocator_libc, &elf, &err),
			 MOTE_OK);
	assert_false(elf.has_main);
	mti_elf_fini(&elf, &mti_allocator_libc);
	elf_image_free(&image);
}

/* Where thread-locals are, by architecture: below the pointer or above. */
static void test_thread_locals(void **state)
{
	static const struct {
		Elf64_Half machine;
		uint64_t address;
		uint64_t size;
		uint64_t align;
		uint64_t below;
	} rows[] = {
		{ EM_X86_64, 0x402000, 0x14, 8, 0x18 },
		{ EM_X86_64, 0x402000, 0x14, 0, 0x14 },
		{ EM_X86_64, 0x402010, 0x20, 64, 0x30 },
		{ EM_AARCH64, 0x402000, 0x14, 8, (uint64_t)-0x10 },
		{ EM_AARCH64, 0x402000, 0x14, 3, (uint64_t)-0x10 },
		{ EM_AARCH64, 0x402000, 0x14, 64, (uint64_t)-0x40 },
		{ EM_AARCH64, 0x402010, 0x14, 64, (uint64_t)-0x10 },
	};
	mote_error err = MOTE_ERROR_INIT;
	struct elf_image image;
	struct mti_elf elf;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		image = elf_image_new(false, 0);
		image.header->e_machine = rows[i].machine;
		image.program[ELF_SPARE] = (Elf64_Phdr){
			.p_type = PT_TLS,
			.p_vaddr = rows[i].address,
			.p_memsz = rows[i].size,
			.p_align = rows[i].align,
		};
		assert_int_equal(mti_elf_parse(image.bytes, image.size,
					       &mti_allocator_libc, &elf,
					       &err),
				 MOTE_OK);
		assert_int_equal(elf.arch->machine, rows[i].machine);
		assert_int_equal(elf.tls_below, rows[i].below);
		mti_elf_fini(&elf, &mti_allocator_libc);
		elf_image_free(&image);
	}
}

/* A file that ends early is refused wherever it ends. */
static void test_truncated(void **state)
{
	struct elf_image image = elf_image_new(true, 0);
	mote_error err = MOTE_ERROR_INIT;
	size_t size;

	(void)state;
	for (size = 0; size < image.size; size++)
		assert_int_equal(parse_exact(image.bytes, size, &err),
				 MOTE_E_IMAGE);
	assert_int_equal(parse_exact(image.bytes, image.size, &err), MOTE_OK);
	assert_int_equal(parse_exact(image.bytes, 63, &err), MOTE_E_IMAGE);
	assert_non_null(strstr(err.text, "the file has 63 bytes"));
	assert_int_equal(parse_exact(image.bytes, 4, &err), MOTE_E_IMAGE);
	assert_non_null(strstr(err.text, "the file has 4 bytes"));
	assert_int_equal(parse_exact(image.bytes, 3, &err), MOTE_E_IMAGE);
	assert_non_null(strstr(err.text, "no magic number"));
	assert_int_equal(parse_exact(image.bytes, 64, &err), MOTE_E_IMAGE);
	assert_non_null(strstr(err.text, "e_phoff 0x40:"));
	elf_image_free(&image);
}

/* NULL for the error record is always allowed. */
static void test_no_record(void **state)
{
	struct mti_elf elf;

	(void)state;
	assert_int_equal(
		mti_elf_parse(NULL, 0, &mti_allocator_libc, &elf, NULL),
		MOTE_E_IMAGE);
}

static void test_header_limit(void **state)
{
	static const size_t counts[] = { MTI_ELF_HEADERS_MAX,
					 MTI_ELF_HEADERS_MAX + 1 };
	mote_error err = MOTE_ERROR_INIT;
	struct elf_image image;
	mote_status status;
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		image = elf_image_new(false, 0x2000);
		memcpy(image.extra, image.program,
		       ELF_HEADERS * sizeof(Elf64_Phdr));
		image.header->e_phoff = ELF_AT_END;
		image.header->e_phnum = (Elf64_Half)counts[i];
		status = parse_exact(image.bytes, image.size, &err);
		if (i == 0) {
			assert_int_equal(status, MOTE_OK);
		} else {
			assert_int_equal(status, MOTE_E_IMAGE);
			assert_non_null(strstr(err.text, "e_phnum is 65"));
		}
		elf_image_free(&image);
	}
}

static void test_segment_limit(void **state)
{
	size_t more = MTI_ELF_SEGMENTS_MAX - 3;
	mote_error err = MOTE_ERROR_INIT;
	struct elf_image image = elf_image_new(false, 0);
	size_t i;

	(void)state;
	for (i = 0; i <= more; i++)
		image.program[ELF_SPARE + i] = (Elf64_Phdr){
			.p_type = PT_LOAD,
			.p_flags = PF_R,
			.p_vaddr = 0x500000 + i * 0x1000,
			.p_memsz = 0x1000,
		};
	assert_int_equal(parse_exact(image.bytes, image.size, &err),
			 MOTE_E_IMAGE);
	assert_non_null(strstr(err.text, "header 19: more than 16 segments"));
	image.program[ELF_SPARE + more].p_memsz = 0;
	assert_int_equal(parse_exact(image.bytes, image.size, &err), MOTE_OK);
	/* Searches that go through all of them and find none. */
	elf_image_move_imports(&image, 0x1000000, 1);
	assert_int_equal(parse_exact(image.bytes, image.size, &err),
			 MOTE_E_IMAGE);
	image.header->e_entry = 0;
	assert_int_equal(parse_exact(image.bytes, image.size, &err),
			 MOTE_E_IMAGE);
	assert_non_null(strstr(err.text, "e_entry 0x0"));
	elf_image_free(&image);
}

#define ROWS_SIZE (MTI_ELF_FUNCTIONS_MAX * sizeof(struct mote_abi_function))

/* The largest tables, in orders that make bad sorts slow or wrong. */
static void test_full_tables(void **state)
{
	struct elf_image image = elf_image_new(false, ROWS_SIZE);
	struct mote_abi_function *rows;
	mote_error err = MOTE_ERROR_INIT;
	struct failing_allocator memory;
	char name[16];
	struct mti_elf elf;
	unsigned int order;
	unsigned int number;
	size_t i;

	(void)state;
	rows = (struct mote_abi_function *)image.extra;
	for (order = 0; order < 3; order++) {
		for (i = 0; i < MTI_ELF_FUNCTIONS_MAX; i++) {
			number = (unsigned int)i;
			if (order == 1)
				number = MTI_ELF_FUNCTIONS_MAX - 1 - number;
			if (order == 2)
				number = number * 1031 % MTI_ELF_FUNCTIONS_MAX;
			snprintf(name, sizeof(name), "f%04u", number);
			elf_row_set(&rows[i], name, "v()", "");
		}
		elf_image_move_exports(&image, ELF_AT_END,
				       MTI_ELF_FUNCTIONS_MAX);
		elf_image_move_imports(&image, ELF_AT_END,
				       MTI_ELF_FUNCTIONS_MAX);
		failing_allocator_init(&memory, 0, false);
		assert_int_equal(mti_elf_parse(image.bytes, image.size,
					       &memory.allocator, &elf, &err),
				 MOTE_OK);
		assert_true(memory.bytes < image.size);
		for (i = 0; i < MTI_ELF_FUNCTIONS_MAX; i++) {
			snprintf(name, sizeof(name), "f%04u", (unsigned int)i);
			assert_string_equal(elf.exports[i].name, name);
			assert_ptr_equal(mti_elf_find_export(&elf, name),
					 &elf.exports[i]);
			assert_string_equal(rows[elf.exports[i].index].name,
					    name);
			assert_int_equal(elf.imports[i].index, i);
			assert_string_equal(elf.imports[i].name, rows[i].name);
		}
		mti_elf_fini(&elf, &memory.allocator);
		assert_int_equal(memory.live, 0);
	}
	elf_image_free(&image);
}

/* A table may be a segment's first bytes and its last. */
static void test_table_is_segment(void **state)
{
	struct elf_image image = elf_image_new(false, 256 - ELF_DATA_SIZE);
	mote_error err = MOTE_ERROR_INIT;

	(void)state;
	elf_row_set((struct mote_abi_function *)(image.bytes + ELF_AT_DATA),
		    "f", "v()", "");
	elf_image_move_exports(&image, ELF_AT_DATA, 1);
	assert_int_equal(parse_exact(image.bytes, image.size, &err), MOTE_OK);
	image.program[ELF_LOAD_DATA].p_filesz--;
	assert_int_equal(parse_exact(image.bytes, image.size, &err),
			 MOTE_E_IMAGE);
	assert_non_null(strstr(err.text, "the exports at 0x402c80"));
	elf_image_free(&image);
}

/* Imports of one name: equal ones may be anywhere, a different one not. */
static void test_many_equal_imports(void **state)
{
	struct elf_image image = elf_image_new(false, ROWS_SIZE);
	struct mote_abi_function *rows;
	mote_error err = MOTE_ERROR_INIT;
	size_t i;

	(void)state;
	rows = (struct mote_abi_function *)image.extra;
	for (i = 0; i < MTI_ELF_FUNCTIONS_MAX; i++)
		elf_row_set(&rows[i], "same", "v()", "");
	elf_image_move_imports(&image, ELF_AT_END, MTI_ELF_FUNCTIONS_MAX);
	assert_int_equal(parse_exact(image.bytes, image.size, &err), MOTE_OK);
	for (i = 0; i < MTI_ELF_FUNCTIONS_MAX; i += 1365) {
		memcpy(rows[i].signature, "i()", 4);
		assert_int_equal(parse_exact(image.bytes, image.size, &err),
				 MOTE_E_IMAGE);
		assert_non_null(strstr(err.text, "same has two signatures"));
		memcpy(rows[i].signature, "v()", 4);
	}
	elf_image_free(&image);
}

static void test_row_limit(void **state)
{
	struct elf_image image = elf_image_new(false, 0);
	mote_error err = MOTE_ERROR_INIT;

	(void)state;
	elf_image_move_exports(&image, ELF_AT_END, MTI_ELF_FUNCTIONS_MAX + 1);
	assert_int_equal(parse_exact(image.bytes, image.size, &err),
			 MOTE_E_IMAGE);
	assert_non_null(strstr(err.text, "the exports have 4097 rows"));
	elf_image_move_exports(&image, ELF_AT_END, 0);
	elf_image_move_imports(&image, ELF_AT_END, MTI_ELF_FUNCTIONS_MAX + 1);
	assert_int_equal(parse_exact(image.bytes, image.size, &err),
			 MOTE_E_IMAGE);
	assert_non_null(strstr(err.text, "the imports have 4097 rows"));
	elf_image_free(&image);
}

/*
 * Moves the note's body, or all of it, and keeps what it says: the distances
 * are from where it is.
 */
static void move_note(struct elf_image *image, size_t from, size_t size,
		      int32_t by)
{
	int32_t *distances = &image->note->exports_begin;
	size_t i;

	for (i = 0; i < 5; i++)
		distances[i] -= by;
	memmove(image->bytes + from + by, image->bytes + from, size);
	image->program[ELF_NOTE].p_filesz += (Elf64_Xword)by;
}

/* PT_NOTE with p_align 8 pads to 8: the body is 4 bytes later. */
static void test_note_padded_to_8(void **state)
{
	struct elf_image image = elf_image_new(false, 0);
	mote_error err = MOTE_ERROR_INIT;
	struct mti_elf elf;

	(void)state;
	move_note(&image, ELF_AT_NOTE_BODY, sizeof(struct mote_abi_note), 4);
	image.program[ELF_NOTE].p_align = 8;
	assert_int_equal(mti_elf_parse(image.bytes, image.size,
				       &mti_allocator_libc, &elf, &err),
			 MOTE_OK);
	check_valid(&elf, false);
	mti_elf_fini(&elf, &mti_allocator_libc);
	image.program[ELF_NOTE].p_align = 4;
	assert_int_equal(parse_exact(image.bytes, image.size, &err),
			 MOTE_E_IMAGE);
	elf_image_free(&image);
}

/* The linker puts a build-id and others into the same PT_NOTE. */
static void test_notes_of_others(void **state)
{
	static const uint32_t build_id[] = {
		4, 18, 3, 0x554e47, 1, 2, 3, 4, 5
	};
	struct elf_image image = elf_image_new(false, 0);
	mote_error err = MOTE_ERROR_INIT;
	struct mti_elf elf;

	(void)state;
	move_note(&image, ELF_AT_NOTE, ELF_AT_NOTE_END - ELF_AT_NOTE,
		  sizeof(build_id));
	memcpy(image.bytes + ELF_AT_NOTE, build_id, sizeof(build_id));
	assert_int_equal(mti_elf_parse(image.bytes, image.size,
				       &mti_allocator_libc, &elf, &err),
			 MOTE_OK);
	check_valid(&elf, false);
	mti_elf_fini(&elf, &mti_allocator_libc);
	elf_image_free(&image);
}

/* Each allocation fails once, alone and with all after it. */
static void test_no_memory(void **state)
{
	struct elf_image image = elf_image_new(false, 0);
	mote_error err = MOTE_ERROR_INIT;
	struct failing_allocator memory;
	struct mti_elf elf;
	mote_status status;
	size_t failures = 0;
	size_t n;

	(void)state;
	for (n = 1;; n++) {
		failing_allocator_init(&memory, n, n % 2);
		status = mti_elf_parse(image.bytes, image.size,
				       &memory.allocator, &elf, &err);
		if (status == MOTE_OK)
			break;
		failures++;
		assert_int_equal(status, MOTE_E_NO_MEMORY);
		assert_int_equal(err.code, MOTE_E_NO_MEMORY);
		assert_int_equal(memory.live, 0);
	}
	assert_int_equal(failures, 2);
	mti_elf_fini(&elf, &memory.allocator);
	assert_int_equal(memory.live, 0);
	elf_image_free(&image);
}

/* What a terminal would obey never reaches an error text. */
static void test_hostile_name(void **state)
{
	struct elf_image image = elf_image_new(false, 0);
	mote_error err = MOTE_ERROR_INIT;
	size_t i;

	(void)state;
	memcpy(image.exports[1].name, "\033[2Jx%s\n", 9);
	assert_int_equal(parse_exact(image.bytes, image.size, &err),
			 MOTE_E_IMAGE);
	assert_non_null(strstr(err.text, "export 1: name: "));
	for (i = 0; err.text[i]; i++)
		assert_in_range(err.text[i], ' ', '~');
	elf_image_free(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid),
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_empty_tables),
		cmocka_unit_test(test_no_main),
		cmocka_unit_test(test_thread_locals),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_no_record),
		cmocka_unit_test(test_header_limit),
		cmocka_unit_test(test_segment_limit),
		cmocka_unit_test(test_full_tables),
		cmocka_unit_test(test_table_is_segment),
		cmocka_unit_test(test_many_equal_imports),
		cmocka_unit_test(test_row_limit),
		cmocka_unit_test(test_note_padded_to_8),
		cmocka_unit_test(test_notes_of_others),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_hostile_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
