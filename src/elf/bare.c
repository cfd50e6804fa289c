/*
 * Bare guests (abi/bare.h): 32-bit files, and 64-bit ones with the note that
 * says so. Program headers are read into the 64-bit form.
 */
#include <elf.h>
#include <inttypes.h>
#include <string.h>

#include "abi/bare.h"
#include "abi/layout.h"
#include "base/checked.h"
#include "elf/parse.h"

/* What an 8086 reaches, and what is behind it: see abi/bare.h. */
#define REAL_LIMIT UINT64_C(0x100000)
#define REAL_MEMORY UINT64_C(0x110000)
#define REAL_STACK UINT64_C(0x10000)

/* What is read of either header. */
struct head {
	bool wide; /* 64 bits */
	uint16_t type;
	uint16_t machine;
	uint16_t header_size;
	uint16_t entry_size;
	uint16_t count;
	uint32_t version;
	uint64_t entry;
	uint64_t offset;
};

struct reading {
	struct mti_elf_file file;
	struct head head;
	struct mti_elf *elf;
	bool found;
	struct mote_abi_bare_note note;
	uint64_t entry;	  /* guest-physical */
	bool entry_known; /* it lies in an executable segment */
};

/* false if the file is too short. */
static bool take_head(const struct mti_elf_file *file, struct head *head)
{
	Elf32_Ehdr narrow;
	Elf64_Ehdr wide;

	head->wide = file->size > EI_CLASS &&
		     file->data[EI_CLASS] == ELFCLASS64;
#define TAKE(from)                                      \
	do {                                            \
		if (file->size < sizeof(from))          \
			return false;                   \
		memcpy(&(from), file->data, sizeof(from)); \
		head->type = (from).e_type;             \
		head->machine = (from).e_machine;       \
		head->header_size = (from).e_ehsize;    \
		head->entry_size = (from).e_phentsize;  \
		head->count = (from).e_phnum;           \
		head->version = (from).e_version;       \
		head->entry = (from).e_entry;           \
		head->offset = (from).e_phoff;          \
	} while (0)
	if (head->wide)
		TAKE(wide);
	else
		TAKE(narrow);
#undef TAKE
	return true;
}

static bool headers_in_file(const struct mti_elf_file *file,
			    const struct head *head)
{
	size_t size = head->wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);

	return head->entry_size == size && head->count > 0 &&
	       head->count <= MTI_ELF_HEADERS_MAX &&
	       mti_range_ok(head->offset, head->count * size, file->size);
}

static Elf64_Phdr program_header(const struct mti_elf_file *file,
				 const struct head *head, unsigned int number)
{
	const unsigned char *at = file->data + head->offset +
				  (uint64_t)number * head->entry_size;
	Elf32_Phdr narrow;
	Elf64_Phdr wide;

	if (head->wide) {
		memcpy(&wide, at, sizeof(wide));
		return wide;
	}
	memcpy(&narrow, at, sizeof(narrow));
	return (Elf64_Phdr){
		.p_type = narrow.p_type,
		.p_flags = narrow.p_flags,
		.p_offset = narrow.p_offset,
		.p_vaddr = narrow.p_vaddr,
		.p_paddr = narrow.p_paddr,
		.p_filesz = narrow.p_filesz,
		.p_memsz = narrow.p_memsz,
		.p_align = narrow.p_align,
	};
}

static struct mti_elf_notes notes_of(unsigned int number,
				     const Elf64_Phdr *program)
{
	return (struct mti_elf_notes){
		.header = number,
		.offset = program->p_offset,
		.size = program->p_filesz,
		.align = program->p_align == 8 ? 8 : 4,
	};
}

