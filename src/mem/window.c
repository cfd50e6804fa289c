#include "mem/window.h"

#include <string.h>

#include "abi/layout.h"
#include "base/checked.h"
#include "base/error.h"

#define PAGE ((uint64_t)MOTE_PAGE_SIZE)
#define LARGE_PAGE (UINT64_C(2) << 20)
#define FIRST_CAPACITY 8

static const char operation[] = "map into guest";

/* A range of guest-virtual addresses that is taken. */
struct range {
	uint64_t start;
	uint64_t end;
	const char *what;
};

static bool meets(const struct range *range, uint64_t start, uint64_t end)
{
	return range->start < end && start < range->end;
}

/* What lies in [start, end), if anything does. */
static bool find_taken(const struct mti_window *window,
		       const struct mti_layout *layout, uint64_t start,
		       uint64_t end, struct range *taken)
{
	size_t i;

	for (i = 0; i < window->count; i++) {
		taken->start = window->mappings[i].gva;
		taken->end = taken->start + window->mappings[i].size;
		taken->what = "mapping";
		if (meets(taken, start, end))
			return true;
	}
	for (i = 0; i < layout->region_count; i++) {
		taken->start = layout->regions[i].gva;
		taken->end = taken->start + layout->regions[i].size;
		taken->what = "part of the snapshot";
		if (meets(taken, start, end))
			return true;
	}
	return false;
}

static uint64_t alignment(uint64_t size)
{
	return size >= LARGE_PAGE ? LARGE_PAGE : PAGE;
}

static mote_status outside(uint64_t start, uint64_t size, mote_error *err)
{
	return mti_error_set(err, MOTE_E_INVALID, operation,
			     "0x%llx bytes at 0x%llx are not within the "
			     "window from 0x%llx to 0x%llx",
			     (unsigned long long)size,
			     (unsigned long long)start,
			     (unsigned long long)MOTE_GVA_MAP,
			     (unsigned long long)MOTE_GVA_MAP_LIMIT);
}

/* The lowest place, with a page that is not mapped on both sides. */
static mote_status choose_gva(const struct mti_window *window,
			      const struct mti_layout *layout,
			      struct mti_mapping *mapping, mote_error *err)
{
	uint64_t align = alignment(mapping->size);
	uint64_t gva = MOTE_GVA_MAP;
	struct range taken;

	while (mti_range_ok(gva, mapping->size, MOTE_GVA_MAP_LIMIT)) {
		if (!find_taken(window, layout, gva - PAGE,
				gva + mapping->size + PAGE, &taken)) {
			mapping->gva = gva;
			return MOTE_OK;
		}
		if (taken.end >= MOTE_GVA_MAP_LIMIT)
			break;
		(void)mti_align_up_u64(taken.end + PAGE, align, &gva);
	}
	return mti_error_set(err, MOTE_E_INVALID, operation,
			     "0x%llx bytes are free nowhere in the window "
			     "from 0x%llx to 0x%llx",
			     (unsigned long long)mapping->size,
			     (unsigned long long)MOTE_GVA_MAP,
			     (unsigned long long)MOTE_GVA_MAP_LIMIT);
}

static mote_status check_gva(const struct mti_window *window,
			     const struct mti_layout *layout,
			     const struct mti_mapping *mapping, mote_error *err)
{
	uint64_t start = mapping->gva;
	struct range taken;

	if (!mti_is_aligned_u64(start, PAGE))
		return mti_error_set(err, MOTE_E_INVALID, operation,
				     "address 0x%llx is not a multiple of a "
				     "page, 0x%llx",
				     (unsigned long long)start,
				     (unsigned long long)PAGE);
	if (start < MOTE_GVA_MAP ||
	    !mti_range_ok(start, mapping->size, MOTE_GVA_MAP_LIMIT))
		return outside(start, mapping->size, err);
	if (!find_taken(window, layout, start, start + mapping->size, &taken))
		return MOTE_OK;
	return mti_error_set(err, MOTE_E_INVALID, operation,
			     "0x%llx to 0x%llx overlaps the %s from 0x%llx to "
			     "0x%llx",
			     (unsigned long long)start,
			     (unsigned long long)(start + mapping->size),
			     taken.what, (unsigned long long)taken.start,
			     (unsigned long long)taken.end);
}

/*
 * The lowest guest-physical place behind the sandbox's memory that is free;
 * equal to gva within a large page, so that large pages can be used.
 */
static void choose_gpa(const struct mti_window *window,
		       const struct mti_layout *layout,
		       struct mti_mapping *mapping)
{
	uint64_t align = alignment(mapping->size);
	uint64_t within = mapping->gva & (align - 1);
	uint64_t gpa = layout->memory_size;
	size_t passed;

