/*
 * See object.h. Structures: System V gABI, "Object Files", "Sections".
 */
#include "debug/object.h"

#include <elf.h>
#include <string.h>

#include "base/checked.h"

/* Longest name of a section that is looked for, with its NUL. */
#define NAME_MAX_BYTES 16

static bool read_row(const struct mti_object *object, uint32_t index,
		     Elf64_Shdr *row)
{
	if (index >= object->section_count)
		return false;
	/* mti_object_init has checked that the table lies in the file. */
	memcpy(row, object->file.data + object->sections_at +
			    (uint64_t)index * sizeof(*row),
	       sizeof(*row));
	return true;
}

/* What is compressed cannot be read, and counts as absent. */
static void take(const struct mti_object *object, const Elf64_Shdr *row,
		 struct mti_section *section)
{
	if (row->sh_type == SHT_NOBITS || (row->sh_flags & SHF_COMPRESSED) ||
	    !mti_range_ok(row->sh_offset, row->sh_size, object->file.size))
		return;
	section->data = object->file.data + row->sh_offset;
	section->size = row->sh_size;
	section->address = row->sh_addr;
}

static void take_symbols(struct mti_object *object, const Elf64_Shdr *row)
{
	Elf64_Shdr names;

	if (row->sh_entsize != sizeof(Elf64_Sym) ||
	    !read_row(object, row->sh_link, &names))
		return;
	take(object, row, &object->symbols);
	take(object, &names, &object->names);
	object->symbols.size -= object->symbols.size % sizeof(Elf64_Sym);
	if (object->names.size == 0)
		object->symbols.size = 0;
}

static void take_named(struct mti_object *object, const Elf64_Shdr *row,
		       const struct mti_section *names)
{
	const struct {
		const char *name;
		struct mti_section *section;
	} wanted[] = {
		{ ".eh_frame", &object->frames },
		{ ".debug_line", &object->lines },
		{ ".debug_line_str", &object->line_texts },
		{ ".debug_str", &object->texts },
	};
	char name[NAME_MAX_BYTES];
	size_t i;

	if (row->sh_name >= names->size)
		return;
	memset(name, 0, sizeof(name));
	for (i = 0; i < sizeof(name) && i < names->size - row->sh_name; i++) {
		name[i] = (char)names->data[row->sh_name + i];
		if (name[i] == '\0')
			break;
	}
	if (i == sizeof(name))
		return;
	for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (strcmp(name, wanted[i].name) == 0)
			take(object, row, wanted[i].section);
}

static bool read_header(struct mti_object *object, Elf64_Ehdr *header)
{
	if (object->file.size < sizeof(*header))
		return false;
	memcpy(header, object->file.data, sizeof(*header));
	if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
	    header->e_ident[EI_CLASS] != ELFCLASS64 ||
	    header->e_ident[EI_DATA] != ELFDATA2LSB ||
	    header->e_shentsize != sizeof(Elf64_Shdr) ||
	    !mti_range_ok(header->e_shoff,
			  header->e_shnum * sizeof(Elf64_Shdr),
			  object->file.size))
		return false;
	object->sections_at = header->e_shoff;
	object->section_count = header->e_shnum;
	return true;
}

void mti_object_init(struct mti_object *object, const void *data, size_t size,
		     uint64_t bias)
{
	struct mti_section names = { 0 };
	Elf64_Ehdr header;
	Elf64_Shdr row;
	uint32_t i;

	memset(object, 0, sizeof(*object));
	object->file = (struct mti_bytes){ data, size };
	object->bias = bias;
	if (!read_header(object, &header))
		return;
	if (read_row(object, header.e_shstrndx, &row))
		take(object, &row, &names);
	for (i = 0; read_row(object, i, &row); i++) {
		if (row.sh_type == SHT_SYMTAB && object->symbols.size == 0)
			take_symbols(object, &row);
		else
			take_named(object, &row, &names);
	}
}

bool mti_object_section(const struct mti_object *object, uint32_t index,
			uint64_t *address, uint64_t *size)
{
	Elf64_Shdr row;

	if (!read_row(object, index, &row))
		return false;
	*address = row.sh_addr;
	*size = row.sh_size;
	return true;
}