static bool has_note(const struct mti_elf_file *file, unsigned int number,
		     const Elf64_Phdr *program)
{
	const struct mti_elf_notes notes = notes_of(number, program);
	struct mti_elf_found found;
	uint64_t at = 0;
	bool more;

	if (program->p_type != PT_NOTE ||
	    program->p_filesz > MTI_ELF_TABLE_MAX ||
	    !mti_range_ok(program->p_offset, program->p_filesz, file->size))
		return false;
	while (mti_elf_notes_next(file, &notes, &at, &found, &more) ==
		       MOTE_OK &&
	       more)
		if (found.type == MOTE_NOTE_BARE)
			return true;
	return false;
}

bool mti_elf_is_bare(const void *data, size_t size)
{
	const struct mti_elf_file file = { .data = data, .size = size };
	struct head head;
	Elf64_Phdr program;
	unsigned int i;

	if (size <= EI_CLASS || memcmp(data, ELFMAG, SELFMAG) != 0)
		return false;
	if (file.data[EI_CLASS] == ELFCLASS32)
		return true;
	if (!take_head(&file, &head) || !headers_in_file(&file, &head))
		return false;
	for (i = 0; i < head.count; i++) {
		program = program_header(&file, &head, i);
		if (has_note(&file, i, &program))
			return true;
	}
	return false;
}

static mote_status check_ident(const struct mti_elf_file *file)
{
	const unsigned char *ident = file->data;

	if (ident[EI_CLASS] != ELFCLASS32 && ident[EI_CLASS] != ELFCLASS64)
		return MTI_ELF_FAIL(file, "EI_CLASS is %u, not %u or %u",
				    ident[EI_CLASS], ELFCLASS32, ELFCLASS64);
	if (ident[EI_DATA] != ELFDATA2LSB)
		return MTI_ELF_FAIL(file,
				    "EI_DATA is %u, not %u (little endian)",
				    ident[EI_DATA], ELFDATA2LSB);
	if (ident[EI_VERSION] != EV_CURRENT)
		return MTI_ELF_FAIL(file, "EI_VERSION is %u, not %u",
				    ident[EI_VERSION], EV_CURRENT);
	return MOTE_OK;
}

static mote_status check_head(const struct mti_elf_file *file,
			      const struct head *head)
{
	unsigned int machine = head->wide ? EM_X86_64 : EM_386;
	size_t size = head->wide ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);
	size_t entry = head->wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);

	if (head->machine != machine)
		return MTI_ELF_FAIL(file,
				    "e_machine is %u, not %u: a %u-bit bare "
				    "guest is for x86",
				    head->machine, machine,
				    head->wide ? 64 : 32);
	if (head->type != ET_EXEC)
		return MTI_ELF_FAIL(file,
				    "e_type is %u, not %u: a bare guest is an "
				    "executable at fixed addresses",
				    head->type, ET_EXEC);
	if (head->version != EV_CURRENT)
		return MTI_ELF_FAIL(file, "e_version is %" PRIu32 ", not %u",
				    head->version, EV_CURRENT);
	if (head->header_size != size)
		return MTI_ELF_FAIL(file, "e_ehsize is %u, not %zu",
				    head->header_size, size);
	if (head->count == 0)
		return MTI_ELF_FAIL(file, "e_phnum is 0: there is nothing to "
					  "load");
	if (head->count > MTI_ELF_HEADERS_MAX)
		return MTI_ELF_FAIL(file,
				    "e_phnum is %u, at most %d program headers "
				    "are read",
				    head->count, MTI_ELF_HEADERS_MAX);
	if (head->entry_size != entry)
		return MTI_ELF_FAIL(file, "e_phentsize is %u, not %zu",
				    head->entry_size, entry);
	if (!headers_in_file(file, head))
		return MTI_ELF_FAIL(file,
				    "e_phoff 0x%" PRIx64 ": %u program headers "
				    "there end beyond the file (0x%zx bytes)",
				    head->offset, head->count, file->size);
	return MOTE_OK;
}

