/*
 * See symbols.h. Structures: System V gABI, "Symbol Table".
 */
#include "debug/symbols.h"

#include <elf.h>
#include <string.h>

#include "base/checked.h"

/* Sized functions stand before labels, then global before weak and local. */
#define RANK_SIZED 4u

static uint32_t rank_of(const Elf64_Sym *row)
{
	uint32_t rank = row->st_size ? RANK_SIZED : 0;

	switch (ELF64_ST_BIND(row->st_info)) {
	case STB_GLOBAL:
		return rank + 2;
	case STB_WEAK:
		return rank + 1;
	default:
		return rank;
	}
}

/* False for what is no code. A label goes on up to its section's end. */
static bool read_symbol(const struct mti_object *object, const Elf64_Sym *row,
			struct mti_symbol *symbol)
{
	unsigned int type = ELF64_ST_TYPE(row->st_info);
	uint64_t address;
	uint64_t size;

	if ((type != STT_FUNC && type != STT_NOTYPE && type != STT_GNU_IFUNC) ||
	    row->st_name == 0 || row->st_name >= object->names.size ||
	    row->st_shndx == SHN_UNDEF)
		return false;
	symbol->start = row->st_value;
	symbol->name = row->st_name;
	symbol->rank = rank_of(row);
	if (row->st_size)
		return mti_add_u64(row->st_value, row->st_size, &symbol->end);
	return mti_object_section(object, row->st_shndx, &address, &size) &&
	       mti_add_u64(address, size, &symbol->end) &&
	       row->st_value >= address && row->st_value < symbol->end;
}

static bool before(const struct mti_symbol *a, const struct mti_symbol *b)
{
	if (a->start != b->start)
		return a->start < b->start;
	if (a->rank != b->rank)
		return a->rank < b->rank;
	return a->name > b->name;
}

static void sift_down(struct mti_symbol *heap, size_t root, size_t count)
{
	struct mti_symbol moved = heap[root];
	size_t child;

	while ((child = 2 * root + 1) < count) {
		if (child + 1 < count && before(&heap[child], &heap[child + 1]))
			child++;
		if (!before(&moved, &heap[child]))
			break;
		heap[root] = heap[child];
		root = child;
	}
	heap[root] = moved;
}

/* Heapsort: n log n for every input, and no memory. */
static void sort(struct mti_symbol *rows, size_t count)
{
	struct mti_symbol last;
	size_t i;

	for (i = count / 2; i > 0; i--)
		sift_down(rows, i - 1, count);
	for (i = count; i > 1; i--) {
		last = rows[i - 1];
		rows[i - 1] = rows[0];
		rows[0] = last;
		sift_down(rows, 0, i - 1);
	}
}

bool mti_symbols_init(struct mti_symbols *symbols,
		      const struct mti_object *object,
		      const struct mti_allocator *allocator)
{
	size_t count = object->symbols.size / sizeof(Elf64_Sym);
	Elf64_Sym row;
	size_t i;

	memset(symbols, 0, sizeof(*symbols));
	if (count > MTI_SYMBOLS_MAX)
		count = MTI_SYMBOLS_MAX;
	if (count == 0)
		return true;
	symbols->rows = mti_alloc_raw(allocator, count, sizeof(*symbols->rows));
	if (!symbols->rows)
		return false;
	for (i = 0; i < count; i++) {
		memcpy(&row, object->symbols.data + i * sizeof(row),
		       sizeof(row));
		if (read_symbol(object, &row, &symbols->rows[symbols->count]))
			symbols->count++;
	}
	sort(symbols->rows, symbols->count);
	return true;
}

void mti_symbols_fini(struct mti_symbols *symbols,
		      const struct mti_allocator *allocator)
{
	mti_free(allocator, symbols->rows);
	memset(symbols, 0, sizeof(*symbols));
}

/* How many start at the address or before it. */
static size_t starting_up_to(const struct mti_symbols *symbols,
			     uint64_t address)
{
	size_t low = 0;
	size_t high = symbols->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (symbols->rows[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct mti_symbol *mti_symbols_find(const struct mti_symbols *symbols,
					  uint64_t address)
{
	const struct mti_symbol *label = NULL;
	size_t at = starting_up_to(symbols, address);
	unsigned int steps;

	/* A label inside a function does not hide it: so look further back. */
	for (steps = 0; at > 0 && steps < MTI_SYMBOL_STEPS; steps++) {
		const struct mti_symbol *row = &symbols->rows[--at];

		if (address >= row->end)
			continue;
		if (row->rank >= RANK_SIZED)
			return row;
		if (!label)
			label = row;
	}
	return label;
}

struct mti_bytes mti_symbol_name(const struct mti_object *object,
				 const struct mti_symbol *symbol)
{
	/* read_symbol has checked that it starts inside. */
	const uint8_t *name = object->names.data + symbol->name;
	size_t room = object->names.size - symbol->name;

	if (room > MTI_SYMBOL_NAME_MAX)
		room = MTI_SYMBOL_NAME_MAX;
	return (struct mti_bytes){ name, strnlen((const char *)name, room) };
}
