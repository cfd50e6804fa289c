/*
 * What profiles are made of: the tree of call stacks, the account of a heap
 * that may lie, and pictures of functions with hostile names.
 */
#include <stdlib.h>
#include <string.h>

#include "flame.h"
#include "harness/random.h"
#include "harness/unit.h"
#include "profile.h"

static uint64_t seed;

static void test_tree(void **state)
{
	struct cli_tree tree;
	uint32_t a;
	uint32_t b;

	(void)state;
	assert_true(cli_tree_init(&tree));
	a = cli_tree_child(&tree, CLI_TREE_ROOT, 1);
	b = cli_tree_child(&tree, a, 1);
	assert_int_not_equal(a, b);
	assert_int_equal(cli_tree_child(&tree, CLI_TREE_ROOT, 1), a);
	assert_int_equal(cli_tree_child(&tree, a, 1), b);
	assert_int_equal(tree.nodes[b].parent, a);
	/* Full: what is there is still found, what is new is the caller's. */
	for (uint64_t i = 0; tree.count < CLI_TREE_NODES_MAX; i++)
		(void)cli_tree_child(&tree, b, i);
	assert_false(tree.full);
	assert_int_equal(cli_tree_child(&tree, a, 77), a);
	assert_true(tree.full);
	assert_int_equal(cli_tree_child(&tree, a, 1), b);
	assert_int_equal(cli_tree_child(&tree, b, 5),
			 cli_tree_child(&tree, b, 5));
	assert_int_equal(tree.count, CLI_TREE_NODES_MAX);
	cli_tree_fini(&tree);
}

/* --------------------------------------------------------------- the heap */

#define SITES 4
#define BLOCKS 200

/* What is allocated, done slowly. */
struct model {
	struct {
		uint64_t size;
		uint32_t site;
		bool used;
	} blocks[BLOCKS];
	uint64_t live[SITES];
	uint64_t total;
	uint64_t peak;
	uint64_t at_peak[SITES];
};

static void model_change(struct model *model, size_t i, bool added)
{
	uint64_t size = model->blocks[i].size;

	model->blocks[i].used = added;
	if (added) {
		model->live[model->blocks[i].site] += size;
		model->total += size;
	} else {
		model->live[model->blocks[i].site] -= size;
		model->total -= size;
	}
	if (model->total > model->peak) {
		model->peak = model->total;
		memcpy(model->at_peak, model->live, sizeof(model->live));
	}
}

static void event(struct cli_heap *heap, uint32_t kind, size_t i,
		  uint64_t size, uint32_t site)
{
	mote_frame frame = { .pc = 0x401000 + site };

	cli_heap_event(heap, kind, 0x701000000000 + 16 * i, size, &frame, 1);
}

static void step(struct cli_heap *heap, struct model *model,
		 struct random_source *source)
{
	size_t i = random_below(source, BLOCKS);

	if (model->blocks[i].used) {
		event(heap, MOTE_HEAP_FREE, i, 0, 0);
		model_change(model, i, false);
		return;
	}
	model->blocks[i].size = 1 + random_below(source, 1000);
	model->blocks[i].site = (uint32_t)random_below(source, SITES);
	event(heap, MOTE_HEAP_ALLOCATE, i, model->blocks[i].size,
	      model->blocks[i].site);
	model_change(model, i, true);
}

static void expect_same(const struct cli_heap *heap, const struct model *model)
{
	uint64_t at_peak[SITES] = { 0 };
	uint64_t live[SITES] = { 0 };

	for (uint32_t i = 1; i < heap->stacks.places.count; i++) {
		const struct cli_heap_site *site = &heap->sites[i];
		uint64_t pc = heap->stacks.places.nodes[i].key / 2;

		live[pc - 0x401000] = site->live;
		at_peak[pc - 0x401000] = site->change == heap->peaks ?
						 site->peak_live : site->live;
	}
	assert_int_equal(heap->live, model->total);
	assert_int_equal(heap->peak, model->peak);
	assert_memory_equal(live, model->live, sizeof(live));
	assert_memory_equal(at_peak, model->at_peak, sizeof(at_peak));
}