static mote_status check_place(const struct mti_elf_file *file,
			       unsigned int number, const Elf64_Phdr *program,
			       const struct mti_elf *elf)
{
	const struct mti_elf_segment *last;

	if (program->p_memsz < program->p_filesz)
		return MTI_ELF_FAIL(file,
				    "program header %u: p_memsz 0x%" PRIx64
				    " is less than p_filesz 0x%" PRIx64,
				    number, program->p_memsz,
				    program->p_filesz);
	if (program->p_paddr >> 32 || program->p_memsz >> 32 ||
	    (program->p_paddr + program->p_memsz - 1) >> 32)
		return MTI_ELF_FAIL(file,
				    "program header %u: p_paddr 0x%" PRIx64
				    " with p_memsz 0x%" PRIx64
				    " lies above 4 GiB",
				    number, program->p_paddr, program->p_memsz);
	if (program->p_paddr + program->p_memsz > MOTE_BARE_SCRATCH_END)
		return MTI_ELF_FAIL(file,
				    "program header %u: p_paddr 0x%" PRIx64
				    " with p_memsz 0x%" PRIx64
				    " lies over the APIC page, memory ends at "
				    "0x%" PRIx64,
				    number, program->p_paddr, program->p_memsz,
				    MOTE_BARE_SCRATCH_END);
	if (elf->segment_count == 0)
		return MOTE_OK;
	last = &elf->segments[elf->segment_count - 1];
	if (program->p_paddr < last->address + last->memory_size)
		return MTI_ELF_FAIL(file,
				    "program header %u: p_paddr 0x%" PRIx64
				    " is lower than the end of the segment "
				    "before, 0x%" PRIx64,
				    number, program->p_paddr,
				    last->address + last->memory_size);
	return MOTE_OK;
}

/* e_entry is virtual; where the CPU starts there is no such thing yet. */
static void look_for_entry(struct reading *reading, const Elf64_Phdr *program)
{
	uint64_t entry = reading->head.entry;

	if (!(program->p_flags & PF_X) || entry < program->p_vaddr ||
	    entry - program->p_vaddr >= program->p_memsz)
		return;
	reading->entry = program->p_paddr + (entry - program->p_vaddr);
	reading->entry_known = true;
}

static mote_status add_segment(struct reading *reading, unsigned int number,
			       const Elf64_Phdr *program)
{
	const struct mti_elf_file *file = &reading->file;
	struct mti_elf *elf = reading->elf;
	struct mti_elf_segment *segment;
	mote_status status = mti_elf_check_in_file(file, number, program);

	if (status != MOTE_OK || (program->p_memsz | program->p_filesz) == 0)
		return status;
	if (elf->segment_count == MTI_ELF_SEGMENTS_MAX)
		return MTI_ELF_FAIL(file,
				    "program header %u: more than %d segments "
				    "of type PT_LOAD",
				    number, MTI_ELF_SEGMENTS_MAX);
	status = check_place(file, number, program, elf);
	if (status == MOTE_OK)
		status = mti_elf_check_share(file, number, program, elf);
	if (status != MOTE_OK)
		return status;
	segment = &elf->segments[elf->segment_count++];
	segment->address = program->p_paddr;
	segment->memory_size = program->p_memsz;
	segment->file_offset = program->p_offset;
	segment->file_size = program->p_filesz;
	segment->protection =
		MTI_PROT_READ | MTI_PROT_WRITE | MTI_PROT_EXECUTE;
	look_for_entry(reading, program);
	return MOTE_OK;
}

