#include <mote/snapshot.h>

#include "api/records.h"
#include "base/error.h"
#include "sandbox/sandbox.h"

static mote_status null(const char *operation, const char *name,
			mote_error *err)
{
	return mti_error_set(err, MOTE_E_INVALID, operation, "%s is NULL",
			     name);
}

mote_status mote_snapshot_take(mote_sandbox *box, mote_snapshot **snapshot,
			       mote_error *err)
{
	static const char operation[] = "take snapshot";
	mote_status status;

	if (!box || !snapshot)
		return null(operation, box ? "snapshot" : "box", err);
	status = mti_sandbox_acquire_ready(box, operation, err);
	if (status != MOTE_OK)
		return status;
	status = mti_snapshot_take(box, snapshot, err);
	mti_sandbox_release(box);
	return status;
}

mote_snapshot *mote_snapshot_ref(mote_snapshot *snapshot)
{
	if (snapshot)
		mti_snapshot_ref(snapshot);
	return snapshot;
}

void mote_snapshot_unref(mote_snapshot *snapshot)
{
	mti_snapshot_unref(snapshot);
}

mote_image *mote_snapshot_image(const mote_snapshot *snapshot)
{
	return snapshot ? snapshot->image : NULL;
}

mote_status mote_sandbox_restore(mote_sandbox *box, mote_snapshot *snapshot,
				 mote_error *err)
{
	mote_status status;

	if (!box || !snapshot)
		return null("restore", box ? "snapshot" : "box", err);
	status = mti_sandbox_acquire(box, err);
	if (status != MOTE_OK)
		return status;
	status = mti_sandbox_restore(box, snapshot, err);
	mti_sandbox_release(box);
	return status;
}

static bool is_own(const mote_snapshot *snapshot,
		   const struct mti_extent *extent)
{
	return snapshot->own_files >> extent->file & 1;
}

mote_status mote_snapshot_describe(const mote_snapshot *snapshot,
				   mote_snapshot_info *info, mote_error *err)
{
	mote_snapshot_info full = MOTE_SNAPSHOT_INFO_INIT;
	const struct mti_store *store;
	uint32_t i;

	if (!snapshot || !info)
		return null("describe snapshot", snapshot ? "info" : "snapshot",
			    err);
	store = snapshot->snap.store;
	full.from_file = snapshot->from_file;
	full.memory_size = store->memory_size;
	for (i = 0; i < store->extent_count; i++) {
		full.stored_bytes += store->extents[i].size;
		if (is_own(snapshot, &store->extents[i]))
			full.own_bytes += store->extents[i].size;
	}
	full.heap_bytes = snapshot->snap.layout.sizes.heap;
	full.stack_bytes = snapshot->snap.layout.sizes.stack;
	full.io_bytes = snapshot->snap.layout.sizes.io;
	return mti_record_write(info, &full, sizeof(full), "info", err);
}

/* An extent may lie over several regions: it is shown in pieces of one. */
static const struct mti_region *
region_at(const struct mti_layout *layout, uint64_t gpa, uint64_t *end)
{
	const struct mti_region *found = NULL;
	size_t i;

	*end = UINT64_MAX;
	for (i = 0; i < layout->region_count; i++) {
		const struct mti_region *region = &layout->regions[i];

		if (gpa >= region->gpa && gpa - region->gpa < region->size) {
			found = region;
			*end = region->gpa + region->size;
		} else if (region->gpa > gpa && region->gpa < *end) {
			*end = region->gpa;
		}
	}
	return found;
}

static const char *area_name(const struct mti_layout *layout,
			     const struct mti_region *region, uint64_t gpa)
{
	if (region)
		return mti_layout_name(layout,
				       (size_t)(region - layout->regions));
	return gpa - layout->page_table_gpa < layout->page_table_max ?
		       "page tables" :
		       "";
}

static uint32_t protection(const struct mti_layout *layout,
			   const struct mti_region *region)
{
	uint32_t bits = MOTE_PROT_READ;

	/* Its page tables are its own affair. */
	if (layout->bare)
		return bits | MOTE_PROT_WRITE | MOTE_PROT_EXECUTE;
	if (!region || !(region->flags & MTI_PT_USER))
		return 0;
	if (region->flags & MTI_PT_WRITE)
		bits |= MOTE_PROT_WRITE;
	if (region->flags & MTI_PT_EXECUTE)
		bits |= MOTE_PROT_EXECUTE;
	return bits;
}

/* Walks the pieces up to number index; how many there are if that is less. */
static size_t walk(const mote_snapshot *snapshot, size_t index,
		   mote_snapshot_extent *out)
{
	const struct mti_store *store = snapshot->snap.store;
	const struct mti_layout *layout = &snapshot->snap.layout;
	size_t count = 0;
	uint32_t i;

	for (i = 0; i < store->extent_count; i++) {
		const struct mti_extent *extent = &store->extents[i];
		uint64_t stop = extent->gpa + extent->size;
		uint64_t gpa = extent->gpa;

		while (gpa < stop) {
			uint64_t end;
			const struct mti_region *region =
				region_at(layout, gpa, &end);

			end = end < stop ? end : stop;
			if (count++ == index) {
				out->gpa = gpa;
				out->gva = region ?
						   region->gva +
							   (gpa - region->gpa) :
						   UINT64_MAX;
				out->bytes = end - gpa;
				out->shared = !is_own(snapshot, extent);
				out->protection = protection(layout, region);
				out->area = area_name(layout, region, gpa);
				return count;
			}
			gpa = end;
		}
	}
	return count;
}

size_t mote_snapshot_extent_count(const mote_snapshot *snapshot)
{
	return snapshot ? walk(snapshot, SIZE_MAX, NULL) : 0;
}

mote_status mote_snapshot_get_extent(const mote_snapshot *snapshot,
				     size_t index,
				     mote_snapshot_extent *extent,
				     mote_error *err)
{
	size_t count;

	if (!snapshot || !extent)
		return null("describe snapshot",
			    snapshot ? "extent" : "snapshot", err);
	count = index == SIZE_MAX ? 0 : walk(snapshot, index, extent);
	if (count <= index)
		return mti_error_set(err, MOTE_E_INVALID, "describe snapshot",
				     "index is %zu of %zu extents", index,
				     mote_snapshot_extent_count(snapshot));
	return MOTE_OK;
}
