/*
 * Joining the pieces of a new store, against all ways to do it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "harness/random.h"
#include "harness/unit.h"
#include "mem/pieces.h"

#define PAGE UINT64_C(4096)
#define FEW 11

static uint64_t seed;
static struct random_source source;

static uint64_t end_of(const struct mti_piece *piece)
{
	return piece->gpa + piece->size;
}

static void append(struct mti_pieces *pieces, uint64_t gpa, uint64_t size,
		   uint32_t file)
{
	const struct mti_piece piece = {
		.gpa = gpa * PAGE,
		.size = size * PAGE,
		.offset = file ? gpa * PAGE : 0,
		.file = file,
		.kind = file ? MTI_PIECE_SAME : MTI_PIECE_NEW,
	};

	assert_true(mti_pieces_append(pieces, &piece));
}

/* Up to count pieces, some side by side, none over pages 40 and 41. */
static void make(struct mti_pieces *pieces, size_t count)
{
	uint64_t gpa = random_below(&source, 3);

	while (count-- > 0) {
		uint64_t size = 1 + random_below(&source, 6);

		if (gpa < 42 && gpa + size > 40)
			gpa = 42;
		append(pieces, gpa, size, (uint32_t)random_below(&source, 3));
		gpa += size + random_below(&source, 2) *
				      random_below(&source, 9);
	}
}

/* What it costs to join those that have a bit with the one before. */
static uint64_t cost_of(const struct mti_pieces *pieces, size_t bits,
			size_t most, const struct mti_gaps *gaps)
{
	uint64_t cost = 0;
	size_t parts = 0;
	size_t i;

	for (i = 0; i < pieces->count; i++) {
		const struct mti_piece *piece = &pieces->items[i];
		bool on = i > 0 && bits >> i & 1;
		bool next = i + 1 < pieces->count && bits >> (i + 1) & 1;

		parts += !on;
		if ((on || next) && piece->kind == MTI_PIECE_SAME)
			cost += piece->size;
		if (!on)
			continue;
		if (end_of(&piece[-1]) <= gaps->hole &&
		    piece->gpa >= gaps->hole_end)
			return UINT64_MAX;
		cost += piece->gpa - end_of(&piece[-1]);
	}
	return parts <= most ? cost : UINT64_MAX;
}

static void expect_apart(const struct mti_pieces *pieces,
			 const struct mti_gaps *gaps)
{
	uint64_t end = 0;
	size_t i;

	for (i = 0; i < pieces->count; i++) {
		const struct mti_piece *piece = &pieces->items[i];

		assert_true(piece->gpa >= end && piece->size > 0);
		end = end_of(piece);
		assert_true(end <= gaps->hole || piece->gpa >= gaps->hole_end);
		if (piece->kind == MTI_PIECE_SAME)
			assert_int_equal(piece->offset, piece->gpa);
	}
}

static void test_cheapest(void **state)
{
	const struct mti_gaps gaps = { .hole = 40 * PAGE,
				       .hole_end = 42 * PAGE };
	int round;

	(void)state;
	for (round = 0; round < 3000; round++) {
		struct mti_pieces pieces = { .allocator = &mti_allocator_libc };
		size_t most = 2 + random_below(&source, 6);
		uint64_t best = UINT64_MAX;
		uint64_t before;
		uint64_t after;
		size_t bits;

		make(&pieces, 1 + random_below(&source, FEW));
		for (bits = 0; bits < (size_t)1 << pieces.count; bits += 2) {
			uint64_t cost = cost_of(&pieces, bits, most, &gaps);

			best = cost < best ? cost : best;
		}
		before = mti_pieces_bytes(&pieces, MTI_PIECE_NEW);
		assert_true(mti_pieces_join(&pieces, most, &gaps));
		after = mti_pieces_bytes(&pieces, MTI_PIECE_NEW);
		assert_true(pieces.count <= most);
		assert_int_equal(after - before, best);
		expect_apart(&pieces, &gaps);
		mti_pieces_free(&pieces);
	}
}

/* So many that some are joined before. */
static void test_many(void **state)
{
	const struct mti_region one = { .gpa = 100001 * PAGE, .size = PAGE };
	const struct mti_region *regions[] = { &one };
	const struct mti_gaps gaps = { .regions = regions, .count = 1 };
	struct mti_pieces pieces = { .allocator = &mti_allocator_libc };
	uint64_t pages = 0;
	uint64_t gpa;

	(void)state;
	for (gpa = 0; gpa < 200000; gpa += 2, pages++)
		append(&pieces, gpa, 1, 0);
	/* One gap that may not be covered, and 63 that are worth it. */
	for (gpa = 300000; gpa < 363000; gpa += 1000, pages++)
		append(&pieces, gpa, 1, 0);
	assert_true(mti_pieces_join(&pieces, 65, &gaps));
	assert_int_equal(pieces.count, 65);
	assert_int_equal(mti_pieces_bytes(&pieces, MTI_PIECE_NEW),
			 (200000 - 2 + 63) * PAGE);
	assert_int_equal(end_of(&pieces.items[0]), one.gpa);
	mti_pieces_free(&pieces);
}

/* There is no way: they stay as they are. */
static void test_none(void **state)
{
	const struct mti_gaps gaps = { .hole = PAGE, .hole_end = 2 * PAGE };
	struct mti_pieces pieces = { .allocator = &mti_allocator_libc };

	(void)state;
	append(&pieces, 0, 1, 0);
	append(&pieces, 2, 1, 0);
	assert_true(mti_pieces_join(&pieces, 1, &gaps));
	assert_int_equal(pieces.count, 2);
	mti_pieces_free(&pieces);
	assert_true(mti_pieces_join(&pieces, 1, &gaps));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cheapest),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_none),
	};

	seed = random_seed(argc, argv);
	source.state = seed;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
