/*
 * Leaving frames: by unwind tables written by hand, without them, and with
 * tables and stacks that lie. What real compilers write is compared with
 * readelf and gdb in tests/debug.
 */
#include <stdlib.h>
#include <string.h>

#include "abi/layout.h"
#include "arch/aarch64/unwind.h"
#include "arch/amd64/trap.h"
#include "arch/amd64/unwind.h"
#include "debug/unwind.h"
#include "harness/sections.h"
#include "harness/unit.h"

/* Functions of 64 bytes each; CALL is where each of them returns to. */
#define TEXT UINT64_C(0x401000)
#define TEXT_BYTES 0x400
#define FUNCTION(n) (TEXT + 64 * (uint64_t)(n))
#define AFTER_CALL 32
#define RETURN_TO(n) (FUNCTION(n) + AFTER_CALL)

#define STACK UINT64_C(0x700000)
#define STACK_WORDS 1024

enum { RCX = 2, RBX = 3, RBP = 6, RSP = 7, RA = 16 };

static unsigned char text[TEXT_BYTES];
static uint64_t stack[STACK_WORDS];
static struct mti_debug_info info;
static uint64_t syscall_return;

static bool read_guest(void *context, uint64_t address, void *buffer,
		       size_t size)
{
	(void)context;
	if (address == MOTE_GVA_CONTROL + MOTE_CONTROL_SYSCALL_RETURN &&
	    size == sizeof(syscall_return)) {
		memcpy(buffer, &syscall_return, size);
		return true;
	}
	if (address >= TEXT && size <= TEXT_BYTES &&
	    address - TEXT <= TEXT_BYTES - size) {
		memcpy(buffer, text + (address - TEXT), size);
		return true;
	}
	if (address >= STACK && size <= sizeof(stack) &&
	    address - STACK <= sizeof(stack) - size) {
		memcpy(buffer, (unsigned char *)stack + (address - STACK),
		       size);
		return true;
	}
	return false;
}

static bool is_code(void *context, uint64_t address)
{
	(void)context;
	return (address >= TEXT && address - TEXT < TEXT_BYTES) ||
	       (address >= MOTE_GVA_SYSCALL &&
		address - MOTE_GVA_SYSCALL < MOTE_PAGE_SIZE);
}

static const struct mti_unwind_guest guest = {
	.arch = &mti_arch_amd64,
	.info = &info,
	.read = read_guest,
	.code = is_code,
};

/* Function n calls function m, at AFTER_CALL - 5. */
static void put_call(int n, int m)
{
	unsigned char *at = text + 64 * n + AFTER_CALL - 5;
	int32_t distance = (m - n) * 64 - AFTER_CALL;

	at[0] = 0xe8;
	memcpy(at + 1, &distance, sizeof(distance));
}

/* call *%rdx */
static void put_indirect_call(int n)
{
	text[64 * n + AFTER_CALL - 2] = 0xff;
	text[64 * n + AFTER_CALL - 1] = 0xd2;
}

/* .eh_frame: one CIE, then functions. */
static struct byte_run frames;

static uint8_t cie_version = 1;
static uint8_t cie_stack = RSP;
static uint8_t cie_return = RA;

static void begin_frames(const char *letters)
{
	frames.size = 0;
	put_number(&frames, 0, 4); /* patched by end_record */
	put_number(&frames, 0, 4);
	put_number(&frames, cie_version, 1);
	put_text(&frames, letters);
	put_uleb(&frames, 1);
	put_sleb(&frames, -8);
	/* Version 3 has a LEB128 there: here one of two bytes. */
	put_number(&frames, cie_version == 3 ? RA | 0x80 : cie_return,
		   cie_version == 3 ? 2 : 1);
	if (letters[0] == 'z') {
		put_uleb(&frames, strchr(letters, 'R') ? 1 : 0);
		if (strchr(letters, 'R'))
			put_number(&frames, 0x04, 1); /* udata8 */
	}
	/* CFA = rsp + 8, return address at CFA - 8 */
	put_number(&frames, 0x0c, 1);
	put_uleb(&frames, cie_stack);
	put_uleb(&frames, 8);
	put_number(&frames, 0x80 | cie_return, 1);
	put_uleb(&frames, 1);
}