static mote_status take_note(struct reading *reading,
			     const struct mti_elf_notes *notes,
			     const struct mti_elf_found *found)
{
	const struct mti_elf_file *file = &reading->file;

	if (found->type == MOTE_NOTE_TYPE)
		return MTI_ELF_FAIL(file,
				    "program header %u: a bare guest has the "
				    "Mote note of a user-mode guest",
				    notes->header);
	if (found->type != MOTE_NOTE_BARE)
		return MOTE_OK;
	if (reading->found)
		return MTI_ELF_FAIL(file,
				    "program header %u: there is a second Mote "
				    "note",
				    notes->header);
	if (found->size != sizeof(reading->note))
		return MTI_ELF_FAIL(file,
				    "Mote note: n_descsz is %" PRIu32
				    ", not %zu",
				    found->size, sizeof(reading->note));
	memcpy(&reading->note, file->data + notes->offset + found->offset,
	       sizeof(reading->note));
	reading->found = true;
	return MOTE_OK;
}

static mote_status scan_notes(struct reading *reading, unsigned int number,
			      const Elf64_Phdr *program)
{
	const struct mti_elf_notes notes = notes_of(number, program);
	struct mti_elf_found found;
	mote_status status;
	uint64_t at = 0;
	bool more = true;

	if (program->p_filesz > MTI_ELF_TABLE_MAX)
		return MTI_ELF_FAIL(&reading->file,
				    "program header %u: p_filesz 0x%" PRIx64
				    " is more than 0x%x for its type",
				    number, program->p_filesz,
				    (unsigned int)MTI_ELF_TABLE_MAX);
	status = mti_elf_check_in_file(&reading->file, number, program);
	while (status == MOTE_OK && more) {
		status = mti_elf_notes_next(&reading->file, &notes, &at,
					    &found, &more);
		if (status == MOTE_OK && more)
			status = take_note(reading, &notes, &found);
	}
	return status;
}

static mote_status read_program(struct reading *reading, unsigned int number,
				const Elf64_Phdr *program)
{
	switch (program->p_type) {
	case PT_LOAD:
		return add_segment(reading, number, program);
	case PT_NOTE:
		return scan_notes(reading, number, program);
	case PT_INTERP:
		return MTI_ELF_FAIL(&reading->file,
				    "program header %u: PT_INTERP: a bare "
				    "guest has nobody to load it",
				    number);
	default:
		return MOTE_OK;
	}
}

/* Without a note a 32-bit file is what most of them are. */
static mote_status check_note(struct reading *reading)
{
	const struct mti_elf_file *file = &reading->file;
	struct mote_abi_bare_note *note = &reading->note;
	unsigned int i;

	if (!reading->found) {
		note->mode = MOTE_BARE_PROTECTED;
		return MOTE_OK;
	}
	if (note->version != MOTE_BARE_VERSION)
		return MTI_ELF_FAIL(file,
				    "Mote note: version is %" PRIu32
				    ", this library runs %u",
				    note->version, MOTE_BARE_VERSION);
	if (note->mode < MOTE_BARE_REAL || note->mode > MOTE_BARE_LONG)
		return MTI_ELF_FAIL(file,
				    "Mote note: mode is %" PRIu32
				    ", not %u to %u",
				    note->mode, MOTE_BARE_REAL, MOTE_BARE_LONG);
	if (reading->head.wide != (note->mode == MOTE_BARE_LONG))
		return MTI_ELF_FAIL(file,
				    "Mote note: mode is %" PRIu32
				    ", but EI_CLASS says %u-bit: %s mode %u",
				    note->mode, reading->head.wide ? 64 : 32,
				    reading->head.wide ? "it starts in" :
							 "not",
				    MOTE_BARE_LONG);
	if (note->scratch % MOTE_PAGE_SIZE != 0)
		return MTI_ELF_FAIL(file,
				    "Mote note: scratch 0x%" PRIx64
				    " is not a multiple of a page",
				    note->scratch);
	for (i = 0; i < sizeof(note->reserved) / sizeof(note->reserved[0]); i++)
		if (note->reserved[i] != 0)
			return MTI_ELF_FAIL(file,
					    "Mote note: reserved[%u] "
					    "0x%" PRIx32 " is not 0",
					    i, note->reserved[i]);
	return MOTE_OK;
}

