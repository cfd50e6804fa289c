/*
 * Images of bare guests, valid until something is changed: two segments, of
 * which the first is executable, and a note.
 */
#ifndef HARNESS_BARE_BUILDER_H
#define HARNESS_BARE_BUILDER_H

#include <elf.h>
#include <stddef.h>

#include "abi/bare.h"

#define BARE_CODE 0x1000  /* where the first segment goes */
#define BARE_BYTES 64u    /* of it in the file */
#define BARE_DATA 0x5000  /* the second one, of which nothing is there */
#define BARE_DATA_BYTES 0x2000u

enum { BARE_PROGRAM_CODE, BARE_PROGRAM_DATA, BARE_PROGRAM_NOTE, BARE_PROGRAMS };

/* As it lies in a file: its fields are not aligned. */
struct __attribute__((packed)) bare_note {
	Elf32_Nhdr head;
	char name[8];
	struct mote_abi_bare_note fields;
};

struct bare_image32 {
	Elf32_Ehdr header;
	Elf32_Phdr programs[BARE_PROGRAMS];
	struct bare_note note;
	unsigned char code[BARE_BYTES];
};

struct bare_image64 {
	Elf64_Ehdr header;
	Elf64_Phdr programs[BARE_PROGRAMS];
	struct bare_note note;
	unsigned char code[BARE_BYTES];
};

/* mode: enum mote_abi_bare_mode. */
void bare_image32_init(struct bare_image32 *image, uint32_t mode);
void bare_image64_init(struct bare_image64 *image);

#endif