static void end_record(size_t start)
{
	uint32_t length = (uint32_t)(frames.size - start - 4);

	memcpy(frames.bytes + start, &length, sizeof(length));
}

static void put_function(int n, const void *program, size_t size)
{
	size_t start = frames.size;

	put_number(&frames, 0, 4);
	put_number(&frames, start + 4, 4);
	put_number(&frames, FUNCTION(n), 8);
	put_number(&frames, 64, 8);
	put_uleb(&frames, 0);
	put_bytes(&frames, program, size);
	end_record(start);
}

#define PUT_FUNCTION(n, ...)                                       \
	do {                                                       \
		const unsigned char program_[] = { __VA_ARGS__ };  \
		put_function(n, program_, sizeof(program_));       \
	} while (0)

/* Symbols for function 0 to 15, "f0" and so on. */
static Elf64_Sym rows[16];

static void use_frames(bool symbols)
{
	size_t i;

	mti_symbols_fini(&info.symbols, &mti_allocator_libc);
	mti_cfi_fini(&info.cfi, &mti_allocator_libc);
	memset(&info, 0, sizeof(info));
	info.object.frames.data = frames.bytes;
	info.object.frames.size = frames.size;
	for (i = 0; symbols && i < 16; i++) {
		rows[i].st_name = 1;
		rows[i].st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
		rows[i].st_shndx = 1;
		rows[i].st_value = FUNCTION(i);
		rows[i].st_size = 64;
		info.object.symbols.data = (const uint8_t *)rows;
		info.object.symbols.size = sizeof(rows);
		info.object.names.data = (const uint8_t *)"\0f";
		info.object.names.size = 3;
	}
	assert_true(mti_cfi_init(&info.cfi, &info.object,
				 &mti_allocator_libc));
	assert_true(mti_symbols_init(&info.symbols, &info.object,
				     &mti_allocator_libc));
}

static void fresh(const char *letters)
{
	memset(text, 0x90, sizeof(text));
	memset(stack, 0, sizeof(stack));
	begin_frames(letters);
	end_record(0);
}

static size_t unwind(uint64_t pc, size_t sp_word, uint64_t rbp,
		     struct mti_unwind_frame *out, size_t max)
{
	uint64_t general[MTI_AMD64_REGISTERS] = { 0 };

	general[MTI_RIP] = pc;
	general[MTI_RSP] = STACK + 8 * sp_word;
	general[MTI_RBP] = rbp;
	return mti_unwind(&guest, general, out, max);
}

static void test_by_tables(void **state)
{
	struct mti_unwind_frame out[8];

	(void)state;
	fresh("zR");
	/* push rbp; mov rsp, rbp; sub: CFA by rbp from offset 4 on */
	PUT_FUNCTION(0, 0x41, 0x0e, 16, 0x86, 2, 0x43, 0x0d, RBP);
	PUT_FUNCTION(1, 0x44, 0x0e, 32);
	/* An expression: CFA = [rbp - 8]; the caller's rbp at CFA - 24. */
	PUT_FUNCTION(2, 0x0f, 3, 0x76, 0x78, 0x06, 0x86, 3);
	/* The return address is undefined: the outermost. */
	PUT_FUNCTION(3, 0x07, RA);
	use_frames(false);
	stack[20] = STACK + 8 * 500;
	stack[21] = RETURN_TO(1);
	stack[25] = RETURN_TO(2);
	stack[499] = STACK + 8 * 40;
	stack[39] = RETURN_TO(3);
	assert_int_equal(unwind(FUNCTION(0) + 10, 10, STACK + 8 * 20, out, 8),
			 4);
	assert_int_equal(out[0].pc, FUNCTION(0) + 10);
	assert_false(out[0].returns);
	assert_int_equal(out[1].pc, RETURN_TO(1));
	assert_true(out[1].returns);
	assert_int_equal(out[2].pc, RETURN_TO(2));
	assert_int_equal(out[3].pc, RETURN_TO(3));
	/* At the first instruction, rbp has not been saved yet. */
	stack[10] = RETURN_TO(1);
	stack[14] = RETURN_TO(3);
	assert_int_equal(unwind(FUNCTION(0), 10, 0, out, 8), 3);
	assert_int_equal(out[2].pc, RETURN_TO(3));
	/* max counts. */
	assert_int_equal(unwind(FUNCTION(0), 10, 0, out, 2), 2);
	assert_int_equal(unwind(FUNCTION(0), 10, 0, out, 0), 0);
}

