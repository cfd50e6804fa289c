/*
 * See flame.h. The root is at the bottom, callees stand on their callers, the
 * width is the share of the whole. The name of a box, its value and share
 * appear when the mouse is over it: by <title>, without a script.
 */
#include "flame.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "filter.h"
#include "text.h"
#include "units.h"

#define WIDTH 1200.0
#define MARGIN 10.0
#define BOX 18
#define HEAD 64
#define FOOT 16
#define LETTER 6.7 /* of the font, about */
/* Boxes that are narrower are left out, in pixels. */
#define NARROW 0.2

struct layout {
	const struct cli_stacks *stacks;
	uint64_t *total; /* of a node and all above it */
	uint32_t *order; /* nodes by parent, then name */
	double *x;
	unsigned int *depth;
	unsigned int deepest;
};

static const char *name_of(const struct cli_stacks *stacks, uint32_t node)
{
	return stacks->functions[stacks->calls.nodes[node].key].name;
}

static int by_parent_and_name(const void *a, const void *b, void *context)
{
	const struct cli_stacks *sorted = context;
	const uint32_t *one = a;
	const uint32_t *two = b;
	uint32_t parent_one = sorted->calls.nodes[*one].parent;
	uint32_t parent_two = sorted->calls.nodes[*two].parent;

	if (parent_one != parent_two)
		return parent_one < parent_two ? -1 : 1;
	return strcmp(name_of(sorted, *one), name_of(sorted, *two));
}

static void add_up(struct layout *layout)
{
	const struct cli_tree *calls = &layout->stacks->calls;

	for (uint32_t i = 0; i < calls->count; i++)
		layout->total[i] = calls->nodes[i].value;
	/* Children have higher numbers than their parents. */
	for (uint32_t i = calls->count - 1; i > 0; i--)
		layout->total[calls->nodes[i].parent] += layout->total[i];
}

/* Children side by side on their parent, from its left. */
static void place(struct layout *layout)
{
	const struct cli_tree *calls = &layout->stacks->calls;
	uint64_t all = layout->total[CLI_TREE_ROOT];
	uint32_t last = CLI_TREE_ROOT;
	double x = MARGIN;

	for (uint32_t i = 1; i < calls->count; i++)
		layout->order[i - 1] = i;
	qsort_r(layout->order, calls->count - 1, sizeof(*layout->order),
		by_parent_and_name, (void *)(uintptr_t)layout->stacks);
	layout->x[CLI_TREE_ROOT] = MARGIN;
	for (uint32_t i = 0; i + 1 < calls->count; i++) {
		uint32_t node = layout->order[i];
		uint32_t parent = calls->nodes[node].parent;

		if (parent != last)
			x = layout->x[parent];
		last = parent;
		layout->x[node] = x;
		layout->depth[node] = layout->depth[parent] + 1;
		if (layout->total[node] > 0 &&
		    layout->depth[node] > layout->deepest)
			layout->deepest = layout->depth[node];
		if (all > 0)
			x += (WIDTH - 2 * MARGIN) *
			     (double)layout->total[node] / (double)all;
	}
}

/* Safe in XML, and for the eyes. */
static void put_text(const char *data, size_t size, FILE *file)
{
	char buffer[1024];
	struct cli_text text;

	cli_text_init(&text, buffer, sizeof(buffer));
	cli_text_clean(&text, data, size);
	for (const char *at = buffer; *at; at++) {
		switch (*at) {
		case '&':
			fputs("&amp;", file);
			break;
		case '<':
			fputs("&lt;", file);
			break;
		case '>':
			fputs("&gt;", file);
			break;
		case '"':
			fputs("&quot;", file);
			break;
		case '\n':
			fputc(' ', file);
			break;
		default:
			fputc(*at, file);
			break;
		}
	}
}

static void put_value(uint64_t value, const struct cli_flame *flame, FILE *file)
{
	char size[32];

	if (flame->bytes) {
		cli_format_size(value, size, sizeof(size));
		fputs(size, file);
	} else {
		fprintf(file, "%" PRIu64 " %s", value, flame->unit);
	}
}

/* Warm for the program's own functions, as far as they are known. */
static void put_colour(const struct cli_function *function, FILE *file)
{
	uint32_t hash = 2166136261u;

	for (const char *at = function->name; *at; at++)
		hash = (hash ^ (unsigned char)*at) * 16777619u;
	if (function->source)
		fprintf(file, "hsl(%u,%u%%,%u%%)", 18 + hash % 34,
			78 + hash / 64 % 14, 60 + hash / 4096 % 10);
	else
		fprintf(file, "hsl(%u,%u%%,%u%%)", 195 + hash % 25,
			30 + hash / 64 % 14, 68 + hash / 4096 % 10);
}

static void put_label(const char *name, double x, double y, double width,
		      FILE *file)
{
	size_t room = width > 8 ? (size_t)((width - 8) / LETTER) : 0;
	size_t length = strlen(name);

	if (room < 3)
		return;
	fprintf(file, "<text x=\"%.1f\" y=\"%.1f\">", x + 4, y + BOX - 5.5);
	if (length <= room) {
		put_text(name, length, file);
	} else {
		put_text(name, room - 2, file);
		fputs("..", file);
	}
	fputs("</text>", file);
}

