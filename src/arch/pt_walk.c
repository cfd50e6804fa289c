/*
 * Walking tables without recursion and without changing them; contracts in
 * pt.h.
 */
#include "arch/pt.h"

#include "arch/pt_entry.h"

enum { SEEN_NOTHING, SEEN_EMPTY, SEEN_HOLDS };

enum mti_pt_result mti_pt_walk_begin(struct mti_pt_walk *walk,
				     const struct mti_pt *pt,
				     const struct mti_pt_ops *ops,
				     uint64_t root, uint64_t gva, uint64_t last,
				     uint64_t reads)
{
	walk->pt = pt;
	walk->ops = ops;
	walk->reads = reads;
	walk->at = mti_pt_linear(pt, gva);
	walk->last = mti_pt_linear(pt, last);
	walk->level = 0;
	walk->tables[0] = root & pt->root_address;
	walk->rights[0] = MTI_PT_RIGHTS;
	walk->result = gva <= last && mti_pt_is_address(pt, gva) &&
				       mti_pt_is_address(pt, last)
			       ? MTI_PT_OK
			       : MTI_PT_INVALID;
	return walk->result;
}

/* The entry that the walk is at. */
static enum mti_pt_result look(struct mti_pt_walk *walk,
			       struct mti_pt_entry *entry)
{
	uint64_t raw;

	if (walk->reads == 0)
		return MTI_PT_TOO_MANY;
	walk->reads--;
	if (!mti_pt_read(walk->pt, walk->ops,
			 mti_pt_entry_address(walk->pt, walk->level,
					      walk->tables[walk->level],
					      walk->at),
			 &raw))
		return MTI_PT_UNREADABLE;
	walk->pt->decode(walk->level, raw, entry);
	return entry->kind == MTI_PT_KIND_RESERVED ? MTI_PT_RESERVED
						   : MTI_PT_OK;
}

/* To the next entry, out of all tables that end with this one. */
static void advance(struct mti_pt_walk *walk)
{
	uint64_t inside = mti_pt_span(walk->pt, walk->level) - 1;

	if ((walk->at | inside) >= walk->last) {
		walk->result = MTI_PT_END;
		return;
	}
	walk->at = (walk->at | inside) + 1;
	while (mti_pt_index(walk->pt, walk->level, walk->at) == 0)
		walk->level--;
}

static void enter(struct mti_pt_walk *walk, const struct mti_pt_entry *entry)
{
	uint32_t rights = walk->rights[walk->level] & entry->flags;

	walk->level++;
	walk->tables[walk->level] = entry->gpa;
	walk->rights[walk->level] = rights;
}

/* What the walk is at, as a page. */
static void describe(const struct mti_pt_walk *walk,
		     const struct mti_pt_entry *entry, struct mti_pt_page *page)
{
	uint64_t span = mti_pt_span(walk->pt, walk->level);

	page->gva = mti_pt_extend(walk->pt, walk->at & ~(span - 1));
	page->gpa = entry->gpa;
	page->size = span;
	page->flags = mti_pt_flags(walk->rights[walk->level], entry->flags);
}

static enum mti_pt_result fail(struct mti_pt_walk *walk,
			       enum mti_pt_result result,
			       struct mti_pt_page *page)
{
	page->gva = mti_pt_extend(walk->pt, walk->at);
	walk->result = result;
	return result;
}

enum mti_pt_result mti_pt_walk_next(struct mti_pt_walk *walk,
				    struct mti_pt_page *page)
{
	enum mti_pt_result result;
	struct mti_pt_entry entry;

	while (walk->result == MTI_PT_OK) {
		result = look(walk, &entry);
		if (result != MTI_PT_OK)
			return fail(walk, result, page);
		if (entry.kind == MTI_PT_KIND_TABLE) {
			enter(walk, &entry);
			continue;
		}
		if (entry.kind == MTI_PT_KIND_LEAF)
			describe(walk, &entry, page);
		advance(walk);
		if (entry.kind == MTI_PT_KIND_LEAF)
			return MTI_PT_OK;
	}
	return walk->result;
}