static mote_status check_real(const struct reading *reading)
{
	const struct mti_elf *elf = reading->elf;

	if (reading->entry >= REAL_LIMIT)
		return MTI_ELF_FAIL(&reading->file,
				    "e_entry 0x%" PRIx64
				    " is more than real mode reaches, 1 MiB",
				    reading->entry);
	if (elf->bare_size > REAL_LIMIT - REAL_STACK - MOTE_PAGE_SIZE)
		return MTI_ELF_FAIL(&reading->file,
				    "the last segment ends at 0x%" PRIx64
				    ": no room below 1 MiB for 0x%" PRIx64
				    " bytes of stack",
				    elf->bare_end,
				    REAL_STACK + MOTE_PAGE_SIZE);
	return MOTE_OK;
}

/* What the segments and the note together need. */
static mote_status check_memory(const struct reading *reading)
{
	const struct mti_elf_file *file = &reading->file;
	struct mti_elf *elf = reading->elf;
	const struct mti_elf_segment *last =
		&elf->segments[elf->segment_count - 1];
	mote_status status = MOTE_OK;

	elf->bare_end = last->address + last->memory_size;
	/* It is below 4 GiB. */
	(void)mti_align_up_u64(elf->bare_end, MOTE_PAGE_SIZE, &elf->bare_size);
	if (reading->note.mode == MOTE_BARE_REAL) {
		status = check_real(reading);
		elf->bare_size = REAL_MEMORY;
	}
	if (status == MOTE_OK &&
	    !mti_range_ok(elf->bare_size, reading->note.scratch,
			  MOTE_BARE_SCRATCH_END))
		return MTI_ELF_FAIL(file,
				    "Mote note: scratch 0x%" PRIx64
				    " does not fit between the end of the "
				    "last segment, 0x%" PRIx64
				    ", and 0x%" PRIx64,
				    reading->note.scratch, elf->bare_end,
				    MOTE_BARE_SCRATCH_END);
	return status;
}

static mote_status read_image(struct reading *reading)
{
	const struct mti_elf_file *file = &reading->file;
	struct mti_elf *elf = reading->elf;
	Elf64_Phdr program;
	mote_status status;
	unsigned int i;

	if (!take_head(file, &reading->head))
		return MTI_ELF_FAIL(file,
				    "the file has %zu bytes, less than its "
				    "header",
				    file->size);
	status = check_ident(file);
	if (status == MOTE_OK)
		status = check_head(file, &reading->head);
	for (i = 0; i < reading->head.count && status == MOTE_OK; i++) {
		program = program_header(file, &reading->head, i);
		status = read_program(reading, i, &program);
	}
	if (status == MOTE_OK)
		status = check_note(reading);
	if (status != MOTE_OK)
		return status;
	if (elf->segment_count == 0)
		return MTI_ELF_FAIL(file,
				    "e_phnum is %u, but no header is a "
				    "PT_LOAD with memory",
				    reading->head.count);
	if (!reading->entry_known)
		return MTI_ELF_FAIL(file,
				    "e_entry 0x%" PRIx64
				    " is not in an executable segment",
				    reading->head.entry);
	elf->arch = reading->note.mode == MOTE_BARE_LONG ? &mti_arch_amd64 :
							     &mti_arch_i686;
	elf->bare_mode = reading->note.mode;
	elf->bare_scratch = reading->note.scratch;
	elf->entry = reading->entry;
	elf->abi_version = MOTE_BARE_VERSION;
	return check_memory(reading);
}

mote_status mti_elf_bare_parse(const void *data, size_t size,
			       struct mti_elf *elf, mote_error *err)
{
	struct mti_elf parsed = { 0 };
	struct reading reading = {
		.file = { .data = data, .size = size, .err = err },
		.elf = &parsed,
	};
	mote_status status = read_image(&reading);

	if (status == MOTE_OK)
		*elf = parsed;
	return status;
}