static void test_versions(void **state)
{
	struct mti_cfi_row row;

	(void)state;
	for (cie_version = 0; cie_version < 6; cie_version++) {
		fresh("zR");
		PUT_FUNCTION(0, 0x41, 0x0e, 16);
		use_frames(false);
		assert_int_equal(mti_cfi_find(&info.cfi, &info.object,
					      FUNCTION(0) + 9, &row),
				 cie_version == 1 || cie_version == 3);
		if (cie_version == 1 || cie_version == 3)
			assert_int_equal(row.cfa_offset, 16);
	}
	cie_version = 1;
}

/* Instructions that compilers seldom write. */
static void test_instructions(void **state)
{
	struct mti_unwind_frame out[8];

	(void)state;
	fresh("zRS");
	PUT_FUNCTION(0, 0x0a, 0x0e, 99, 0x07, RA, 0x0b, /* remember, restore */
		     0x12, RSP, 0x7e, /* CFA = rsp - 2 * -8 */
		     0x11, RA, 0x02,  /* RA at CFA + 2 * -8 */
		     0x2e, 5, 0, 0x08, RBX, 0x09, RBX, RBP, 0x14, RBX, 1,
		     0x15, RBX, 1, 0x10, RBX, 1, 0x30, 0x16, RBX, 1, 0x30,
		     0x05, RBX, 1, 0x06, RBX, 0xc0 | RBX, 0x13, 0x7e);
	/* RA by an expression: it is at CFA + 16 - 24. */
	PUT_FUNCTION(1, 0x10, RA, 5, 0x23, 16, 0x08, 24, 0x1c);
	/* RA in rbx, which is kept by the frames before. */
	PUT_FUNCTION(2, 0x07, RA);
	use_frames(false);
	stack[10] = RETURN_TO(1);
	stack[12] = RETURN_TO(2);
	assert_int_equal(unwind(FUNCTION(0) + 1, 10, 0, out, 8), 3);
	assert_int_equal(out[2].pc, RETURN_TO(2));
	/* S: what this frame interrupted is not behind a call. */
	assert_false(out[1].returns);
}

/* libc has no tables: a word behind a call of this function is best. */
static void test_without_tables(void **state)
{
	struct mti_unwind_frame out[8];

	(void)state;
	fresh("zR");
	PUT_FUNCTION(2, 0x07, RA);
	use_frames(true);
	put_call(1, 0);
	put_call(2, 1);
	put_call(5, 6);
	/* Left behind by calls that are over. */
	stack[3] = RETURN_TO(5);
	stack[5] = FUNCTION(1) + 7;
	stack[8] = RETURN_TO(1);
	stack[9] = RETURN_TO(5);
	stack[12] = RETURN_TO(2);
	assert_int_equal(unwind(FUNCTION(0) + 4, 2, 0, out, 8), 3);
	assert_int_equal(out[1].pc, RETURN_TO(1));
	assert_int_equal(out[2].pc, RETURN_TO(2));
	/* By the frame pointer, if no such word is there. */
	stack[8] = 0;
	stack[30] = STACK + 8 * 40;
	stack[31] = RETURN_TO(5);
	stack[40] = 1;
	stack[41] = RETURN_TO(2);
	assert_int_equal(unwind(FUNCTION(0) + 4, 2, STACK + 8 * 30, out, 8),
			 3);
	assert_int_equal(out[1].pc, RETURN_TO(5));
	assert_int_equal(out[2].pc, RETURN_TO(2));
	/* Else a word behind a call that may have gone anywhere. */
	assert_int_equal(unwind(FUNCTION(0) + 4, 2, 3, out, 8), 1);
	put_indirect_call(7);
	stack[28] = RETURN_TO(7);
	assert_true(unwind(FUNCTION(0) + 4, 2, 3, out, 8) > 1);
	assert_int_equal(out[1].pc, RETURN_TO(7));
	/* Better: behind a call of a function that jumps to this one. */
	put_call(8, 9);
	stack[29] = RETURN_TO(8);
	text[64 * 9 + 10] = 0xe9;
	memcpy(text + 64 * 9 + 11, &(int32_t){ -(64 * 9 + 15) }, 4);
	assert_true(unwind(FUNCTION(0) + 4, 2, 3, out, 8) > 1);
	assert_int_equal(out[1].pc, RETURN_TO(8));
	/* Or to one that does, as malloc() in a guest. */
	put_call(8, 11);
	assert_true(unwind(FUNCTION(0) + 4, 2, 3, out, 8) > 1);
	assert_int_equal(out[1].pc, RETURN_TO(7));
	text[64 * 11] = 0xe9;
	memcpy(text + 64 * 11 + 1, &(int32_t){ -(64 * 2 + 5) }, 4);
	assert_true(unwind(FUNCTION(0) + 4, 2, 3, out, 8) > 1);
	assert_int_equal(out[1].pc, RETURN_TO(8));
	stack[28] = 0;
	stack[29] = 0;
	/* Stripped: the same, but there is no first choice. */
	use_frames(false);
	stack[8] = RETURN_TO(1);
	assert_int_equal(unwind(FUNCTION(0) + 4, 2, STACK + 8 * 30, out, 8),
			 3);
	assert_int_equal(out[1].pc, RETURN_TO(5));
}

