/*
 * The page tables that the emulator walks, and the memory behind them.
 *
 * A page is either unknown to both, or in the shadow and mapped: a fault is
 * then the guest's, or means that a page has to be looked up. NX is not in the
 * shadow, for the emulator takes it for a reserved bit: memory that must not
 * be executed is mapped without that right, which it checks when it fetches.
 */
#include <string.h>

#include "base/error.h"
#include "hv/soft/user_amd64.h"
#include "os/os.h"

/* Looked up at once: guests use neighbours. */
#define WINDOW (UINT64_C(16) << 20)
/* Reads of the guest's tables for it: see mti_pt_walk_begin. */
#define WINDOW_READS (UINT64_C(16) * 512 + 512 * 4)

#define PRESENT 1u
#define WRITABLE 2u
#define USER 4u
#define ACCESSED_DIRTY 0x60u
#define ENTRY_ADDRESS UINT64_C(0xffffffffff000)

/* Where the shadow may lie. Above 2^39 addresses of tables are reserved. */
#define HOLE_FIRST (UINT64_C(4) << 30)
#define HOLE_LIMIT (UINT64_C(1) << 39)
#define HOLE_STEP (UINT64_C(1) << 30)

/* Neighbours with the same rights, while they are found. */
struct run {
	uint64_t gva;
	uint64_t size;
	uint8_t *memory;
	bool execute;
	bool borrowed;
};

static struct mti_pt_ops guest_tables(struct amd64_user *user)
{
	return (struct mti_pt_ops){
		.context = &user->vm,
		.read = mti_soft_read,
	};
}

/* ------------------------------------------------------------- entries */

static uint64_t *table_at(struct amd64_shadow *shadow, uint64_t address)
{
	return (uint64_t *)(void *)(shadow->pool + (address - shadow->base));
}

static uint64_t new_table(struct amd64_shadow *shadow)
{
	uint64_t offset = AMD64_ROOT + shadow->tables * MOTE_PAGE_SIZE;

	if (shadow->tables == AMD64_TABLES_MAX)
		return 0;
	shadow->tables++;
	memset(shadow->pool + offset, 0, MOTE_PAGE_SIZE);
	return shadow->base + offset;
}

/* The last-level entry for gva, with its tables if `make`; NULL: none. */
static uint64_t *entry_of(struct amd64_shadow *shadow, uint64_t gva, bool make)
{
	uint64_t *table = table_at(shadow, shadow->base + AMD64_ROOT);
	int shift;

	for (shift = 39; shift > 12; shift -= 9) {
		uint64_t *entry = &table[(gva >> shift) & 511];

		if (!(*entry & PRESENT)) {
			uint64_t next = make ? new_table(shadow) : 0;

			if (next == 0)
				return NULL;
			*entry = next | PRESENT | WRITABLE | USER |
				 ACCESSED_DIRTY;
		}
		table = table_at(shadow, *entry & ENTRY_ADDRESS);
	}
	return &table[(gva >> 12) & 511];
}

/* ------------------------------------------------------------- regions */

