#include "mem/dirty.h"

#include <string.h>

#include "abi/layout.h"
#include "base/checked.h"

#define WORD_PAGES 64
#define PIECE_PAGES (MTI_DIRTY_WORDS * WORD_PAGES)

bool mti_dirty_init(struct mti_dirty *dirty,
		    const struct mti_allocator *allocator, uint64_t memory_size)
{
	uint64_t pages = memory_size / MOTE_PAGE_SIZE;

	memset(dirty, 0, sizeof(*dirty));
	dirty->allocator = allocator;
	dirty->memory_size = memory_size;
	dirty->piece_count = (pages + PIECE_PAGES - 1) / PIECE_PAGES;
	dirty->pieces = mti_alloc(allocator, dirty->piece_count,
				  sizeof(struct mti_dirty_piece *));
	return dirty->pieces != NULL;
}

void mti_dirty_fini(struct mti_dirty *dirty)
{
	size_t i;

	if (!dirty->pieces)
		return;
	for (i = 0; i < dirty->piece_count; i++)
		mti_free(dirty->allocator, dirty->pieces[i]);
	mti_free(dirty->allocator, dirty->pieces);
	dirty->pieces = NULL;
}

/* The piece of a page, made if it is not there; NULL: the set is lost. */
static struct mti_dirty_piece *piece_for(struct mti_dirty *dirty, uint64_t page)
{
	size_t index = page / PIECE_PAGES;

	if (!dirty->pieces[index])
		dirty->pieces[index] = mti_alloc(dirty->allocator, 1,
						 sizeof(**dirty->pieces));
	if (!dirty->pieces[index])
		dirty->lost = true;
	else if (dirty->piece_limit <= index)
		dirty->piece_limit = index + 1;
	return dirty->pieces[index];
}

static void add_page(struct mti_dirty *dirty, uint64_t page)
{
	struct mti_dirty_piece *piece = piece_for(dirty, page);
	size_t word = page / WORD_PAGES % MTI_DIRTY_WORDS;
	uint64_t bit = UINT64_C(1) << page % WORD_PAGES;

	if (!piece || piece->words[word] & bit)
		return;
	piece->words[word] |= bit;
	piece->summary |= UINT64_C(1) << word;
	dirty->count++;
}

static void remove_page(struct mti_dirty *dirty, uint64_t page)
{
	struct mti_dirty_piece *piece = dirty->pieces[page / PIECE_PAGES];
	size_t word = page / WORD_PAGES % MTI_DIRTY_WORDS;
	uint64_t bit = UINT64_C(1) << page % WORD_PAGES;

	if (!piece || !(piece->words[word] & bit))
		return;
	piece->words[word] &= ~bit;
	if (piece->words[word] == 0)
		piece->summary &= ~(UINT64_C(1) << word);
	dirty->count--;
}

/* The pages that a range touches, [*first, *end). */
static void page_range(const struct mti_dirty *dirty, uint64_t gpa,
		       uint64_t size, uint64_t *first, uint64_t *end)
{
	uint64_t limit = dirty->memory_size;

	if (gpa > limit)
		gpa = limit;
	if (size > limit - gpa)
		size = limit - gpa;
	*first = gpa / MOTE_PAGE_SIZE;
	*end = size ? (gpa + size - 1) / MOTE_PAGE_SIZE + 1 : *first;
}

void mti_dirty_add(struct mti_dirty *dirty, uint64_t gpa, uint64_t size)
{
	uint64_t page;
	uint64_t end;

	page_range(dirty, gpa, size, &page, &end);
	for (; page < end; page++)
		add_page(dirty, page);
}

void mti_dirty_remove(struct mti_dirty *dirty, uint64_t gpa, uint64_t size)
{
	uint64_t page;
	uint64_t end;

	page_range(dirty, gpa, size, &page, &end);
	for (; page < end; page++)
		remove_page(dirty, page);
}

bool mti_dirty_has(const struct mti_dirty *dirty, uint64_t gpa)
{
	uint64_t page = gpa / MOTE_PAGE_SIZE;
	const struct mti_dirty_piece *piece;

	if (gpa >= dirty->memory_size)
		return false;
	piece = dirty->pieces[page / PIECE_PAGES];
	return piece && piece->words[page / WORD_PAGES % MTI_DIRTY_WORDS] &
				(UINT64_C(1) << page % WORD_PAGES);
}

void mti_dirty_clear(struct mti_dirty *dirty)
{
	size_t i;

	for (i = 0; i < dirty->piece_limit; i++)
		if (dirty->pieces[i] && dirty->pieces[i]->summary)
			memset(dirty->pieces[i], 0, sizeof(**dirty->pieces));
	dirty->piece_limit = 0;
	dirty->count = 0;
	dirty->lost = false;
}

/* The first page of a piece at or after `page` of it, or PIECE_PAGES. */
static size_t find_in(const struct mti_dirty_piece *piece, size_t page)
{
	size_t word = page / WORD_PAGES;
	uint64_t bits = piece->words[word] & ~UINT64_C(0) << page % WORD_PAGES;
	uint64_t later;

	if (bits == 0) {
		later = word + 1 < MTI_DIRTY_WORDS ?
				piece->summary & ~UINT64_C(0) << (word + 1) :
				0;
		if (later == 0)
			return PIECE_PAGES;
		word = (size_t)__builtin_ctzll(later);
		bits = piece->words[word];
	}
	return word * WORD_PAGES + (size_t)__builtin_ctzll(bits);
}

/* How many pages from `page` on are in the set. */
static size_t run_in(const struct mti_dirty_piece *piece, size_t page)
{
	size_t start = page;

	while (page < PIECE_PAGES) {
		uint64_t absent = ~(piece->words[page / WORD_PAGES] >>
				    page % WORD_PAGES);
		size_t left = WORD_PAGES - page % WORD_PAGES;
		size_t run = absent ? (size_t)__builtin_ctzll(absent) : left;

		page += run < left ? run : left;
		if (run < left)
			break;
	}
	return page - start;
}

bool mti_dirty_next(const struct mti_dirty *dirty, uint64_t *gpa,
		    uint64_t *size)
{
	uint64_t page = *gpa / MOTE_PAGE_SIZE;
	size_t index = page / PIECE_PAGES;
	size_t within = page % PIECE_PAGES;

	for (; index < dirty->piece_limit; index++, within = 0) {
		const struct mti_dirty_piece *piece = dirty->pieces[index];
		size_t found;

		if (!piece || piece->summary == 0)
			continue;
		found = find_in(piece, within);
		if (found == PIECE_PAGES)
			continue;
		*gpa = ((uint64_t)index * PIECE_PAGES + found) *
		       MOTE_PAGE_SIZE;
		*size = (uint64_t)run_in(piece, found) * MOTE_PAGE_SIZE;
		return true;
	}
	return false;
}

size_t mti_dirty_count(const struct mti_dirty *dirty, uint64_t gpa,
		       uint64_t size)
{
	uint64_t end = gpa + size;
	size_t pages = 0;
	uint64_t run;

	for (; mti_dirty_next(dirty, &gpa, &run) && gpa < end; gpa += run) {
		if (run > end - gpa)
			run = end - gpa;
		pages += run / MOTE_PAGE_SIZE;
	}
	return pages;
}
