#include "mem/freeze.h"

#include <errno.h>
#include <string.h>

#include "abi/layout.h"
#include "base/error.h"
#include "mem/pieces.h"
#include "os/os.h"

#define BATCH 256
#define COPY_BYTES (16 * (uint64_t)MOTE_PAGE_SIZE)
/* Of a new file: from here on it is staged. */
#define STAGED_BYTES (UINT64_C(2) << 20)
/* Staged memory that is got at a time: filled while a cache holds its zeros. */
#define READY_BYTES (UINT64_C(2) << 20)

/*
 * Much may be new only because of what was joined. Less than this part of it
 * is not worth its extents.
 */
#define JOINED_MOST 8

static const char operation[] = "take snapshot";

static bool is_transient(const struct mti_freeze *freeze, uint64_t gpa)
{
	size_t i;

	for (i = 0; i < freeze->transient_count; i++) {
		const struct mti_region *region = freeze->transient[i];

		if (gpa >= region->gpa && gpa - region->gpa < region->size)
			return true;
	}
	return false;
}

static bool is_replaced(const struct mti_freeze *freeze, uint64_t gpa)
{
	return freeze->tables && gpa >= freeze->tables->base_gpa &&
	       gpa - freeze->tables->base_gpa < freeze->tables->used;
}

/* A page that the base does not have so. */
static const uint8_t *own_page(const struct mti_freeze *freeze, uint64_t gpa)
{
	if (is_replaced(freeze, gpa))
		return freeze->tables->pages + (gpa - freeze->tables->base_gpa);
	return mti_memory_page(freeze->memory, gpa);
}

/* What becomes of a page that is dirty, or of the tables. */
static enum mti_piece_kind classify(const struct mti_freeze *freeze,
				    uint64_t gpa)
{
	const uint8_t *before = mti_store_page(freeze->base, gpa);
	const uint8_t *now = own_page(freeze, gpa);

	if (is_transient(freeze, gpa) || mti_page_is_zero(now))
		return MTI_PIECE_ZERO;
	if (before &&
	    (now == before || memcmp(now, before, MOTE_PAGE_SIZE) == 0))
		return MTI_PIECE_SAME;
	return MTI_PIECE_NEW;
}

/* The next page at or after *gpa that classify has to look at. */
static bool next_page(const struct mti_freeze *freeze, uint64_t *gpa)
{
	uint64_t found = *gpa;
	uint64_t size;

	if (is_replaced(freeze, *gpa))
		return true;
	if (!mti_dirty_next(&freeze->memory->dirty, &found, &size))
		found = UINT64_MAX;
	if (freeze->tables && *gpa < freeze->tables->base_gpa &&
	    freeze->tables->base_gpa < found)
		found = freeze->tables->base_gpa;
	*gpa = found;
	return found != UINT64_MAX;
}

/* The changes to base, new and zero. */
static bool find_changes(const struct mti_freeze *freeze,
			 struct mti_pieces *changes)
{
	struct mti_piece piece = { .size = MOTE_PAGE_SIZE };

	for (; next_page(freeze, &piece.gpa); piece.gpa += MOTE_PAGE_SIZE) {
		piece.kind = classify(freeze, piece.gpa);
		if (piece.kind != MTI_PIECE_SAME &&
		    !mti_pieces_append(changes, &piece))
			return false;
	}
	return true;
}

/* The pieces of base in [from, to), where nothing changed. */
static bool append_same(const struct mti_store *base, uint64_t from,
			uint64_t to, struct mti_pieces *out)
{
	const struct mti_extent *extent = mti_store_find(base, from);
	const struct mti_extent *end = base->extents + base->extent_count;

	for (; from < to && extent && extent < end && extent->gpa < to;
	     extent++) {
		struct mti_piece piece = { .kind = MTI_PIECE_SAME };
		uint64_t stop = extent->gpa + extent->size;

		piece.gpa = extent->gpa > from ? extent->gpa : from;
		piece.size = (stop < to ? stop : to) - piece.gpa;
		piece.offset = extent->offset + (piece.gpa - extent->gpa);
		piece.file = extent->file;
		if (!mti_pieces_append(out, &piece))
			return false;
	}
	return true;
}

static bool overlay(const struct mti_freeze *freeze,
		    const struct mti_pieces *changes, struct mti_pieces *out)
{
	uint64_t from = 0;
	size_t i;

	for (i = 0; i < changes->count; i++) {
		const struct mti_piece *change = &changes->items[i];

		if (!append_same(freeze->base, from, change->gpa, out) ||
		    (change->kind == MTI_PIECE_NEW &&
		     !mti_pieces_append(out, change)))
			return false;
		from = change->gpa + change->size;
	}
	return append_same(freeze->base, from, freeze->base->memory_size, out);
}