static void put(int n, unsigned int at, const char *code, size_t size)
{
	memcpy(text + 64 * n + at, code, size);
}

/* As fwrite() in musl: who called a function that jumps, it cannot say. */
static void test_indirect_jump(void **state)
{
	struct mti_unwind_frame out[8];

	(void)state;
	fresh("zR");
	PUT_FUNCTION(2, 0x07, RA);
	use_frames(true);
	put_call(1, 3);
	put_call(5, 6);
	put_call(2, 1);
	put_indirect_call(7);
	stack[4] = RETURN_TO(5);
	stack[8] = RETURN_TO(1);
	stack[12] = RETURN_TO(7);
	stack[14] = RETURN_TO(2);
	assert_int_equal(unwind(FUNCTION(0) + 4, 2, 3, out, 8), 2);
	assert_int_equal(out[1].pc, RETURN_TO(7));
	/* jmp *%rax: at once, and by way of another function. */
	put(3, 40, "\xff\xe0", 2);
	assert_int_equal(unwind(FUNCTION(0) + 4, 2, 3, out, 8), 3);
	assert_int_equal(out[1].pc, RETURN_TO(1));
	assert_int_equal(out[2].pc, RETURN_TO(2));
	put(3, 40, "\xeb\x16\x90", 3); /* to function 4 */
	put(4, 20, "\xff\x60\x48", 3); /* jmp *0x48(%rax) */
	assert_int_equal(unwind(FUNCTION(0) + 4, 2, 3, out, 8), 3);
	assert_int_equal(out[1].pc, RETURN_TO(1));
	/* Not as good as a call of the function itself. */
	put_call(9, 0);
	stack[20] = RETURN_TO(9);
	assert_true(unwind(FUNCTION(0) + 4, 2, 3, out, 8) > 1);
	assert_int_equal(out[1].pc, RETURN_TO(9));
}

/* The frame pointer is a caller's, unless the function has saved it. */
static void test_whose_frame(void **state)
{
	struct mti_unwind_frame out[8];
	const uint64_t frame = STACK + 8 * 30;

	(void)state;
	fresh("zR");
	PUT_FUNCTION(2, 0x07, RA);
	use_frames(true);
	put_call(1, 3);
	put_call(2, 1);
	put(3, 40, "\xff\xe0", 2);
	put_indirect_call(7);
	stack[8] = RETURN_TO(1);
	stack[30] = STACK + 8 * 40;
	stack[31] = RETURN_TO(2);
	stack[35] = RETURN_TO(7);
	assert_int_equal(unwind(FUNCTION(0) + 4, 2, frame, out, 8), 3);
	assert_int_equal(out[1].pc, RETURN_TO(1));
	/* Only below it. */
	stack[8] = 0;
	assert_int_equal(unwind(FUNCTION(0) + 4, 2, frame, out, 8), 2);
	assert_int_equal(out[1].pc, RETURN_TO(2));
	stack[8] = RETURN_TO(1);
	put(0, 0, "\x55\x48\x89\xe5", 4);
	assert_int_equal(unwind(FUNCTION(0) + 4, 2, frame, out, 8), 2);
	assert_int_equal(out[1].pc, RETURN_TO(2));
	put(0, 0, "\xf3\x0f\x1e\xfa\x55\x48\x89\xe5", 8);
	assert_int_equal(unwind(FUNCTION(0) + 8, 2, frame, out, 8), 2);
	assert_int_equal(out[1].pc, RETURN_TO(2));
}

