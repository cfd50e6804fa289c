/*
 * Any sequence of maps, clears and moves, in tables of every format, against
 * a flat array. --seed N has the same sequence again.
 */
#include <string.h>

#include "harness/random.h"
#include "harness/tables.h"
#include "harness/unit.h"

#define PAGE TABLES_PAGE
#define WINDOW_PAGES 3072
#define ROUNDS 6
#define STEPS 40

static struct random_source source;
static const struct mti_pt *pt;
static uint64_t window; /* the model's first address */

static struct {
	bool mapped;
	uint64_t gpa;
	uint32_t flags;
} model[WINDOW_PAGES];

static bool some(void)
{
	return random_below(&source, 2);
}

/* Borders of tables of all levels, and both ends of the address space. */
static uint64_t some_window(void)
{
	const uint64_t size = WINDOW_PAGES * PAGE;
	unsigned int level =
		(unsigned int)random_below(&source, pt->levels - 1u);
	uint64_t border;

	switch (random_below(&source, 4)) {
	case 0:
		return tables_first(pt);
	case 1:
		return tables_last(pt) + 1 - size;
	default:
		/* Half on each side of a border. */
		border = tables_first(pt) +
			 2 * (UINT64_C(1) << pt->shift[level]);
		while (border - tables_first(pt) < size)
			border += size;
		return border - size / 2;
	}
}

static void map_something(uint64_t first, uint64_t count)
{
	static const uint32_t all[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14 };
	struct mti_pt_mapping mapping;
	bool taken = false;
	uint64_t gpa = random_below(&source, 1u << 19);
	enum mti_pt_result result;
	uint64_t i;

	if (some()) /* large pages are possible */
		gpa = (gpa & ~UINT64_C(1023)) |
		      ((window / PAGE + first) & 1023);
	mapping.gva = window + first * PAGE;
	mapping.gpa = gpa * PAGE;
	mapping.size = count * PAGE;
	mapping.flags = all[random_below(&source, 12)];
	if (some())
		mapping.flags |= MTI_PT_LARGE;
	if (some())
		mapping.flags |= MTI_PT_NEW;
	for (i = first; i < first + count; i++)
		taken = taken || model[i].mapped;
	taken = taken && (mapping.flags & MTI_PT_NEW);
	result = mti_pt_map(pt, &tables_ops, tables.root, &mapping);
	assert_int_equal(result, taken ? MTI_PT_IN_USE : MTI_PT_OK);
	for (i = 0; i < count && !taken; i++) {
		model[first + i].mapped = true;
		model[first + i].gpa = (gpa + i) * PAGE;
		model[first + i].flags = tables_flags(pt, mapping.flags);
	}
}

static void step(void)
{
	uint64_t first = random_below(&source, WINDOW_PAGES);
	uint64_t count = 1 + random_below(&source, WINDOW_PAGES - first);
	uint64_t i;

	if (some())
		count = 1 + (count - 1) % 20;
	if (random_below(&source, 4) == 0)
		tables_freeze();
	if (random_below(&source, 4) != 0) {
		map_something(first, count);
	} else {
		assert_int_equal(mti_pt_clear(pt, &tables_ops, tables.root,
					      window + first * PAGE,
					      count * PAGE),
				 MTI_PT_OK);
		for (i = first; i < first + count; i++)
			model[i].mapped = false;
	}
	tables_thaw();
	assert_int_equal(tables.strays, 0);
}

/* The walk gives what the array has, in the same order. */
static void check_walk(void)
{
	struct mti_pt_page page = { .size = 0 };
	struct mti_pt_walk walk;
	uint64_t i;

	assert_int_equal(
		mti_pt_walk_begin(&walk, pt, &tables_ops, tables.root, window,
				  window + WINDOW_PAGES * PAGE - 1, 1u << 20),
		MTI_PT_OK);
	for (i = 0; i < WINDOW_PAGES; i++) {
		uint64_t gva = window + i * PAGE;

		if (!model[i].mapped)
			continue;
		if (page.size == 0 || gva - page.gva >= page.size)
			assert_int_equal(mti_pt_walk_next(&walk, &page),
					 MTI_PT_OK);
		assert_true(gva - page.gva < page.size);
		assert_int_equal(page.gpa + (gva - page.gva), model[i].gpa);
		assert_int_equal(page.flags, model[i].flags);
	}
	assert_int_equal(mti_pt_walk_next(&walk, &page), MTI_PT_END);
}

static void check(void)
{
	struct mti_pt_translation found;
	enum mti_pt_result result;
	uint64_t i;

	for (i = 0; i < WINDOW_PAGES; i++) {
		result = mti_pt_translate(pt, &tables_ops, tables.root,
					  window + i * PAGE + 7, &found);
		assert_int_equal(result,
				 model[i].mapped ? MTI_PT_OK : MTI_PT_ABSENT);
		if (!model[i].mapped)
			continue;
		assert_int_equal(found.gpa, model[i].gpa + 7);
		assert_int_equal(found.flags, model[i].flags);
	}
	check_walk();
}

static void test_model(void **state)
{
	size_t format;
	size_t round;
	size_t i;

	(void)state;
	for (format = 0; format < TABLES_FORMATS; format++)
		for (round = 0; round < ROUNDS; round++) {
			pt = tables_formats[format];
			tables_reset();
			memset(model, 0, sizeof(model));
			window = some_window();
			for (i = 0; i < STEPS; i++) {
				step();
				if (i % 10 == 9)
					check();
			}
			assert_int_equal(mti_pt_clear(pt, &tables_ops,
						      tables.root, window,
						      WINDOW_PAGES * PAGE),
					 MTI_PT_OK);
			/* Nothing is left over, not even tables. */
			assert_int_equal(tables_used(), 1);
		}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),
	};

	source.state = random_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