static uint64_t result_size(const struct mti_freeze *freeze)
{
	uint64_t size = freeze->base->memory_size;

	return freeze->window && freeze->window->count > 0 ?
		       mti_window_end(freeze->window, size) :
		       size;
}

/* Into the extents that there are for them. */
static mote_status join(const struct mti_freeze *freeze,
			struct mti_pieces *pieces, mote_error *err)
{
	const struct mti_gaps gaps = {
		.regions = freeze->transient,
		.count = freeze->transient_count,
		.hole = freeze->hole,
		.hole_end = freeze->hole_end,
	};

	if (!mti_pieces_join(pieces, MTI_STORE_EXTENTS_MAX, &gaps))
		return mti_error_set(err, MOTE_E_NO_MEMORY, operation,
				     "no memory for the list of extents");
	return MOTE_OK;
}

/* What is mapped cannot be read: most likely nobody has it any more. */
static mote_status is_gone(const struct mti_mapping *mapping, int os,
			   mote_error *err)
{
	mote_status status;

	if (os != -EFAULT)
		return mti_error_os(err, MOTE_E_OS, operation, -os,
				    "reading what is mapped at 0x%llx",
				    (unsigned long long)mapping->gva);
	status = mti_error_set(err, MOTE_E_OS, operation,
			       mapping->owned ?
				       "the file that is mapped at 0x%llx has "
				       "become shorter than the mapping" :
				       "the memory that is mapped at 0x%llx is "
				       "not there any more",
			       (unsigned long long)mapping->gva);
	mti_error_put_errno(err, -os);
	return status;
}

/* Adds the pages of one mapping that are not zero. */
static mote_status append_mapping(const struct mti_mapping *mapping,
				  const struct mti_cow *cow, uint8_t *buffer,
				  struct mti_pieces *out, mote_error *err)
{
	const uint8_t *from = mapping->memory;
	const uint8_t *page;
	uint64_t at;

	for (at = 0; at < mapping->size; at += MOTE_PAGE_SIZE) {
		struct mti_piece piece = {
			.gpa = mapping->gpa + at,
			.size = MOTE_PAGE_SIZE,
			.kind = MTI_PIECE_NEW,
		};
		uint64_t within = at % COPY_BYTES;
		uint64_t left = mapping->size - at;
		int os = 0;

		if (within == 0)
			os = mti_os_copy_memory(buffer, from + at,
						left < COPY_BYTES ? left :
								    COPY_BYTES);
		if (os < 0)
			return is_gone(mapping, os, err);
		page = cow ? mti_cow_at(cow, piece.gpa) : NULL;
		if (!page)
			page = buffer + within;
		if (!mti_page_is_zero(page) &&
		    !mti_pieces_append(out, &piece))
			return mti_error_set(err, MOTE_E_NO_MEMORY, operation,
					     "no memory for the list of pages");
	}
	return MOTE_OK;
}

/* The mapping with the lowest gpa that is not below `from`, or NULL. */
static const struct mti_mapping *next_mapping(const struct mti_window *window,
					      uint64_t from)
{
	const struct mti_mapping *next = NULL;
	size_t i;

	for (i = 0; i < window->count; i++)
		if (window->mappings[i].gpa >= from &&
		    (!next || window->mappings[i].gpa < next->gpa))
			next = &window->mappings[i];
	return next;
}

/*
 * What is mapped lies behind memory. It may be a file that is cut short just
 * now, or not be there at all: it is read by the system, not from here.
 */
static mote_status append_window(const struct mti_freeze *freeze,
				 struct mti_pieces *out, mote_error *err)
{
	const struct mti_mapping *mapping;
	uint8_t *buffer;
	mote_status status = MOTE_OK;

	if (!freeze->window || freeze->window->count == 0)
		return MOTE_OK;
	mapping = next_mapping(freeze->window, 0);
	buffer = mti_alloc_raw(freeze->allocator, 1, COPY_BYTES);
	if (!buffer)
		return mti_error_set(err, MOTE_E_NO_MEMORY, operation,
				     "no memory to read what is mapped");
	while (mapping && status == MOTE_OK) {
		status = append_mapping(mapping, freeze->memory->cow, buffer,
					out, err);
		mapping = next_mapping(freeze->window, mapping->gpa + 1);
	}
	mti_free(freeze->allocator, buffer);
	return status;
}

