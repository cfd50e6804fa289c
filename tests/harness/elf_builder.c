#include "harness/elf_builder.h"

#include <stdlib.h>
#include <string.h>

#include "abi/layout.h"

void elf_row_set(struct mote_abi_function *row, const char *name,
		 const char *signature, const char *parameters)
{
	memset(row, 0, sizeof(*row));
	memcpy(row->name, name, strlen(name));
	memcpy(row->signature, signature, strlen(signature));
	memcpy(row->parameters, parameters, strlen(parameters));
}

static void fill_header(struct elf_image *image, bool position_independent)
{
	Elf64_Ehdr *header = image->header;

	memcpy(header->e_ident, ELFMAG, SELFMAG);
	header->e_ident[EI_CLASS] = ELFCLASS64;
	header->e_ident[EI_DATA] = ELFDATA2LSB;
	header->e_ident[EI_VERSION] = EV_CURRENT;
	header->e_type = position_independent ? ET_DYN : ET_EXEC;
	header->e_machine = EM_X86_64;
	header->e_version = EV_CURRENT;
	header->e_entry = ELF_ADDRESS_TEXT;
	header->e_phoff = ELF_AT_PROGRAM;
	header->e_ehsize = sizeof(Elf64_Ehdr);
	header->e_phentsize = sizeof(Elf64_Phdr);
	header->e_phnum = ELF_HEADERS;
}

static void fill_program(struct elf_image *image, size_t extra)
{
	Elf64_Phdr *program = image->program;

	program[ELF_LOAD_TABLES] = (Elf64_Phdr){
		.p_type = PT_LOAD,
		.p_flags = PF_R,
		.p_vaddr = ELF_BASE,
		.p_filesz = ELF_AT_TEXT,
		.p_memsz = ELF_AT_TEXT,
		.p_align = 0x1000,
	};
	program[ELF_LOAD_TEXT] = (Elf64_Phdr){
		.p_type = PT_LOAD,
		.p_flags = PF_R | PF_X,
		.p_offset = ELF_AT_TEXT,
		.p_vaddr = ELF_ADDRESS_TEXT,
		.p_filesz = ELF_TEXT_SIZE,
		.p_memsz = ELF_TEXT_SIZE,
		.p_align = 0x1000,
	};
	program[ELF_LOAD_DATA] = (Elf64_Phdr){
		.p_type = PT_LOAD,
		.p_flags = PF_R | PF_W,
		.p_offset = ELF_AT_DATA,
		.p_vaddr = ELF_ADDRESS_DATA,
		.p_filesz = ELF_DATA_SIZE + extra,
		.p_memsz = ELF_DATA_SIZE + extra + ELF_BSS_SIZE,
		.p_align = 0x1000,
	};
	program[ELF_NOTE] = (Elf64_Phdr){
		.p_type = PT_NOTE,
		.p_flags = PF_R,
		.p_offset = ELF_AT_NOTE,
		.p_vaddr = ELF_BASE + ELF_AT_NOTE,
		.p_filesz = ELF_AT_NOTE_END - ELF_AT_NOTE,
		.p_memsz = ELF_AT_NOTE_END - ELF_AT_NOTE,
		.p_align = 4,
	};
	program[ELF_STACK] = (Elf64_Phdr){
		.p_type = PT_GNU_STACK,
		.p_flags = PF_R | PF_W,
		.p_align = 16,
	};
}

static int32_t distance(size_t from_field, uint64_t to)
{
	uint64_t from = ELF_BASE + ELF_AT_NOTE_BODY + from_field;

	return (int32_t)(int64_t)(to - from);
}

#define DISTANCE(field, to) distance(offsetof(struct mote_abi_note, field), to)

