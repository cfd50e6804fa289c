/*
 * Translating, and editing tables; contracts in pt.h.
 *
 * An edit descends from the root to the table that it changes and remembers
 * the tables on the way, so that a table that moves can be told to its
 * parents. Nothing is ever linked before it is complete: a CPU that uses the
 * tables meanwhile sees the old or the new.
 */
#include "arch/pt.h"

#include "arch/pt_entry.h"

struct path {
	const struct mti_pt *pt;
	const struct mti_pt_ops *ops;
	uint64_t tables[MTI_PT_LEVELS];
	uint64_t reads; /* how many entries may still be looked at */
};

static void path_init(struct path *path, const struct mti_pt *pt,
		      const struct mti_pt_ops *ops, uint64_t root)
{
	path->pt = pt;
	path->ops = ops;
	path->tables[0] = root & pt->root_address;
	path->reads = UINT64_MAX;
}

enum mti_pt_result mti_pt_translate(const struct mti_pt *pt,
				    const struct mti_pt_ops *ops, uint64_t root,
				    uint64_t gva,
				    struct mti_pt_translation *out)
{
	uint64_t table = root & pt->root_address;
	uint32_t rights = MTI_PT_RIGHTS;
	struct mti_pt_entry entry;
	unsigned int level = 0;
	uint64_t raw;
	uint64_t inside;

	if (!mti_pt_is_address(pt, gva))
		return MTI_PT_INVALID;
	for (;;) {
		if (!mti_pt_read(pt, ops,
				 mti_pt_entry_address(pt, level, table, gva),
				 &raw))
			return MTI_PT_UNREADABLE;
		pt->decode(level, raw, &entry);
		if (entry.kind != MTI_PT_KIND_TABLE)
			break;
		rights &= entry.flags;
		table = entry.gpa;
		level++;
	}
	if (entry.kind != MTI_PT_KIND_LEAF)
		return entry.kind == MTI_PT_KIND_ABSENT ? MTI_PT_ABSENT
							: MTI_PT_RESERVED;
	inside = gva & (mti_pt_span(pt, level) - 1);
	out->gpa = entry.gpa + inside;
	out->span = mti_pt_span(pt, level) - inside;
	out->flags = mti_pt_flags(rights, entry.flags);
	return MTI_PT_OK;
}

/* ------------------------------------------------------- single entries */

static bool read_entry(const struct path *path, unsigned int level,
		       uint64_t gva, uint64_t *entry)
{
	return mti_pt_read(
		path->pt, path->ops,
		mti_pt_entry_address(path->pt, level, path->tables[level], gva),
		entry);
}

static bool write_entry(const struct path *path, uint64_t where, uint64_t entry)
{
	const struct mti_pt_ops *ops = path->ops;
	uint64_t both;

	if (path->pt->entry_bytes == 8)
		return ops->write(ops->context, where, entry);
	if (!ops->read(ops->context, where & ~UINT64_C(7), &both))
		return false;
	if (where & 4)
		both = (both & UINT32_MAX) | entry << 32;
	else
		both = (both & ~(uint64_t)UINT32_MAX) | entry;
	return ops->write(ops->context, where & ~UINT64_C(7), both);
}

/* Where the table may be written; publish() has to follow. */
static bool writable(const struct path *path, unsigned int level,
		     uint64_t *table)
{
	const struct mti_pt_ops *ops = path->ops;
	size_t bytes = (size_t)path->pt->entry_bytes << path->pt->bits[level];

	*table = path->tables[level];
	return !ops->move || ops->move(ops->context, *table, bytes, table);
}

/* The table of gva is at that place now: so say its parents. */
static bool publish(struct path *path, unsigned int level, uint64_t gva,
		    uint64_t table)
{
	const struct mti_pt_ops *ops = path->ops;
	uint64_t child;
	uint64_t where;
	uint64_t entry;

	while (path->tables[level] != table) {
		path->tables[level] = table;
		if (level == 0)
			return ops->set_root(ops->context, table);
		child = table;
		level--;
		if (!writable(path, level, &table))
			return false;
		where = mti_pt_entry_address(path->pt, level, table, gva);
		if (!mti_pt_read(path->pt, ops, where, &entry))
			return false;
		entry = (entry & ~path->pt->table_address) | child;
		if (!write_entry(path, where, entry))
			return false;
	}
	return true;
}

/*
 * Writes an entry. If the parents cannot be told, it is taken back: a copy of
 * the table may be used later.
 */
