/*
 * The Mote note (abi/note.h) and where it says that the tables are.
 *
 * Layout of notes: System V gABI, "Note Section"; a PT_NOTE with p_align 8
 * pads to 8 instead of 4, as binutils and the kernel have it.
 */
#include "elf/parse.h"

#include <elf.h>
#include <inttypes.h>
#include <string.h>

#include "abi/layout.h"

/*
 * Offsets are at most MTI_ELF_TABLE_MAX and the sizes in a note 32 bits wide:
 * sums cannot overflow 64 bits.
 */
static uint64_t pad(uint64_t offset, uint64_t align)
{
	return (offset + align - 1) & ~(align - 1);
}

/* body is at offset at of the notes and has size bytes. */
static mote_status take_note(const struct mti_elf_file *file,
			     const struct mti_elf_notes *notes, uint64_t at,
			     uint32_t size, struct mti_elf_note *note)
{
	const unsigned char *body = file->data + notes->offset + at;
	uint32_t version;

	if (note->found)
		return MTI_ELF_FAIL(file,
				    "program header %u: there is a second Mote "
				    "note",
				    notes->header);
	if (size < sizeof(version))
		return MTI_ELF_FAIL(file,
				    "Mote note: n_descsz is %" PRIu32
				    ", it is truncated",
				    size);
	memcpy(&version, body, sizeof(version));
	if (version != MOTE_ABI_VERSION)
		return MTI_ELF_FAIL(file,
				    "Mote note: abi_version is %" PRIu32
				    ", this library runs %u: rebuild the guest "
				    "with its mote-cc",
				    version, MOTE_ABI_VERSION);
	if (size != sizeof(note->fields))
		return MTI_ELF_FAIL(
			file, "Mote note: n_descsz is %" PRIu32 ", not %zu%s",
			size, sizeof(note->fields),
			size < sizeof(note->fields) ? ": it is truncated" : "");
	memcpy(&note->fields, body, sizeof(note->fields));
	note->found = true;
	note->offset = notes->offset + at;
	note->address = notes->address + at;
	return MOTE_OK;
}

static bool is_ours(const unsigned char *data, uint64_t at,
		    const Elf64_Nhdr *header)
{
	return header->n_namesz == sizeof(MOTE_NOTE_NAME) &&
	       memcmp(data + at + sizeof(*header), MOTE_NOTE_NAME,
		      sizeof(MOTE_NOTE_NAME)) == 0;
}

mote_status mti_elf_notes_next(const struct mti_elf_file *file,
			       const struct mti_elf_notes *notes, uint64_t *at,
			       struct mti_elf_found *found, bool *more)
{
	const unsigned char *data = file->data + notes->offset;
	Elf64_Nhdr header;
	uint64_t start;
	uint64_t end;

	for (*more = false; *at < notes->size && !*more;) {
		start = *at;
		if (notes->size - start < sizeof(header))
			return MTI_ELF_FAIL(file,
					    "program header %u: the note at "
					    "0x%" PRIx64 " is truncated",
					    notes->header, start);
		memcpy(&header, data + start, sizeof(header));
		found->offset = pad(start + sizeof(header) + header.n_namesz,
				    notes->align);
		end = found->offset + header.n_descsz;
		if (end > notes->size)
			return MTI_ELF_FAIL(
				file,
				"program header %u: the note at 0x%" PRIx64
				" with n_namesz %" PRIu32 " and n_descsz "
				"%" PRIu32 " is truncated",
				notes->header, start, header.n_namesz,
				header.n_descsz);
		found->type = header.n_type;
		found->size = header.n_descsz;
		*more = is_ours(data, start, &header);
		*at = pad(end, notes->align);
	}
	return MOTE_OK;
}

mote_status mti_elf_notes_scan(const struct mti_elf_file *file,
			       const struct mti_elf_notes *notes,
			       struct mti_elf_note *note)
{
	struct mti_elf_found found;
	mote_status status;
	uint64_t at = 0;
	bool more;

	for (;;) {
		status = mti_elf_notes_next(file, notes, &at, &found, &more);
		if (status != MOTE_OK || !more)
			return status;
		if (found.type != MOTE_NOTE_TYPE)
			continue;
		status = take_note(file, notes, found.offset, found.size, note);
		if (status != MOTE_OK)
			return status;
	}
}

/*
 * Where a field of the note points. A sum that wraps is an address that no
 * segment has.
 */
static uint64_t border(const struct mti_elf_note *note, size_t field,
		       int32_t distance)
{
	return note->address + field + (uint64_t)(int64_t)distance;
}

