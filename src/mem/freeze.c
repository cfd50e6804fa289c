#include "mem/freeze.h"

#include <errno.h>
#include <string.h>

#include "abi/layout.h"
#include "base/error.h"
#include "os/os.h"

#define PIECES_FIRST 64
#define BATCH 256
#define COPY_BYTES (16 * (uint64_t)MOTE_PAGE_SIZE)
/* Of a new file: from here on it is staged. */
#define STAGED_BYTES (UINT64_C(2) << 20)
/* Staged memory that is got at a time: filled while a cache holds its zeros. */
#define READY_BYTES (UINT64_C(2) << 20)

static const char operation[] = "take snapshot";

/* Guest-physical memory, sorted and apart; what is in no piece is zero. */
enum piece_kind {
	PIECE_SAME, /* as in the first file of base, at offset */
	PIECE_NEW,  /* to be written */
	PIECE_ZERO, /* on the way only */
};

struct piece {
	uint64_t gpa;
	uint64_t size;
	uint64_t offset;
	enum piece_kind kind;
};

struct pieces {
	const struct mti_allocator *allocator;
	struct piece *items; /* owned */
	size_t count;
	size_t capacity;
};

static bool append(struct pieces *pieces, const struct piece *piece)
{
	struct piece *last = pieces->count ?
				     &pieces->items[pieces->count - 1] :
				     NULL;
	size_t capacity = pieces->capacity ? pieces->capacity * 2 :
					     PIECES_FIRST;
	void *items;

	if (last && last->kind == piece->kind &&
	    last->gpa + last->size == piece->gpa &&
	    (last->kind != PIECE_SAME ||
	     last->offset + last->size == piece->offset)) {
		last->size += piece->size;
		return true;
	}
	if (pieces->count == pieces->capacity) {
		items = pieces->allocator->resize(
			pieces->allocator->user, pieces->items,
			capacity * sizeof(*pieces->items));
		if (!items)
			return false;
		pieces->items = items;
		pieces->capacity = capacity;
	}
	pieces->items[pieces->count++] = *piece;
	return true;
}

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

/* What becomes of a page that is dirty, or lies in base's second file. */
static enum piece_kind classify(const struct mti_freeze *freeze, uint64_t gpa,
				bool dirty)
{
	const struct mti_extent *extent = mti_store_find(freeze->base, gpa);
	const uint8_t *before = mti_store_page(freeze->base, gpa);
	const uint8_t *now = dirty ? own_page(freeze, gpa) : before;

	if (is_transient(freeze, gpa) || !now ||
	    mti_page_is_zero(now))
		return PIECE_ZERO;
	if (before && extent->file == 0 &&
	    (now == before || memcmp(now, before, MOTE_PAGE_SIZE) == 0))
		return PIECE_SAME;
	return PIECE_NEW;
}

/* The next page at or after *gpa that classify has to look at. */
static bool next_page(const struct mti_freeze *freeze, uint64_t *gpa,
		      bool *dirty)
{
	const struct mti_store *base = freeze->base;
	const struct mti_extent *extent = mti_store_find(base, *gpa);
	uint64_t second = UINT64_MAX;
	uint64_t run = *gpa;
	uint64_t size;

	while (extent && extent < base->extents + base->extent_count &&
	       extent->file == 0)
		extent++;
	if (extent && extent < base->extents + base->extent_count)
		second = extent->gpa > *gpa ? extent->gpa : *gpa;
	if (!mti_dirty_next(&freeze->memory->dirty, &run, &size))
		run = UINT64_MAX;
	if (freeze->tables && *gpa < freeze->tables->base_gpa &&
	    freeze->tables->base_gpa < run)
		run = freeze->tables->base_gpa;
	if (is_replaced(freeze, *gpa))
		run = *gpa;
	*dirty = run != UINT64_MAX && run <= second;
	*gpa = *dirty ? run : second;
	return *gpa != UINT64_MAX;
}

/* The changes to the first file of base, PIECE_NEW and PIECE_ZERO. */
static bool find_changes(const struct mti_freeze *freeze,
			 struct pieces *changes)
{
	struct piece piece = { .size = MOTE_PAGE_SIZE };
	bool dirty;