static bool put_entry(struct path *path, unsigned int level, uint64_t gva,
		      uint64_t entry)
{
	uint64_t table;
	uint64_t where;
	uint64_t old;

	if (!writable(path, level, &table))
		return false;
	where = mti_pt_entry_address(path->pt, level, table, gva);
	if (path->tables[level] == table)
		return write_entry(path, where, entry);
	if (!mti_pt_read(path->pt, path->ops, where, &old) ||
	    !write_entry(path, where, entry))
		return false;
	if (publish(path, level, gva, table))
		return true;
	(void)write_entry(path, where, old);
	return false;
}

/* Links a new table below that level. */
static enum mti_pt_result put_table(struct path *path, unsigned int level,
				    uint64_t gva, uint64_t table)
{
	const struct mti_pt_ops *ops = path->ops;

	if (!put_entry(path, level, gva, path->pt->table(level, table))) {
		if (ops->free)
			ops->free(ops->context, table);
		return MTI_PT_NO_MEMORY;
	}
	path->tables[level + 1] = table;
	return MTI_PT_OK;
}

static enum mti_pt_result add_table(struct path *path, unsigned int level,
				    uint64_t gva)
{
	uint64_t table;

	if (!path->ops->alloc(path->ops->context, &table))
		return MTI_PT_NO_MEMORY;
	return put_table(path, level, gva, table);
}

/* A large page becomes a table of smaller ones. */
static enum mti_pt_result split(struct path *path, unsigned int level,
				uint64_t gva, uint64_t entry)
{
	const struct mti_pt *pt = path->pt;
	const struct mti_pt_ops *ops = path->ops;
	uint64_t leaf = pt->split(level, entry);
	uint64_t table;
	uint64_t i;

	if (leaf == 0)
		return MTI_PT_RESERVED;
	if (!ops->alloc(ops->context, &table))
		return MTI_PT_NO_MEMORY;
	for (i = 0; i < 1u << pt->bits[level + 1]; i++) {
		if (!write_entry(path, table + i * pt->entry_bytes, leaf)) {
			if (ops->free)
				ops->free(ops->context, table);
			return MTI_PT_NO_MEMORY;
		}
		leaf += mti_pt_span(pt, level + 1);
	}
	return put_table(path, level, gva, table);
}

/* ---------------------------------------------------------- whole paths */

/*
 * Goes to the table of that level for gva, making what is missing. In place
 * of a large page: a table, or MTI_PT_IN_USE.
 */
static enum mti_pt_result descend(struct path *path, unsigned int level,
				  uint64_t gva, bool splitting)
{
	enum mti_pt_result result;
	struct mti_pt_entry entry;
	unsigned int i;
	uint64_t raw;

	for (i = 0; i < level; i++) {
		if (!read_entry(path, i, gva, &raw))
			return MTI_PT_UNREADABLE;
		path->pt->decode(i, raw, &entry);
		result = MTI_PT_OK;
		if (entry.kind == MTI_PT_KIND_TABLE)
			path->tables[i + 1] = entry.gpa;
		else if (entry.kind == MTI_PT_KIND_ABSENT)
			result = add_table(path, i, gva);
		else if (entry.kind == MTI_PT_KIND_RESERVED)
			result = MTI_PT_RESERVED;
		else if (splitting)
			result = split(path, i, gva, raw);
		else
			result = MTI_PT_IN_USE;
		if (result != MTI_PT_OK)
			return result;
	}
	return MTI_PT_OK;
}

static bool look(struct path *path)
{
	if (path->reads == 0)
		return false;
	path->reads--;
	return true;
}

/*
 * Goes as far towards that level as there are tables. Returns the level that
 * it came to, of which it read the entry; levels if a table was unreadable, or
 * no more may be read.
 */
static unsigned int find(struct path *path, unsigned int level, uint64_t gva,
			 uint64_t *raw, struct mti_pt_entry *entry)
{
	unsigned int i;

	for (i = 0;; i++) {
		if (!look(path) || !read_entry(path, i, gva, raw))
			return path->pt->levels;
		path->pt->decode(i, *raw, entry);
		if (i == level || entry->kind != MTI_PT_KIND_TABLE)
			return i;
		path->tables[i + 1] = entry->gpa;
	}
}

static bool is_empty(struct path *path, unsigned int level)
{
	const struct mti_pt *pt = path->pt;
	uint64_t entry;
	uint64_t i;

	for (i = 0; i < 1u << pt->bits[level]; i++)
		if (!look(path) ||
		    !mti_pt_read(pt, path->ops,
				 path->tables[level] + i * pt->entry_bytes,
				 &entry) ||
		    (entry & 1))
			return false;
	return true;
}