/* One table: its rows, if it has any, into fresh memory. */
static mote_status
read_table(const struct mti_elf_file *file, enum mti_elf_table which,
	   uint64_t begin, uint64_t end, const struct mti_allocator *allocator,
	   const struct mti_elf *elf, struct mti_elf_function **functions,
	   size_t *count)
{
	const char *name = which == MTI_ELF_EXPORTS ? "exports" : "imports";
	const unsigned char *rows;
	uint64_t size = end - begin;

	if (end < begin)
		return MTI_ELF_FAIL(file,
				    "Mote note: %s_end 0x%" PRIx64
				    " is lower than %s_begin 0x%" PRIx64,
				    name, end, name, begin);
	if (size % sizeof(struct mote_abi_function) != 0)
		return MTI_ELF_FAIL(file,
				    "Mote note: the %s have 0x%" PRIx64
				    " bytes, not a multiple of %zu",
				    name, size,
				    sizeof(struct mote_abi_function));
	size /= sizeof(struct mote_abi_function);
	if (size > MTI_ELF_FUNCTIONS_MAX)
		return MTI_ELF_FAIL(file,
				    "Mote note: the %s have %" PRIu64
				    " rows, at most %d are read",
				    name, size, MTI_ELF_FUNCTIONS_MAX);
	if (size == 0)
		return MOTE_OK;
	rows = mti_elf_loaded(file, elf, begin, end - begin);
	if (!rows)
		return MTI_ELF_FAIL(file,
				    "Mote note: the %s at 0x%" PRIx64
				    " to 0x%" PRIx64
				    " are not in the loaded bytes of a segment",
				    name, begin, end);
	*functions = mti_alloc(allocator, size, sizeof(**functions));
	if (!*functions)
		return mti_error_set(
			file->err, MOTE_E_NO_MEMORY, "reading the guest image",
			"no memory for %" PRIu64 " %s", size, name);
	*count = size;
	return mti_elf_table_read(file, which, rows, *count, *functions);
}

static mote_status check_fields(const struct mti_elf_file *file,
				const struct mti_elf_note *note,
				const struct mti_elf *elf)
{
	const unsigned char *loaded;

	/* Distances mean nothing if the note is not where it says. */
	loaded = mti_elf_loaded(file, elf, note->address, sizeof(note->fields));
	if (loaded != file->data + note->offset)
		return MTI_ELF_FAIL(file,
				    "Mote note: p_vaddr puts it at 0x%" PRIx64
				    ", where its bytes are not loaded",
				    note->address);
	if (note->fields.flags != 0)
		return MTI_ELF_FAIL(file,
				    "Mote note: flags 0x%" PRIx32 " are not 0",
				    note->fields.flags);
	if (note->fields.reserved != 0)
		return MTI_ELF_FAIL(
			file, "Mote note: reserved 0x%" PRIx32 " is not 0",
			note->fields.reserved);
	return MOTE_OK;
}

static mote_status find_main(const struct mti_elf_file *file,
			     const struct mti_elf_note *note,
			     struct mti_elf *elf)
{
	uint64_t address = border(note, offsetof(struct mote_abi_note, main),
				  note->fields.main);

	/* An absent main is at the file's address 0, or at no distance. */
	if (note->fields.main == 0 || address == file->bias)
		return MOTE_OK;
	if (!mti_elf_executable(elf, address))
		return MTI_ELF_FAIL(file,
				    "Mote note: main 0x%" PRIx64
				    " is not in an executable segment",
				    address);
	elf->has_main = true;
	return MOTE_OK;
}

mote_status mti_elf_note_apply(const struct mti_elf_file *file,
			       const struct mti_elf_note *note,
			       const struct mti_allocator *allocator,
			       struct mti_elf *elf)
{
#define BORDER(field)                                                          \
	border(note, offsetof(struct mote_abi_note, field), note->fields.field)
	mote_status status;

	status = check_fields(file, note, elf);
	if (status)
		return status;
	status = find_main(file, note, elf);
	if (status)
		return status;
	elf->abi_version = note->fields.abi_version;
	status = read_table(file, MTI_ELF_EXPORTS, BORDER(exports_begin),
			    BORDER(exports_end), allocator, elf, &elf->exports,
			    &elf->export_count);
	if (status)
		return status;
	return read_table(file, MTI_ELF_IMPORTS, BORDER(imports_begin),
			  BORDER(imports_end), allocator, elf, &elf->imports,
			  &elf->import_count);
#undef BORDER
}