	/* No two mappings overlap, and so no sum of sizes wraps. */
	do {
		size_t i;

		if ((gpa & (align - 1)) > within)
			gpa += align;
		gpa = (gpa & ~(align - 1)) | within;
		passed = 0;
		if (gpa < MTI_SCRATCH_LIMIT &&
		    MTI_SCRATCH_FIRST < gpa + mapping->size) {
			gpa = MTI_SCRATCH_LIMIT;
			passed++;
		}
		for (i = 0; i < window->count; i++) {
			const struct mti_mapping *other = &window->mappings[i];

			if (other->gpa < gpa + mapping->size &&
			    gpa < other->gpa + other->size) {
				gpa = other->gpa + other->size;
				passed++;
			}
		}
	} while (passed > 0);
	mapping->gpa = gpa;
}

static void choose_slot(const struct mti_window *window,
			struct mti_mapping *mapping)
{
	size_t i = 0;

	mapping->slot = 1;
	while (i < window->count) {
		if (window->mappings[i++].slot != mapping->slot)
			continue;
		mapping->slot++;
		i = 0;
	}
}

/* How many mappings the snapshot had that the sandbox came from. */
static size_t given(const struct mti_layout *layout)
{
	size_t count = 0;
	size_t i;

	for (i = MTI_AREAS; i < layout->region_count; i++)
		count += mti_region_is_mapped(&layout->regions[i]);
	return count;
}

mote_status mti_window_place(const struct mti_window *window,
			     const struct mti_layout *layout,
			     struct mti_mapping *mapping, mote_error *err)
{
	size_t count = window->count + given(layout);
	mote_status status;

	if (mapping->size == 0 || !mti_is_aligned_u64(mapping->size, PAGE) ||
	    mapping->size > MOTE_GVA_MAP_LIMIT - MOTE_GVA_MAP)
		return outside(mapping->gva, mapping->size, err);
	/* A snapshot would have a region for each. */
	if (count >= MTI_MAPPINGS_MAX ||
	    window->count + layout->region_count >= MTI_REGIONS_MAX)
		return mti_error_set(err, MOTE_E_STATE, operation,
				     "%zu mappings are there, and no more are "
				     "possible",
				     count);
	status = mapping->gva ? check_gva(window, layout, mapping, err) :
				choose_gva(window, layout, mapping, err);
	if (status != MOTE_OK)
		return status;
	choose_gpa(window, layout, mapping);
	choose_slot(window, mapping);
	return MOTE_OK;
}

bool mti_window_reserve(struct mti_window *window,
			const struct mti_allocator *allocator)
{
	size_t capacity = window->capacity ? window->capacity * 2 :
					     FIRST_CAPACITY;
	void *mappings;

	if (window->count < window->capacity)
		return true;
	mappings = allocator->resize(allocator->user, window->mappings,
				     capacity * sizeof(*window->mappings));
	if (!mappings)
		return false;
	window->mappings = mappings;
	window->capacity = capacity;
	return true;
}

void mti_window_insert(struct mti_window *window,
		       const struct mti_mapping *mapping)
{
	size_t index = 0;

	while (index < window->count &&
	       window->mappings[index].gva < mapping->gva)
		index++;
	memmove(&window->mappings[index + 1], &window->mappings[index],
		(window->count - index) * sizeof(*mapping));
	window->mappings[index] = *mapping;
	window->count++;
}

size_t mti_window_find(const struct mti_window *window, uint64_t gva)
{
	size_t i;

	for (i = 0; i < window->count; i++)
		if (window->mappings[i].gva == gva)
			break;
	return i;
}

const struct mti_mapping *mti_window_find_gpa(const struct mti_window *window,
					      uint64_t gpa)
{
	size_t i;

	for (i = 0; i < window->count; i++)
		if (gpa >= window->mappings[i].gpa &&
		    gpa - window->mappings[i].gpa < window->mappings[i].size)
			return &window->mappings[i];
	return NULL;
}

void mti_window_remove(struct mti_window *window, size_t index)
{
	window->count--;
	memmove(&window->mappings[index], &window->mappings[index + 1],
		(window->count - index) * sizeof(*window->mappings));
}

void mti_window_clear(struct mti_window *window,
		      const struct mti_allocator *allocator)
{
	mti_free(allocator, window->mappings);
	mti_free(allocator, window->tables);
	memset(window, 0, sizeof(*window));
}

uint64_t mti_window_end(const struct mti_window *window, uint64_t memory_size)
{
	uint64_t end = memory_size;
	size_t i;

	for (i = 0; i < window->count; i++) {
		const struct mti_mapping *mapping = &window->mappings[i];

		if (mapping->gpa + mapping->size > end)
			end = mapping->gpa + mapping->size;
	}
	/* Far below the end of all addresses. */
	(void)mti_align_up_u64(end, LARGE_PAGE, &end);
	return end;
}

void mti_window_extend(const struct mti_window *window,
		       struct mti_layout *layout)
{
	size_t i;

	for (i = 0; i < window->count; i++) {
		const struct mti_mapping *mapping = &window->mappings[i];

		layout->regions[layout->region_count++] = (struct mti_region){
			.gva = mapping->gva,
			.gpa = mapping->gpa,
			.size = mapping->size,
			.flags = MTI_PT_USER |
				 (mapping->writable ? MTI_PT_WRITE : 0),
		};
	}
	layout->memory_size = mti_window_end(window, layout->memory_size);
}