/* Gives back the tables for gva, but for the root, that hold nothing. */
static void prune(struct path *path, uint64_t gva)
{
	const struct mti_pt_ops *ops = path->ops;
	struct mti_pt_entry entry;
	unsigned int level;
	uint64_t raw;

	if (!ops->free)
		return;
	level = find(path, path->pt->levels - 1u, gva, &raw, &entry);
	if (level == path->pt->levels)
		return;
	for (; level > 0 && is_empty(path, level); level--) {
		if (!put_entry(path, level - 1, gva, 0))
			return;
		ops->free(ops->context, path->tables[level]);
	}
}

/* ------------------------------------------------------------- mapping */

static bool gva_range_ok(const struct mti_pt *pt, uint64_t gva, uint64_t size)
{
	uint64_t last = gva + size - 1;

	/* The last, not the end: that may be 2^64. */
	return ((gva | size) & (MTI_PT_PAGE - 1)) == 0 &&
	       (size == 0 ||
		(last >= gva && mti_pt_is_address(pt, gva) &&
		 mti_pt_is_address(pt, last) &&
		 mti_pt_linear(pt, last) - mti_pt_linear(pt, gva) == size - 1));
}

static bool mapping_ok(const struct mti_pt *pt,
		       const struct mti_pt_mapping *mapping)
{
	const uint32_t both = MTI_PT_WRITE | MTI_PT_COW;

	return gva_range_ok(pt, mapping->gva, mapping->size) &&
	       (mapping->gpa & (MTI_PT_PAGE - 1)) == 0 &&
	       mapping->gpa <= pt->gpa_limit &&
	       mapping->size <= pt->gpa_limit - mapping->gpa &&
	       (mapping->flags & both) != both;
}

/* The level of the leaf that map chooses with that much done. */
static unsigned int leaf_level(const struct mti_pt *pt,
			       const struct mti_pt_mapping *mapping,
			       uint64_t done)
{
	uint64_t span = mti_pt_span(pt, pt->large_level);
	uint64_t both = (mapping->gva + done) | (mapping->gpa + done);

	return (mapping->flags & MTI_PT_LARGE) && (both & (span - 1)) == 0 &&
			       mapping->size - done >= span
		       ? pt->large_level
		       : pt->levels - 1u;
}

/* What of size one table can hold, in whole pages of its level. */
static uint64_t table_part(const struct mti_pt *pt, unsigned int level,
			   uint64_t gva, uint64_t size)
{
	uint64_t span = mti_pt_span(pt, level);
	uint64_t room = (gva | ((span << pt->bits[level]) - 1)) + 1 - gva;

	return (size < room ? size : room) & ~(span - 1);
}

/* Whether nothing is there of a part that one table holds. */
static enum mti_pt_result expect_new(const struct path *path,
				     unsigned int level, uint64_t gva,
				     uint64_t size)
{
	const struct mti_pt *pt = path->pt;
	const struct mti_pt_ops *ops = path->ops;
	const unsigned int bytes = pt->entry_bytes;
	uint64_t where =
		mti_pt_entry_address(pt, level, path->tables[level], gva);
	uint64_t end = where + (size >> pt->shift[level]) * bytes;
	uint64_t entry;

	for (; where < end; where += bytes) {
		if (!(bytes == 8 ? ops->read(ops->context, where, &entry)
				 : mti_pt_read(pt, ops, where, &entry)))
			return MTI_PT_UNREADABLE;
		if (entry & 1)
			return MTI_PT_IN_USE;
	}
	return MTI_PT_OK;
}

/* Fills a part that one table holds; if it was empty, all of it or nothing. */
static enum mti_pt_result fill(struct path *path, unsigned int level,
			       uint64_t gva, uint64_t size, uint64_t leaf,
			       bool was_empty)
{
	const struct mti_pt *pt = path->pt;
	const struct mti_pt_ops *ops = path->ops;
	const unsigned int bytes = pt->entry_bytes;
	const uint64_t span = mti_pt_span(pt, level);
	uint64_t table;
	uint64_t first;
	uint64_t where;
	uint64_t end;

	if (!writable(path, level, &table))
		return MTI_PT_NO_MEMORY;
	first = mti_pt_entry_address(pt, level, table, gva);
	where = first;
	end = where + (size >> pt->shift[level]) * bytes;
	for (; where < end; where += bytes, leaf += span)
		if (!(bytes == 8 ? ops->write(ops->context, where, leaf)
				 : write_entry(path, where, leaf)))
			break;
	if (where == end && publish(path, level, gva, table))
		return MTI_PT_OK;
	for (; was_empty && where > first; where -= bytes)
		(void)write_entry(path, where - bytes, 0);
	return MTI_PT_NO_MEMORY;
}

