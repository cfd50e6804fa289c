/*
 * What goes into a core file: the guest's registers, what it may access, and
 * how its last call ended.
 */
#include <elf.h>
#include <stdio.h>
#include <string.h>

#include <mote/version.h>

#include "abi/layout.h"
#include "base/checked.h"
#include "base/error.h"
#include "debug/core.h"
#include "sandbox/bare.h"
#include "sandbox/sandbox.h"

#define PATH_BYTES 4096

_Static_assert(MTI_ELF_SEGMENTS_MAX <= MTI_CORE_FILES_MAX, "a place for each");

/* Texts are cut. */
static void fill_note(const mote_sandbox *box, struct mti_core_note *note)
{
	const struct mti_last_call *last = &box->last;
	const mote_error *error = &last->error;

	note->version = MTI_CORE_VERSION;
	note->size = sizeof(*note);
	note->status = error->code;
	note->state = atomic_load_explicit(&box->state, memory_order_relaxed);
	note->more = last->more;
	snprintf(note->backend, sizeof(note->backend), "%s",
		 mti_ops_of(box)->name);
	snprintf(note->library, sizeof(note->library), "%s",
		 MOTE_VERSION_STRING);
	snprintf(note->function, sizeof(note->function), "%s",
		 last->function);
	note->vector = UINT32_MAX;
	if (error->code == MOTE_OK)
		return;
	snprintf(note->text, sizeof(note->text), "%s", error->text);
	if (error->code != MOTE_E_GUEST_FAULT)
		return;
	note->fault_kind = error->fault.kind;
	note->vector = error->fault.vector;
	note->error_code = error->fault.error_code;
	note->address = error->fault.address;
	note->pc = error->fault.pc;
}

static uint32_t protection_of(uint32_t flags)
{
	return MTI_CORE_READ | (flags & MTI_PT_WRITE ? MTI_CORE_WRITE : 0) |
	       (flags & MTI_PT_EXECUTE ? MTI_CORE_EXECUTE : 0);
}

/* Puts a region where it belongs by its address. */
static void add_region(struct mti_core *core, struct mti_core_region *regions,
		       const struct mti_core_region *added)
{
	size_t k = core->region_count++;

	for (; k > 0 && regions[k - 1].address > added->address; k--)
		regions[k] = regions[k - 1];
	regions[k] = *added;
}

/* What the guest's code may access, and what the host has mapped for it. */
static void fill_regions(const mote_sandbox *box, struct mti_core *core,
			 struct mti_core_region *regions)
{
	const struct mti_layout *layout = &box->template->layout;
	size_t i;

	for (i = 0; i < layout->region_count; i++) {
		const struct mti_region *region = &layout->regions[i];
		const struct mti_core_region added = {
			.address = region->gva,
			.size = region->size,
			.protection = protection_of(region->flags),
			.memory = mti_memory_region(&box->memory, region),
		};

		if (region->flags & MTI_PT_USER)
			add_region(core, regions, &added);
	}
	for (i = 0; i < box->window.count; i++) {
		const struct mti_mapping *mapping = &box->window.mappings[i];
		const struct mti_core_region added = {
			.address = mapping->gva,
			.size = mapping->size,
			.protection = protection_of(
				mapping->writable ? MTI_PT_WRITE : 0),
			.memory = mapping->memory,
			.shared = true,
		};

		add_region(core, regions, &added);
	}
	core->regions = regions;
}

