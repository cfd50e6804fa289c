#include "mem/pieces.h"

#include <string.h>

#include "abi/layout.h"

#define PIECES_FIRST 64
/* Of more than these the nearest are joined without much thought. */
#define PIECES_MANY 4096
/* More than any sum of sizes; two of them can be added. */
#define NEVER (UINT64_MAX / 4)

bool mti_pieces_append(struct mti_pieces *pieces,
		       const struct mti_piece *piece)
{
	struct mti_piece *last = pieces->count ?
					 &pieces->items[pieces->count - 1] :
					 NULL;
	size_t capacity = pieces->capacity ? pieces->capacity * 2 :
					     PIECES_FIRST;
	void *items;

	if (last && last->kind == piece->kind &&
	    last->gpa + last->size == piece->gpa &&
	    (last->kind != MTI_PIECE_SAME ||
	     (last->file == piece->file &&
	      last->offset + last->size == piece->offset))) {
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

void mti_pieces_free(struct mti_pieces *pieces)
{
	mti_free(pieces->allocator, pieces->items);
	pieces->items = NULL;
	pieces->count = 0;
	pieces->capacity = 0;
}

uint64_t mti_pieces_bytes(const struct mti_pieces *pieces,
			  enum mti_piece_kind kind)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < pieces->count; i++)
		if (pieces->items[i].kind == kind)
			sum += pieces->items[i].size;
	return sum;
}

void mti_pieces_renew(struct mti_pieces *pieces, uint32_t files)
{
	size_t kept = 0;
	size_t i;

	for (i = 0; i < pieces->count; i++) {
		struct mti_piece piece = pieces->items[i];
		struct mti_piece *last = kept ? &pieces->items[kept - 1] : NULL;

		if (piece.kind == MTI_PIECE_SAME && (files >> piece.file & 1))
			piece.kind = MTI_PIECE_NEW;
		if (last && last->kind == MTI_PIECE_NEW &&
		    piece.kind == MTI_PIECE_NEW &&
		    last->gpa + last->size == piece.gpa)
			last->size += piece.size;
		else
			pieces->items[kept++] = piece;
	}
	pieces->count = kept;
}

/* --------------------------------------------------------------- joining */

/* Whether one piece may lie over [from, to). */
static bool may_cover(const struct mti_gaps *gaps, uint64_t from, uint64_t to)
{
	size_t i;

	if (from == to)
		return true;
	if (from < gaps->hole_end && gaps->hole < to &&
	    gaps->hole < gaps->hole_end)
		return false;
	for (i = 0; i < gaps->count; i++) {
		const struct mti_region *region = gaps->regions[i];

		if (from < region->gpa + region->size && region->gpa < to &&
		    region->size > 0)
			return false;
	}
	return true;
}

/*
 * Joins new pieces that are no more than gap apart, as long as there are more
 * than PIECES_MANY.
 */
static void thin(struct mti_pieces *pieces, uint64_t gap,
		 const struct mti_gaps *gaps)
{
	size_t excess = pieces->count - PIECES_MANY;
	struct mti_piece *last = NULL; /* the last new one of those kept */
	size_t kept = 0;
	size_t i;

	for (i = 0; i < pieces->count; i++) {
		struct mti_piece *piece = &pieces->items[i];
		uint64_t end = last ? last->gpa + last->size : 0;

		if (piece->kind == MTI_PIECE_NEW && last && excess > 0 &&
		    piece->gpa - end <= gap &&
		    may_cover(gaps, end, piece->gpa)) {
			size_t gone = kept - (size_t)(last - pieces->items);

			last->size = piece->gpa + piece->size - last->gpa;
			excess -= gone < excess ? gone : excess;
			kept = (size_t)(last - pieces->items) + 1;
			continue;
		}
		pieces->items[kept] = *piece;
		if (piece->kind == MTI_PIECE_NEW)
			last = &pieces->items[kept];
		kept++;
	}
	pieces->count = kept;
}

static void thin_enough(struct mti_pieces *pieces, const struct mti_gaps *gaps)
{
	const struct mti_piece *last = pieces->items + pieces->count - 1;
	uint64_t end = last->gpa + last->size;
	uint64_t gap;

	for (gap = MOTE_PAGE_SIZE;
	     pieces->count > PIECES_MANY && gap <= end * 2; gap *= 2)
		thin(pieces, gap, gaps);
}

/*
 * The cheapest way to make n parts of the pieces up to one of them, for each
 * n: the bytes that become new. A part is one piece, as it is, or a run of
 * them, joined.
 */
