/*
 * The ELF header and the program headers. Section headers, symbols and
 * relocations are not read: a static program needs none of them.
 *
 * Every structure is copied out of the file before it is looked at, because
 * nothing says that the file is aligned. Names and limits of fields: System V
 * gABI, chapters "Object Files" and "Program Loading".
 */
#include "elf/parse.h"

#include <elf.h>
#include <inttypes.h>
#include <string.h>

#include "abi/layout.h"
#include "arch/arch.h"
#include "base/checked.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	       "fields are copied, not swapped");

static mote_status check_ident(const struct mti_elf_file *file,
			       const Elf64_Ehdr *header)
{
	const unsigned char *ident = header->e_ident;

	if (ident[EI_CLASS] != ELFCLASS64)
		return MTI_ELF_FAIL(file, "EI_CLASS is %u, not %u (64-bit)",
				    ident[EI_CLASS], ELFCLASS64);
	if (ident[EI_DATA] != ELFDATA2LSB)
		return MTI_ELF_FAIL(file,
				    "EI_DATA is %u, not %u (little endian)",
				    ident[EI_DATA], ELFDATA2LSB);
	if (ident[EI_VERSION] != EV_CURRENT)
		return MTI_ELF_FAIL(file, "EI_VERSION is %u, not %u",
				    ident[EI_VERSION], EV_CURRENT);
	if (ident[EI_OSABI] != ELFOSABI_NONE && ident[EI_OSABI] != ELFOSABI_GNU)
		return MTI_ELF_FAIL(file,
				    "EI_OSABI is %u, not %u (System V) or %u "
				    "(GNU)",
				    ident[EI_OSABI], ELFOSABI_NONE,
				    ELFOSABI_GNU);
	return MOTE_OK;
}

static mote_status check_header(const struct mti_elf_file *file,
				const Elf64_Ehdr *header)
{
	char known[MTI_ARCH_LIST_BYTES];

	if (header->e_type == ET_REL)
		return MTI_ELF_FAIL(file,
				    "e_type is %u: an object file; link "
				    "it with mote-cc",
				    header->e_type);
	if (header->e_type != ET_EXEC && header->e_type != ET_DYN)
		return MTI_ELF_FAIL(file,
				    "e_type is %u, not %u (executable) or %u "
				    "(static-PIE)",
				    header->e_type, ET_EXEC, ET_DYN);
	if (!mti_arch_find(header->e_machine)) {
		mti_arch_list(known, sizeof(known));
		return MTI_ELF_FAIL(file, "e_machine is %u, not %s",
				    header->e_machine, known);
	}
	if (header->e_version != EV_CURRENT)
		return MTI_ELF_FAIL(file, "e_version is %" PRIu32 ", not %u",
				    header->e_version, EV_CURRENT);
	if (header->e_ehsize != sizeof(Elf64_Ehdr))
		return MTI_ELF_FAIL(file, "e_ehsize is %u, not %zu",
				    header->e_ehsize, sizeof(Elf64_Ehdr));
	if (header->e_phnum == 0)
		return MTI_ELF_FAIL(file, "e_phnum is 0: there is nothing to "
					  "load");
	if (header->e_phnum > MTI_ELF_HEADERS_MAX)
		return MTI_ELF_FAIL(file,
				    "e_phnum is %u, at most %d program headers "
				    "are read",
				    header->e_phnum, MTI_ELF_HEADERS_MAX);
	if (header->e_phentsize != sizeof(Elf64_Phdr))
		return MTI_ELF_FAIL(file, "e_phentsize is %u, not %zu",
				    header->e_phentsize, sizeof(Elf64_Phdr));
	if (!mti_range_ok(header->e_phoff, header->e_phnum * sizeof(Elf64_Phdr),
			  file->size))
		return MTI_ELF_FAIL(file,
				    "e_phoff 0x%" PRIx64 ": %u program headers "
				    "there end beyond the file (0x%zx bytes)",
				    header->e_phoff, header->e_phnum,
				    file->size);
	return MOTE_OK;
}