/* A table that is there, where a large page could be, is used. */
static enum mti_pt_result not_over_table(struct path *path, uint64_t gva,
					 unsigned int *level)
{
	struct mti_pt_entry entry;
	uint64_t raw;

	if (!read_entry(path, *level, gva, &raw))
		return MTI_PT_UNREADABLE;
	path->pt->decode(*level, raw, &entry);
	if (entry.kind != MTI_PT_KIND_TABLE)
		return MTI_PT_OK;
	*level = path->pt->levels - 1u;
	return descend(path, *level, gva, true);
}

/* Maps as much more as one table holds. */
static enum mti_pt_result map_part(struct path *path,
				   const struct mti_pt_mapping *mapping,
				   uint64_t *done)
{
	const struct mti_pt *pt = path->pt;
	const uint64_t gva = mapping->gva + *done;
	const bool is_new = mapping->flags & MTI_PT_NEW;
	unsigned int level = leaf_level(pt, mapping, *done);
	enum mti_pt_result result;
	uint64_t part = mapping->size - *done;

	result = descend(path, level, gva, !is_new);
	if (result == MTI_PT_OK && !is_new && !mti_pt_is_last(pt, level)) {
		part = mti_pt_span(pt, level);
		result = not_over_table(path, gva, &level);
	}
	/* Small pages end with their table: large ones may follow. */
	part = table_part(pt, level, gva, part);
	if (result == MTI_PT_OK && is_new)
		result = expect_new(path, level, gva, part);
	if (result == MTI_PT_OK)
		result = fill(
			path, level, gva, part,
			pt->leaf(level, mapping->gpa + *done, mapping->flags),
			is_new);
	if (result == MTI_PT_OK)
		*done += part;
	return result;
}

/* Takes entries out of one table, if they are what fill wrote. */
static enum mti_pt_result take_back(struct path *path, unsigned int level,
				    uint64_t gva, uint64_t gpa, uint64_t size)
{
	const struct mti_pt *pt = path->pt;
	struct mti_pt_entry entry;
	uint64_t done;
	uint64_t raw;

	for (done = 0; done < size; done += mti_pt_span(pt, level)) {
		if (!read_entry(path, level, gva + done, &raw))
			return MTI_PT_UNREADABLE;
		pt->decode(level, raw, &entry);
		if (entry.kind != MTI_PT_KIND_LEAF || entry.gpa != gpa + done)
			return MTI_PT_CHANGED;
		if (!put_entry(path, level, gva + done, 0))
			return MTI_PT_NO_MEMORY;
	}
	return MTI_PT_OK;
}

static enum mti_pt_result unmap(struct path *path,
				const struct mti_pt_mapping *mapping)
{
	const struct mti_pt *pt = path->pt;
	enum mti_pt_result result;
	struct mti_pt_entry entry;
	uint64_t done = 0;
	uint64_t raw;

	while (done < mapping->size) {
		uint64_t gva = mapping->gva + done;
		unsigned int level = leaf_level(pt, mapping, done);
		uint64_t part =
			table_part(pt, level, gva, mapping->size - done);

		if (find(path, level, gva, &raw, &entry) != level)
			return MTI_PT_CHANGED;
		result = take_back(path, level, gva, mapping->gpa + done, part);
		if (result != MTI_PT_OK)
			return result;
		prune(path, gva);
		done += part;
	}
	return MTI_PT_OK;
}

enum mti_pt_result mti_pt_map(const struct mti_pt *pt,
			      const struct mti_pt_ops *ops, uint64_t root,
			      const struct mti_pt_mapping *mapping)
{
	enum mti_pt_result result = MTI_PT_OK;
	struct mti_pt_mapping undo;
	struct path path;
	uint64_t done = 0;

	if (!mapping_ok(pt, mapping))
		return MTI_PT_INVALID;
	path_init(&path, pt, ops, root);
	while (done < mapping->size && result == MTI_PT_OK)
		result = map_part(&path, mapping, &done);
	if (result == MTI_PT_OK || !(mapping->flags & MTI_PT_NEW) || !ops->free)
		return result;
	undo.gva = mapping->gva;
	undo.gpa = mapping->gpa;
	undo.size = done;
	undo.flags = mapping->flags;
	(void)unmap(&path, &undo);
	prune(&path, mapping->gva + done);
	return result;
}

