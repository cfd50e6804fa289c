/*
 * ELF files made of sections only, for tests of what reads them.
 */
#ifndef HARNESS_SECTIONS_H
#define HARNESS_SECTIONS_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>

#define SECTIONS_MAX 12
#define SECTIONS_BYTES 16384

/* Always valid: the table of sections is written with each one. */
struct sections {
	_Alignas(8) unsigned char bytes[SECTIONS_BYTES];
	size_t size; /* of the file */
	Elf64_Ehdr *header;
	Elf64_Shdr *rows; /* room for SECTIONS_MAX at a fixed place */
	size_t names_used;
};

void sections_init(struct sections *file);

/* Copies data behind what is there. Returns the section's row. */
Elf64_Shdr *sections_add(struct sections *file, const char *name,
			 uint32_t type, uint64_t address, const void *data,
			 size_t size);

/* A growing run of bytes, little endian. Aborts if it gets too long. */
struct byte_run {
	unsigned char bytes[4096];
	size_t size;
};

void put_number(struct byte_run *run, uint64_t value, size_t size);
void put_bytes(struct byte_run *run, const void *data, size_t size);
void put_text(struct byte_run *run, const char *text); /* with its NUL */
void put_uleb(struct byte_run *run, uint64_t value);
void put_sleb(struct byte_run *run, int64_t value);

#endif