static mote_status read_header(const struct mti_elf_file *file,
			       Elf64_Ehdr *header)
{
	mote_status status;

	if (file->size < SELFMAG || memcmp(file->data, ELFMAG, SELFMAG) != 0)
		return MTI_ELF_FAIL(file, "not an ELF file: no magic number at "
					  "its start");
	if (file->size < sizeof(*header))
		return MTI_ELF_FAIL(file,
				    "the file has %zu bytes, its header alone "
				    "%zu",
				    file->size, sizeof(*header));
	memcpy(header, file->data, sizeof(*header));
	status = check_ident(file, header);
	if (status)
		return status;
	return check_header(file, header);
}

static Elf64_Phdr program_header(const struct mti_elf_file *file,
				 const Elf64_Ehdr *header, unsigned int number)
{
	Elf64_Phdr out;

	memcpy(&out, file->data + header->e_phoff + number * sizeof(out),
	       sizeof(out));
	return out;
}

mote_status mti_elf_check_in_file(const struct mti_elf_file *file,
				  unsigned int number,
				  const Elf64_Phdr *program)
{
	if (program->p_offset > file->size)
		return MTI_ELF_FAIL(file,
				    "program header %u: p_offset 0x%" PRIx64
				    " lies beyond the file (0x%zx bytes)",
				    number, program->p_offset, file->size);
	if (program->p_filesz > file->size - program->p_offset)
		return MTI_ELF_FAIL(file,
				    "program header %u: p_filesz 0x%" PRIx64
				    " ends beyond the file (0x%zx bytes)",
				    number, program->p_filesz, file->size);
	return MOTE_OK;
}

static mote_status check_alignment(const struct mti_elf_file *file,
				   unsigned int number,
				   const Elf64_Phdr *program)
{
	uint64_t align = program->p_align;

	/* 0 and 1 both mean none. */
	if (align & (align - 1))
		return MTI_ELF_FAIL(file,
				    "program header %u: p_align 0x%" PRIx64
				    " is not a power of two",
				    number, align);
	if (file->bias && align > file->bias)
		return MTI_ELF_FAIL(file,
				    "program header %u: p_align 0x%" PRIx64
				    " is more than the load address 0x%" PRIx64
				    " has",
				    number, align, file->bias);
	if (program->p_filesz && program->p_vaddr % MOTE_PAGE_SIZE !=
					 program->p_offset % MOTE_PAGE_SIZE)
		return MTI_ELF_FAIL(file,
				    "program header %u: p_vaddr 0x%" PRIx64
				    " and p_offset 0x%" PRIx64
				    " differ modulo the page size",
				    number, program->p_vaddr,
				    program->p_offset);
	return MOTE_OK;
}

static mote_status check_flags(const struct mti_elf_file *file,
			       unsigned int number, uint32_t flags)
{
	if (flags & ~(uint32_t)(PF_R | PF_W | PF_X))
		return MTI_ELF_FAIL(file,
				    "program header %u: p_flags 0x%" PRIx32
				    " has unknown bits",
				    number, flags);
	if ((flags & PF_W) && (flags & PF_X))
		return MTI_ELF_FAIL(file,
				    "program header %u: p_flags 0x%" PRIx32
				    " is both writable and executable",
				    number, flags);
	if (!(flags & PF_R))
		return MTI_ELF_FAIL(file,
				    "program header %u: p_flags 0x%" PRIx32
				    " is not readable",
				    number, flags);
	return MOTE_OK;
}

/*
 * Places the segment behind those before it and adds its pages to *memory.
 */
