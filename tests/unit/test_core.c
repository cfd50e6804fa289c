/*
 * Core files of hostile origin: each field that is wrong is named, and what
 * is right is read as it was written.
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arch/amd64/trap.h"
#include "debug/core_read.h"
#include "harness/unit.h"

#define PAGE 4096
#define PAGES 200
#define MEMORY UINT64_C(0x500000)
#define FILE_MAX (1 << 20)

static uint8_t memory[PAGES * PAGE];
static uint8_t file[FILE_MAX];
static size_t file_size;
static mote_error err = MOTE_ERROR_INIT;

static const struct mti_core_region regions[] = {
	{ 0x400000, PAGE, MTI_CORE_READ | MTI_CORE_EXECUTE, memory,
	  false },
	{ MEMORY, sizeof(memory), MTI_CORE_READ | MTI_CORE_WRITE, memory,
	  false },
	{ 0x900000, 2 * PAGE, MTI_CORE_READ, NULL, false },
};

/* Written to a file, and read into memory. */
static void make(void)
{
	uint64_t general[MOTE_FAULT_REGISTERS_MAX];
	struct mti_core core = {
		.arch = &mti_arch_amd64,
		.general = general,
		.signal = 11,
		.note = { .version = MTI_CORE_VERSION,
			  .size = sizeof(core.note),
			  .status = MOTE_E_GUEST_FAULT,
			  .fault_kind = MOTE_FAULT_READ,
			  .function = "Function",
			  .text = "text" },
		.entry = 0x400123,
		.path = "/a/guest.elf",
		.files = { { 0x400000, 0x401000, 0 } },
		.file_count = 1,
		.regions = regions,
		.region_count = 3,
	};
	int fd = memfd_create("core", MFD_CLOEXEC);
	ssize_t size;
	size_t i;

	for (i = 0; i < MOTE_FAULT_REGISTERS_MAX; i++)
		general[i] = 0x1000 + i;
	assert_true(fd >= 0);
	assert_int_equal(mti_core_write(&core, fd, &mti_allocator_libc, &err),
			 MOTE_OK);
	size = pread(fd, file, sizeof(file), 0);
	assert_in_range(size, 1, FILE_MAX - 1);
	file_size = (size_t)size;
	close(fd);
}

static bool read_file(void *context, uint64_t offset, void *buffer,
		      size_t size)
{
	(void)context;
	assert_true(offset <= file_size && size <= file_size - offset);
	memcpy(buffer, file + offset, size);
	return true;
}

static mote_status open_core(struct mti_core_view *view)
{
	const struct mti_core_source source = { NULL, read_file, file_size };

	return mti_core_open(&source, &mti_allocator_libc, view, &err);
}

static Elf64_Ehdr *header(void)
{
	return (Elf64_Ehdr *)(void *)file;
}

static Elf64_Phdr *program(size_t i)
{
	return (Elf64_Phdr *)(void *)(file + sizeof(Elf64_Ehdr)) + i;
}

/* The note of a type, from its head on. */
static Elf64_Nhdr *note(uint32_t type)
{
	uint8_t *at = file + program(0)->p_offset;
	const uint8_t *end = at + program(0)->p_filesz;

	while (at < end) {
		Elf64_Nhdr *head = (Elf64_Nhdr *)(void *)at;

		if (head->n_type == type)
			return head;
		at += sizeof(*head) + ((head->n_namesz + 3) & ~3u) +
		      ((head->n_descsz + 3) & ~3u);
	}
	fail_msg("no note %x", type);
	return NULL;
}

static void test_reads(void **state)
{
	static uint8_t bytes[sizeof(memory) + PAGE];
	struct mti_core_view view;
	size_t i;

	(void)state;
	memset(memory, 0, sizeof(memory));
	/* Apart by more and by less than what ends a segment. */
	memory[3] = 1;
	memory[5 * PAGE] = 2;
	memory[60 * PAGE + 1] = 3;
	memory[sizeof(memory) - 1] = 4;
	make();
	assert_int_equal(open_core(&view), MOTE_OK);
	assert_int_equal(view.segment_count, 5);
	assert_int_equal(view.signal, 11);
	assert_int_equal(view.entry, 0x400123);
	assert_string_equal(view.path, "/a/guest.elf");
	assert_string_equal(view.note.function, "Function");
	assert_string_equal(view.note.text, "text");
	assert_int_equal(view.note.status, MOTE_E_GUEST_FAULT);
	for (i = 0; i < MTI_AMD64_REGISTERS; i++)
		assert_int_equal(view.general[i], 0x1000 + i);
	assert_int_equal(mti_core_read(&view, MEMORY, bytes, sizeof(bytes)),
			 sizeof(memory));
	assert_memory_equal(bytes, memory, sizeof(memory));
	assert_int_equal(mti_core_read(&view, 0x900000, bytes, 3 * PAGE),
			 2 * PAGE);
	assert_int_equal(bytes[0], 0);
	assert_int_equal(mti_core_read(&view, MEMORY - 1, bytes, 10), 0);
	assert_int_equal(mti_core_read(&view, UINT64_MAX, bytes, 10), 0);
	assert_true(mti_core_executable(&view, 0x400fff));
	assert_false(mti_core_executable(&view, 0x401000));
	assert_false(mti_core_executable(&view, MEMORY));
	mti_core_close(&view, &mti_allocator_libc);
}

