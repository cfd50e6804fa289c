/*
 * Call stacks, counted: a tree whose root is the start of all, each node one
 * function below its caller. Bounded: what comes when it is full is counted
 * at the caller.
 */
#ifndef CLI_TREE_H
#define CLI_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLI_TREE_NODES_MAX (UINT32_C(1) << 17)
#define CLI_TREE_ROOT 0u

struct cli_node {
	uint32_t parent; /* a lower number; the root's is its own */
	uint64_t key;
	uint64_t value; /* of the node itself, without its children */
};

struct cli_tree {
	struct cli_node *nodes; /* owned; the root is number 0 */
	uint32_t count;
	uint32_t capacity;
	uint32_t *slots; /* owned: hash of (parent, key), 0: free */
	uint32_t slot_count;
	bool full; /* something was counted at a caller */
};

/* False if there is no memory. */
bool cli_tree_init(struct cli_tree *tree);
void cli_tree_fini(struct cli_tree *tree);

/* The child of a node with that key, made if need be. */
uint32_t cli_tree_child(struct cli_tree *tree, uint32_t parent, uint64_t key);

#endif