static size_t unwind_page(uint64_t offset, uint64_t rcx,
			  struct mti_unwind_frame *out, size_t max)
{
	uint64_t general[MTI_AMD64_REGISTERS] = { 0 };

	general[MTI_RIP] = MOTE_GVA_SYSCALL + offset;
	general[MTI_RSP] = STACK + 8 * 10;
	general[mti_amd64_dwarf_registers[RCX]] = rcx;
	return mti_unwind(&guest, general, out, max);
}

/* The instruction syscall pushes nothing: see mti_amd64_syscall_page. */
static void test_syscall_page(void **state)
{
	static const uint64_t offsets[] = { 0, 7, 9, 12, 14, 21, 27, 30 };
	struct mti_unwind_frame out[8];
	uint64_t rcx;
	size_t i;

	(void)state;
	fresh("zR");
	PUT_FUNCTION(2, 0x07, RA);
	use_frames(true);
	put_call(1, 0);
	put_call(2, 1);
	put_indirect_call(7);
	stack[10] = RETURN_TO(1);
	stack[12] = RETURN_TO(7);
	stack[13] = RETURN_TO(2);
	for (i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		/* The first instruction stores it, others need the room. */
		syscall_return = i > 0 ? FUNCTION(0) + 9 : FUNCTION(5);
		rcx = i > 0 ? FUNCTION(5) : FUNCTION(0) + 9;
		assert_int_equal(unwind_page(offsets[i], rcx, out, 8), 4);
		assert_int_equal(out[0].pc, MOTE_GVA_SYSCALL + offsets[i]);
		assert_false(out[0].returns);
		assert_int_equal(out[1].pc, FUNCTION(0) + 9);
		assert_true(out[1].returns);
		assert_int_equal(out[2].pc, RETURN_TO(1));
		assert_int_equal(out[3].pc, RETURN_TO(2));
	}
	/* What the host enters after a restore has no caller. */
	syscall_return = FUNCTION(0) + 9;
	assert_int_equal(unwind_page(MOTE_SYSCALL_RESTORE, 0, out, 8), 1);
	assert_int_equal(unwind_page(MOTE_PAGE_SIZE - 1, 0, out, 8), 1);
	/* A guest that lies: the first word behind a call, as anywhere. */
	syscall_return = 16;
	assert_true(unwind_page(7, 0, out, 8) > 1);
	assert_int_equal(out[1].pc, RETURN_TO(1));
	/* The page itself, which is code: once. */
	syscall_return = MOTE_GVA_SYSCALL + 7;
	assert_true(unwind_page(7, 0, out, 8) < 8);
}

/* A system call of a leaf, whose return address is where it was: in x30. */
static void test_link(void **state)
{
	uint64_t general[MTI_AARCH64_REGISTERS] = { 0 };
	struct mti_unwind_guest arm = guest;
	struct mti_unwind_frame out[8];

	(void)state;
	arm.arch = &mti_arch_aarch64;
	cie_stack = MTI_AARCH64_DWARF_SP;
	cie_return = MTI_AARCH64_DWARF_SP + 1;
	fresh("zR");
	PUT_FUNCTION(0, 0);
	PUT_FUNCTION(2, 0x07, cie_return);
	PUT_FUNCTION(3, 0x08, cie_return);
	use_frames(true);
	cie_stack = RSP;
	cie_return = RA;
	put(2, AFTER_CALL - 4, "\xf8\xff\xff\x97", 4); /* bl */
	stack[10] = FUNCTION(1) + 8;
	general[MTI_AARCH64_SP] = STACK + 8 * 10;
	general[30] = RETURN_TO(2);
	general[MTI_AARCH64_PC] = FUNCTION(0) + 8;
	assert_int_equal(mti_unwind(&arm, general, out, 8), 3);
	assert_int_equal(out[1].pc, FUNCTION(1) + 8);
	assert_int_equal(out[2].pc, RETURN_TO(2));
	/* Not known yet: it is not where the CPU is. */
	general[MTI_AARCH64_PC] = FUNCTION(3);
	assert_int_equal(mti_unwind(&arm, general, out, 8), 2);
	assert_int_equal(out[1].pc, RETURN_TO(2));
}