static mote_status check_place(const struct mti_elf_file *file,
			       unsigned int number, const Elf64_Phdr *program,
			       const struct mti_elf *elf, uint64_t *memory,
			       uint64_t *address)
{
	const struct mti_elf_segment *last;
	uint64_t first;
	uint64_t end;

	if (!mti_add_u64(program->p_vaddr, file->bias, address) ||
	    !mti_add_u64(*address, program->p_memsz, &end) ||
	    !mti_align_up_u64(end, MOTE_PAGE_SIZE, &end) ||
	    *address < MOTE_GVA_PROGRAM_FIRST || end > MOTE_GVA_PROGRAM_LIMIT)
		return MTI_ELF_FAIL(file,
				    "program header %u: p_vaddr 0x%" PRIx64
				    " + 0x%" PRIx64 " (load address) with "
				    "p_memsz 0x%" PRIx64
				    " lies outside 0x%" PRIx64 " to 0x%" PRIx64,
				    number, program->p_vaddr, file->bias,
				    program->p_memsz, MOTE_GVA_PROGRAM_FIRST,
				    MOTE_GVA_PROGRAM_LIMIT);
	first = mti_align_down_u64(*address, MOTE_PAGE_SIZE);
	*memory += end - first;
	if (*memory > MTI_ELF_MEMORY_MAX)
		return MTI_ELF_FAIL(
			file,
			"program header %u: p_memsz 0x%" PRIx64
			" makes 0x%" PRIx64
			" bytes of memory, at most 0x%" PRIx64 " are allowed",
			number, program->p_memsz, *memory, MTI_ELF_MEMORY_MAX);
	if (elf->segment_count == 0)
		return MOTE_OK;
	last = &elf->segments[elf->segment_count - 1];
	if (*address < last->address)
		return MTI_ELF_FAIL(file,
				    "program header %u: p_vaddr 0x%" PRIx64
				    " is lower than that of the segment before",
				    number, program->p_vaddr);
	if (first <= last->address + last->memory_size - 1)
		return MTI_ELF_FAIL(file,
				    "program header %u: p_vaddr 0x%" PRIx64
				    " is in a page of the segment before",
				    number, program->p_vaddr);
	return MOTE_OK;
}

mote_status mti_elf_check_share(const struct mti_elf_file *file,
				unsigned int number, const Elf64_Phdr *program,
				const struct mti_elf *elf)
{
	uint64_t sum = program->p_filesz;
	size_t i;

	/* None is larger than the file, and there are few: no overflow. */
	for (i = 0; i < elf->segment_count; i++)
		sum += elf->segments[i].file_size;
	if (sum > file->size)
		return MTI_ELF_FAIL(file,
				    "program header %u: p_filesz 0x%" PRIx64
				    " makes 0x%" PRIx64
				    " bytes, more than the file has (0x%zx)",
				    number, program->p_filesz, sum, file->size);
	return MOTE_OK;
}

static mote_status add_segment(const struct mti_elf_file *file,
			       unsigned int number, const Elf64_Phdr *program,
			       struct mti_elf *elf, uint64_t *memory)
{
	struct mti_elf_segment *segment;
	uint64_t address;
	mote_status status;

	status = mti_elf_check_in_file(file, number, program);
	if (status)
		return status;
	if (program->p_memsz < program->p_filesz)
		return MTI_ELF_FAIL(file,
				    "program header %u: p_memsz 0x%" PRIx64
				    " is less than p_filesz 0x%" PRIx64,
				    number, program->p_memsz,
				    program->p_filesz);
	if (program->p_memsz == 0)
		return MOTE_OK;
	if (elf->segment_count == MTI_ELF_SEGMENTS_MAX)
		return MTI_ELF_FAIL(file,
				    "program header %u: more than %d segments "
				    "of type PT_LOAD",
				    number, MTI_ELF_SEGMENTS_MAX);
	status = check_alignment(file, number, program);
	if (status)
		return status;
	status = check_flags(file, number, program->p_flags);
	if (status)
		return status;
	status = check_place(file, number, program, elf, memory, &address);
	if (status)
		return status;
	status = mti_elf_check_share(file, number, program, elf);
	if (status)
		return status;
	segment = &elf->segments[elf->segment_count++];
	segment->address = address;
	segment->memory_size = program->p_memsz;
	segment->file_offset = program->p_offset;
	segment->file_size = program->p_filesz;
	segment->protection = MTI_PROT_READ;
	if (program->p_flags & PF_W)
		segment->protection |= MTI_PROT_WRITE;
	if (program->p_flags & PF_X)
		segment->protection |= MTI_PROT_EXECUTE;
	return MOTE_OK;
}