struct join {
	size_t most;
	uint64_t *alone;  /* by n: the last piece is a part of its own */
	uint64_t *joined; /* the last piece is in a run */
	uint8_t *choices; /* of piece i with n parts: what was before */
};

/* If a part begins with the piece: the one before is in a run. */
#define AFTER_RUN 1u
/* If the piece is in a run: it does not begin with it. */
#define RUN_GOES_ON 2u

static uint64_t copied(const struct mti_piece *piece)
{
	return piece->kind == MTI_PIECE_NEW ? 0 : piece->size;
}

/* Between a piece and the one before. */
static uint64_t gap_before(const struct mti_piece *piece,
			   const struct mti_gaps *gaps)
{
	uint64_t end = piece[-1].gpa + piece[-1].size;

	return may_cover(gaps, end, piece->gpa) ? piece->gpa - end : NEVER;
}

static uint64_t limited(uint64_t cost)
{
	return cost < NEVER ? cost : NEVER;
}

/* Goes on by one piece; gap is what lies before it. */
static void join_step(struct join *join, const struct mti_piece *piece,
		      uint64_t gap, uint8_t *choices)
{
	size_t n;

	for (n = join->most; n > 0; n--) {
		bool after_run = join->joined[n - 1] < join->alone[n - 1];
		uint64_t before = after_run ? join->joined[n - 1] :
					      join->alone[n - 1];
		uint64_t goes_on = limited(join->joined[n] + gap);

		choices[n] = after_run ? AFTER_RUN : 0;
		join->alone[n] = before;
		if (goes_on < before) {
			choices[n] |= RUN_GOES_ON;
			before = goes_on;
		}
		join->joined[n] = limited(before + copied(piece));
	}
	/* Something has been: no parts is no more a way. */
	join->alone[0] = NEVER;
}

/* The cheapest number of parts; 0 if there is none. */
static size_t join_best(const struct join *join, bool *joined)
{
	uint64_t best = NEVER;
	size_t found = 0;
	size_t n;

	for (n = 1; n <= join->most; n++) {
		if (join->alone[n] < best) {
			best = join->alone[n];
			found = n;
			*joined = false;
		}
		if (join->joined[n] < best) {
			best = join->joined[n];
			found = n;
			*joined = true;
		}
	}
	return found;
}

/* Makes one of each run: from behind, as choices say. */
static void join_apply(const struct join *join, struct mti_pieces *pieces,
		       size_t n, bool joined)
{
	size_t kept = pieces->count;
	size_t i = pieces->count;

	while (i-- > 0) {
		uint8_t choice = join->choices[i * (join->most + 1) + n];
		struct mti_piece part = pieces->items[i];
		uint64_t end = part.gpa + part.size;

		while (joined && (choice & RUN_GOES_ON)) {
			part = pieces->items[--i];
			choice = join->choices[i * (join->most + 1) + n];
			part.kind = MTI_PIECE_NEW;
		}
		part.size = end - part.gpa;
		pieces->items[--kept] = part;
		joined = choice & AFTER_RUN;
		n--;
	}
	pieces->count -= kept;
	memmove(pieces->items, pieces->items + kept,
		pieces->count * sizeof(*pieces->items));
}

static bool join_cheapest(struct mti_pieces *pieces, size_t most,
			  const struct mti_gaps *gaps)
{
	const size_t row = most + 1;
	struct join join = { .most = most };
	bool joined = false;
	bool made = false;
	size_t i;
	size_t n;

	join.alone = mti_alloc_raw(pieces->allocator, 2 * row,
				   sizeof(*join.alone));
	join.choices = mti_alloc_raw(pieces->allocator, pieces->count, row);
	if (!join.alone || !join.choices)
		goto out;
	join.joined = join.alone + row;
	for (n = 0; n < 2 * row; n++)
		join.alone[n] = n == 0 ? 0 : NEVER;
	for (i = 0; i < pieces->count; i++)
		join_step(&join, &pieces->items[i],
			  i ? gap_before(&pieces->items[i], gaps) : NEVER,
			  join.choices + i * row);
	n = join_best(&join, &joined);
	if (n > 0)
		join_apply(&join, pieces, n, joined);
	made = true;
out:
	mti_free(pieces->allocator, join.alone);
	mti_free(pieces->allocator, join.choices);
	return made;
}

bool mti_pieces_join(struct mti_pieces *pieces, size_t most,
		     const struct mti_gaps *gaps)
{
	if (pieces->count > PIECES_MANY)
		thin_enough(pieces, gaps);
	return pieces->count <= most || join_cheapest(pieces, most, gaps);
}