static void test_page_names(void **state)
{
	static const struct {
		uint64_t offset;
		const char *name;
		uint64_t function;
	} pages[] = {
		{ 0, "[syscall]", 0 },
		{ MOTE_SYSCALL_RESTORE - 1, "[syscall]", 0 },
		{ MOTE_SYSCALL_RESTORE, "[restore]", MOTE_SYSCALL_RESTORE },
		{ MOTE_PAGE_SIZE - 1, "[restore]", MOTE_SYSCALL_RESTORE },
	};
	struct mti_place place;
	size_t i;

	(void)state;
	fresh("zR");
	use_frames(true);
	for (i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		memset(&place, 0, sizeof(place));
		place.pc = MOTE_GVA_SYSCALL + pages[i].offset;
		assert_true(mti_debug_describe(&info, &place, 1,
					       &mti_allocator_libc));
		assert_string_equal(place.name, pages[i].name);
		assert_int_equal(place.function,
				 MOTE_GVA_SYSCALL + pages[i].function);
	}
	place.pc = MOTE_GVA_SYSCALL - 1;
	assert_true(mti_debug_describe(&info, &place, 1, &mti_allocator_libc));
	assert_string_equal(place.name, "");
	place.pc = MOTE_GVA_SYSCALL + MOTE_PAGE_SIZE;
	assert_true(mti_debug_describe(&info, &place, 1, &mti_allocator_libc));
	assert_string_equal(place.name, "");
}

/* A call of nowhere has just pushed where it would return. */
static void test_jump_to_nowhere(void **state)
{
	struct mti_unwind_frame out[8];

	(void)state;
	fresh("zR");
	PUT_FUNCTION(2, 0x07, RA);
	use_frames(true);
	put_indirect_call(2);
	stack[10] = RETURN_TO(2);
	/* Although the frame pointer leads further. */
	stack[30] = 0;
	stack[31] = RETURN_TO(2);
	stack[9] = 0;
	assert_int_equal(unwind(16, 10, STACK + 8 * 30, out, 8), 2);
	assert_int_equal(out[0].pc, 16);
	assert_int_equal(out[1].pc, RETURN_TO(2));
	assert_int_equal(unwind(16, STACK_WORDS + 5, 0, out, 8), 1);
}

/* A stack of nothing but lies ends, and is not read beyond the bound. */
static void test_hostile_stack(void **state)
{
	enum { MAX = 100 };
	struct mti_unwind_frame out[MAX];
	size_t i;

	(void)state;
	fresh("zR");
	/* A frame of no size that returns into itself. */
	PUT_FUNCTION(0, 0x0e, 0, 0x80 | RA, 1, 0x10, RA, 1, 0x77);
	PUT_FUNCTION(1, 0x0e, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
		     0x80, 0x01);
	/* CFA = rsp - 8 */
	PUT_FUNCTION(2, 0x13, 1);
	use_frames(true);
	put_call(0, 0);
	for (i = 0; i < STACK_WORDS; i++)
		stack[i] = RETURN_TO(0);
	assert_int_equal(unwind(FUNCTION(0), 0, 0, out, MAX), MAX);
	memset(stack, 0, sizeof(stack));
	put_indirect_call(9);
	stack[MTI_UNWIND_WORDS + 1] = RETURN_TO(9);
	assert_int_equal(unwind(FUNCTION(1), 0, 0, out, MAX), 1);
	assert_int_equal(unwind(FUNCTION(1), 2, 0, out, MAX), 2);
	stack[MTI_UNWIND_WORDS + 1] = 0;
	stack[8] = FUNCTION(5);
	assert_int_equal(unwind(FUNCTION(2), 10, 0, out, MAX), 1);
	assert_int_equal(unwind(FUNCTION(0), SIZE_MAX / 16, UINT64_MAX, out,
				MAX),
			 1);
}

