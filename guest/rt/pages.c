/*
 * The heap window in pages: one bit per page, first fit.
 *
 * Nothing of the heap is touched before it is used. The bits of the first
 * pages are static, next to the runtime's other variables; those of the rest
 * are at the end of the heap. Bits above `high` are 0 and not looked at, so
 * a large heap costs nothing until it is filled.
 */
#include "rt/rt.h"

#include "port.h"

#define STATIC_WORDS 64

static uint64_t static_words[STATIC_WORDS];
static uint64_t *more_words; /* of the pages after the static ones */
static size_t page_limit;    /* pages that can be given out; 0: no heap yet */
static size_t high;	     /* no page from here on was ever in use */
static size_t hint;	     /* no page below is free */

static void start(void)
{
	size_t pages = control()->heap_size / MOTE_PAGE_SIZE;
	size_t words = (pages + 63) / 64;
	size_t own = 0;

	if (words > STATIC_WORDS)
		own = round_up((words - STATIC_WORDS) * 8, MOTE_PAGE_SIZE) /
		      MOTE_PAGE_SIZE;
	page_limit = pages - own;
	more_words = (uint64_t *)(MOTE_GVA_HEAP + page_limit * MOTE_PAGE_SIZE);
}

static uint64_t *word(size_t index)
{
	return index < STATIC_WORDS ? &static_words[index]
				    : &more_words[index - STATIC_WORDS];
}

static void *page_address(size_t page)
{
	return (void *)(MOTE_GVA_HEAP + page * MOTE_PAGE_SIZE);
}

static size_t page_of(const void *address)
{
	return ((uintptr_t)address - MOTE_GVA_HEAP) / MOTE_PAGE_SIZE;
}

/* The bits of pages [page, end) in the word of page. */
static uint64_t mask_of(size_t page, size_t end)
{
	uint64_t mask = ~UINT64_C(0) << page % 64;

	if (end - (page & ~(size_t)63) < 64)
		mask &= ~(~UINT64_C(0) << end % 64);
	return mask;
}

static void mark(size_t page, size_t end, bool used)
{
	for (; page < end; page = (page | 63) + 1) {
		if (used)
			*word(page / 64) |= mask_of(page, end);
		else
			*word(page / 64) &= ~mask_of(page, end);
	}
}

/* Whether all pages of [page, end) have that state; end is not above high. */
static bool all(size_t page, size_t end, bool used)
{
	for (; page < end; page = (page | 63) + 1) {
		uint64_t bits = *word(page / 64);
		uint64_t mask = mask_of(page, end);

		if (((used ? ~bits : bits) & mask) != 0)
			return false;
	}
	return true;
}

/* Bits of free at which a run of count bits begins; count is 1 to 64. */
static uint64_t runs(uint64_t free, size_t count)
{
	size_t have = 1;

	while (have < count) {
		size_t step = have < count - have ? have : count - have;

		free &= free >> step;
		have += step;
	}
	return free;
}

/* The first run of count free pages; it may begin at or reach beyond high. */
static size_t find(size_t count)
{
	size_t carry = 0; /* free pages just before this word */
	size_t base;

	for (base = hint & ~(size_t)63; base < high; base += 64) {
		uint64_t free = ~*word(base / 64);
		size_t lead = ~free == 0 ? 64 : (size_t)__builtin_ctzll(~free);
		uint64_t found;

		if (carry + lead >= count)
			return base - carry;
		found = count < 64 ? runs(free, count) : 0;
		if (found != 0)
			return base + (size_t)__builtin_ctzll(found);
		if (lead == 64)
			carry += 64;
		else
			carry = (size_t)__builtin_clzll(~free);
	}
	return base - carry;
}

/* Takes [page, page + count), which is free. */
static void take(size_t page, size_t count, bool zero)
{
	size_t end = page + count;
	size_t dirty = end < high ? end : high;

	mark(page, end, true);
	if (page <= hint && hint < end)
		hint = end;
	if (zero && page < dirty)
		zero_bytes(page_address(page), (dirty - page) * MOTE_PAGE_SIZE);
	if (end > high)
		high = end;
}

void *mote_rt_pages_take(size_t count, bool zero)
{
	size_t page;

	if (page_limit == 0)
		start();
	if (count == 0 || count > page_limit)
		return NULL;
	page = find(count);
	if (page > page_limit - count)
		return NULL;
	take(page, count, zero);
	return page_address(page);
}

bool mote_rt_pages_extend(void *end, size_t count)
{
	size_t page = page_of(end);
	size_t known = high > page ? high - page : 0;

	if (count > page_limit - page)
		return false;
	if (!all(page, page + (count < known ? count : known), false))
		return false;
	take(page, count, true);
	return true;
}

void mote_rt_pages_give(void *first, size_t count)
{
	size_t page = page_of(first);
	size_t end = page + count;

	/* What was never used has no bits to clear. */
	if (end > high)
		end = high;
	mark(page, end, false);
	if (page < hint)
		hint = page;
}

bool mote_rt_pages_within(uint64_t address, uint64_t size)
{
	uint64_t heap = (uint64_t)page_limit * MOTE_PAGE_SIZE;

	return address >= MOTE_GVA_HEAP && address - MOTE_GVA_HEAP <= heap &&
	       size <= heap - (address - MOTE_GVA_HEAP);
}

bool mote_rt_pages_used(uint64_t address, uint64_t size)
{
	size_t page;
	size_t end;

	if (!mote_rt_pages_within(address, size))
		return false;
	page = page_of((void *)address);
	end = page + round_up(size, MOTE_PAGE_SIZE) / MOTE_PAGE_SIZE;
	return end <= high && all(page, end, true);
}