/* The parts of the file that are mapped, and where its headers are then. */
static void fill_files(const mote_image *image, struct mti_core *core)
{
	const struct mti_elf *elf = &image->elf;
	Elf64_Ehdr header;
	size_t i;

	/* The ELF reader has checked that it is there. */
	memcpy(&header, image->file, sizeof(header));
	core->entry = elf->entry;
	core->header_count = header.e_phnum;
	for (i = 0; i < elf->segment_count; i++) {
		const struct mti_elf_segment *segment = &elf->segments[i];
		struct mti_core_file *file = &core->files[core->file_count];

		if (segment->file_size == 0)
			continue;
		core->file_count++;
		file->start = mti_align_down_u64(segment->address,
						 MOTE_PAGE_SIZE);
		file->offset = mti_align_down_u64(segment->file_offset,
						  MOTE_PAGE_SIZE);
		/* It ends in the address space, or it would not be mapped. */
		(void)mti_align_up_u64(segment->address + segment->file_size,
				       MOTE_PAGE_SIZE, &file->end);
		if (header.e_phoff >= segment->file_offset &&
		    header.e_phoff - segment->file_offset < segment->file_size)
			core->headers = segment->address + header.e_phoff -
					segment->file_offset;
	}
}

/* A core without them is worth having. */
static void fill_vector(mote_sandbox *box, struct mti_machine *machine,
			struct mti_core *core)
{
	if (mti_ops_of(box)->machine_get(box->vm, machine, NULL) != MOTE_OK)
		return;
	core->vector = machine->vector;
	core->vector_size = core->arch->core_vector(machine->vector,
						    machine->vector_size,
						    machine->vector_offset);
}

static bool in_area(const mote_sandbox *box, enum mti_area which, uint64_t gpa)
{
	const struct mti_region *region =
		&box->template->layout.regions[which];

	return gpa >= region->gpa && gpa - region->gpa < region->size;
}

/*
 * To read a page that nobody has written would make a page table for it. The
 * host writes calls and replies without noting it: these are looked at.
 */
static bool is_empty(void *context, const uint8_t *page)
{
	const mote_sandbox *box = context;
	uint64_t gpa = (uint64_t)(page - box->memory.base);

	return !mti_dirty_has(&box->memory.dirty, gpa) &&
	       !mti_store_page(box->memory.mapped, gpa) &&
	       !in_area(box, MTI_AREA_CALL, gpa) &&
	       !in_area(box, MTI_AREA_REPLY, gpa);
}

static const uint8_t *moved(void *context, uint64_t address)
{
	const struct mti_virtual space = mti_inspect_space(context);

	return mti_virtual_scratch(&space, address);
}

static mote_status write_core(mote_sandbox *box, int fd,
			      struct mti_core_region *regions, mote_error *err)
{
	uint64_t general[MOTE_FAULT_REGISTERS_MAX];
	struct mti_machine machine = { .vector_size = 0 };
	char path[PATH_BYTES];
	struct mti_core core = {
		.arch = box->image->arch,
		.general = general,
		.path = path,
	};
	mote_status status;

	status = mti_inspect_registers(box, general, err);
	if (status != MOTE_OK)
		return status;
	fill_vector(box, &machine, &core);
	fill_note(box, &core.note);
	fill_files(box->image, &core);
	fill_regions(box, &core, regions);
	mti_image_path(box->image, path, sizeof(path));
	core.context = box;
	if (box->memory.cow)
		core.moved = moved;
	core.signal = mti_core_signal(
		(mote_status)core.note.status,
		(mote_fault_kind)core.note.fault_kind);
	/* Else all pages are looked at. */
	if (box->memory.mapped && mti_sandbox_collect(box, NULL) == MOTE_OK)
		core.empty = is_empty;
	return mti_core_write(&core, fd, mti_sandbox_allocator(box), err);
}

mote_status mti_dump_core(mote_sandbox *box, int fd, mote_error *err)
{
	const struct mti_allocator *allocator = mti_sandbox_allocator(box);
	size_t count = box->template->layout.region_count + box->window.count;
	struct mti_core_region *regions;
	mote_status status;

	if (mti_is_bare(box->image))
		return mti_error_set(err, MOTE_E_UNSUPPORTED, "write core",
				     "there are no core files of bare guests");
	regions = mti_alloc(allocator, count, sizeof(*regions));
	if (!regions)
		return mti_error_set(err, MOTE_E_NO_MEMORY, "write core",
				     "no memory for its regions");
	status = write_core(box, fd, regions, err);
	mti_free(allocator, regions);
	return status;
}