static void fill_note(struct elf_image *image)
{
	image->note_header->n_namesz = sizeof(MOTE_NOTE_NAME);
	image->note_header->n_descsz = sizeof(struct mote_abi_note);
	image->note_header->n_type = MOTE_NOTE_TYPE;
	memcpy(image->note_name, MOTE_NOTE_NAME, sizeof(MOTE_NOTE_NAME));
	image->note->abi_version = MOTE_ABI_VERSION;
	image->note->exports_begin =
		DISTANCE(exports_begin, ELF_BASE + ELF_AT_EXPORTS);
	image->note->exports_end =
		DISTANCE(exports_end, ELF_BASE + ELF_AT_IMPORTS);
	image->note->imports_begin =
		DISTANCE(imports_begin, ELF_BASE + ELF_AT_IMPORTS);
	image->note->imports_end =
		DISTANCE(imports_end, ELF_BASE + ELF_AT_TEXT);
	image->note->main = DISTANCE(main, ELF_ADDRESS_TEXT + 0x10);
	elf_row_set(&image->exports[0], "zeta", "i(i)", "n");
	elf_row_set(&image->exports[1], "alpha", "s(si)", "name,count");
	elf_row_set(&image->exports[2], "mid.dle", "v()", "");
	elf_row_set(&image->imports[0], "log", "v(s)", "text");
	elf_row_set(&image->imports[1], "Now", "U()", "");
	elf_row_set(&image->imports[2], "log", "v(s)", "text");
	image->imports[0].flags = MOTE_FUNCTION_POSTED;
	image->imports[2].flags = MOTE_FUNCTION_POSTED;
}

/* A static-PIE is the same with all addresses relative. */
static void make_relative(struct elf_image *image)
{
	size_t i;

	image->header->e_entry -= ELF_BASE;
	for (i = 0; i <= ELF_NOTE; i++)
		image->program[i].p_vaddr -= ELF_BASE;
	image->program[ELF_DYNAMIC] = (Elf64_Phdr){
		.p_type = PT_DYNAMIC,
		.p_flags = PF_R,
		.p_offset = ELF_AT_DYNAMIC,
		.p_vaddr = ELF_AT_DYNAMIC,
		.p_filesz = 4 * sizeof(Elf64_Dyn),
		.p_memsz = 4 * sizeof(Elf64_Dyn),
		.p_align = 8,
	};
	image->dynamic[0].d_tag = DT_RELA;
	image->dynamic[1].d_tag = DT_RELASZ;
}

struct elf_image elf_image_new(bool position_independent, size_t extra)
{
	struct elf_image image = { .size = ELF_AT_END + extra };

	image.bytes = calloc(1, image.size);
	if (!image.bytes)
		abort();
	image.header = (Elf64_Ehdr *)image.bytes;
	image.program = (Elf64_Phdr *)(image.bytes + ELF_AT_PROGRAM);
	image.note_header = (Elf64_Nhdr *)(image.bytes + ELF_AT_NOTE);
	image.note_name = (char *)image.bytes + ELF_AT_NOTE_NAME;
	image.note = (struct mote_abi_note *)(image.bytes + ELF_AT_NOTE_BODY);
	image.dynamic = (Elf64_Dyn *)(image.bytes + ELF_AT_DYNAMIC);
	image.exports =
		(struct mote_abi_function *)(image.bytes + ELF_AT_EXPORTS);
	image.imports =
		(struct mote_abi_function *)(image.bytes + ELF_AT_IMPORTS);
	image.extra = image.bytes + ELF_AT_END;
	memset(image.bytes + ELF_AT_TEXT, 0x90, ELF_TEXT_SIZE);
	fill_header(&image, position_independent);
	fill_program(&image, extra);
	fill_note(&image);
	if (position_independent)
		make_relative(&image);
	return image;
}

void elf_image_free(struct elf_image *image)
{
	free(image->bytes);
	image->bytes = NULL;
}

static uint64_t data_address(size_t offset)
{
	return ELF_ADDRESS_DATA + (offset - ELF_AT_DATA);
}

void elf_image_move_exports(struct elf_image *image, size_t offset,
			    size_t count)
{
	uint64_t begin = data_address(offset);
	uint64_t end = begin + count * sizeof(struct mote_abi_function);

	image->note->exports_begin = DISTANCE(exports_begin, begin);
	image->note->exports_end = DISTANCE(exports_end, end);
}

void elf_image_move_imports(struct elf_image *image, size_t offset,
			    size_t count)
{
	uint64_t begin = data_address(offset);
	uint64_t end = begin + count * sizeof(struct mote_abi_function);

	image->note->imports_begin = DISTANCE(imports_begin, begin);
	image->note->imports_end = DISTANCE(imports_end, end);
}