enum mti_pt_result mti_pt_unmap(const struct mti_pt *pt,
				const struct mti_pt_ops *ops, uint64_t root,
				const struct mti_pt_mapping *mapping)
{
	struct path path;

	if (!mapping_ok(pt, mapping))
		return MTI_PT_INVALID;
	path_init(&path, pt, ops, root);
	return unmap(&path, mapping);
}

/* Takes away what is at gva, at most size; *part: how far that went. */
static enum mti_pt_result clear_part(struct path *path, uint64_t gva,
				     uint64_t size, uint64_t *part)
{
	const struct mti_pt *pt = path->pt;
	struct mti_pt_entry entry;
	unsigned int level;
	uint64_t inside;
	uint64_t raw;

	level = find(path, pt->levels - 1u, gva, &raw, &entry);
	if (level == pt->levels)
		return path->reads ? MTI_PT_UNREADABLE : MTI_PT_TOO_MANY;
	inside = gva & (mti_pt_span(pt, level) - 1);
	*part = mti_pt_span(pt, level) - inside;
	if (entry.kind == MTI_PT_KIND_ABSENT) {
		if (*part > size)
			*part = size;
		return MTI_PT_OK;
	}
	if (inside == 0 && *part <= size)
		return put_entry(path, level, gva, 0) ? MTI_PT_OK
						      : MTI_PT_NO_MEMORY;
	*part = 0;
	return entry.kind == MTI_PT_KIND_LEAF ? split(path, level, gva, raw)
					      : MTI_PT_RESERVED;
}

enum mti_pt_result mti_pt_clear_within(const struct mti_pt *pt,
				       const struct mti_pt_ops *ops,
				       uint64_t root, uint64_t gva,
				       uint64_t size, uint64_t reads)
{
	const unsigned int last = pt->levels - 1u;
	enum mti_pt_result result;
	struct path path;
	uint64_t done = 0;
	uint64_t part;

	if (!gva_range_ok(pt, gva, size))
		return MTI_PT_INVALID;
	path_init(&path, pt, ops, root);
	path.reads = reads;
	while (done < size) {
		uint64_t at = gva + done;

		result = clear_part(&path, at, size - done, &part);
		if (result != MTI_PT_OK)
			return result;
		done += part;
		/* With the last entry of a table, or of the range. */
		if (part > 0 &&
		    (done == size || mti_pt_index(pt, last, gva + done) == 0))
			prune(&path, at);
	}
	return path.reads ? MTI_PT_OK : MTI_PT_TOO_MANY;
}

enum mti_pt_result mti_pt_clear(const struct mti_pt *pt,
				const struct mti_pt_ops *ops, uint64_t root,
				uint64_t gva, uint64_t size)
{
	return mti_pt_clear_within(pt, ops, root, gva, size, UINT64_MAX);
}

/* ------------------------------------------------------------- linking */

/* Whether found is what a walk can have found, and its spaces are built. */
static bool link_ok(const struct mti_pt *pt, const struct mti_pt_found *found)
{
	return found->depth > 0 && found->depth < pt->levels &&
	       mti_pt_is_address(pt, found->page.gva) &&
	       mti_pt_is_address(pt, found->owner_gva);
}

enum mti_pt_result mti_pt_link(const struct mti_pt *pt,
			       const struct mti_pt_ops *ops,
			       const struct mti_pt_found *found,
			       const uint64_t *built, size_t built_count)
{
	const unsigned int level = found->depth - 1u;
	const uint64_t gva = found->page.gva;
	enum mti_pt_result result;
	struct mti_pt_entry entry;
	struct path path;
	uint64_t shared;
	uint64_t raw;

	if (!link_ok(pt, found) || found->space >= built_count ||
	    built[found->space] == MTI_PT_NO_ROOT)
		return MTI_PT_INVALID;
	if (found->owner >= built_count ||
	    built[found->owner] == MTI_PT_NO_ROOT)
		return MTI_PT_NO_OWNER;
	path_init(&path, pt, ops, built[found->owner]);
	if (find(&path, level, found->owner_gva, &shared, &entry) != level ||
	    entry.kind != MTI_PT_KIND_TABLE)
		return MTI_PT_NO_OWNER;
	path_init(&path, pt, ops, built[found->space]);
	result = descend(&path, level, gva, false);
	if (result != MTI_PT_OK)
		return result;
	if (!read_entry(&path, level, gva, &raw))
		return MTI_PT_UNREADABLE;
	if (raw & 1)
		return raw == shared ? MTI_PT_OK : MTI_PT_IN_USE;
	/* The owner's entry says the same: a walk made sure of that. */
	return put_entry(&path, level, gva, shared) ? MTI_PT_OK
						    : MTI_PT_NO_MEMORY;
}
