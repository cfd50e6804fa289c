/*
 * A small valid guest image in memory, for tests to spoil field by field.
 *
 * Everything is at a fixed place: the ELF_AT_* offsets are in the file, and
 * the pointers of struct elf_image lead to the same bytes, aligned. Three
 * exports, three imports, main, a BSS; see elf_builder.c for the values.
 */
#ifndef HARNESS_ELF_BUILDER_H
#define HARNESS_ELF_BUILDER_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>

#include "abi/note.h"

/* Program headers; the ones from ELF_SPARE on are PT_NULL, but counted. */
enum {
	ELF_LOAD_TABLES, /* R: headers, note, tables */
	ELF_LOAD_TEXT,	 /* RX */
	ELF_LOAD_DATA,	 /* RW, with BSS */
	ELF_NOTE,
	ELF_STACK,
	ELF_DYNAMIC, /* PT_NULL unless position independent */
	ELF_SPARE,
	ELF_HEADERS = 24
};

#define ELF_ROWS 3
#define ELF_TEXT_SIZE 0x40
#define ELF_DATA_SIZE 0x40
#define ELF_BSS_SIZE 0x2000

#define ELF_AT_PROGRAM 0x40
#define ELF_AT_NOTE 0x580
#define ELF_AT_NOTE_NAME (ELF_AT_NOTE + 12)
#define ELF_AT_NOTE_BODY (ELF_AT_NOTE + 20)
#define ELF_AT_NOTE_END (ELF_AT_NOTE_BODY + 32)
#define ELF_AT_DYNAMIC 0x600
#define ELF_AT_EXPORTS 0x640
#define ELF_AT_IMPORTS 0x940
#define ELF_AT_TEXT 0xc40
#define ELF_AT_DATA 0xc80
#define ELF_AT_END 0xcc0

/* Addresses as they are in the guest; equal for both types of file. */
#define ELF_BASE 0x400000u
#define ELF_ADDRESS_TEXT (ELF_BASE + 0x1000 + ELF_AT_TEXT)
#define ELF_ADDRESS_DATA (ELF_BASE + 0x2000 + ELF_AT_DATA)

struct elf_image {
	unsigned char *bytes; /* size of them; malloc'ed */
	size_t size;
	Elf64_Ehdr *header;
	Elf64_Phdr *program;
	Elf64_Nhdr *note_header;
	char *note_name;
	struct mote_abi_note *note;
	Elf64_Dyn *dynamic;
	struct mote_abi_function *exports;
	struct mote_abi_function *imports;
	/* The extra bytes asked for: the end of the data segment. */
	unsigned char *extra;
};

/* extra: additional bytes of data, zero. Never fails: aborts. */
struct elf_image elf_image_new(bool position_independent, size_t extra);
void elf_image_free(struct elf_image *image);

/*
 * Has the note say that the exports (or imports) are count rows at the file
 * offset, which is in the data segment's extra bytes.
 */
void elf_image_move_exports(struct elf_image *image, size_t offset,
			    size_t count);
void elf_image_move_imports(struct elf_image *image, size_t offset,
			    size_t count);

/* Fills a row. */
void elf_row_set(struct mote_abi_function *row, const char *name,
		 const char *signature, const char *parameters);

#endif
