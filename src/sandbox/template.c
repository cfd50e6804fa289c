/*
 * The image part of guest memory, made once per image and sizes: what the
 * CPU needs, the program's file-backed pages, the page tables, in a sealed
 * file that every sandbox maps privately.
 */
#include <string.h>

#include "abi/trap.h"
#include "arch/arch.h"
#include "base/error.h"
#include "mem/tables.h"
#include "os/os.h"
#include "sandbox/bare.h"
#include "sandbox/sandbox.h"

/* A segment is one region of file pages and one of zeros, at most. */
_Static_assert(MTI_AREAS + 2 * MTI_ELF_SEGMENTS_MAX + MTI_MAPPINGS_MAX <=
		       MTI_REGIONS_MAX,
	       "every image that the reader takes can be planned, and then "
	       "mapped into");
/* Page tables take less than what they map: see mti_tables_build. */
_Static_assert(2 * (MTI_ELF_MEMORY_MAX + MOTE_HEAP_MAX + MOTE_STACK_MAX +
		    3 * MOTE_IO_MAX) <
		       MOTE_GPA_DOORBELL,
	       "no plan comes near what AArch64's doorbells have");
/* write_system fills one buffer at the start of the image. */
_Static_assert(MTI_AREA_SUPERVISOR == 0 && MTI_AREA_SYSCALL == 1,
	       "they are planned first, so they are pages 0 and 1");

static uint32_t page_flags(uint32_t protection)
{
	uint32_t flags = MTI_PT_USER;

	if (protection & MTI_PROT_WRITE)
		flags |= MTI_PT_WRITE;
	if (protection & MTI_PROT_EXECUTE)
		flags |= MTI_PT_EXECUTE;
	return flags;
}

static mote_status plan(const struct mti_elf *elf,
			const struct mti_layout_sizes *sizes,
			struct mti_layout *layout, mote_error *err)
{
	struct mti_part parts[MTI_ELF_SEGMENTS_MAX];
	size_t i;

	for (i = 0; i < elf->segment_count; i++) {
		const struct mti_elf_segment *segment = &elf->segments[i];

		parts[i].gva = segment->address;
		parts[i].memory_size = segment->memory_size;
		parts[i].file_size = segment->file_size;
		parts[i].flags = page_flags(segment->protection);
	}
	if (!mti_layout_plan(parts, elf->segment_count, sizes, layout))
		return mti_error_set(err, MOTE_E_IMAGE, "plan memory",
				     "the program and its areas do not fit "
				     "the guest's address space");
	return MOTE_OK;
}

/* What the CPU needs, in the first two pages. */
static int write_system(int fd, const struct mti_template *plan,
			const struct mti_arch *arch)
{
	const struct mti_region *regions = plan->layout.regions;
	uint8_t pages[2 * MOTE_PAGE_SIZE] = { 0 };

	arch->supervisor_page(pages + regions[MTI_AREA_SUPERVISOR].gpa);
	arch->syscall_page(pages + regions[MTI_AREA_SYSCALL].gpa);
	return mti_os_pwrite(fd, pages, sizeof(pages), 0);
}

static int write_program(int fd, const struct mti_template *plan,
			 const mote_image *image)
{
	int status = 0;
	size_t i;

	for (i = 0; i < image->elf.segment_count && status == 0; i++) {
		const struct mti_elf_segment *segment = &image->elf.segments[i];
		const struct mti_region *region;

		if (segment->file_size == 0)
			continue;
		region = mti_layout_find(&plan->layout, segment->address);
		status = mti_os_pwrite(fd,
				       image->file + segment->file_offset,
				       segment->file_size,
				       region->gpa + segment->address -
					       region->gva);
	}
	return status;
}

/* The sealed file, or -errno. */
static int write_image(const struct mti_template *plan,
		       const mote_image *image,
		       const struct mti_tables *tables, uint64_t size)
{
	int fd = mti_os_memfd("mote-image", size);
	int os;

	if (fd < 0)
		return fd;
	os = write_system(fd, plan, image->arch);
	if (os == 0)
		os = write_program(fd, plan, image);
	if (os == 0)
		os = mti_os_pwrite(fd, tables->pages, tables->used,
				   tables->base_gpa);
	return mti_store_seal(fd, os);
}

mote_status mti_template_store(struct mti_template *plan, mote_error *err)
{
	plan->store = mti_store_new(plan->allocator, plan->layout.memory_size);
	if (plan->store)
		return MOTE_OK;
	return mti_error_set(err, MOTE_E_NO_MEMORY, "build image",
			     "no memory for the store");
}

