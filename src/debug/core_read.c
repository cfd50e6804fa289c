/*
 * See core_read.h. Structures: System V gABI, "Object Files" and "Program
 * Header"; core(5) and linux/elfcore.h for the notes.
 */
#include "debug/core_read.h"

#include <elf.h>
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "debug/cursor.h"

struct reader {
	struct mti_core_view *view;
	const struct mti_allocator *allocator;
	mote_error *err;
	Elf64_Ehdr header;
	uint64_t notes_at;
	uint64_t notes_size; /* 0: none */
	bool has_status;
	bool has_note;
};

#define FAIL(reader, ...)                                             \
	mti_error_set((reader)->err, MOTE_E_IMAGE, "read core file", \
		      __VA_ARGS__)

static bool read_at(const struct reader *reader, uint64_t offset, void *buffer,
		    size_t size)
{
	const struct mti_core_source *source = &reader->view->source;

	return mti_range_ok(offset, size, source->size) &&
	       source->read(source->context, offset, buffer, size);
}

static mote_status read_header(struct reader *reader)
{
	Elf64_Ehdr *header = &reader->header;
	const uint64_t size = reader->view->source.size;
	char known[MTI_ARCH_LIST_BYTES];

	if (!read_at(reader, 0, header, sizeof(*header)) ||
	    memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
		return FAIL(reader, "not an ELF file");
	/* It lies there in files of 32 bits, too. */
	if (header->e_type != ET_CORE)
		return FAIL(reader,
			    "not a core dump: e_type is %u, not %u (core "
			    "file)",
			    header->e_type, ET_CORE);
	if (header->e_ident[EI_CLASS] != ELFCLASS64 ||
	    header->e_ident[EI_DATA] != ELFDATA2LSB)
		return FAIL(reader,
			    "EI_CLASS is %u, EI_DATA %u: not 64-bit, little "
			    "endian",
			    header->e_ident[EI_CLASS],
			    header->e_ident[EI_DATA]);
	reader->view->arch = mti_arch_find(header->e_machine);
	if (!reader->view->arch) {
		mti_arch_list(known, sizeof(known));
		return FAIL(reader, "e_machine is %u, not %s",
			    header->e_machine, known);
	}
	if (header->e_phentsize != sizeof(Elf64_Phdr))
		return FAIL(reader, "e_phentsize is %u, not %zu",
			    header->e_phentsize, sizeof(Elf64_Phdr));
	if (!mti_range_ok(header->e_phoff,
			  header->e_phnum * sizeof(Elf64_Phdr), size))
		return FAIL(reader,
			    "e_phoff 0x%" PRIx64 ": %u program headers there "
			    "end beyond the file (0x%" PRIx64 " bytes)",
			    header->e_phoff, header->e_phnum, size);
	return MOTE_OK;
}

static mote_status add_segment(struct reader *reader, unsigned int number,
			       const Elf64_Phdr *row)
{
	struct mti_core_view *view = reader->view;
	const size_t count = view->segment_count;
	struct mti_core_segment *segment = &view->segments[count];
	uint64_t end;

	if (row->p_memsz == 0)
		return MOTE_OK;
	if (row->p_filesz > row->p_memsz)
		return FAIL(reader,
			    "program header %u: p_filesz 0x%" PRIx64
			    " is more than p_memsz 0x%" PRIx64,
			    number, row->p_filesz, row->p_memsz);
	if (!mti_range_ok(row->p_offset, row->p_filesz, view->source.size))
		return FAIL(reader,
			    "program header %u: p_offset 0x%" PRIx64
			    " with p_filesz 0x%" PRIx64
			    " ends beyond the file (0x%" PRIx64 " bytes)",
			    number, row->p_offset, row->p_filesz,
			    view->source.size);
	if (!mti_add_u64(row->p_vaddr, row->p_memsz, &end))
		return FAIL(reader,
			    "program header %u: p_vaddr 0x%" PRIx64
			    " with p_memsz 0x%" PRIx64 " wraps",
			    number, row->p_vaddr, row->p_memsz);
	if (count > 0 && row->p_vaddr < segment[-1].address + segment[-1].size)
		return FAIL(reader,
			    "program header %u: p_vaddr 0x%" PRIx64
			    " is not behind the segment before",
			    number, row->p_vaddr);
	segment->address = row->p_vaddr;
	segment->size = row->p_memsz;
	segment->offset = row->p_offset;
	segment->file_size = row->p_filesz;
	segment->protection = (row->p_flags & PF_R ? MTI_CORE_READ : 0) |
			      (row->p_flags & PF_W ? MTI_CORE_WRITE : 0) |
			      (row->p_flags & PF_X ? MTI_CORE_EXECUTE : 0);
	view->segment_count++;
	return MOTE_OK;
}

static mote_status take_notes(struct reader *reader, unsigned int number,
			      const Elf64_Phdr *row)
{
	/* Those of a process are in one piece. */
	if (reader->notes_size > 0)
		return MOTE_OK;
	if (row->p_filesz > MTI_CORE_NOTES_MAX)
		return FAIL(reader,
			    "program header %u: p_filesz 0x%" PRIx64
			    " is more than 0x%x for notes",
			    number, row->p_filesz, MTI_CORE_NOTES_MAX);
	if (!mti_range_ok(row->p_offset, row->p_filesz,
			  reader->view->source.size))
		return FAIL(reader,
			    "program header %u: the notes at 0x%" PRIx64
			    " end beyond the file (0x%" PRIx64 " bytes)",
			    number, row->p_offset,
			    reader->view->source.size);
	reader->notes_at = row->p_offset;
	reader->notes_size = row->p_filesz;
	return MOTE_OK;
}

static mote_status read_segments(struct reader *reader)
{
	struct mti_core_view *view = reader->view;
	mote_status status = MOTE_OK;
	Elf64_Phdr row;
	unsigned int i;

	if (reader->header.e_phnum == 0)
		return FAIL(reader, "e_phnum is 0");
	view->segments = mti_alloc(reader->allocator, reader->header.e_phnum,
				   sizeof(*view->segments));
	if (!view->segments)
		return mti_error_set(reader->err, MOTE_E_NO_MEMORY,
				     "read core file",
				     "no memory for %u segments",
				     reader->header.e_phnum);
	for (i = 0; status == MOTE_OK && i < reader->header.e_phnum; i++) {
		if (!read_at(reader,
			     reader->header.e_phoff + i * sizeof(row), &row,
			     sizeof(row)))
			return FAIL(reader, "program header %u cannot be read",
				    i);
		if (row.p_type == PT_LOAD)
			status = add_segment(reader, i, &row);
		else if (row.p_type == PT_NOTE)
			status = take_notes(reader, i, &row);
	}
	return status;
}

static mote_status take_status(struct reader *reader, struct mti_cursor body)
{
	const struct mti_arch *arch = reader->view->arch;

	if (reader->has_status)
		return MOTE_OK;
	if (mti_cursor_left(&body) != arch->prstatus_size)
		return FAIL(reader, "NT_PRSTATUS has %zu bytes, not %u",
			    mti_cursor_left(&body), arch->prstatus_size);
	arch->prstatus_read(body.at, reader->view->general);
	reader->view->signal = (uint32_t)mti_take(&body, 4);
	reader->has_status = true;
	return MOTE_OK;
}

static void end_text(char *text, size_t size)
{
	text[size - 1] = '\0';
}

static mote_status take_note(struct reader *reader, struct mti_cursor body)
{
	struct mti_core_note *note = &reader->view->note;

	if (mti_cursor_left(&body) < sizeof(*note))
		return FAIL(reader, "the Mote note has %zu bytes, not %zu",
			    mti_cursor_left(&body), sizeof(*note));
	memcpy(note, body.at, sizeof(*note));
	if (note->version < MTI_CORE_VERSION)
		return FAIL(reader, "the Mote note has version %u",
			    note->version);
	end_text(note->backend, sizeof(note->backend));
	end_text(note->library, sizeof(note->library));
	end_text(note->function, sizeof(note->function));
	end_text(note->text, sizeof(note->text));
	reader->has_note = true;
	return MOTE_OK;
}

/* The name of the first mapped file: behind count rows of three numbers. */
static void take_files(struct reader *reader, struct mti_cursor body)
{
	char *path = reader->view->path;
	uint64_t count = mti_take(&body, 8);
	struct mti_bytes text;

	mti_take_skip(&body, 8);
	if (count == 0 || count > mti_cursor_left(&body) / 24)
		return;
	mti_take_skip(&body, count * 24);
	text = mti_take_text(&body);
	if (body.bad || text.size >= sizeof(reader->view->path))
		return;
	memcpy(path, text.data, text.size);
	path[text.size] = '\0';
}

static void take_auxiliary(struct reader *reader, struct mti_cursor body)
{
	while (mti_cursor_left(&body) >= 16) {
		uint64_t type = mti_take(&body, 8);
		uint64_t value = mti_take(&body, 8);

		if (type == AT_ENTRY)
			reader->view->entry = value;
	}
}

static mote_status take_one(struct reader *reader, struct mti_bytes owner,
			    uint64_t type, struct mti_cursor body)
{
	static const char ours[] = MTI_CORE_OWNER;
	static const char linux_core[] = "CORE";

	if (owner.size == sizeof(ours) &&
	    memcmp(owner.data, ours, sizeof(ours)) == 0 &&
	    type == MTI_CORE_TYPE)
		return take_note(reader, body);
	if (owner.size != sizeof(linux_core) ||
	    memcmp(owner.data, linux_core, sizeof(linux_core)) != 0)
		return MOTE_OK;
	switch (type) {
	case NT_PRSTATUS:
		return take_status(reader, body);
	case NT_FILE:
		take_files(reader, body);
		break;
	case NT_AUXV:
		take_auxiliary(reader, body);
		break;
	default:
		break;
	}
	return MOTE_OK;
}

static mote_status walk_notes(struct reader *reader, const uint8_t *notes)
{
	struct mti_cursor cursor = mti_cursor_of(notes, reader->notes_size);
	mote_status status = MOTE_OK;

	while (status == MOTE_OK && mti_cursor_left(&cursor) > 0) {
		struct mti_bytes owner;
		struct mti_cursor body;
		uint64_t at = (uint64_t)(cursor.at - notes);
		uint64_t owner_size = mti_take(&cursor, 4);
		uint64_t size = mti_take(&cursor, 4);
		uint64_t type = mti_take(&cursor, 4);

		owner.data = cursor.at;
		owner.size = owner_size;
		mti_take_skip(&cursor, owner_size);
		mti_take_skip(&cursor, -owner_size & 3);
		body = mti_cursor_of(cursor.at, 0);
		if (mti_cursor_has(&cursor, size))
			body.end += size;
		mti_take_skip(&cursor, size);
		if (cursor.bad)
			return FAIL(reader,
				    "the note at 0x%" PRIx64
				    " ends beyond the notes (0x%" PRIx64
				    " bytes)",
				    at, reader->notes_size);
		/* The last one may end without. */
		if (mti_cursor_left(&cursor) >= (-size & 3))
			mti_take_skip(&cursor, -size & 3);
		status = take_one(reader, owner, type, body);
	}
	return status;
}

static mote_status read_notes(struct reader *reader)
{
	mote_status status = MOTE_OK;
	uint8_t *notes = NULL;

	if (reader->notes_size > 0) {
		notes = mti_alloc_raw(reader->allocator, 1,
				      reader->notes_size);
		if (!notes)
			return mti_error_set(reader->err, MOTE_E_NO_MEMORY,
					     "read core file",
					     "no memory for the notes");
		if (read_at(reader, reader->notes_at, notes,
			    reader->notes_size))
			status = walk_notes(reader, notes);
		else
			status = FAIL(reader, "the notes cannot be read");
		mti_free(reader->allocator, notes);
	}
	if (status != MOTE_OK)
		return status;
	if (!reader->has_note)
		return FAIL(reader, "there is no Mote note: this is not the "
				    "core of a guest");
	if (!reader->has_status)
		return FAIL(reader, "there is no NT_PRSTATUS note");
	return MOTE_OK;
}

mote_status mti_core_open(const struct mti_core_source *source,
			  const struct mti_allocator *allocator,
			  struct mti_core_view *view, mote_error *err)
{
	struct mti_core_view made = { .source = *source };
	struct reader reader = {
		.view = &made,
		.allocator = allocator,
		.err = err,
	};
	mote_status status;

	status = read_header(&reader);
	if (status == MOTE_OK)
		status = read_segments(&reader);
	if (status == MOTE_OK)
		status = read_notes(&reader);
	if (status == MOTE_OK)
		*view = made;
	else
		mti_core_close(&made, allocator);
	return status;
}

void mti_core_close(struct mti_core_view *view,
		    const struct mti_allocator *allocator)
{
	mti_free(allocator, view->segments);
	view->segments = NULL;
	view->segment_count = 0;
}

static const struct mti_core_segment *
find_segment(const struct mti_core_view *view, uint64_t address)
{
	size_t low = 0;
	size_t high = view->segment_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (view->segments[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0 || address - view->segments[low - 1].address >=
				view->segments[low - 1].size)
		return NULL;
	return &view->segments[low - 1];
}

bool mti_core_executable(const struct mti_core_view *view, uint64_t address)
{
	const struct mti_core_segment *segment = find_segment(view, address);

	return segment && segment->protection & MTI_CORE_EXECUTE;
}

/* Part of one segment; 0: it cannot be read. */
static size_t read_piece(const struct mti_core_view *view,
			 const struct mti_core_segment *segment,
			 uint64_t address, void *buffer, size_t size)
{
	const struct mti_core_source *source = &view->source;
	uint64_t at = address - segment->address;

	if (size > segment->size - at)
		size = segment->size - at;
	if (at >= segment->file_size) {
		memset(buffer, 0, size);
		return size;
	}
	if (size > segment->file_size - at)
		size = segment->file_size - at;
	return source->read(source->context, segment->offset + at, buffer,
			    size) ?
		       size : 0;
}

size_t mti_core_read(const struct mti_core_view *view, uint64_t address,
		     void *buffer, size_t size)
{
	const struct mti_core_segment *segment;
	size_t done = 0;
	size_t part;

	while (done < size) {
		segment = find_segment(view, address + done);
		part = segment ? read_piece(view, segment, address + done,
					    (uint8_t *)buffer + done,
					    size - done) : 0;
		if (part == 0)
			break;
		done += part;
	}
	return done;
}