/* Every other page: there are no more segments than that. */
static void test_many_pieces(void **state)
{
	static uint8_t big[3000 * PAGE];
	const struct mti_core_region region = { MEMORY, sizeof(big),
						MTI_CORE_READ, big, false };
	const uint64_t general[MOTE_FAULT_REGISTERS_MAX] = { 0 };
	const struct mti_core core = {
		.arch = &mti_arch_amd64,
		.general = general,
		.note = { .version = 1 },
		.path = "",
		.regions = &region,
		.region_count = 1,
	};
	int fd = memfd_create("core", MFD_CLOEXEC);
	Elf64_Ehdr head;
	size_t i;

	(void)state;
	for (i = 0; i < 3000; i += 20)
		big[i * PAGE] = 1;
	assert_int_equal(mti_core_write(&core, fd, &mti_allocator_libc, &err),
			 MOTE_OK);
	assert_int_equal(pread(fd, &head, sizeof(head), 0), sizeof(head));
	assert_int_equal(head.e_phnum, 1 + 64);
	close(fd);
}

static void expect_refused(const char *text)
{
	struct mti_core_view view;

	assert_int_equal(open_core(&view), MOTE_E_IMAGE);
	if (!strstr(err.text, text))
		fail_msg("\"%s\" is not in \"%s\"", text, err.text);
}

static void test_refuses(void **state)
{
	(void)state;
#define BROKEN(change, text)          \
	do {                          \
		make();               \
		change;               \
		expect_refused(text); \
	} while (0)
	BROKEN(file_size = 0, "not an ELF file");
	BROKEN(file_size = 63, "not an ELF file");
	BROKEN(file[1] = 0, "not an ELF file");
	BROKEN(file[EI_CLASS] = ELFCLASS32, "EI_CLASS");
	BROKEN(file[EI_DATA] = ELFDATA2MSB, "EI_DATA");
	BROKEN(header()->e_type = ET_EXEC, "e_type is 2");
	BROKEN(header()->e_machine = EM_RISCV,
	       "e_machine is 243, not 62 (x86-64) or 183 (AArch64)");
	BROKEN(header()->e_phentsize = 32, "e_phentsize is 32");
	BROKEN(header()->e_phnum = 0, "e_phnum is 0");
	BROKEN(header()->e_phnum = 0xffff, "65535 program headers");
	BROKEN(header()->e_phoff = UINT64_MAX, "e_phoff 0xffffffffffffffff");
	BROKEN(program(1)->p_filesz = UINT64_MAX, "is more than p_memsz");
	BROKEN(program(1)->p_offset = file_size, "header 1: p_offset");
	BROKEN(program(1)->p_offset = UINT64_MAX, "ends beyond the file");
	BROKEN(program(1)->p_vaddr = UINT64_MAX, "wraps");
	BROKEN(program(2)->p_vaddr = 0x400fff, "not behind the segment");
	BROKEN(program(2)->p_vaddr = 0, "not behind the segment");
	BROKEN(program(0)->p_filesz = MTI_CORE_NOTES_MAX + 1, "for notes");
	BROKEN(program(0)->p_offset = file_size - 1, "the notes at");
	BROKEN(program(0)->p_offset = UINT64_MAX, "the notes at");
	BROKEN(program(0)->p_type = PT_NULL, "no Mote note");
	BROKEN(note(NT_PRSTATUS)->n_namesz = UINT32_MAX, "note at 0x0");
	BROKEN(note(NT_PRSTATUS)->n_descsz = UINT32_MAX, "note at 0x0");
	BROKEN(note(NT_PRSTATUS)->n_descsz -= 4, "NT_PRSTATUS has 332");
	BROKEN(note(NT_PRSTATUS)->n_type = 99, "no NT_PRSTATUS");
	BROKEN(note(MTI_CORE_TYPE)->n_type = 99, "no Mote note");
	BROKEN(note(MTI_CORE_TYPE)->n_descsz -= 8, "Mote note has 656");
	BROKEN(((struct mti_core_note *)(void *)((uint8_t *)note(
			MTI_CORE_TYPE) + 20))->version = 0, "version 0");
#undef BROKEN
}

/* What is not needed may be wrong. */
static void test_tolerates(void **state)
{
	struct mti_core_view view;
	uint8_t *files;

	(void)state;
	make();
	files = (uint8_t *)note(NT_FILE) + 20;
	memset(files, 0xff, 8);
	memset((uint8_t *)note(MTI_CORE_TYPE) + 20 +
		       offsetof(struct mti_core_note, text),
	       'x', 512);
	assert_int_equal(open_core(&view), MOTE_OK);
	assert_string_equal(view.path, "");
	assert_int_equal(strlen(view.note.text), 511);
	mti_core_close(&view, &mti_allocator_libc);
}

static void test_signals(void **state)
{
	(void)state;
	assert_int_equal(mti_core_signal(MOTE_OK, MOTE_FAULT_READ), 0);
	assert_int_equal(mti_core_signal(MOTE_E_GUEST_ERROR, 0), 0);
	assert_int_equal(mti_core_signal(MOTE_E_GUEST_FAULT,
					 MOTE_FAULT_DIVIDE), 8);
	assert_int_equal(mti_core_signal(MOTE_E_GUEST_FAULT,
					 MOTE_FAULT_ALIGNMENT), 7);
	assert_int_equal(mti_core_signal(MOTE_E_GUEST_FAULT, 99), 9);
	assert_int_equal(mti_core_signal(MOTE_E_CANCELLED, 0), 2);
	assert_int_equal(mti_core_signal(MOTE_E_CPU_TIME, 0), 24);
	assert_int_equal(mti_core_signal(MOTE_E_PROTOCOL, 0), 31);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads),
		cmocka_unit_test(test_many_pieces),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_tolerates),
		cmocka_unit_test(test_signals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