static mote_status check_table_size(const struct mti_elf_file *file,
				    unsigned int number,
				    const Elf64_Phdr *program)
{
	/* A bound on the work that many headers of one big area could make. */
	if (program->p_filesz > MTI_ELF_TABLE_MAX)
		return MTI_ELF_FAIL(file,
				    "program header %u: p_filesz 0x%" PRIx64
				    " is more than 0x%x for its type",
				    number, program->p_filesz,
				    (unsigned int)MTI_ELF_TABLE_MAX);
	return mti_elf_check_in_file(file, number, program);
}

static mote_status scan_dynamic(const struct mti_elf_file *file,
				unsigned int number, const Elf64_Phdr *program)
{
	uint64_t at;
	Elf64_Dyn entry;
	mote_status status;

	status = check_table_size(file, number, program);
	if (status)
		return status;
	for (at = 0; at + sizeof(entry) <= program->p_filesz;
	     at += sizeof(entry)) {
		memcpy(&entry, file->data + program->p_offset + at,
		       sizeof(entry));
		if (entry.d_tag == DT_NULL)
			break;
		if (entry.d_tag == DT_NEEDED)
			return MTI_ELF_FAIL(file,
					    "program header %u: DT_NEEDED: the "
					    "program is dynamically linked; "
					    "build it with mote-cc",
					    number);
	}
	return MOTE_OK;
}

static mote_status scan_notes(const struct mti_elf_file *file,
			      unsigned int number, const Elf64_Phdr *program,
			      struct mti_elf_note *note)
{
	struct mti_elf_notes notes = {
		.header = number,
		.offset = program->p_offset,
		.size = program->p_filesz,
		.align = program->p_align == 8 ? 8 : 4,
	};
	mote_status status;

	status = check_table_size(file, number, program);
	if (status)
		return status;
	/* May wrap; the address is checked before anything is made of it. */
	notes.address = program->p_vaddr + file->bias;
	return mti_elf_notes_scan(file, &notes, note);
}

/*
 * The block of thread-locals ends at the thread pointer, or begins behind
 * what the pointer's owner has there, rounded so that it is aligned as in the
 * file ("ELF Handling For Thread-Local Storage", variants II and I). For
 * debuggers only, so that nonsense is no error.
 */
static uint64_t tls_below(const struct mti_arch *arch,
			  const Elf64_Phdr *program)
{
	uint64_t align = program->p_align;
	uint64_t head = arch->tls_head;

	if (align == 0 || (align & (align - 1)) != 0)
		align = 1;
	if (head != 0)
		return 0 - head - ((program->p_vaddr - head) & (align - 1));
	return program->p_memsz +
	       ((0 - program->p_memsz - program->p_vaddr) & (align - 1));
}

static mote_status read_program(const struct mti_elf_file *file,
				unsigned int number, const Elf64_Phdr *program,
				struct mti_elf *elf, struct mti_elf_note *note,
				uint64_t *memory)
{
	switch (program->p_type) {
	case PT_LOAD:
		return add_segment(file, number, program, elf, memory);
	case PT_INTERP:
		return MTI_ELF_FAIL(file,
				    "program header %u: PT_INTERP: the program "
				    "is dynamically linked; build it with "
				    "mote-cc",
				    number);
	case PT_DYNAMIC:
		return scan_dynamic(file, number, program);
	case PT_NOTE:
		return scan_notes(file, number, program, note);
	case PT_GNU_STACK:
		if (program->p_flags & PF_X)
			return MTI_ELF_FAIL(file,
					    "program header %u: PT_GNU_STACK "
					    "p_flags 0x%" PRIx32
					    " asks for an executable stack",
					    number, program->p_flags);
		return MOTE_OK;
	case PT_TLS:
		elf->tls_below = tls_below(elf->arch, program);
		return MOTE_OK;
	default:
		return MOTE_OK;
	}
}