static uint64_t sum_of(const uint8_t *page)
{
	uint64_t sum = 0;
	uint64_t word;
	size_t i;

	for (i = 0; i < MOTE_PAGE_SIZE; i += sizeof(word)) {
		memcpy(&word, page + i, sizeof(word));
		sum = (sum ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		sum ^= sum >> 29;
	}
	return sum;
}

static bool grow(struct amd64_user *user)
{
	struct amd64_shadow *shadow = &user->shadow;
	uint32_t max = shadow->region_max * 2 + 16;
	struct amd64_region *grown;

	if (shadow->region_count < shadow->region_max)
		return true;
	grown = mti_alloc(&user->vm.hv->allocator, max, sizeof(*grown));
	if (!grown)
		return false;
	if (shadow->region_count > 0)
		memcpy(grown, shadow->regions,
		       shadow->region_count * sizeof(*grown));
	mti_free(&user->vm.hv->allocator, shadow->regions);
	shadow->regions = grown;
	shadow->region_max = max;
	return true;
}

static bool note_region(struct amd64_user *user, const struct run *run)
{
	struct amd64_shadow *shadow = &user->shadow;
	struct amd64_region region = { .address = run->gva,
				       .size = run->size,
				       .memory = run->memory,
				       .borrowed = run->borrowed };
	size_t pages = run->size / MOTE_PAGE_SIZE;
	size_t i;

	if (!grow(user))
		return false;
	if (run->execute) {
		region.sums = mti_alloc(&user->vm.hv->allocator, pages,
					sizeof(*region.sums));
		if (!region.sums)
			return false;
		for (i = 0; i < pages; i++)
			region.sums[i] =
				sum_of(run->memory + i * MOTE_PAGE_SIZE);
	}
	shadow->regions[shadow->region_count++] = region;
	return true;
}

/* Forgets what was made of the guest's code there, in one region. */
static void drop_code(struct amd64_user *user, uint64_t address, uint64_t size)
{
	/*
	 * Not all of it with uc_ctl_flush_tb: that clears a whole GiB in
	 * Unicorn 2.0.
	 */
	(void)uc_ctl_remove_cache(user->vm.uc, address, address + size);
}

static void drop_region(struct amd64_user *user)
{
	struct amd64_shadow *shadow = &user->shadow;
	struct amd64_region *region = &shadow->regions[--shadow->region_count];

	mti_free(&user->vm.hv->allocator, region->sums);
}

/* Rights to read and write are in the shadow. */
static bool map_run(struct amd64_user *user, const struct run *run)
{
	uint32_t rights = UC_PROT_READ | UC_PROT_WRITE;

	if (run->size == 0)
		return true;
	if (run->execute)
		rights |= UC_PROT_EXEC;
	if (!note_region(user, run))
		return false;
	if (uc_mem_map_ptr(user->vm.uc, run->gva, run->size, rights,
			   run->memory) == UC_ERR_OK)
		return true;
	drop_region(user);
	return false;
}

/* ------------------------------------------------------------- filling */

/* A file of the host's may have become shorter. */
static bool is_there(const struct mti_soft_piece *piece, const uint8_t *memory)
{
	uint8_t byte;

	return !piece->borrowed || mti_os_copy_memory(&byte, memory, 1) == 0;
}

/* One page. false: there is no room for it. */
static bool add_page(struct amd64_user *user, struct run *run, uint64_t gva,
		     uint64_t gpa, uint32_t flags)
{
	const struct mti_soft_piece *piece = mti_soft_find(&user->vm, gpa);
	bool execute = (flags & MTI_PT_USER) && (flags & MTI_PT_EXECUTE);
	uint8_t *memory;
	uint64_t *entry;

	if (!piece)
		return true;
	memory = piece->memory + (gpa - piece->gpa);
	entry = entry_of(&user->shadow, gva, true);
	if (!entry)
		return false;
	if (*entry || !is_there(piece, memory))
		return true;
	if (run->size == 0 || run->gva + run->size != gva ||
	    run->memory + run->size != memory || run->execute != execute) {
		if (!map_run(user, run))
			return false;
		*run = (struct run){ .gva = gva,
				     .memory = memory,
				     .execute = execute,
				     .borrowed = piece->borrowed };
	}
	run->size += MOTE_PAGE_SIZE;
	*entry = (gva & ENTRY_ADDRESS & (HOLE_LIMIT - 1)) | PRESENT |
		 ACCESSED_DIRTY;
	if ((flags & MTI_PT_WRITE) && piece->writable)
		*entry |= WRITABLE;
	if (flags & MTI_PT_USER)
		*entry |= USER;
	return true;
}

static bool add_pages(struct amd64_user *user, struct run *run,
		      const struct mti_pt_page *page, uint64_t first,
		      uint64_t last)
{
	uint64_t gva = page->gva > first ? page->gva : first;
	uint64_t end = page->gva + (page->size - 1);

	if (end > last)
		end = last;
	for (; gva <= end; gva += MOTE_PAGE_SIZE)
		if (!add_page(user, run, gva, page->gpa + (gva - page->gva),
			      page->flags))
			return false;
	return true;
}

static bool is_filled(struct amd64_user *user, uint64_t gva)
{
	uint64_t *entry = entry_of(&user->shadow, gva, false);

	return entry && *entry;
}

/* false: the shadow is full, or memory ran out. */
static bool fill_window(struct amd64_user *user, uint64_t first, uint64_t last)
{
	const struct mti_pt_ops ops = guest_tables(user);
	struct run run = { 0 };
	struct mti_pt_walk walk;
	struct mti_pt_page page;
	bool room = true;

	if (mti_pt_walk_begin(&walk, user->pt, &ops, user->root, first, last,
			      WINDOW_READS) != MTI_PT_OK)
		return true;
	while (room && mti_pt_walk_next(&walk, &page) == MTI_PT_OK)
		room = add_pages(user, &run, &page, first, last);
	return map_run(user, &run) && room;
}

bool mti_soft_amd64_shadow_fill(struct amd64_user *user, uint64_t gva)
{
	uint64_t first = gva & ~(WINDOW - 1);
	uint64_t page = gva & ~(uint64_t)(MOTE_PAGE_SIZE - 1);

	if (is_filled(user, gva))
		return false;
	if (!fill_window(user, first, first + (WINDOW - 1))) {
		/* Begin again, with what is needed now. */
		mti_soft_amd64_shadow_reset(user);
		if (!fill_window(user, page, page + (MOTE_PAGE_SIZE - 1)))
			user->shadow.full = true;
	}
	return is_filled(user, gva);
}

bool mti_soft_amd64_shadow_standin(struct amd64_user *user, uint64_t gva)
{
	struct amd64_shadow *shadow = &user->shadow;
	uint64_t page = gva & ~(uint64_t)(MOTE_PAGE_SIZE - 1);

	if (shadow->standin_count == AMD64_STANDINS_MAX)
		mti_soft_amd64_shadow_drop_standins(user);
	/* Never reached: the shadow has nothing there. */
	if (uc_mem_map_ptr(user->vm.uc, page, MOTE_PAGE_SIZE, UC_PROT_ALL,
			   shadow->pool + AMD64_STACK) != UC_ERR_OK)
		return false;
	shadow->standins[shadow->standin_count++] = page;
	return true;
}

void mti_soft_amd64_shadow_drop_standins(struct amd64_user *user)
{
	struct amd64_shadow *shadow = &user->shadow;

	while (shadow->standin_count > 0) {
		uint64_t page = shadow->standins[--shadow->standin_count];

		if (uc_mem_unmap(user->vm.uc, page, MOTE_PAGE_SIZE) !=
		    UC_ERR_OK)
			user->vm.broken = true;
	}
}

/* Files lose their end first. */
void mti_soft_amd64_shadow_check_files(struct amd64_user *user)
{
	struct amd64_shadow *shadow = &user->shadow;
	uint8_t byte;
	uint32_t i;

	for (i = 0; i < shadow->region_count; i++) {
		const struct amd64_region *region = &shadow->regions[i];

		if (region->borrowed &&
		    mti_os_copy_memory(&byte, region->memory + region->size - 1,
				       1) < 0) {
			mti_soft_amd64_shadow_reset(user);
			return;
		}
	}
}

static void check_region(struct amd64_user *user, struct amd64_region *region)
{
	size_t pages = region->size / MOTE_PAGE_SIZE;
	size_t i;

	for (i = 0; i < pages; i++) {
		uint64_t offset = i * MOTE_PAGE_SIZE;
		uint64_t sum = sum_of(region->memory + offset);

		if (sum == region->sums[i])
			continue;
		region->sums[i] = sum;
		drop_code(user, region->address + offset, MOTE_PAGE_SIZE);
	}
}

void mti_soft_amd64_shadow_check_code(struct amd64_user *user)
{
	struct amd64_shadow *shadow = &user->shadow;
	uint32_t i;

	for (i = 0; i < shadow->region_count; i++)
		if (shadow->regions[i].sums)
			check_region(user, &shadow->regions[i]);
}

/* ------------------------------------------------------ begin and end */

static void put_own_pages(struct amd64_shadow *shadow)
{
	uint64_t flags = PRESENT | ACCESSED_DIRTY;
	uint64_t *entry;

	shadow->tables = 1;
	memset(shadow->pool + AMD64_ROOT, 0, MOTE_PAGE_SIZE);
	entry = entry_of(shadow, shadow->base, true);
	*entry = shadow->base | flags | USER;
	entry = entry_of(shadow, shadow->base + AMD64_STACK, true);
	*entry = (shadow->base + AMD64_STACK) | flags | WRITABLE;
}

void mti_soft_amd64_shadow_reset(struct amd64_user *user)
{
	struct amd64_shadow *shadow = &user->shadow;

	mti_soft_amd64_shadow_drop_standins(user);
	while (shadow->region_count > 0) {
		const struct amd64_region *region =
			&shadow->regions[shadow->region_count - 1];

		/* Other memory may come to be there. */
		if (region->sums)
			drop_code(user, region->address, region->size);
		if (uc_mem_unmap(user->vm.uc, region->address, region->size) !=
		    UC_ERR_OK)
			user->vm.broken = true;
		drop_region(user);
	}
	put_own_pages(shadow);
}

/* Where the guest has nothing, nor ever will: images do not change. */
static uint64_t find_hole(struct amd64_user *user)
{
	const struct mti_pt_ops ops = guest_tables(user);
	struct mti_pt_walk walk;
	struct mti_pt_page page;
	uint64_t at;

	for (at = HOLE_FIRST; at < HOLE_LIMIT; at += HOLE_STEP)
		if (mti_pt_walk_begin(&walk, user->pt, &ops, user->root, at,
				      at + AMD64_POOL_BYTES - 1,
				      WINDOW_READS) == MTI_PT_OK &&
		    mti_pt_walk_next(&walk, &page) == MTI_PT_END)
			return at;
	return 0;
}

mote_status mti_soft_amd64_shadow_init(struct amd64_user *user, mote_error *err)
{
	struct amd64_shadow *shadow = &user->shadow;
	void *pool;
	uc_err uc;
	int os;

	shadow->base = find_hole(user);
	if (shadow->base == 0)
		return mti_error_set(err, MOTE_E_UNSUPPORTED, "create VM",
				     "the program leaves no room for the "
				     "emulator between 4 and 512 GiB");
	os = mti_os_reserve(AMD64_POOL_BYTES, &pool);
	if (os < 0)
		return mti_error_os(err, MOTE_E_NO_MEMORY, "create VM", -os,
				    "mmap of %u bytes", AMD64_POOL_BYTES);
	shadow->pool = pool;
	put_own_pages(shadow);
	uc = uc_mem_map_ptr(user->vm.uc, shadow->base, AMD64_POOL_BYTES,
			    UC_PROT_ALL, shadow->pool);
	if (uc != UC_ERR_OK)
		return mti_soft_error(err, "create VM", "uc_mem_map_ptr", uc);
	return MOTE_OK;
}

void mti_soft_amd64_shadow_fini(struct amd64_user *user)
{
	while (user->shadow.region_count > 0)
		drop_region(user);
	mti_free(&user->vm.hv->allocator, user->shadow.regions);
	if (user->shadow.pool)
		mti_os_unmap(user->shadow.pool, AMD64_POOL_BYTES);
}