/* ------------------------------------------------- several address spaces */

/*
 * The first slot for a table, by its page: tables in fewer pages than there
 * are slots do not collide, whoever chose their places.
 */
static size_t slot_of(const struct mti_pt_spaces *spaces, uint64_t table)
{
	return (size_t)(table / MTI_PT_PAGE) & (spaces->seen_max - 1);
}

/* Whether two tables are in the same page: roots of PAE may be. */
static bool same_page(uint64_t a, uint64_t b)
{
	return a / MTI_PT_PAGE == b / MTI_PT_PAGE;
}

/*
 * *slot: where this table of that level and with those rights is, or is to
 * be. There is always a free slot: one is never used.
 */
static enum mti_pt_result look_up(const struct mti_pt_spaces *spaces,
				  uint64_t table, unsigned int level,
				  uint32_t rights, size_t *slot)
{
	const struct mti_pt_seen *seen;
	size_t i = slot_of(spaces, table);

	for (;; i = (i + 1) & (spaces->seen_max - 1)) {
		seen = &spaces->seen[i];
		*slot = i;
		if (seen->state == SEEN_NOTHING)
			return MTI_PT_OK;
		if (!same_page(seen->table, table))
			continue;
		if (seen->level != level)
			return MTI_PT_LOOP;
		if (seen->rights == rights)
			return MTI_PT_OK;
	}
}

static enum mti_pt_result remember(struct mti_pt_spaces *spaces, size_t slot,
				   uint64_t table, unsigned int level,
				   uint32_t rights)
{
	struct mti_pt_seen *seen = &spaces->seen[slot];
	const struct mti_pt_walk *walk = &spaces->walk;

	if (spaces->seen_used + 1 >= spaces->seen_max)
		return MTI_PT_TOO_MANY;
	spaces->seen_used++;
	seen->table = table;
	seen->gva = mti_pt_extend(walk->pt, walk->at);
	seen->space = spaces->space;
	seen->rights = (uint16_t)rights;
	seen->level = (uint8_t)level;
	seen->state = SEEN_EMPTY;
	return MTI_PT_OK;
}

/* The space that comes next, of which the root is no table of another. */
static enum mti_pt_result begin_space(struct mti_pt_spaces *spaces)
{
	struct mti_pt_walk *walk = &spaces->walk;
	enum mti_pt_result result;
	size_t slot;

	(void)mti_pt_walk_begin(walk, spaces->pt, spaces->ops,
				spaces->roots[spaces->space], spaces->gva,
				spaces->last, UINT64_MAX);
	result = look_up(spaces, walk->tables[0], 0, MTI_PT_RIGHTS, &slot);
	if (result == MTI_PT_OK && spaces->seen[slot].state == SEEN_NOTHING)
		result = remember(spaces, slot, walk->tables[0], 0,
				  MTI_PT_RIGHTS);
	spaces->path[0] = slot;
	if (result != MTI_PT_OK)
		walk->result = result;
	return result;
}

enum mti_pt_result mti_pt_spaces_begin(struct mti_pt_spaces *spaces)
{
	size_t i;

	if (spaces->root_count == 0 || spaces->seen_max == 0 ||
	    (spaces->seen_max & (spaces->seen_max - 1)) != 0)
		return MTI_PT_INVALID;
	for (i = 0; i < spaces->seen_max; i++)
		spaces->seen[i].state = SEEN_NOTHING;
	spaces->seen_used = 0;
	spaces->space = 0;
	if (mti_pt_walk_begin(&spaces->walk, spaces->pt, spaces->ops,
			      spaces->roots[0], spaces->gva, spaces->last,
			      UINT64_MAX) != MTI_PT_OK)
		return MTI_PT_INVALID;
	return begin_space(spaces);
}