/* ------------------------------------------------------------- the files */

/* What of base's files is shared, in bytes, and all that is new. */
struct shares {
	uint64_t files[MTI_STORE_FILES];
	uint64_t same;
	uint64_t fresh;
};

static void count_shares(const struct mti_pieces *pieces,
			 struct shares *shares)
{
	size_t i;

	memset(shares, 0, sizeof(*shares));
	for (i = 0; i < pieces->count; i++) {
		const struct mti_piece *piece = &pieces->items[i];

		if (piece->kind == MTI_PIECE_SAME) {
			shares->files[piece->file] += piece->size;
			shares->same += piece->size;
		} else {
			shares->fresh += piece->size;
		}
	}
}

/* What is shared of that file becomes new. */
static void give_up(struct shares *shares, size_t file, uint32_t *files)
{
	shares->fresh += shares->files[file];
	shares->same -= shares->files[file];
	shares->files[file] = 0;
	*files |= UINT32_C(1) << file;
}

static size_t shared_files(const struct shares *shares)
{
	size_t count = 0;
	size_t i;

	for (i = 0; i < MTI_STORE_FILES; i++)
		count += shares->files[i] > 0;
	return count;
}

/* The one of which the least is shared; there is one. */
static size_t smallest(const struct shares *shares)
{
	size_t found = MTI_STORE_FILES;
	size_t i;

	for (i = 0; i < MTI_STORE_FILES; i++)
		if (shares->files[i] > 0 &&
		    (found == MTI_STORE_FILES ||
		     shares->files[i] < shares->files[found]))
			found = i;
	return found;
}

/* The one that is kept whole for the least part of it. */
static size_t emptiest(const struct mti_store *base,
		       const struct shares *shares)
{
	uint64_t most = 0;
	size_t found = smallest(shares);
	size_t i;

	for (i = 0; i < MTI_STORE_FILES; i++) {
		uint64_t unused = shares->files[i] > 0 ?
					  base->files[i]->size -
						  shares->files[i] :
					  0;

		if (unused > most) {
			most = unused;
			found = i;
		}
	}
	return found;
}

/* Whether the files that are kept are more than a store may have. */
static bool too_large(const struct mti_freeze *freeze,
		      const struct shares *shares)
{
	uint64_t sum = shares->fresh;
	size_t i;

	for (i = 0; i < MTI_STORE_FILES; i++)
		if (shares->files[i] > 0)
			sum += freeze->base->files[i]->size;
	return sum > mti_store_files_max(result_size(freeze));
}

/*
 * The files that nothing is shared with any more. All, if more than `most`
 * times of what would be shared is new. If there are too many, the smallest,
 * and with it those that are no larger than what is new by then: so it will
 * be long until there are too many again, and a page is not copied each time.
 */
static uint32_t flattened(const struct mti_freeze *freeze, uint64_t most,
			  struct shares *shares)
{
	uint32_t files = 0;

	while (shares->same > 0 && too_large(freeze, shares))
		give_up(shares, emptiest(freeze->base, shares), &files);
	if (shares->fresh == 0)
		return files;
	if (shared_files(shares) == MTI_STORE_FILES)
		do
			give_up(shares, smallest(shares), &files);
		while (shares->same > 0 &&
		       shares->files[smallest(shares)] <= shares->fresh);
	return shares->same > 0 && shares->fresh / most > shares->same ?
		       UINT32_MAX :
		       files;
}

/* What is joined is new as well: until no file is given up for it. */
static mote_status choose(const struct mti_freeze *freeze,
			  struct mti_pieces *pieces, mote_error *err)
{
	mote_status status = MOTE_OK;
	struct shares shares;
	bool joined = false;
	uint32_t files;

	while (status == MOTE_OK) {
		count_shares(pieces, &shares);
		files = flattened(freeze, joined ? JOINED_MOST : 1, &shares);
		if (files == 0 && joined)
			break;
		mti_pieces_renew(pieces, files);
		status = join(freeze, pieces, err);
		joined = true;
	}
	return status;
}

/* ------------------------------------------------------------- writing */

/* What is going to be written to the file at one place. */
struct batch {
	uint8_t *staging; /* not NULL: written there instead, at once */
	uint64_t staging_size;
	uint64_t ready; /* bytes of it */
	int fd;
	uint64_t start;
	uint64_t end;
	struct iovec pieces[BATCH];
	size_t count;
};

static int flush(struct batch *batch)
{
	int os = 0;

	if (batch->count > 0)
		os = mti_os_pwritev(batch->fd, batch->pieces, batch->count,
				    batch->start);
	batch->count = 0;
	return os;
}