	for (; next_page(freeze, &piece.gpa, &dirty);
	     piece.gpa += MOTE_PAGE_SIZE) {
		piece.kind = classify(freeze, piece.gpa, dirty);
		if (piece.kind != PIECE_SAME && !append(changes, &piece))
			return false;
	}
	return true;
}

/* The pieces of base's first file in [from, to), where nothing changed. */
static bool append_same(const struct mti_store *base, uint64_t from,
			uint64_t to, struct pieces *out)
{
	const struct mti_extent *extent = mti_store_find(base, from);
	const struct mti_extent *end = base->extents + base->extent_count;

	for (; from < to && extent && extent < end && extent->gpa < to;
	     extent++) {
		struct piece piece = { .kind = PIECE_SAME };
		uint64_t stop = extent->gpa + extent->size;

		/* All of a second file has been looked at. */
		if (extent->file != 0)
			continue;
		piece.gpa = extent->gpa > from ? extent->gpa : from;
		piece.size = (stop < to ? stop : to) - piece.gpa;
		piece.offset = extent->offset + (piece.gpa - extent->gpa);
		if (!append(out, &piece))
			return false;
	}
	return true;
}

static bool overlay(const struct mti_freeze *freeze,
		    const struct pieces *changes, struct pieces *out)
{
	uint64_t from = 0;
	size_t i;

	for (i = 0; i < changes->count; i++) {
		const struct piece *change = &changes->items[i];

		if (!append_same(freeze->base, from, change->gpa, out) ||
		    (change->kind == PIECE_NEW && !append(out, change)))
			return false;
		from = change->gpa + change->size;
	}
	return append_same(freeze->base, from, freeze->base->memory_size, out);
}

/*
 * Joins new pieces that are no more than gap apart, as long as there are too
 * many: what lies between them is stored with them.
 */
static void join(struct pieces *pieces, uint64_t gap)
{
	size_t excess = pieces->count - MTI_STORE_EXTENTS_MAX;
	struct piece *last = NULL; /* the last new one of those kept */
	size_t kept = 0;
	size_t i;

	for (i = 0; i < pieces->count; i++) {
		struct piece *piece = &pieces->items[i];
		uint64_t end = last ? last->gpa + last->size : 0;

		if (piece->kind == PIECE_NEW && last && excess > 0 &&
		    piece->gpa - end <= gap) {
			size_t gone;

			last->size = piece->gpa + piece->size - last->gpa;
			gone = kept - (size_t)(last - pieces->items);
			excess -= gone < excess ? gone : excess;
			kept = (size_t)(last - pieces->items) + 1;
			continue;
		}
		pieces->items[kept] = *piece;
		if (piece->kind == PIECE_NEW)
			last = &pieces->items[kept];
		kept++;
	}
	pieces->count = kept;
}

static uint64_t result_size(const struct mti_freeze *freeze)
{
	uint64_t size = freeze->base->memory_size;

	return freeze->window && freeze->window->count > 0 ?
		       mti_window_end(freeze->window, size) :
		       size;
}

static void join_enough(const struct mti_freeze *freeze, struct pieces *pieces)
{
	uint64_t gap = MOTE_PAGE_SIZE;

	for (; pieces->count > MTI_STORE_EXTENTS_MAX &&
	       gap <= result_size(freeze) * 2;
	     gap *= 2)
		join(pieces, gap);
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
				  struct pieces *out, mote_error *err)
{
	const uint8_t *from = mapping->memory;
	const uint8_t *page;
	uint64_t at;

	for (at = 0; at < mapping->size; at += MOTE_PAGE_SIZE) {
		struct piece piece = {
			.gpa = mapping->gpa + at,
			.size = MOTE_PAGE_SIZE,
			.kind = PIECE_NEW,
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
		    !append(out, &piece))
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
				 struct pieces *out, mote_error *err)
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

static uint64_t bytes_of(const struct pieces *pieces, enum piece_kind kind)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < pieces->count; i++)
		if (pieces->items[i].kind == kind)
			sum += pieces->items[i].size;
	return sum;
}