mote_status mti_template_file(struct mti_template *plan, int fd, uint64_t size,
			      mote_error *err)
{
	if (fd < 0)
		return mti_error_os(err, MOTE_E_OS, "build image", -fd,
				    "writing the image, %llu bytes",
				    (unsigned long long)size);
	return mti_backing_new(plan->allocator, fd, size,
			       &plan->store->files[0], err);
}

static mote_status build(struct mti_template *plan, const mote_image *image,
			 mote_error *err)
{
	struct mti_tables tables;
	mote_status status;
	uint64_t size;

	if (!mti_tables_build(&tables, image->arch, &plan->layout,
			      plan->allocator)) {
		status = mti_error_set(err, MOTE_E_NO_MEMORY, "build image",
				       "no memory for the page tables");
		goto out;
	}
	size = tables.base_gpa + tables.used;
	status = mti_template_store(plan, err);
	if (status != MOTE_OK)
		goto out;
	plan->store->extents[0].size = size;
	plan->store->extent_count = 1;
	status = mti_template_file(
		plan, write_image(plan, image, &tables, size), size, err);
out:
	mti_tables_fini(&tables);
	return status;
}

/* If page tables copy on write. */
static mote_status plan_cow(const mote_engine *engine,
			    struct mti_template *plan, mote_error *err)
{
	if (!engine->paging)
		return MOTE_OK;
	/* These have no page tables of the host's to copy with. */
	if (plan->layout.bare)
		return MOTE_OK;
	return mti_cow_plan_new(plan->allocator, plan->arch, &plan->layout,
				engine->scratch_bytes, &plan->cow, err);
}

static mote_status template_new(const mote_image *image,
				const struct mti_layout_sizes *sizes,
				struct mti_template **out, mote_error *err)
{
	const struct mti_allocator *allocator = &image->engine->allocator;
	struct mti_template *made = mti_alloc(allocator, 1, sizeof(*made));
	mote_status status;

	if (!made)
		return mti_error_set(err, MOTE_E_NO_MEMORY, "build image",
				     "no memory for the plan");
	made->references = 1;
	made->allocator = allocator;
	made->arch = image->arch;
	if (mti_is_bare(image))
		status = mti_bare_build(made, image, sizes, err);
	else
		status = plan(&image->elf, sizes, &made->layout, err);
	if (status == MOTE_OK && !mti_is_bare(image))
		status = build(made, image, err);
	if (status == MOTE_OK)
		status = plan_cow(image->engine, made, err);
	if (status != MOTE_OK) {
		mti_template_unref(made);
		return status;
	}
	*out = made;
	return MOTE_OK;
}

mote_status mti_template_new(const mote_image *image,
			     const struct mti_layout *layout,
			     struct mti_store *store,
			     struct mti_template **out, mote_error *err)
{
	const struct mti_allocator *allocator = &image->engine->allocator;
	struct mti_template *made = mti_alloc(allocator, 1, sizeof(*made));
	mote_status status;

	if (!made)
		return mti_error_set(err, MOTE_E_NO_MEMORY, "plan snapshot",
				     "no memory for the plan");
	made->references = 1;
	made->allocator = allocator;
	made->arch = image->arch;
	made->layout = *layout;
	made->store = store;
	mti_store_ref(store);
	status = plan_cow(image->engine, made, err);
	if (status != MOTE_OK) {
		mti_template_unref(made);
		return status;
	}
	*out = made;
	return MOTE_OK;
}

void mti_template_ref(struct mti_template *plan)
{
	atomic_fetch_add_explicit(&plan->references, 1, memory_order_relaxed);
}

void mti_template_unref(struct mti_template *plan)
{
	if (!plan || atomic_fetch_sub_explicit(&plan->references, 1,
					       memory_order_acq_rel) != 1)
		return;
	mti_store_unref(plan->store);
	mti_store_unref(plan->started.store);
	mti_cow_plan_free(plan->cow);
	mti_free(plan->allocator, plan);
}

/*
 * Only the last one is kept: programs make many sandboxes of the same sizes,
 * and a cache without bound would be a leak.
 */
mote_status mti_template_get(mote_image *image,
			     const struct mti_layout_sizes *sizes,
			     struct mti_template **out, mote_error *err)
{
	struct mti_template *found;
	mote_status status = MOTE_OK;

	pthread_mutex_lock(&image->lock);
	found = image->last;
	if (!found ||
	    memcmp(&found->layout.sizes, sizes, sizeof(*sizes)) != 0) {
		status = template_new(image, sizes, &found, err);
		if (status == MOTE_OK) {
			mti_template_unref(image->last);
			image->last = found;
		}
	}
	if (status == MOTE_OK) {
		mti_template_ref(found);
		*out = found;
	}
	pthread_mutex_unlock(&image->lock);
	return status;
}