/* To staging; size is at most READY_BYTES. */
static void fill(struct batch *batch, const uint8_t *bytes, uint64_t size,
		 uint64_t offset)
{
	uint64_t left = batch->staging_size - offset;

	if (offset + size > batch->ready) {
		if (left > READY_BYTES)
			left = READY_BYTES;
		mti_os_populate(batch->staging + offset, left);
		batch->ready = offset + left;
	}
	memcpy(batch->staging + offset, bytes, size);
}

static int put(struct batch *batch, const uint8_t *bytes, uint64_t size,
	       uint64_t offset)
{
	struct iovec *last = batch->count ? &batch->pieces[batch->count - 1] :
					    NULL;
	int os = 0;

	if (batch->staging) {
		fill(batch, bytes, size, offset);
		return 0;
	}
	if (last && batch->end == offset &&
	    (const uint8_t *)last->iov_base + last->iov_len == bytes) {
		last->iov_len += size;
		batch->end += size;
		return 0;
	}
	if (batch->count == BATCH || batch->end != offset) {
		os = flush(batch);
		if (os < 0)
			return os;
	}
	if (batch->count == 0)
		batch->start = offset;
	batch->pieces[batch->count].iov_base = (void *)(uintptr_t)bytes;
	batch->pieces[batch->count++].iov_len = size;
	batch->end = offset + size;
	return 0;
}

/*
 * The bytes of a page, or NULL if they are zero. What is behind memory is
 * for the system to read. *last is the mapping that it was found in.
 */
static const uint8_t *page_at(const struct mti_freeze *freeze, uint64_t gpa,
			      const struct mti_mapping **last)
{
	const struct mti_cow *cow = freeze->memory->cow;
	const uint8_t *copy;

	if (gpa < freeze->memory->size)
		return mti_dirty_has(&freeze->memory->dirty, gpa) ||
				       is_replaced(freeze, gpa) ?
			       own_page(freeze, gpa) :
			       mti_store_page(freeze->base, gpa);
	copy = cow ? mti_cow_at(cow, gpa) : NULL;
	if (copy)
		return copy;
	if (!freeze->window)
		return NULL;
	if (!*last || gpa < (*last)->gpa || gpa - (*last)->gpa >= (*last)->size)
		*last = mti_window_find_gpa(freeze->window, gpa);
	return *last ? (const uint8_t *)(*last)->memory + (gpa - (*last)->gpa) :
		       NULL;
}

/* A new piece; pages of zeros stay holes. */
static int write_piece(const struct mti_freeze *freeze, struct batch *batch,
		       const struct mti_piece *piece, uint64_t offset)
{
	const struct mti_mapping *mapping = NULL;
	uint64_t done;
	int os = 0;

	for (done = 0; done < piece->size && os == 0; done += MOTE_PAGE_SIZE) {
		uint64_t gpa = piece->gpa + done;
		const uint8_t *page = page_at(freeze, gpa, &mapping);

		if (page && !is_transient(freeze, gpa))
			os = put(batch, page, MOTE_PAGE_SIZE, offset + done);
	}
	return os;
}

static int write_pieces(const struct mti_freeze *freeze,
			const struct mti_pieces *pieces, struct batch *batch)
{
	uint64_t offset = 0;
	int os = 0;
	size_t i;

	for (i = 0; i < pieces->count && os == 0; i++) {
		if (pieces->items[i].kind != MTI_PIECE_NEW)
			continue;
		os = write_piece(freeze, batch, &pieces->items[i], offset);
		offset += pieces->items[i].size;
	}
	if (os == 0)
		os = flush(batch);
	return os;
}

static mote_status stage(const struct mti_freeze *freeze,
			 const struct mti_pieces *pieces, uint64_t size,
			 struct mti_backing **out, mote_error *err)
{
	struct batch batch = { .staging_size = size };
	struct mti_backing *backing;
	mote_status status;

	status = mti_backing_stage(freeze->allocator, size, &backing,
				   &batch.staging, err);
	if (status != MOTE_OK)
		return status;
	/* Nothing of it can fail. */
	(void)write_pieces(freeze, pieces, &batch);
	status = mti_backing_seal(backing, err);
	if (status == MOTE_OK)
		*out = backing;
	else
		mti_backing_unref(backing);
	return status;
}

static mote_status make_file(const struct mti_freeze *freeze,
			     const struct mti_pieces *pieces, uint64_t size,
			     struct mti_backing **out, mote_error *err)
{
	struct batch batch = { .fd = mti_os_memfd("mote-snapshot", size) };
	int fd = batch.fd;

