/*
 * See tree.h.
 */
#include "tree.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_NODES 1024u
/* Of slots for each node: open addressing. */
#define SLOTS_A_NODE 2u

static uint64_t mix(uint64_t x)
{
	/* The finalizer of splitmix64. */
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

/* The slot of a child, or the free one where it belongs. */
static uint32_t *slot_of(const struct cli_tree *tree, uint32_t parent,
			 uint64_t key)
{
	uint32_t mask = tree->slot_count - 1;
	uint32_t at = (uint32_t)mix(key + mix(parent)) & mask;

	while (tree->slots[at] != 0) {
		const struct cli_node *node = &tree->nodes[tree->slots[at]];

		if (node->parent == parent && node->key == key)
			break;
		at = (at + 1) & mask;
	}
	return &tree->slots[at];
}

static bool resize(struct cli_tree *tree, uint32_t capacity)
{
	uint32_t slots = capacity * SLOTS_A_NODE;
	struct cli_node *nodes;
	uint32_t *table;

	table = calloc(slots, sizeof(*table));
	if (!table)
		return false;
	nodes = realloc(tree->nodes, capacity * sizeof(*nodes));
	if (!nodes) {
		free(table);
		return false;
	}
	free(tree->slots);
	tree->nodes = nodes;
	tree->capacity = capacity;
	tree->slots = table;
	tree->slot_count = slots;
	for (uint32_t i = 1; i < tree->count; i++)
		*slot_of(tree, nodes[i].parent, nodes[i].key) = i;
	return true;
}

bool cli_tree_init(struct cli_tree *tree)
{
	memset(tree, 0, sizeof(*tree));
	if (!resize(tree, FIRST_NODES))
		return false;
	memset(&tree->nodes[CLI_TREE_ROOT], 0, sizeof(tree->nodes[0]));
	tree->count = 1;
	return true;
}

void cli_tree_fini(struct cli_tree *tree)
{
	free(tree->nodes);
	free(tree->slots);
	memset(tree, 0, sizeof(*tree));
}

uint32_t cli_tree_child(struct cli_tree *tree, uint32_t parent, uint64_t key)
{
	uint32_t *slot = slot_of(tree, parent, key);

	if (*slot != 0)
		return *slot;
	if (tree->count == tree->capacity) {
		if (tree->capacity >= CLI_TREE_NODES_MAX ||
		    !resize(tree, tree->capacity * 2)) {
			tree->full = true;
			return parent;
		}
		slot = slot_of(tree, parent, key);
	}
	*slot = tree->count;
	tree->nodes[tree->count] =
		(struct cli_node){ .parent = parent, .key = key };
	return tree->count++;
}
