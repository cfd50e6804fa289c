/*
 * The image part of a bare guest's memory: segments, and page tables if the
 * mode has them. What is zero is in no file.
 */
#include <string.h>

#include "arch/bare.h"
#include "base/checked.h"
#include "base/error.h"
#include "mem/tables.h"
#include "os/os.h"
#include "sandbox/bare.h"
#include "sandbox/sandbox.h"

static const char operation[] = "build image";

mote_status mti_bare_make_plan(const mote_image *image,
			       const struct mti_layout_sizes *sizes,
			       struct mti_layout *layout, mote_error *err)
{
	const struct mti_elf *elf = &image->elf;
	const struct mti_bare_plan wanted = {
		.mode = elf->bare_mode,
		.size = elf->bare_size,
		.end = elf->bare_end,
		.scratch = elf->bare_scratch,
	};

	/* How much memory a guest gets is not for its file to say. */
	if (wanted.scratch > sizes->heap)
		return mti_error_set(
			err, MOTE_E_INVALID, "plan memory",
			"the Mote note asks for 0x%llx bytes of free memory "
			"(scratch), and heap_bytes is %llu: it must be as "
			"much",
			(unsigned long long)wanted.scratch,
			(unsigned long long)sizes->heap);
	if (mti_layout_plan_bare(&wanted, sizes, layout))
		return MOTE_OK;
	return mti_error_set(
		err, MOTE_E_INVALID, "plan memory",
		"heap_bytes %llu, stack_bytes %llu: no room between the end "
		"of the image, 0x%llx, and 0x%llx",
		(unsigned long long)sizes->heap,
		(unsigned long long)sizes->stack,
		(unsigned long long)elf->bare_end,
		(unsigned long long)MOTE_BARE_SCRATCH_END);
}

/* Pages of a segment that are in the file; those of two may be the same. */
static void add_extent(struct mti_store *store, uint64_t start, uint64_t end,
		       uint64_t *file_size)
{
	struct mti_extent *last = NULL;

	start = mti_align_down_u64(start, MOTE_PAGE_SIZE);
	(void)mti_align_up_u64(end, MOTE_PAGE_SIZE, &end);
	if (store->extent_count > 0)
		last = &store->extents[store->extent_count - 1];
	if (last && start <= last->gpa + last->size) {
		start = last->gpa + last->size;
		if (end <= start)
			return;
		last->size += end - start;
	} else {
		last = &store->extents[store->extent_count++];
		last->gpa = start;
		last->size = end - start;
		last->offset = *file_size;
	}
	*file_size += end - start;
}

static void list_extents(const struct mti_elf *elf,
			 const struct mti_tables *tables,
			 struct mti_store *store, uint64_t *file_size)
{
	size_t i;

	for (i = 0; i < elf->segment_count; i++) {
		const struct mti_elf_segment *segment = &elf->segments[i];

		if (segment->file_size > 0)
			add_extent(store, segment->address,
				   segment->address + segment->file_size,
				   file_size);
	}
	if (tables->used > 0)
		add_extent(store, tables->base_gpa,
			   tables->base_gpa + tables->used, file_size);
}

_Static_assert(MTI_ELF_SEGMENTS_MAX + 1 <= MTI_STORE_EXTENTS_MAX,
	       "one for each segment, one for the page tables");

/* Bytes that some extent holds, to their place in the file. */
static int write_bytes(int fd, const struct mti_store *store, uint64_t gpa,
		       const void *bytes, size_t size)
{
	const struct mti_extent *extent = mti_store_find(store, gpa);

	return mti_os_pwrite(fd, bytes, size,
			     extent->offset + (gpa - extent->gpa));
}

static int write_file(const mote_image *image, const struct mti_store *store,
		      const struct mti_tables *tables, uint64_t size)
{
	const struct mti_elf *elf = &image->elf;
	int fd = mti_os_memfd("mote-image", size);
	int os = fd < 0 ? fd : 0;
	size_t i;

	for (i = 0; i < elf->segment_count && os == 0; i++) {
		const struct mti_elf_segment *segment = &elf->segments[i];

		if (segment->file_size > 0)
			os = write_bytes(fd, store, segment->address,
					 image->file + segment->file_offset,
					 segment->file_size);
	}
	if (os == 0 && tables->used > 0)
		os = write_bytes(fd, store, tables->base_gpa, tables->pages,
				 tables->used);
	return fd < 0 ? fd : mti_store_seal(fd, os);
}

static mote_status make_store(struct mti_template *plan,
			      const mote_image *image,
			      const struct mti_tables *tables, mote_error *err)
{
	mote_status status = mti_template_store(plan, err);
	uint64_t size = 0;

	if (status != MOTE_OK)
		return status;
	list_extents(&image->elf, tables, plan->store, &size);
	/* All of it may be zero. */
	if (size == 0)
		return MOTE_OK;
	return mti_template_file(
		plan, write_file(image, plan->store, tables, size), size, err);
}

mote_status mti_bare_build(struct mti_template *plan, const mote_image *image,
			   const struct mti_layout_sizes *sizes,
			   mote_error *err)
{
	const struct mti_pt *pt = mti_bare_mode_pt(image->elf.bare_mode);
	struct mti_tables tables = { 0 };
	mote_status status;

	status = mti_bare_make_plan(image, sizes, &plan->layout, err);
	if (status != MOTE_OK)
		return status;
	if (pt && !mti_tables_build_bare(&tables, pt, &plan->layout,
					 plan->allocator))
		status = mti_error_set(err, MOTE_E_NO_MEMORY, operation,
				       "no memory for the page tables");
	if (status == MOTE_OK)
		status = make_store(plan, image, &tables, err);
	mti_tables_fini(&tables);
	return status;
}
