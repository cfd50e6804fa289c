/*
 * See stacks.h.
 */
#include "stacks.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frames.h"

/* Named at once. */
#define TOGETHER 1024u

bool cli_stacks_init(struct cli_stacks *stacks)
{
	memset(stacks, 0, sizeof(*stacks));
	return cli_tree_init(&stacks->places);
}

void cli_stacks_fini(struct cli_stacks *stacks)
{
	for (uint32_t i = 0; i < stacks->function_count; i++)
		free(stacks->functions[i].name);
	free(stacks->functions);
	free(stacks->made);
	cli_tree_fini(&stacks->places);
	cli_tree_fini(&stacks->calls);
	memset(stacks, 0, sizeof(*stacks));
}

uint32_t cli_stacks_add(struct cli_stacks *stacks,
			const struct mote_frame *frames, size_t count)
{
	uint32_t node = CLI_TREE_ROOT;

	while (count-- > 0)
		node = cli_tree_child(&stacks->places, node,
				      frames[count].pc * 2 +
					      (frames[count].flags &
					       MOTE_FRAME_RETURN));
	return node;
}

/* Names of functions, found by hash. */
struct naming {
	struct cli_stacks *stacks;
	uint32_t *slots;
	uint32_t slot_count;
	bool inner;
	uint32_t *made; /* stacks->made */
	bool *wrapper;  /* of each node in places: it calls an export */
};

static uint32_t hash(const char *text)
{
	uint32_t value = 2166136261u; /* FNV-1a */

	for (; *text; text++)
		value = (value ^ (unsigned char)*text) * 16777619u;
	return value;
}

/* The number of a function, or 0 if there is no memory. */
static uint32_t intern(struct naming *naming, const char *name, bool source)
{
	struct cli_stacks *stacks = naming->stacks;
	uint32_t mask = naming->slot_count - 1;
	uint32_t at = hash(name) & mask;
	struct cli_function *function;

	for (; naming->slots[at] != 0; at = (at + 1) & mask) {
		function = &stacks->functions[naming->slots[at]];
		if (strcmp(function->name, name) == 0)
			return naming->slots[at];
	}
	function = &stacks->functions[stacks->function_count];
	function->name = strdup(name);
	if (!function->name)
		return 0;
	function->source = source;
	naming->slots[at] = stacks->function_count;
	return stacks->function_count++;
}

static bool begins_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* mote-cc puts these in place of malloc and the like. */
static const char *without_wrap(const char *name)
{
	return begins_with(name, "__wrap_") ? name + strlen("__wrap_") : name;
}

/* With lines, and not of the runtime, which is built with them. */
static bool is_programs(const mote_frame *frame)
{
	return frame->line != 0 && !begins_with(frame->file, "guest/rt/") &&
	       !begins_with(frame->file, "guest/libc/");
}

static bool add_node(struct naming *naming, uint32_t number,
		     const mote_frame *frame)
{
	struct cli_stacks *stacks = naming->stacks;
	const struct cli_node *node = &stacks->places.nodes[number];
	uint32_t parent = naming->made[node->parent];
	uint32_t function;
	char address[32];
	const char *name;
	bool inlined;

	name = without_wrap(cli_frame_name(frame, &inlined));
	if (!name[0]) {
		snprintf(address, sizeof(address), "0x%" PRIx64, frame->pc);
		name = address;
	}
	naming->wrapper[number] = inlined;
	naming->made[number] = parent;
	if (begins_with(name, "mote_rt_") &&
	    (naming->inner || parent == CLI_TREE_ROOT))
		return true;
	function = intern(naming, name, is_programs(frame));
	if (function == 0)
		return false;
	/* An exported function below what was made to call it. */
	if (naming->wrapper[node->parent] &&
	    stacks->calls.nodes[parent].key == function)
		return true;
	naming->made[number] = cli_tree_child(&stacks->calls, parent, function);
	return true;
}

static bool add_nodes(struct naming *naming, mote_image *image,
		      mote_frame *frames)
{
	struct cli_tree *places = &naming->stacks->places;
	uint32_t done;
	uint32_t part;

	for (done = 1; done < places->count; done += part) {
		part = places->count - done;
		if (part > TOGETHER)
			part = TOGETHER;
		for (uint32_t i = 0; i < part; i++) {
			uint64_t key = places->nodes[done + i].key;

			frames[i].pc = key / 2;
			frames[i].flags = key % 2 ? MOTE_FRAME_RETURN : 0;
		}
		if (mote_image_symbolize(image, frames, part, NULL) != MOTE_OK)
			return false;
		for (uint32_t i = 0; i < part; i++)
			if (!add_node(naming, done + i, &frames[i]))
				return false;
	}
	for (uint32_t i = 0; i < places->count; i++)
		naming->stacks->calls.nodes[naming->made[i]].value +=
			places->nodes[i].value;
	return true;
}

bool cli_stacks_name(struct cli_stacks *stacks, mote_image *image, bool inner)
{
	uint32_t count = stacks->places.count;
	mote_frame *frames = calloc(TOGETHER, sizeof(*frames));
	struct naming naming = { .stacks = stacks, .inner = inner };
	bool named = false;

	/* No more functions than places, and twice as many slots. */
	naming.slot_count = 2;
	while (naming.slot_count < 2 * count)
		naming.slot_count *= 2;
	naming.slots = calloc(naming.slot_count, sizeof(*naming.slots));
	stacks->made = calloc(count, sizeof(*stacks->made));
	naming.made = stacks->made;
	naming.wrapper = calloc(count, sizeof(*naming.wrapper));
	stacks->functions = calloc(count + (size_t)1,
				   sizeof(*stacks->functions));
	if (frames && naming.slots && naming.made && naming.wrapper &&
	    stacks->functions && cli_tree_init(&stacks->calls)) {
		stacks->function_count = 1;
		named = add_nodes(&naming, image, frames);
	}
	free(frames);
	free(naming.slots);
	free(naming.wrapper);
	return named;
}
