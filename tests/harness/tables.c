#include "harness/tables.h"

#include <string.h>

struct tables tables;

const struct mti_pt *const tables_formats[TABLES_FORMATS] = {
	&mti_pt_amd64,	       &mti_pt_i686,	    &mti_pt_i686_pse,
	&mti_pt_i686_pae,      &mti_pt_i686_pae_nx, &mti_pt_aarch64,
	&mti_pt_aarch64_upper,
};

static uint8_t *at(uint64_t gpa)
{
	if (gpa < TABLES_BASE || gpa - TABLES_BASE >= sizeof(tables.pages))
		return NULL;
	if (gpa % 8 != 0)
		tables.strays++;
	return &tables.pages[(gpa - TABLES_BASE) / TABLES_PAGE]
			    [gpa % TABLES_PAGE];
}

static bool fails(void)
{
	return ++tables.calls == tables.fail_at;
}

static bool read_entry(void *context, uint64_t gpa, uint64_t *entry)
{
	const uint8_t *from = at(gpa);

	(void)context;
	tables.reads++;
	if (!from || fails())
		return false;
	memcpy(entry, from, sizeof(*entry));
	return true;
}

static bool write_entry(void *context, uint64_t gpa, uint64_t entry)
{
	uint8_t *to = at(gpa);

	(void)context;
	if (!to || fails())
		return false;
	if (tables.frozen[(gpa - TABLES_BASE) / TABLES_PAGE])
		tables.strays++;
	memcpy(to, &entry, sizeof(entry));
	return true;
}

static bool alloc_table(void *context, uint64_t *gpa)
{
	size_t i;

	(void)context;
	if (fails())
		return false;
	for (i = 0; i < tables.limit; i++)
		if (!tables.used[i]) {
			memset(tables.pages[i], 0, TABLES_PAGE);
			tables.used[i] = true;
			*gpa = TABLES_BASE + TABLES_PAGE * i;
			return true;
		}
	return false;
}

static void free_table(void *context, uint64_t gpa)
{
	uint64_t index = (gpa - TABLES_BASE) / TABLES_PAGE;
	size_t i;

	(void)context;
	for (i = 0; i < TABLES_MAX; i++)
		if (tables.moved[i] == gpa)
			tables.moved[i] = 0;
	if (gpa < TABLES_BASE || index >= TABLES_MAX || !tables.used[index])
		tables.strays++;
	else if (!tables.frozen[index])
		tables.used[index] = false;
}

static bool move_table(void *context, uint64_t table, size_t bytes,
		       uint64_t *moved)
{
	uint64_t index = (table - TABLES_BASE) / TABLES_PAGE;

	if (table < TABLES_BASE || index >= TABLES_MAX || fails())
		return false;
	*moved = table;
	if (!tables.frozen[index])
		return true;
	if (tables.moved[index] == 0) {
		if (!alloc_table(context, &tables.moved[index]))
			return false;
		memcpy(at(tables.moved[index]), at(table), bytes);
		tables.left[index] = true;
	}
	*moved = tables.moved[index];
	return true;
}

static bool set_root(void *context, uint64_t root)
{
	(void)context;
	if (fails())
		return false;
	tables.root = root;
	tables.root_moves++;
	return true;
}

const struct mti_pt_ops tables_ops = {
	.read = read_entry,
	.write = write_entry,
	.alloc = alloc_table,
	.free = free_table,
	.move = move_table,
	.set_root = set_root,
};

const struct mti_pt_ops tables_ops_no_free = {
	.read = read_entry,
	.write = write_entry,
	.alloc = alloc_table,
	.move = move_table,
	.set_root = set_root,
};

const struct mti_pt_ops tables_ops_fixed = {
	.read = read_entry,
	.write = write_entry,
	.alloc = alloc_table,
	.free = free_table,
};

void tables_reset(void)
{
	memset(&tables, 0, sizeof(tables));
	tables.limit = TABLES_MAX;
	tables.root = tables_new_root();
}

uint64_t tables_new_root(void)
{
	uint64_t root = 0;

	(void)alloc_table(NULL, &root);
	return root;
}

size_t tables_used(void)
{
	size_t used = 0;
	size_t i;

	for (i = 0; i < TABLES_MAX; i++)
		used += tables.used[i];
	return used;
}

void tables_freeze(void)
{
	memcpy(tables.frozen, tables.used, sizeof(tables.frozen));
}

void tables_thaw(void)
{
	size_t i;

	for (i = 0; i < TABLES_MAX; i++) {
		if (tables.left[i])
			tables.used[i] = false;
		tables.left[i] = false;
		tables.moved[i] = 0;
		tables.frozen[i] = false;
	}
}

uint64_t tables_get(const struct mti_pt *pt, uint64_t table, size_t index)
{
	const uint8_t *from =
		&tables.pages[(table - TABLES_BASE) / TABLES_PAGE]
			     [table % TABLES_PAGE + index * pt->entry_bytes];
	uint64_t entry = 0;

	memcpy(&entry, from, pt->entry_bytes);
	return entry;
}

void tables_set(const struct mti_pt *pt, uint64_t table, size_t index,
		uint64_t entry)
{
	memcpy(&tables.pages[(table - TABLES_BASE) / TABLES_PAGE]
			    [table % TABLES_PAGE + index * pt->entry_bytes],
	       &entry, pt->entry_bytes);
}

uint64_t tables_last(const struct mti_pt *pt)
{
	return pt->high | ((UINT64_C(1) << pt->address_bits) - 1);
}

uint64_t tables_first(const struct mti_pt *pt)
{
	return pt->high_if == 0 ? pt->high : 0;
}

uint64_t tables_some(const struct mti_pt *pt, uint64_t number)
{
	number &= (UINT64_C(1) << pt->address_bits) - 1;
	return (number & pt->high_if) == pt->high_if ? number | pt->high
						     : number;
}

uint32_t tables_flags(const struct mti_pt *pt, uint32_t flags)
{
	flags &= 0xff;
	if (pt == &mti_pt_i686 || pt == &mti_pt_i686_pse ||
	    pt == &mti_pt_i686_pae)
		flags |= MTI_PT_EXECUTE;
	return flags;
}
