/*
 * A guest whose whole state is cells that the host can set and read: some in
 * its zero-initialised variables, some in initialised ones, some in the heap,
 * each in a page of its own.
 */
#include <stdlib.h>

#include <mote_guest.h>

#include "model.h"

struct cell {
	_Alignas(4096) uint64_t value;
};

static struct cell zero[MODEL_CELLS_EACH];
static struct cell data[MODEL_CELLS_EACH] = { [0] = { 0x5eed } };
static struct cell *heap;

static void __attribute__((constructor)) start(void)
{
	heap = aligned_alloc(4096, sizeof(*heap) * MODEL_CELLS_EACH);
	if (heap == NULL)
		abort();
	for (unsigned int i = 0; i < MODEL_CELLS_EACH; i++)
		heap[i].value = 0;
	data[0].value = 0;
}

static volatile uint64_t *cell(uint32_t index)
{
	struct cell *kinds[] = { zero, data, heap };

	return &kinds[index % 3][index / 3 % MODEL_CELLS_EACH].value;
}

MOTE_EXPORT(void, Write, (u32, index), (u64, value))
{
	*cell(index) = value;
}

MOTE_EXPORT(u64, Read, (u32, index))
{
	return *cell(index);
}

MOTE_EXPORT(u64, ReadAt, (u64, address))
{
	return *(volatile uint64_t *)address;
}

MOTE_EXPORT(void, WriteAt, (u64, address), (u64, value))
{
	*(volatile uint64_t *)address = value;
}

MOTE_EXPORT(void, Spin, void)
{
	for (;;)
		__asm__ volatile("");
}

MOTE_EXPORT(void, Exit, void)
{
	exit(3);
}
