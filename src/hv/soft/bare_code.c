/*
 * Code: what Unicorn's translations were made from, and whether it is still
 * what the guest has there.
 */
#include <string.h>

#include "hv/soft/bare_cpu.h"

#define CODE_MAX 15

size_t mti_bare_fetch(struct mti_soft_bare *bare, uint64_t linear,
		      uint8_t *bytes)
{
	size_t room = PAGE_BYTES - (size_t)(linear & PAGE_MASK);
	size_t first = room < CODE_MAX ? room : CODE_MAX;
	const uint8_t *host = mti_bare_host(bare, linear, ACCESS_FETCH);

	if (!host)
		return 0;
	memcpy(bytes, host, first);
	if (first == CODE_MAX)
		return first;
	host = mti_bare_host(bare, linear + first, ACCESS_FETCH);
	if (!host)
		return first;
	memcpy(bytes + first, host, CODE_MAX - first);
	return CODE_MAX;
}

static struct code_page *set_of(const struct engine *engine, uint64_t page,
				size_t *set)
{
	*set = (size_t)(page / PAGE_BYTES) % CODE_SETS;
	return &engine->code[*set * CODE_WAYS];
}

static struct code_page *find(const struct engine *engine, uint64_t page)
{
	size_t set;
	struct code_page *ways = set_of(engine, page, &set);
	size_t i;

	for (i = 0; i < CODE_WAYS; i++)
		if (ways[i].used && ways[i].page == page)
			return &ways[i];
	return NULL;
}

/*
 * Forgetting a page is always right: what was translated from it then is not
 * fresh.
 */
static struct code_page *find_or_make(struct engine *engine, uint64_t page)
{
	struct code_page *found = find(engine, page);
	size_t set;

	if (found)
		return found;
	found = set_of(engine, page, &set);
	found += engine->victim[set]++ % CODE_WAYS;
	found->used = true;
	found->page = page;
	memset(found->known, 0, sizeof(found->known));
	return found;
}

/*
 * Unicorn fetches each instruction from its start, by bytes; wider fetches
 * are only in the middle of one.
 */
static void follow(struct mti_soft_bare *bare, const struct engine *engine,
		   uint64_t linear, size_t size)
{
	bool big = bare->segments[MTI_BARE_CS].attributes & SEG_BIG;
	uint8_t bytes[CODE_MAX] = { 0 };
	size_t count;
	bool bad;

	if (size == 1 && (!bare->translating || linear != bare->fetched ||
			  linear == bare->insn_next)) {
		count = mti_bare_fetch(bare, linear, bytes);
		bare->translating = true;
		bare->insn = linear;
		bare->insn_next =
			linear + mti_bare_measure(bytes, count, engine->is_long,
						  big, &bad);
		bare->hidden =
			bad || mti_bare_is_sensitive(bytes, count,
						     engine->is_long, big);
		/* UD2 has two bytes. */
		if (bare->hidden)
			bare->insn_next = linear + 2;
	}
	bare->fetched = linear + size;
}

void mti_bare_translate(struct mti_soft_bare *bare, struct engine *engine,
			uint64_t linear, uint8_t *bytes, size_t size)
{
	const struct trap trap = bare->trap;
	size_t i;

	engine->translated += (uint32_t)size;
	follow(bare, engine, linear, size);
	for (i = 0; i < size; i++) {
		uint64_t at = linear + i;
		size_t offset = (size_t)(at & PAGE_MASK);
		struct code_page *page;
		uint8_t byte = 0;

		page = find_or_make(engine, at - offset);
		/*
		 * What cannot be fetched is not known, so that an instruction
		 * that needs it does not get past the hook.
		 */
		if (!mti_bare_read(bare, at, &byte, 1, ACCESS_FETCH)) {
			bytes[i] = 0;
			page->known[offset] = 0;
			continue;
		}
		if (page->known[offset] && page->bytes[offset] != byte) {
			if (bare->stale && bare->stale_page != page->page)
				bare->stale_more = true;
			bare->stale = true;
			bare->stale_page = page->page;
		}
		page->known[offset] = 1;
		page->bytes[offset] = byte;
		bytes[i] = byte;
		if (bare->hidden && at - bare->insn < 2)
			bytes[i] = at == bare->insn ? 0x0f : 0x0b;
	}
	bare->trap = trap;
}

bool mti_bare_is_fresh(struct engine *engine, uint64_t linear,
		       const uint8_t *bytes, size_t size)
{
	size_t offset = (size_t)(linear & PAGE_MASK);
	const struct code_page *page = engine->last;
	size_t i;

	if (!page || !page->used || page->page != linear - offset)
		page = find(engine, linear - offset);
	engine->last = page;
	for (i = 0; i < size; i++, offset++) {
		if (offset == PAGE_BYTES) {
			page = find(engine, linear + i);
			offset = 0;
		}
		if (!page || !page->known[offset] ||
		    page->bytes[offset] != bytes[i])
			return false;
	}
	return true;
}

void mti_bare_forget_code(struct engine *engine, uint64_t page)
{
	struct code_page *found = find(engine, page);

	if (found)
		found->used = false;
}
