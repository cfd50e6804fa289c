#include "harness/sections.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
	AT_ROWS = sizeof(Elf64_Ehdr),
	AT_NAMES = AT_ROWS + SECTIONS_MAX * sizeof(Elf64_Shdr),
	NAMES_BYTES = 256,
	AT_DATA = AT_NAMES + NAMES_BYTES,
};

void sections_init(struct sections *file)
{
	Elf64_Shdr *names;

	memset(file, 0, sizeof(*file));
	file->header = (Elf64_Ehdr *)(void *)file->bytes;
	file->rows = (Elf64_Shdr *)(void *)(file->bytes + AT_ROWS);
	file->size = AT_DATA;
	memcpy(file->header->e_ident, ELFMAG, SELFMAG);
	file->header->e_ident[EI_CLASS] = ELFCLASS64;
	file->header->e_ident[EI_DATA] = ELFDATA2LSB;
	file->header->e_shoff = AT_ROWS;
	file->header->e_shentsize = sizeof(Elf64_Shdr);
	/* Section 0 is none, section 1 the names. */
	file->header->e_shnum = 2;
	file->header->e_shstrndx = 1;
	file->names_used = 1;
	names = &file->rows[1];
	names->sh_type = SHT_STRTAB;
	names->sh_offset = AT_NAMES;
	names->sh_size = NAMES_BYTES;
}

Elf64_Shdr *sections_add(struct sections *file, const char *name,
			 uint32_t type, uint64_t address, const void *data,
			 size_t size)
{
	Elf64_Shdr *row = &file->rows[file->header->e_shnum];
	size_t length = strlen(name) + 1;

	if (file->header->e_shnum == SECTIONS_MAX ||
	    file->names_used + length > NAMES_BYTES ||
	    size > sizeof(file->bytes) - file->size)
		abort();
	file->header->e_shnum++;
	row->sh_name = (uint32_t)file->names_used;
	memcpy(file->bytes + AT_NAMES + file->names_used, name, length);
	file->names_used += length;
	row->sh_type = type;
	row->sh_addr = address;
	row->sh_offset = file->size;
	row->sh_size = size;
	memcpy(file->bytes + file->size, data, size);
	file->size += size;
	return row;
}

void put_bytes(struct byte_run *run, const void *data, size_t size)
{
	if (size > sizeof(run->bytes) - run->size)
		abort();
	memcpy(run->bytes + run->size, data, size);
	run->size += size;
}

void put_number(struct byte_run *run, uint64_t value, size_t size)
{
	unsigned char bytes[8];
	size_t i;

	for (i = 0; i < size; i++)
		bytes[i] = (unsigned char)(value >> (8 * i));
	put_bytes(run, bytes, size);
}

void put_text(struct byte_run *run, const char *text)
{
	put_bytes(run, text, strlen(text) + 1);
}

void put_uleb(struct byte_run *run, uint64_t value)
{
	do {
		put_number(run, (value & 0x7f) | (value > 0x7f ? 0x80 : 0), 1);
		value >>= 7;
	} while (value > 0);
}

void put_sleb(struct byte_run *run, int64_t value)
{
	bool more;

	do {
		uint64_t byte = (uint64_t)value & 0x7f;

		value >>= 7;
		more = !((value == 0 && !(byte & 0x40)) ||
			 (value == -1 && (byte & 0x40)));
		put_number(run, byte | (more ? 0x80u : 0), 1);
	} while (more);
}
