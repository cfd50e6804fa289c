/*
 * See core.h: the file. Its segments cover the guest's address space; what
 * is zero in long runs takes no place in the file (p_filesz is less than
 * p_memsz), single pages of zeros become holes.
 */
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "abi/layout.h"
#include "base/checked.h"
#include "base/error.h"
#include "debug/core.h"
#include "os/os.h"

/* Shorter runs of zeros do not end a segment. */
#define GAP_PAGES 16
/* Of one region. The last of them takes the rest, holes and all. */
#define SEGMENTS_MAX 64
/* Of all; e_phnum has 16 bits. */
#define HEADERS_MAX 65000
/* Written at once. */
#define WRITE_PAGES 256

static const char operation[] = "write core";

struct plan {
	const struct mti_core *core;
	int fd;
	size_t segments_max; /* of a region */
	Elf64_Phdr *headers; /* owned; the first is for the notes */
	const struct mti_core_region **regions; /* of each header; owned */
	size_t count;
	int copy_error; /* -errno of a copy, other than that nothing is there */
	uint8_t page[MOTE_PAGE_SIZE];
};

/* A page of a region if it is not zero, perhaps a copy; else NULL. */
static const uint8_t *page_at(struct plan *plan,
			      const struct mti_core_region *region,
			      uint64_t offset)
{
	const struct mti_core *core = plan->core;
	const uint8_t *page = region->memory + offset;
	const uint8_t *moved = NULL;
	int os;

	if (core->moved)
		moved = core->moved(core->context, region->address + offset);
	if (moved) {
		page = moved;
	} else if (region->shared) {
		os = mti_os_copy_memory(plan->page, page, MOTE_PAGE_SIZE);
		if (os < 0 && os != -EFAULT)
			plan->copy_error = os;
		if (os < 0)
			return NULL;
		page = plan->page;
	} else if (core->empty && core->empty(core->context, page)) {
		return NULL;
	}
	if (page[0] == 0 && memcmp(page, page + 1, MOTE_PAGE_SIZE - 1) == 0)
		return NULL;
	return page;
}

static uint32_t flags_of(uint32_t protection)
{
	uint32_t flags = 0;

	if (protection & MTI_CORE_READ)
		flags |= PF_R;
	if (protection & MTI_CORE_WRITE)
		flags |= PF_W;
	if (protection & MTI_CORE_EXECUTE)
		flags |= PF_X;
	return flags;
}

static Elf64_Phdr *begin_segment(struct plan *plan,
				 const struct mti_core_region *region,
				 uint64_t offset)
{
	Elf64_Phdr *header = &plan->headers[plan->count];

	header->p_type = PT_LOAD;
	header->p_flags = flags_of(region->protection);
	header->p_vaddr = region->address + offset;
	header->p_align = MOTE_PAGE_SIZE;
	plan->regions[plan->count++] = region;
	return header;
}

/* The segments of a region; their places in the file come later. */
static void plan_region(struct plan *plan, const struct mti_core_region *region)
{
	Elf64_Phdr *segment = begin_segment(plan, region, 0);
	size_t segments = 1;
	uint64_t begun = 0;
	uint64_t end = 0; /* of what the file holds of the segment */
	uint64_t page;

	for (page = 0; region->memory && page < region->size;
	     page += MOTE_PAGE_SIZE) {
		if (!page_at(plan, region, page))
			continue;
		if (page - end > GAP_PAGES * MOTE_PAGE_SIZE &&
		    segments < plan->segments_max) {
			segment->p_filesz = end - begun;
			segment->p_memsz = page - begun;
			segment = begin_segment(plan, region, page);
			segments++;
			begun = page;
		}
		end = page + MOTE_PAGE_SIZE;
	}
	segment->p_filesz = end - begun;
	segment->p_memsz = region->size - begun;
}

static mote_status write_at(const struct plan *plan, const void *data,
			    size_t size, uint64_t offset, mote_error *err)
{
	int os = mti_os_pwrite(plan->fd, data, size, offset);

	if (os < 0)
		return mti_error_os(err, MOTE_E_OS, operation, -os,
				    "%zu bytes at %llu", size,
				    (unsigned long long)offset);
	return MOTE_OK;
}