	if (fd >= 0)
		fd = mti_store_seal(fd, write_pieces(freeze, pieces, &batch));
	/* It could be read just now. */
	if (fd == -EFAULT)
		return mti_error_os(err, MOTE_E_OS, operation, -fd,
				    "a file that is mapped becomes shorter");
	if (fd < 0)
		return mti_error_os(err, MOTE_E_OS, operation, -fd,
				    "writing %llu bytes to memory",
				    (unsigned long long)size);
	return mti_backing_new(freeze->allocator, fd, size, out, err);
}

/* What is mapped may not be there any more: only the system may read it. */
static mote_status make_backing(const struct mti_freeze *freeze,
				const struct mti_pieces *pieces, uint64_t size,
				struct mti_backing **out, mote_error *err)
{
	bool mapped = freeze->window && freeze->window->count > 0;

	if (size >= STAGED_BYTES && !mapped)
		return stage(freeze, pieces, size, out, err);
	return make_file(freeze, pieces, size, out, err);
}

/*
 * The files of base that are still used, in their order; numbers says which
 * they are now. The count.
 */
static uint32_t share_files(const struct mti_pieces *pieces,
			    const struct mti_store *base,
			    struct mti_store *store,
			    uint32_t numbers[MTI_STORE_FILES])
{
	struct shares shares;
	uint32_t count = 0;
	uint32_t i;

	count_shares(pieces, &shares);
	/* If all is zero too: files of snapshots have memory. */
	if (shares.same + shares.fresh == 0)
		shares.files[0] = base->files[0] ? base->files[0]->size : 0;
	for (i = 0; i < MTI_STORE_FILES; i++) {
		if (shares.files[i] == 0)
			continue;
		numbers[i] = count;
		store->files[count++] = base->files[i];
		mti_backing_ref(base->files[i]);
	}
	return count;
}

/* The new file is number `file` of the store. */
static void fill_extents(struct mti_store *store,
			 const struct mti_pieces *pieces,
			 const uint32_t numbers[MTI_STORE_FILES],
			 uint32_t file)
{
	uint64_t offset = 0;
	size_t i;

	for (i = 0; i < pieces->count; i++) {
		const struct mti_piece *piece = &pieces->items[i];
		bool same = piece->kind == MTI_PIECE_SAME;

		store->extents[i] = (struct mti_extent){
			.gpa = piece->gpa,
			.size = piece->size,
			.offset = same ? piece->offset : offset,
			.file = same ? numbers[piece->file] : file,
		};
		offset += same ? 0 : piece->size;
	}
	store->extent_count = (uint32_t)pieces->count;
}

static mote_status build_store(const struct mti_freeze *freeze,
			       const struct mti_pieces *pieces,
			       struct mti_store **out, mote_error *err)
{
	const uint64_t size = mti_pieces_bytes(pieces, MTI_PIECE_NEW);
	struct mti_store *store = mti_store_new(freeze->allocator,
						result_size(freeze));
	uint32_t numbers[MTI_STORE_FILES] = { 0 };
	mote_status status = MOTE_OK;
	uint32_t file;

	if (!store)
		return mti_error_set(err, MOTE_E_NO_MEMORY, operation,
				     "no memory for the store");
	file = share_files(pieces, freeze->base, store, numbers);
	if (size > 0)
		status = make_backing(freeze, pieces, size,
				      &store->files[file], err);
	if (status != MOTE_OK) {
		mti_store_unref(store);
		return status;
	}
	fill_extents(store, pieces, numbers, file);
	*out = store;
	return MOTE_OK;
}

mote_status mti_store_freeze(const struct mti_freeze *freeze,
			     struct mti_store **out, mote_error *err)
{
	struct mti_pieces changes = { .allocator = freeze->allocator };
	struct mti_pieces pieces = { .allocator = freeze->allocator };
	mote_status status;

	if (!find_changes(freeze, &changes) ||
	    !overlay(freeze, &changes, &pieces)) {
		status = mti_error_set(err, MOTE_E_NO_MEMORY, operation,
				       "no memory for the list of pages");
		goto out;
	}
	status = append_window(freeze, &pieces, err);
	if (status == MOTE_OK)
		status = choose(freeze, &pieces, err);
	if (status == MOTE_OK)
		status = build_store(freeze, &pieces, out, err);
out:
	mti_pieces_free(&changes);
	mti_pieces_free(&pieces);
	return status;
}