/* Tables that make no sense say nothing. */
static void test_hostile_tables(void **state)
{
	struct mti_cfi_row row;
	struct byte_run good;
	size_t i;

	(void)state;
#define REFUSED(...)                                                      \
	do {                                                              \
		fresh("zR");                                              \
		PUT_FUNCTION(0, __VA_ARGS__);                             \
		use_frames(false);                                        \
		assert_false(mti_cfi_find(&info.cfi, &info.object,        \
					  FUNCTION(0) + 9, &row));        \
	} while (0)
	REFUSED(0x0b);
	REFUSED(0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a);
	REFUSED(0x3f, 1);
	REFUSED(0x0f, 20, 1);
	REFUSED(0x10, RA);
	REFUSED(0x0c, 0x80);
	REFUSED(0x04, 1);
#undef REFUSED
	fresh("zR");
	PUT_FUNCTION(0, 0x41, 0x0e, 16, 0x86, 2, 0x43, 0x0d, RBP);
	good = frames;
	for (i = 0; i < good.size; i++) {
		uint8_t *block = malloc(i + (i == 0));

		assert_non_null(block);
		memcpy(block, good.bytes, i);
		use_frames(false);
		info.object.frames.data = block;
		info.object.frames.size = i;
		(void)mti_cfi_find(&info.cfi, &info.object, FUNCTION(0) + 9,
				   &row);
		mti_cfi_fini(&info.cfi, &mti_allocator_libc);
		assert_true(mti_cfi_init(&info.cfi, &info.object,
					 &mti_allocator_libc));
		assert_false(mti_cfi_find(&info.cfi, &info.object,
					  FUNCTION(0) + 9, &row));
		free(block);
	}
	/* Letters that nobody knows, and too many of them. */
	fresh("zRX");
	PUT_FUNCTION(0, 0);
	use_frames(false);
	assert_int_equal(info.cfi.count, 0);
	fresh("zRRRRRRRRR");
	PUT_FUNCTION(0, 0);
	use_frames(false);
	assert_int_equal(info.cfi.count, 0);
}

/*
 * Every function has what it shares with the others read again: a number in
 * there must not take as long as its writer likes.
 */
static void test_long_numbers(void **state)
{
	static const size_t padding[] = { 0, MTI_LEB_BYTES_MAX - 1,
					  MTI_LEB_BYTES_MAX, 2000 };
	static const size_t functions[] = { 1, 1, 0, 0 };
	size_t i;
	size_t k;

	(void)state;
	for (i = 0; i < sizeof(padding) / sizeof(padding[0]); i++) {
		frames.size = 0;
		put_number(&frames, 0, 4);
		put_number(&frames, 0, 4);
		put_number(&frames, 1, 1);
		put_text(&frames, "z");
		for (k = 0; k < padding[i]; k++)
			put_number(&frames, 0x80, 1);
		put_uleb(&frames, 1);
		put_sleb(&frames, -8);
		put_number(&frames, RA, 1);
		put_uleb(&frames, 0);
		end_record(0);
		PUT_FUNCTION(0, 0);
		use_frames(false);
		assert_int_equal(info.cfi.count, functions[i]);
	}
}

static void test_jumps(void **state)
{
	static const unsigned char code[] = { 0x90, 0xeb, 0x10, 0xe9, 0xfb,
					      0xff, 0xff, 0xff, 0xe9, 0 };

	uint64_t at = 0;
	uint64_t to;

	(void)state;
	assert_true(mti_amd64_next_jump(code, sizeof(code), TEXT, &at, &to));
	assert_int_equal(at, 2);
	assert_int_equal(to, TEXT + 3 + 0x10);
	assert_true(mti_amd64_next_jump(code, sizeof(code), TEXT, &at, &to));
	assert_int_equal(at, 4);
	assert_int_equal(to, TEXT + 3);
	assert_false(mti_amd64_next_jump(code, sizeof(code), TEXT, &at, &to));
	at = 2;
	assert_false(mti_amd64_next_jump(code, 7, TEXT, &at, &to));
	at = 0;
	assert_false(mti_amd64_next_jump(code, 0, TEXT, &at, &to));
}