static void put_box(const struct layout *layout, uint32_t node,
		    const struct cli_flame *flame, FILE *file)
{
	const struct cli_stacks *stacks = layout->stacks;
	const struct cli_node *it = &stacks->calls.nodes[node];
	double all = (double)layout->total[CLI_TREE_ROOT];
	double share = all > 0 ? (double)layout->total[node] / all : 0;
	double width = (WIDTH - 2 * MARGIN) * share;
	const char *name = name_of(stacks, node);
	double y;

	if (layout->total[node] == 0 || width < NARROW)
		return;
	y = HEAD + (double)((layout->deepest - layout->depth[node]) * BOX);
	fputs("<g><title>", file);
	put_text(name, strlen(name), file);
	fputs(": ", file);
	put_value(layout->total[node], flame, file);
	fprintf(file, ", %.1f %%", 100 * share);
	if (it->value > 0 && it->value < layout->total[node]) {
		fputs("; itself ", file);
		put_value(it->value, flame, file);
	}
	fprintf(file,
		"</title><rect x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" "
		"height=\"%d\" rx=\"2\" fill=\"",
		layout->x[node], y, width, BOX - 1);
	put_colour(&stacks->functions[it->key], file);
	fputs("\"/>", file);
	put_label(name, layout->x[node], y, width, file);
	fputs("</g>\n", file);
}

static void put_head(const struct layout *layout,
		     const struct cli_flame *flame, FILE *file)
{
	unsigned int height = HEAD + (layout->deepest + 1) * BOX + FOOT;

	fprintf(file,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" "
		"viewBox=\"0 0 %.0f %u\" width=\"%.0f\" height=\"%u\">\n"
		"<style>\n"
		"text { font: 11px Menlo, Consolas, 'DejaVu Sans Mono', "
		"monospace; fill: #222; pointer-events: none }\n"
		".title { font: bold 17px system-ui, 'Segoe UI', Helvetica, "
		"Arial, sans-serif }\n"
		".sub { font: 12px system-ui, 'Segoe UI', Helvetica, Arial, "
		"sans-serif; fill: #666 }\n"
		"g:hover rect { stroke: #222; stroke-width: 1 }\n"
		"</style>\n"
		"<rect width=\"100%%\" height=\"100%%\" fill=\"#fdfbf7\"/>\n"
		"<text class=\"title\" x=\"%.0f\" y=\"27\">",
		WIDTH, height, WIDTH, height, MARGIN);
	put_text(flame->title, strlen(flame->title), file);
	fprintf(file, "</text>\n<text class=\"sub\" x=\"%.0f\" y=\"46\">",
		MARGIN);
	put_text(flame->subtitle, strlen(flame->subtitle), file);
	fputs("</text>\n", file);
}

/* The root is all there is. */
static void put_all(const struct layout *layout,
		    const struct cli_flame *flame, FILE *file)
{
	double y = HEAD + (double)(layout->deepest * BOX);

	fputs("<g><title>all: ", file);
	put_value(layout->total[CLI_TREE_ROOT], flame, file);
	fprintf(file,
		"</title><rect x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" "
		"height=\"%d\" rx=\"2\" fill=\"#d9d4c7\"/>",
		MARGIN, y, WIDTH - 2 * MARGIN, BOX - 1);
	put_label("all", MARGIN, y, WIDTH - 2 * MARGIN, file);
	fputs("</g>\n", file);
}

void cli_flame_svg(const struct cli_stacks *stacks,
		   const struct cli_flame *flame, FILE *file)
{
	uint32_t count = stacks->calls.count;
	struct layout layout = {
		.stacks = stacks,
		.total = calloc(count, sizeof(*layout.total)),
		.order = calloc(count, sizeof(*layout.order)),
		.x = calloc(count, sizeof(*layout.x)),
		.depth = calloc(count, sizeof(*layout.depth)),
	};

	if (layout.total && layout.order && layout.x && layout.depth) {
		add_up(&layout);
		place(&layout);
		put_head(&layout, flame, file);
		put_all(&layout, flame, file);
		for (uint32_t i = 1; i < count; i++)
			put_box(&layout, i, flame, file);
		fputs("</svg>\n", file);
	}
	free(layout.total);
	free(layout.order);
	free(layout.x);
	free(layout.depth);
}

/* ';' and blanks divide, and a name may be anything. */
static void put_folded(const char *name, FILE *file)
{
	char buffer[1024];
	struct cli_text text;

	cli_text_init(&text, buffer, sizeof(buffer));
	cli_text_clean(&text, name, strlen(name));
	for (const char *at = buffer; *at; at++)
		fputc(*at == ';' || *at == ' ' || *at == '\n' || *at == '\t' ?
			      '_' : *at,
		      file);
}

void cli_flame_folded(const struct cli_stacks *stacks, FILE *file)
{
	const struct cli_tree *calls = &stacks->calls;

	for (uint32_t i = 1; i < calls->count; i++) {
		uint32_t path[MOTE_PROFILE_FRAMES_MAX + 1];
		size_t depth = 0;

		if (calls->nodes[i].value == 0)
			continue;
		for (uint32_t at = i;
		     at != CLI_TREE_ROOT && depth < MOTE_PROFILE_FRAMES_MAX;
		     at = calls->nodes[at].parent)
			path[depth++] = at;
		while (depth-- > 0) {
			put_folded(name_of(stacks, path[depth]), file);
			fputc(depth > 0 ? ';' : ' ', file);
		}
		fprintf(file, "%" PRIu64 "\n", calls->nodes[i].value);
	}
	if (calls->nodes[CLI_TREE_ROOT].value > 0)
		fprintf(file, "[runtime] %" PRIu64 "\n",
			calls->nodes[CLI_TREE_ROOT].value);
}
