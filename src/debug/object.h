/*
 * The sections of a guest's ELF file that debugging needs. The file is
 * untrusted, and the loader has not looked at its sections: each offset is
 * checked here, and what is not as it must be is left out. Pure.
 */
#ifndef MTI_DEBUG_OBJECT_H
#define MTI_DEBUG_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "debug/cursor.h"

/* A section whose bytes lie in the file; size 0 if there is none. */
struct mti_section {
	const uint8_t *data;
	size_t size;
	uint64_t address; /* as the file says, without the load bias */
};

/* Borrows the file's bytes. */
struct mti_object {
	struct mti_bytes file;
	uint64_t bias; /* guest address = address in the file + bias */
	uint64_t sections_at;
	uint32_t section_count;
	struct mti_section symbols; /* whole rows of Elf64_Sym */
	struct mti_section names;
	struct mti_section frames;     /* .eh_frame */
	struct mti_section lines;      /* .debug_line */
	struct mti_section line_texts; /* .debug_line_str */
	struct mti_section texts;      /* .debug_str */
};

/* Never fails: of a file that makes no sense nothing is known. */
void mti_object_init(struct mti_object *object, const void *data, size_t size,
		     uint64_t bias);

/* Where section number index lies; false if there is none. */
bool mti_object_section(const struct mti_object *object, uint32_t index,
			uint64_t *address, uint64_t *size);

#endif