/* Whether all that the entry covers is in the range. */
static bool is_whole(const struct mti_pt_walk *walk, uint64_t first)
{
	uint64_t inside = mti_pt_span(walk->pt, walk->level) - 1;
	uint64_t start = walk->at & ~inside;

	return start >= mti_pt_linear(walk->pt, first) &&
	       (start | inside) <= walk->last;
}

/* The tables on the way to what was found hold something. */
static void mark_path(struct mti_pt_spaces *spaces)
{
	unsigned int i;

	for (i = 0; i <= spaces->walk.level; i++)
		if (spaces->path[i] < spaces->seen_max)
			spaces->seen[spaces->path[i]].state = SEEN_HOLDS;
}

static void report_shared(const struct mti_pt_spaces *spaces,
			  const struct mti_pt_entry *entry,
			  const struct mti_pt_seen *seen,
			  struct mti_pt_found *found)
{
	describe(&spaces->walk, entry, &found->page);
	found->depth = seen->level;
	found->owner = seen->space;
	found->owner_gva = seen->gva;
}

/* At a table: goes in, or skips it, or reports it (*reported). */
static enum mti_pt_result meet(struct mti_pt_spaces *spaces,
			       const struct mti_pt_entry *entry,
			       struct mti_pt_found *found, bool *reported)
{
	struct mti_pt_walk *walk = &spaces->walk;
	uint32_t rights = walk->rights[walk->level] & entry->flags;
	const unsigned int level = walk->level + 1;
	const struct mti_pt_seen *seen;
	enum mti_pt_result result;
	size_t slot;

	result = look_up(spaces, entry->gpa, level, rights, &slot);
	if (result != MTI_PT_OK)
		return result;
	seen = &spaces->seen[slot];
	if (!is_whole(walk, spaces->gva)) {
		/* Others have another part of it. */
		enter(walk, entry);
		spaces->path[level] = spaces->seen_max;
		return MTI_PT_OK;
	}
	if (seen->state == SEEN_NOTHING) {
		result = remember(spaces, slot, entry->gpa, level, rights);
		if (result != MTI_PT_OK)
			return result;
		enter(walk, entry);
		spaces->path[level] = slot;
		return MTI_PT_OK;
	}
	if (seen->state == SEEN_HOLDS) {
		report_shared(spaces, entry, seen, found);
		mark_path(spaces);
		*reported = true;
	}
	advance(walk);
	return MTI_PT_OK;
}

/* As mti_pt_walk_next, in the space that it is in. */
static enum mti_pt_result next_here(struct mti_pt_spaces *spaces,
				    struct mti_pt_found *found)
{
	struct mti_pt_walk *walk = &spaces->walk;
	enum mti_pt_result result;
	struct mti_pt_entry entry;
	bool reported = false;

	while (walk->result == MTI_PT_OK && !reported) {
		result = look(walk, &entry);
		if (result == MTI_PT_OK && entry.kind == MTI_PT_KIND_TABLE) {
			result = meet(spaces, &entry, found, &reported);
		} else if (result == MTI_PT_OK) {
			if (entry.kind == MTI_PT_KIND_LEAF) {
				describe(walk, &entry, &found->page);
				mark_path(spaces);
				found->depth = 0;
				found->owner = spaces->space;
				found->owner_gva = found->page.gva;
				reported = true;
			}
			advance(walk);
		}
		if (result != MTI_PT_OK)
			return fail(walk, result, &found->page);
	}
	return reported ? MTI_PT_OK : walk->result;
}

enum mti_pt_result mti_pt_spaces_next(struct mti_pt_spaces *spaces,
				      struct mti_pt_found *found)
{
	enum mti_pt_result result;

	for (;;) {
		found->space = spaces->space;
		result = next_here(spaces, found);
		if (result != MTI_PT_END ||
		    spaces->space + 1 == spaces->root_count)
			return result;
		spaces->space++;
		result = begin_space(spaces);
		if (result != MTI_PT_OK) {
			found->space = spaces->space;
			found->page.gva = spaces->gva;
			return result;
		}
	}
}