/* Runs of pages that are not zero; copies one by one. */
static mote_status write_segment(struct plan *plan, size_t number,
				 mote_error *err)
{
	const struct mti_core_region *region = plan->regions[number];
	const Elf64_Phdr *segment = &plan->headers[number];
	const uint64_t first = segment->p_vaddr - region->address;
	/* Side by side in memory only if nothing has moved. */
	const uint64_t most = region->shared || plan->core->moved ?
				      MOTE_PAGE_SIZE :
				      WRITE_PAGES * MOTE_PAGE_SIZE;
	mote_status status = MOTE_OK;
	const uint8_t *page;
	uint64_t at = 0;
	uint64_t size;

	while (status == MOTE_OK && at < segment->p_filesz) {
		page = page_at(plan, region, first + at);
		size = MOTE_PAGE_SIZE;
		while (page && size < most && at + size < segment->p_filesz &&
		       page_at(plan, region, first + at + size))
			size += MOTE_PAGE_SIZE;
		if (page)
			status = write_at(plan, page, size,
					  segment->p_offset + at, err);
		at += size;
	}
	return status;
}

static mote_status write_head(const struct plan *plan, mote_error *err)
{
	Elf64_Ehdr head = {
		.e_type = ET_CORE,
		.e_machine = (uint16_t)plan->core->arch->machine,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(head),
		.e_ehsize = sizeof(head),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = (uint16_t)plan->count,
	};
	mote_status status;

	memcpy(head.e_ident, ELFMAG, SELFMAG);
	head.e_ident[EI_CLASS] = ELFCLASS64;
	head.e_ident[EI_DATA] = ELFDATA2LSB;
	head.e_ident[EI_VERSION] = EV_CURRENT;
	status = write_at(plan, plan->headers,
			  plan->count * sizeof(*plan->headers), sizeof(head),
			  err);
	if (status == MOTE_OK)
		status = write_at(plan, &head, sizeof(head), 0, err);
	return status;
}

/* Behind the headers: the notes, then the segments, whole pages. */
static void place(struct plan *plan, size_t notes)
{
	uint64_t next = sizeof(Elf64_Ehdr) +
			plan->count * sizeof(*plan->headers);
	size_t i;

	plan->headers[0].p_type = PT_NOTE;
	plan->headers[0].p_flags = PF_R;
	plan->headers[0].p_offset = next;
	plan->headers[0].p_filesz = notes;
	plan->headers[0].p_align = 4;
	next += notes;
	/* Nothing here is the guest's choice, and all of it is mapped. */
	(void)mti_align_up_u64(next, MOTE_PAGE_SIZE, &next);
	for (i = 1; i < plan->count; i++) {
		plan->headers[i].p_offset = next;
		next += plan->headers[i].p_filesz;
	}
}

static mote_status write_all(struct plan *plan, const uint8_t *notes,
			     size_t notes_size, mote_error *err)
{
	mote_status status;
	size_t i;
	int os;

	plan->count = 1;
	for (i = 0; i < plan->core->region_count; i++)
		plan_region(plan, &plan->core->regions[i]);
	place(plan, notes_size);
	os = mti_os_truncate(plan->fd, 0);
	if (os < 0)
		return mti_error_os(err, MOTE_E_OS, operation, -os,
				    "emptying the file, which must be "
				    "seekable and open for writing");
	status = write_at(plan, notes, notes_size, plan->headers[0].p_offset,
			  err);
	for (i = 1; status == MOTE_OK && i < plan->count; i++)
		status = write_segment(plan, i, err);
	if (status == MOTE_OK && plan->copy_error < 0)
		status = mti_error_os(err, MOTE_E_OS, operation,
				      -plan->copy_error,
				      "reading what the host has mapped");
	return status == MOTE_OK ? write_head(plan, err) : status;
}

mote_status mti_core_write(const struct mti_core *core, int fd,
			   const struct mti_allocator *allocator,
			   mote_error *err)
{
	struct plan plan = { .core = core, .fd = fd };
	size_t most;
	uint8_t *notes = NULL;
	size_t notes_size = 0;
	mote_status status;

	plan.segments_max = SEGMENTS_MAX;
	while (core->region_count * plan.segments_max > HEADERS_MAX)
		plan.segments_max /= 2;
	most = 1 + core->region_count * plan.segments_max;
	plan.headers = mti_alloc(allocator, most, sizeof(*plan.headers));
	plan.regions = mti_alloc(allocator, most, sizeof(*plan.regions));
	if (!plan.headers || !plan.regions ||
	    !mti_core_notes(core, allocator, &notes, &notes_size))
		status = mti_error_set(err, MOTE_E_NO_MEMORY, operation,
				       "no memory for its head");
	else
		status = write_all(&plan, notes, notes_size, err);
	mti_free(allocator, notes);
	mti_free(allocator, plan.regions);
	mti_free(allocator, plan.headers);
	return status;
}