/* FF /4 (SDM 2A, "JMP"), but not what a switch is made of. */
static void test_indirect_jumps(void **state)
{
	static const struct {
		unsigned char code[9];
		size_t size;
		bool jump;
	} cases[] = {
		{ "\x90\xff\xe0", 3, true },
		{ "\x41\xff\xe3", 3, true },
		{ "\x90\xff\x20", 3, true },
		{ "\xff\x60\x48", 3, true },
		{ "\xff\x60", 2, false },
		{ "\xff\xa0\1\2\3\4", 6, true },
		{ "\xff\x25\1\2\3\4", 6, true },
		{ "\xff\x25\1\2\3\4", 5, false },
		{ "\xff\x64\x24\x08", 4, true },
		{ "\xff\x64\x24\x08", 2, false },
		{ "\xff\x24\xc5\1\2\3\4", 7, false },
		{ "\x3e\xff\xe0", 3, false },
		{ "\xff\xff\x64\x8b\x04\x25", 6, false },
		{ "\xff\xd0", 2, false },
		{ "\x90\xff", 2, false },
	};
	uint64_t target;
	uint64_t at;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		at = 0;
		target = 1;
		if (mti_amd64_next_jump(cases[i].code, cases[i].size, TEXT,
					&at, &target) != cases[i].jump)
			fail_msg("case %zu", i);
		assert_int_equal(target, cases[i].jump ? 0 : 1);
	}
}

/* Instructions before an address (SDM 2A, "CALL"). */
static void test_calls(void **state)
{
	static const struct {
		unsigned char code[MTI_ARCH_CALL_BYTES + 1];
		bool call;
		uint64_t target;
	} cases[] = {
		{ "\x90\x90\x90\xe8\x10\0\0\0", true, TEXT + 0x10 },
		{ "\x90\x90\x90\xe8\xfb\xff\xff\xff", true, TEXT - 5 },
		{ "\x90\x90\x90\x90\x90\x90\xff\xd0", true, 0 },
		{ "\x90\x90\x90\x90\x90\x41\xff\xd4", true, 0 },
		{ "\x90\x90\x90\x90\x90\x90\xff\x13", true, 0 },
		{ "\x90\x90\x90\x90\x90\xff\x53\x10", true, 0 },
		{ "\x90\x90\xff\x15\1\2\3\4", true, 0 },
		{ "\x90\xff\x14\x25\1\2\3\4", true, 0 },
		{ "\x90\x90\x90\x90\x90\xff\x14\xd8", true, 0 },
		{ "\x90\x90\x90\x90\xff\x54\xd8\x10", true, 0 },
		{ "\x90\x90\x90\x90\x90\x90\xff\xe0", false, 0 },
		{ "\x90\x90\x90\x90\x90\x90\xff\x53", false, 0 },
		{ "\x90\x90\x90\x90\x90\x90\x90\x90", false, 0 },
	};
	uint64_t target;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(mti_amd64_call_before(cases[i].code, TEXT,
						       &target),
				 cases[i].call);
		assert_int_equal(target, cases[i].target);
	}
}

static int end(void **state)
{
	(void)state;
	mti_debug_info_fini(&info, &mti_allocator_libc);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_tables),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_instructions),
		cmocka_unit_test(test_without_tables),
		cmocka_unit_test(test_indirect_jump),
		cmocka_unit_test(test_whose_frame),
		cmocka_unit_test(test_syscall_page),
		cmocka_unit_test(test_link),
		cmocka_unit_test(test_page_names),
		cmocka_unit_test(test_jump_to_nowhere),
		cmocka_unit_test(test_hostile_stack),
		cmocka_unit_test(test_hostile_tables),
		cmocka_unit_test(test_long_numbers),
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_jumps),
		cmocka_unit_test(test_indirect_jumps),
	};

	return cmocka_run_group_tests(tests, NULL, end);
}
