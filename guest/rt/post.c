/*
 * The post area: output and posted calls, in the order in which they happen.
 * The host empties it at every exit and then sets post_used to 0.
 */
#include "rt/rt.h"

#include "abi/trap.h"
#include "port.h"

/* The record written last; gone when the host has emptied the area. */
static struct {
	uint32_t kind;
	uint32_t start;
} last;

static struct mote_abi_post *record_at(uint32_t offset)
{
	return (struct mote_abi_post *)(MOTE_GVA_POST + offset);
}

static uint64_t room(void)
{
	uint64_t used = control()->post_used;
	uint64_t size = control()->post_size;

	return size > used ? size - used : 0;
}

void mote_rt_post_flush(void)
{
	if (control()->post_used != 0)
		mote_rt_exit(MOTE_PORT_FLUSH, 0, 0);
}

/* The body of size bytes after the head at offset is there: hand it in. */
static void commit(uint32_t kind, uint32_t offset, uint32_t size)
{
	struct mote_abi_post *record = record_at(offset);
	uint64_t end = offset + sizeof(*record) + size;

	record->kind = kind;
	record->size = size;
	last.kind = kind;
	last.start = offset;
	control()->post_used = (uint32_t)round_up(end, 8);
}

/* Appends to the last record if it is of this stream. Returns bytes taken. */
static size_t extend(uint32_t kind, const char *data, size_t size)
{
	uint32_t used = control()->post_used;
	struct mote_abi_post *record = record_at(last.start);
	uint64_t available;

	if (used == 0 || last.kind != kind)
		return 0;
	available = room() + used - last.start - sizeof(*record) - record->size;
	if (size > available)
		size = available;
	copy_bytes((char *)(record + 1) + record->size, data, size);
	commit(kind, last.start, record->size + (uint32_t)size);
	return size;
}

void mote_rt_post_output(uint32_t kind, const void *data, size_t size)
{
	const char *rest = data;
	size_t piece = extend(kind, rest, size);
	uint32_t used;

	while (piece < size) {
		rest += piece;
		size -= piece;
		if (room() <= sizeof(struct mote_abi_post)) {
			mote_rt_post_flush();
			/* An area without room for a byte: no output. */
			if (room() <= sizeof(struct mote_abi_post))
				return;
		}
		used = control()->post_used;
		piece = room() - sizeof(struct mote_abi_post);
		if (piece > size)
			piece = size;
		copy_bytes(record_at(used) + 1, rest, piece);
		commit(kind, used, (uint32_t)piece);
	}
}

void *mote_rt_post_begin(size_t *space)
{
	uint64_t free = room();

	*space = free > sizeof(struct mote_abi_post)
			 ? free - sizeof(struct mote_abi_post)
			 : 0;
	return record_at(control()->post_used) + 1;
}

void mote_rt_post_end(uint32_t kind, size_t size)
{
	if (size > 0)
		commit(kind, control()->post_used, (uint32_t)size);
}