static void test_heap_model(void **state)
{
	struct random_source source = { seed };

	(void)state;
	for (int round = 0; round < 20; round++) {
		struct cli_heap heap = { .live = 0 };
		struct model model = { .total = 0 };

		assert_true(cli_heap_init(&heap));
		for (int i = 0; i < 20000; i++)
			step(&heap, &model, &source);
		expect_same(&heap, &model);
		assert_int_equal(heap.strange, 0);
		cli_heap_fini(&heap);
	}
}

/* A guest that says anything. */
static void test_heap_lies(void **state)
{
	struct random_source source = { seed };
	struct cli_heap heap = { .live = 0 };
	mote_frame frames[4] = { { .pc = 1 } };

	(void)state;
	assert_true(cli_heap_init(&heap));
	for (int i = 0; i < 200000; i++) {
		for (size_t k = 0; k < 4; k++)
			frames[k].pc = random_any_width(&source);
		cli_heap_event(&heap, 1 + (uint32_t)random_below(&source, 2),
			       random_any_width(&source),
			       random_any_width(&source), frames,
			       random_below(&source, 5));
	}
	assert_true(heap.strange > 0);
	assert_true(heap.block_count + heap.gone < heap.block_slots);
	cli_heap_fini(&heap);
}

/* ------------------------------------------------------------ the picture */

/* calls and functions by hand: there is no guest. */
static void make_stacks(struct cli_stacks *stacks, const char *const *names,
			size_t count)
{
	memset(stacks, 0, sizeof(*stacks));
	assert_true(cli_tree_init(&stacks->places));
	assert_true(cli_tree_init(&stacks->calls));
	stacks->functions = calloc(count + 1, sizeof(*stacks->functions));
	assert_non_null(stacks->functions);
	stacks->function_count = (uint32_t)count + 1;
	for (size_t i = 0; i < count; i++) {
		stacks->functions[i + 1].name = strdup(names[i]);
		stacks->functions[i + 1].source = i % 2;
	}
}

static char *draw(const struct cli_stacks *stacks, bool folded)
{
	const struct cli_flame flame = { "a <title>", "a & subtitle",
					 "samples", false };
	char *data = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&data, &size);

	assert_non_null(file);
	if (folded)
		cli_flame_folded(stacks, file);
	else
		cli_flame_svg(stacks, &flame, file);
	assert_int_equal(fclose(file), 0);
	return data;
}

static void test_pictures(void **state)
{
	static const char *const names[] = { "outer", "in<n>er;\" &\033[2J",
					     "\xff\xfe" };
	struct cli_stacks stacks;
	uint32_t outer;
	uint32_t inner;
	char *text;

	(void)state;
	make_stacks(&stacks, names, 3);
	text = draw(&stacks, false);
	assert_non_null(strstr(text, "</svg>"));
	free(text);
	outer = cli_tree_child(&stacks.calls, CLI_TREE_ROOT, 1);
	inner = cli_tree_child(&stacks.calls, outer, 2);
	stacks.calls.nodes[outer].value = 25;
	stacks.calls.nodes[inner].value = 70;
	stacks.calls.nodes[cli_tree_child(&stacks.calls, inner, 3)].value = 5;
	text = draw(&stacks, false);
	assert_non_null(strstr(text, "a &lt;title&gt;"));
	assert_non_null(strstr(text, "<title>outer: 100 samples, 100.0 %; "
				     "itself 25 samples</title>"));
	assert_non_null(strstr(text, "<title>in&lt;n&gt;er;&quot; &amp;"
				     "\\x1b[2J: 75 samples, 75.0 %"));
	assert_non_null(strstr(text, "<title>\\xff\\xfe: 5 samples"));
	assert_null(strchr(text, '\033'));
	free(text);
	text = draw(&stacks, true);
	assert_string_equal(text, "outer 25\n"
				  "outer;in<n>er_\"_&\\x1b[2J 70\n"
				  "outer;in<n>er_\"_&\\x1b[2J;\\xff\\xfe 5\n");
	free(text);
	cli_stacks_fini(&stacks);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tree),
		cmocka_unit_test(test_heap_model),
		cmocka_unit_test(test_heap_lies),
		cmocka_unit_test(test_pictures),
	};

	seed = random_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