const unsigned char *mti_elf_loaded(const struct mti_elf_file *file,
				    const struct mti_elf *elf, uint64_t address,
				    uint64_t size)
{
	size_t i;

	for (i = 0; i < elf->segment_count; i++) {
		const struct mti_elf_segment *segment = &elf->segments[i];

		if (address >= segment->address &&
		    mti_range_ok(address - segment->address, size,
				 segment->file_size))
			return file->data + segment->file_offset +
			       (address - segment->address);
	}
	return NULL;
}

bool mti_elf_executable(const struct mti_elf *elf, uint64_t address)
{
	size_t i;

	for (i = 0; i < elf->segment_count; i++) {
		const struct mti_elf_segment *segment = &elf->segments[i];

		if (address >= segment->address &&
		    address - segment->address < segment->memory_size)
			return (segment->protection & MTI_PROT_EXECUTE) != 0;
	}
	return false;
}

/* Where the guest finds its own program headers, for debuggers. */
static void find_headers(const Elf64_Ehdr *header, struct mti_elf *elf)
{
	uint64_t size = (uint64_t)header->e_phnum * sizeof(Elf64_Phdr);
	size_t i;

	elf->header_count = header->e_phnum;
	for (i = 0; i < elf->segment_count; i++) {
		const struct mti_elf_segment *segment = &elf->segments[i];

		if (header->e_phoff >= segment->file_offset &&
		    mti_range_ok(header->e_phoff - segment->file_offset, size,
				 segment->file_size))
			elf->headers = segment->address + header->e_phoff -
				       segment->file_offset;
	}
}

static mote_status read_image(struct mti_elf_file *file,
			      const struct mti_allocator *allocator,
			      struct mti_elf *elf)
{
	struct mti_elf_note note = { 0 };
	uint64_t memory = 0;
	Elf64_Ehdr header;
	Elf64_Phdr program;
	mote_status status;
	unsigned int i;

	status = read_header(file, &header);
	if (status)
		return status;
	elf->arch = mti_arch_find(header.e_machine);
	elf->position_independent = header.e_type == ET_DYN;
	file->bias = elf->position_independent ? MOTE_GVA_PIE_BASE : 0;
	for (i = 0; i < header.e_phnum; i++) {
		program = program_header(file, &header, i);
		status = read_program(file, i, &program, elf, &note, &memory);
		if (status)
			return status;
	}
	if (elf->segment_count == 0)
		return MTI_ELF_FAIL(file,
				    "e_phnum is %u, but no header is a "
				    "PT_LOAD with memory",
				    header.e_phnum);
	find_headers(&header, elf);
	elf->entry = header.e_entry + file->bias;
	if (!mti_elf_executable(elf, elf->entry))
		return MTI_ELF_FAIL(file,
				    "e_entry 0x%" PRIx64
				    " is not in an executable segment",
				    header.e_entry);
	if (!note.found)
		return MTI_ELF_FAIL(file, "the program has no Mote note: build "
					  "it with mote-cc, or give it the "
					  "note of a bare guest");
	return mti_elf_note_apply(file, &note, allocator, elf);
}

mote_status mti_elf_parse(const void *data, size_t size,
			  const struct mti_allocator *allocator,
			  struct mti_elf *elf, mote_error *err)
{
	struct mti_elf_file file = { .data = data, .size = size, .err = err };
	struct mti_elf parsed = { 0 };
	mote_status status;

	if (mti_elf_is_bare(data, size))
		return mti_elf_bare_parse(data, size, elf, err);
	status = read_image(&file, allocator, &parsed);
	if (status)
		mti_elf_fini(&parsed, allocator);
	else
		*elf = parsed;
	return status;
}

void mti_elf_fini(struct mti_elf *elf, const struct mti_allocator *allocator)
{
	mti_free(allocator, elf->exports);
	mti_free(allocator, elf->imports);
	memset(elf, 0, sizeof(*elf));
}
