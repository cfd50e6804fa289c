#include "harness/elf_promises.h"

#include <string.h>

#include "abi/bare.h"
#include "abi/layout.h"

/* Written without the library's helpers: it must not share their mistakes. */
static uint64_t page_of(uint64_t address)
{
	return address / MOTE_PAGE_SIZE;
}

static const char *check_segment(const struct mti_elf_segment *segment,
				 size_t size)
{
	uint64_t last = segment->address + segment->memory_size - 1;

	if (segment->memory_size == 0)
		return "a segment has no memory";
	if (segment->address < MOTE_GVA_PROGRAM_FIRST ||
	    last < segment->address || last >= MOTE_GVA_PROGRAM_LIMIT)
		return "a segment is outside the window";
	if (segment->file_size > segment->memory_size)
		return "a segment has more file than memory";
	if (segment->file_size > size ||
	    segment->file_offset > size - segment->file_size)
		return "a segment is not in the file";
	if (segment->file_size &&
	    (segment->address - segment->file_offset) % MOTE_PAGE_SIZE)
		return "a segment is not congruent";
	if (!(segment->protection & MTI_PROT_READ))
		return "a segment is not readable";
	if ((segment->protection & MTI_PROT_WRITE) &&
	    (segment->protection & MTI_PROT_EXECUTE))
		return "a segment is writable and executable";
	return NULL;
}

static const char *check_segments(const struct mti_elf *elf, size_t size)
{
	const struct mti_elf_segment *segment;
	const struct mti_elf_segment *next;
	const char *broken;
	uint64_t pages = 0;
	uint64_t last;
	size_t i;

	if (elf->segment_count == 0 ||
	    elf->segment_count > MTI_ELF_SEGMENTS_MAX)
		return "no segments, or too many";
	for (i = 0; i < elf->segment_count; i++) {
		segment = &elf->segments[i];
		broken = check_segment(segment, size);
		if (broken)
			return broken;
		last = segment->address + segment->memory_size - 1;
		pages += page_of(last) - page_of(segment->address) + 1;
		next = segment + 1;
		if (i + 1 < elf->segment_count &&
		    page_of(next->address) <= page_of(last))
			return "two segments are not in order or share a page";
	}
	if (pages > MTI_ELF_MEMORY_MAX / MOTE_PAGE_SIZE)
		return "too much memory";
	return NULL;
}

static const char *check_entry(const struct mti_elf *elf)
{
	const struct mti_elf_segment *segment;
	size_t i;

	for (i = 0; i < elf->segment_count; i++) {
		segment = &elf->segments[i];
		if ((segment->protection & MTI_PROT_EXECUTE) &&
		    elf->entry >= segment->address &&
		    elf->entry - segment->address < segment->memory_size)
			return NULL;
	}
	return "the entry is not executable";
}

/* The texts are in the file, NUL included. */
static bool in_file(const char *text, const void *data, size_t size)
{
	const char *end = (const char *)data + size;

	return text >= (const char *)data && text < end &&
	       memchr(text, '\0', (size_t)(end - text)) != NULL;
}

static const char *check_function(const struct mti_elf_function *function,
				  size_t count, const void *data, size_t size)
{
	char problem[MTI_SIGNATURE_PROBLEM_MAX];
	struct mti_signature signature;

	if (function->index >= count)
		return "an index is out of range";
	if (!in_file(function->name, data, size) ||
	    !in_file(function->signature_text, data, size) ||
	    !in_file(function->parameters, data, size))
		return "a text is not in the file";
	if (mti_name_check(function->name, strlen(function->name) + 1))
		return "a name is not one";
	if (mti_signature_parse(function->signature_text,
				strlen(function->signature_text) + 1,
				&signature, problem) ||
	    !mti_signature_equal(&signature, &function->signature))
		return "a signature is not that of its text";
	return NULL;
}

static const char *check_exports(const struct mti_elf *elf, const void *data,
				 size_t size)
{
	const struct mti_elf_function *export;
	const char *broken;
	size_t i;

	for (i = 0; i < elf->export_count; i++) {
		export = &elf->exports[i];
		broken = check_function(export, elf->export_count, data, size);
		if (broken)
			return broken;
		if (export->flags != 0)
			return "an export has flags";
		if (i > 0 && strcmp(export[-1].name, export->name) >= 0)
			return "exports are not in order or not unique";
		if (mti_elf_find_export(elf, export->name) != export)
			return "an export is not found";
	}
	return NULL;
}

static const char *check_imports(const struct mti_elf *elf, const void *data,
				 size_t size)
{
	const struct mti_elf_function *import;
	const struct mti_elf_function *other;
	const char *broken;
	size_t i;
	size_t j;

	for (i = 0; i < elf->import_count; i++) {
		import = &elf->imports[i];
		broken = check_function(import, elf->import_count, data, size);
		if (broken)
			return broken;
		if (import->index != i)
			return "imports are not in table order";
		if (import->flags & ~MOTE_FUNCTION_POSTED)
			return "an import has unknown flags";
		if (import->flags && import->signature.result != MOTE_TYPE_VOID)
			return "a posted import has a result";
		for (j = 0; j < i; j++) {
			other = &elf->imports[j];
			if (strcmp(import->name, other->name) == 0 &&
			    (import->flags != other->flags ||
			     !mti_signature_equal(&import->signature,
						  &other->signature)))
				return "two imports of a name differ";
		}
	}
	return NULL;
}

/* A bare guest's: addresses are physical, and only bytes may not be shared. */
static const char *check_bare(const struct mti_elf *elf, size_t size)
{
	uint64_t end = 0;
	bool inside = false;
	size_t i;

	if (elf->bare_mode > MOTE_BARE_LONG)
		return "no such mode";
	if (elf->export_count + elf->import_count > 0 || elf->has_main)
		return "a bare guest has functions";
	if (elf->segment_count == 0 ||
	    elf->segment_count > MTI_ELF_SEGMENTS_MAX)
		return "no segments, or too many";
	for (i = 0; i < elf->segment_count; i++) {
		const struct mti_elf_segment *segment = &elf->segments[i];

		if (segment->memory_size == 0 ||
		    segment->file_size > segment->memory_size)
			return "a segment has more file than memory";
		if (segment->file_size > size ||
		    segment->file_offset > size - segment->file_size)
			return "a segment is not in the file";
		if (segment->address < end ||
		    segment->address >= MOTE_BARE_SCRATCH_END)
			return "a segment is in another, or too high";
		end = segment->address + segment->memory_size;
		if (elf->entry >= segment->address && elf->entry < end)
			inside = true;
	}
	if (end != elf->bare_end || end > MOTE_BARE_SCRATCH_END)
		return "the end is elsewhere";
	if (elf->bare_size < end || elf->bare_size % MOTE_PAGE_SIZE ||
	    elf->bare_scratch % MOTE_PAGE_SIZE ||
	    elf->bare_scratch > MOTE_BARE_SCRATCH_END - elf->bare_size)
		return "memory does not hold it";
	return inside ? NULL : "the entry is in no segment";
}

const char *elf_broken_promise(const struct mti_elf *elf, const void *data,
			       size_t size)
{
	const char *broken;

	if (elf->bare_mode != 0)
		return check_bare(elf, size);
	if (elf->abi_version != MOTE_ABI_VERSION)
		return "another ABI version";
	broken = check_segments(elf, size);
	if (broken)
		return broken;
	broken = check_entry(elf);
	if (broken)
		return broken;
	broken = check_exports(elf, data, size);
	if (broken)
		return broken;
	return check_imports(elf, data, size);
}