/* Nothing is shared: everything goes to a file of its own. */
static void make_full(const struct mti_freeze *freeze, struct pieces *pieces)
{
	size_t kept = 0;
	size_t i;

	for (i = 0; i < pieces->count; i++) {
		struct piece *piece = &pieces->items[i];
		struct piece *last = kept ? &pieces->items[kept - 1] : NULL;

		piece->kind = PIECE_NEW;
		if (last && last->gpa + last->size == piece->gpa)
			last->size += piece->size;
		else
			pieces->items[kept++] = *piece;
	}
	pieces->count = kept;
	join_enough(freeze, pieces);
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
		       const struct piece *piece, uint64_t offset)
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
			const struct pieces *pieces, struct batch *batch)
{
	uint64_t offset = 0;
	int os = 0;
	size_t i;

	for (i = 0; i < pieces->count && os == 0; i++) {
		if (pieces->items[i].kind != PIECE_NEW)
			continue;
		os = write_piece(freeze, batch, &pieces->items[i], offset);
		offset += pieces->items[i].size;
	}
	if (os == 0)
		os = flush(batch);
	return os;
}

static mote_status stage(const struct mti_freeze *freeze,
			 const struct pieces *pieces, uint64_t size,
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
			     const struct pieces *pieces, uint64_t size,
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
				const struct pieces *pieces, uint64_t size,
				struct mti_backing **out, mote_error *err)
{
	bool mapped = freeze->window && freeze->window->count > 0;

	if (size >= STAGED_BYTES && !mapped)
		return stage(freeze, pieces, size, out, err);
	return make_file(freeze, pieces, size, out, err);
}

/* Owns nothing of pieces; the new file is number `file` of the store. */
static void fill_extents(struct mti_store *store, const struct pieces *pieces,
			 uint32_t file)
{
	uint64_t offset = 0;
	size_t i;

	for (i = 0; i < pieces->count; i++) {
		const struct piece *piece = &pieces->items[i];
		struct mti_extent *extent = &store->extents[i];

		extent->gpa = piece->gpa;
		extent->size = piece->size;
		if (piece->kind == PIECE_SAME) {
			extent->offset = piece->offset;
			continue;
		}
		extent->file = file;
		extent->offset = offset;
		offset += piece->size;
	}
	store->extent_count = (uint32_t)pieces->count;
}

static mote_status build_store(const struct mti_freeze *freeze,
			       const struct pieces *pieces,
			       struct mti_store **out, mote_error *err)
{
	uint64_t size = bytes_of(pieces, PIECE_NEW);
	bool full = bytes_of(pieces, PIECE_SAME) == 0;
	uint32_t file = full ? 0 : 1;
	struct mti_store *store = mti_store_new(freeze->allocator,
						result_size(freeze));
	mote_status status = MOTE_OK;

	if (!store)
		return mti_error_set(err, MOTE_E_NO_MEMORY, operation,
				     "no memory for the store");
	if (size > 0)
		status = make_backing(freeze, pieces, size,
				      &store->files[file], err);
	if (status != MOTE_OK) {
		mti_store_unref(store);
		return status;
	}
	/* If all is zero too: files of snapshots have memory. */
	if (!store->files[0] && freeze->base->files[0]) {
		store->files[0] = freeze->base->files[0];
		mti_backing_ref(store->files[0]);
	}
	fill_extents(store, pieces, file);
	*out = store;
	return MOTE_OK;
}

mote_status mti_store_freeze(const struct mti_freeze *freeze,
			     struct mti_store **out, mote_error *err)
{
	struct pieces changes = { .allocator = freeze->allocator };
	struct pieces pieces = { .allocator = freeze->allocator };
	mote_status status;

	if (!find_changes(freeze, &changes) ||
	    !overlay(freeze, &changes, &pieces)) {
		status = mti_error_set(err, MOTE_E_NO_MEMORY, operation,
				       "no memory for the list of pages");
		goto out;
	}
	status = append_window(freeze, &pieces, err);
	if (status != MOTE_OK)
		goto out;
	join_enough(freeze, &pieces);
	if (pieces.count > MTI_STORE_EXTENTS_MAX ||
	    bytes_of(&pieces, PIECE_NEW) > bytes_of(&pieces, PIECE_SAME))
		make_full(freeze, &pieces);
	status = build_store(freeze, &pieces, out, err);
out:
	mti_free(freeze->allocator, changes.items);
	mti_free(freeze->allocator, pieces.items);
	return status;
}
