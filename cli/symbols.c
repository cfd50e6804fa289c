/*
 * See symbols.h. Structures: System V ABI, "Object Files" (sections,
 * symbol table) and "Program Header".
 */
#include "symbols.h"

#include <elf.h>
#include <string.h>

#include "text.h"

struct file {
	const unsigned char *data;
	size_t size;
};

/* A table in the file; its rows lie inside. */
struct table {
	uint64_t offset;
	uint64_t count;
};

/* Copies, because nothing in the file need be aligned. */
static bool read_at(const struct file *file, uint64_t offset, void *out,
		    size_t size)
{
	if (offset > file->size || size > file->size - offset)
		return false;
	memcpy(out, file->data + offset, size);
	return true;
}

static bool table_ok(const struct file *file, const struct table *table,
		     size_t row)
{
	return table->offset <= file->size &&
	       table->count <= (file->size - table->offset) / row;
}

/*
 * The difference between guest addresses and those in the file: what the
 * program header that segment was made from says. False if there is none.
 */
static bool load_bias(const struct file *file, const Elf64_Ehdr *header,
		      const mote_segment *segment, uint64_t *bias)
{
	struct table table = { header->e_phoff, header->e_phnum };

	if (header->e_phentsize != sizeof(Elf64_Phdr) ||
	    !table_ok(file, &table, sizeof(Elf64_Phdr)))
		return false;
	for (uint64_t i = 0; i < table.count; i++) {
		Elf64_Phdr row;

		if (!read_at(file, table.offset + i * sizeof(row), &row,
			     sizeof(row)))
			return false;
		if (row.p_type != PT_LOAD ||
		    row.p_offset != segment->file_offset ||
		    row.p_filesz != segment->file_size ||
		    row.p_memsz != segment->memory_size)
			continue;
		*bias = segment->address - row.p_vaddr;
		return true;
	}
	return false;
}

/* The symbol table and the section of its strings. */
static bool find_symtab(const struct file *file, const Elf64_Ehdr *header,
			struct table *symbols, Elf64_Shdr *strings)
{
	struct table table = { header->e_shoff, header->e_shnum };
	Elf64_Shdr row;

	if (header->e_shentsize != sizeof(row) ||
	    !table_ok(file, &table, sizeof(row)))
		return false;
	for (uint64_t i = 0; i < table.count; i++) {
		if (!read_at(file, table.offset + i * sizeof(row), &row,
			     sizeof(row)))
			return false;
		if (row.sh_type != SHT_SYMTAB)
			continue;
		if (row.sh_entsize != sizeof(Elf64_Sym) ||
		    row.sh_link >= table.count)
			return false;
		symbols->offset = row.sh_offset;
		symbols->count = row.sh_size / sizeof(Elf64_Sym);
		return table_ok(file, symbols, sizeof(Elf64_Sym)) &&
		       read_at(file, table.offset + row.sh_link * sizeof(row),
			       strings, sizeof(*strings)) &&
		       strings->sh_offset <= file->size &&
		       strings->sh_size <= file->size - strings->sh_offset;
	}
	return false;
}

/* A symbol without size names what follows it, up to its section's end. */
static bool in_section_of(const struct file *file, const Elf64_Ehdr *header,
			  const Elf64_Sym *row, uint64_t address)
{
	Elf64_Shdr section;

	/* find_symtab() has checked the table of sections. */
	if (row->st_shndx >= header->e_shnum ||
	    !read_at(file, header->e_shoff + row->st_shndx * sizeof(section),
		     &section, sizeof(section)))
		return false;
	return address >= section.sh_addr &&
	       address - section.sh_addr < section.sh_size;
}

static bool covers(const struct file *file, const Elf64_Ehdr *header,
		   const Elf64_Sym *row, uint64_t address)
{
	unsigned int type = ELF64_ST_TYPE(row->st_info);

	if ((type != STT_FUNC && type != STT_NOTYPE) || row->st_name == 0 ||
	    row->st_shndx == SHN_UNDEF || row->st_value > address)
		return false;
	if (row->st_size != 0)
		return address - row->st_value < row->st_size;
	return in_section_of(file, header, row, address);
}

/* The function that holds the address, else the last label before it. */
static bool best_symbol(const struct file *file, const Elf64_Ehdr *header,
			const struct table *symbols, uint64_t address,
			Elf64_Sym *best)
{
	bool found = false;

	for (uint64_t i = 0; i < symbols->count; i++) {
		Elf64_Sym row;

		if (!read_at(file, symbols->offset + i * sizeof(row), &row,
			     sizeof(row)))
			return false;
		if (!covers(file, header, &row, address))
			continue;
		if (found && (row.st_size != 0) != (best->st_size != 0)) {
			if (row.st_size == 0)
				continue;
		} else if (found && row.st_value < best->st_value) {
			continue;
		}
		*best = row;
		found = true;
	}
	return found;
}

static bool copy_name(const struct file *file, const Elf64_Shdr *strings,
		      const Elf64_Sym *row, struct cli_symbol *symbol)
{
	struct cli_text text;
	const char *name;
	size_t room;
	size_t length;

	if (row->st_name >= strings->sh_size)
		return false;
	name = (const char *)file->data + strings->sh_offset + row->st_name;
	room = strings->sh_size - row->st_name;
	length = strnlen(
		name, room < CLI_SYMBOL_NAME_MAX ? room : CLI_SYMBOL_NAME_MAX);
	cli_text_init(&text, symbol->name, sizeof(symbol->name));
	cli_text_clean(&text, name, length);
	return text.used > 0;
}

bool cli_symbol_find(const void *data, size_t size, const mote_segment *segment,
		     uint64_t address, struct cli_symbol *symbol)
{
	struct file file = { data, size };
	struct table symbols;
	Elf64_Ehdr header;
	Elf64_Shdr strings;
	Elf64_Sym row;
	uint64_t bias = 0;

	memset(&row, 0, sizeof(row));
	if (!read_at(&file, 0, &header, sizeof(header)) ||
	    memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
	    header.e_ident[EI_CLASS] != ELFCLASS64 ||
	    header.e_ident[EI_DATA] != ELFDATA2LSB)
		return false;
	if (!load_bias(&file, &header, segment, &bias) ||
	    !find_symtab(&file, &header, &symbols, &strings) ||
	    !best_symbol(&file, &header, &symbols, address - bias, &row) ||
	    !copy_name(&file, &strings, &row, symbol))
		return false;
	symbol->offset = address - bias - row.st_value;
	symbol->inlined = false;
	return true;
}
