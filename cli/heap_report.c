/*
 * See profile.h: the heap as a list for people.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "profile.h"
#include "text.h"
#include "units.h"

/* Of each part of the list. */
#define ROWS_MAX 20

struct row {
	uint32_t node; /* in calls */
	uint64_t bytes;
	uint64_t blocks;
};

static int by_bytes(const void *a, const void *b)
{
	const struct row *one = a;
	const struct row *two = b;

	if (one->bytes != two->bytes)
		return one->bytes > two->bytes ? -1 : 1;
	return one->node < two->node ? -1 : 1;
}

static void put_name(const char *name, FILE *file)
{
	char buffer[1024];
	struct cli_text text;

	cli_text_init(&text, buffer, sizeof(buffer));
	cli_text_clean(&text, name, strlen(name));
	fputs(buffer, file);
}

/* "malloc < grab < Heap" */
static void put_stack(const struct cli_stacks *stacks, uint32_t node,
		      FILE *file)
{
	const char *between = "";

	for (; node != CLI_TREE_ROOT; node = stacks->calls.nodes[node].parent) {
		const struct cli_node *it = &stacks->calls.nodes[node];

		fputs(between, file);
		put_name(stacks->functions[it->key].name, file);
		between = " < ";
	}
	fputc('\n', file);
}

static void put_rows(const struct cli_heap *heap, struct row *rows,
		     uint32_t count, FILE *file)
{
	char size[32];

	qsort(rows, count, sizeof(*rows), by_bytes);
	for (uint32_t i = 0; i < count && rows[i].bytes > 0; i++) {
		if (i == ROWS_MAX) {
			fputs("  ...\n", file);
			break;
		}
		cli_format_size(rows[i].bytes, size, sizeof(size));
		fprintf(file, "  %-10s %8" PRIu64 " block%s  ", size,
			rows[i].blocks, rows[i].blocks == 1 ? " " : "s");
		put_stack(&heap->stacks, rows[i].node, file);
	}
}

/* Adds up what places have that are one call stack. */
static void add_up(const struct cli_heap *heap, struct row *rows,
		   bool at_peak)
{
	const struct cli_stacks *stacks = &heap->stacks;

	for (uint32_t i = 0; i < stacks->calls.count; i++)
		rows[i] = (struct row){ .node = i };
	for (uint32_t i = 0;
	     i < stacks->places.count && i < heap->site_count; i++) {
		const struct cli_heap_site *site = &heap->sites[i];
		struct row *row = &rows[stacks->made[i]];

		row->bytes += at_peak ? site->peak_live : site->live;
		row->blocks += at_peak ? site->peak_blocks : site->blocks;
	}
}

void cli_heap_list(const struct cli_heap *heap, const char *title, FILE *file)
{
	uint32_t count = heap->stacks.calls.count;
	struct row *rows = calloc(count, sizeof(*rows));
	char size[32];

	if (!rows)
		return;
	fputs("heap of ", file);
	put_name(title, file);
	fprintf(file,
		"\n%" PRIu64 " allocations, %" PRIu64 " frees\n",
		heap->allocations, heap->frees);
	if (heap->strange > 0)
		fprintf(file,
			"%" PRIu64 " of them make no sense, or were too many "
			"to follow\n",
			heap->strange);
	cli_format_size(heap->peak, size, sizeof(size));
	fprintf(file, "\nat its peak: %s\n", size);
	add_up(heap, rows, true);
	put_rows(heap, rows, count, file);
	cli_format_size(heap->live, size, sizeof(size));
	fprintf(file, "\nleft at the end: %s in %zu block%s\n", size,
		heap->block_count, heap->block_count == 1 ? "" : "s");
	add_up(heap, rows, false);
	put_rows(heap, rows, count, file);
	free(rows);
}
