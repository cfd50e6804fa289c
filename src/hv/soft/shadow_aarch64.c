/*
 * The page tables that the emulator walks, and the memory behind them.
 *
 * A page is either unknown to both, or in the shadow and mapped, with the
 * same rights. Pages that are not user mode's are never there.
 */
#include <string.h>

#include "base/error.h"
#include "hv/soft/user_aarch64.h"
#include "os/os.h"

/* Looked up at once: guests use neighbours. */
#define WINDOW (UINT64_C(16) << 20)
/* Reads of the guest's tables for it: see mti_pt_walk_begin. */
#define WINDOW_READS (UINT64_C(16) * 512 + 512 * 4)
#define PAGE ((uint64_t)MOTE_PAGE_SIZE)
#define RIGHTS (MTI_PT_WRITE | MTI_PT_EXECUTE)

/* ----------------------------------------------------- the shadow itself */

static uint8_t *entry_at(struct aarch64_user *user, uint64_t gpa)
{
	return user->pool + (gpa - AARCH64_POOL);
}

static bool read_entry(void *context, uint64_t gpa, uint64_t *entry)
{
	memcpy(entry, entry_at(context, gpa), sizeof(*entry));
	return true;
}

static bool write_entry(void *context, uint64_t gpa, uint64_t entry)
{
	memcpy(entry_at(context, gpa), &entry, sizeof(entry));
	return true;
}

static bool alloc_table(void *context, uint64_t *gpa)
{
	struct aarch64_user *user = context;
	uint64_t offset = AARCH64_ROOT + user->tables * PAGE;

	if (user->tables == AARCH64_TABLES_MAX)
		return false;
	user->tables++;
	memset(user->pool + offset, 0, PAGE);
	*gpa = AARCH64_POOL + offset;
	return true;
}

static struct mti_pt_ops shadow_tables(struct aarch64_user *user)
{
	return (struct mti_pt_ops){
		.context = user,
		.read = read_entry,
		.write = write_entry,
		.alloc = alloc_table,
	};
}

static struct mti_pt_ops guest_tables(struct aarch64_user *user)
{
	return (struct mti_pt_ops){
		.context = &user->vm,
		.read = mti_soft_read,
	};
}

bool mti_soft_aarch64_rights(struct aarch64_user *user, uint64_t gva,
			     uint32_t *flags)
{
	const struct mti_pt_ops ops = shadow_tables(user);
	struct mti_pt_translation found;

	if (mti_pt_translate(&mti_pt_aarch64, &ops, AARCH64_POOL + AARCH64_ROOT,
			     gva, &found) != MTI_PT_OK ||
	    !(found.flags & MTI_PT_USER))
		return false;
	*flags = found.flags;
	return true;
}

static bool map_shadow(struct aarch64_user *user, uint64_t gva, uint64_t size,
		       uint32_t flags)
{
	const struct mti_pt_ops ops = shadow_tables(user);
	const struct mti_pt_mapping mapping = {
		.gva = gva,
		.gpa = gva,
		.size = size,
		.flags = flags,
	};

	return mti_pt_map(&mti_pt_aarch64, &ops, AARCH64_POOL + AARCH64_ROOT,
			  &mapping) == MTI_PT_OK;
}

/* ------------------------------------------------------------- regions */

static uint64_t sum_of(const struct aarch64_region *region)
{
	uint64_t sum = region->size;
	uint64_t word;
	uint64_t i;

	if (!(region->flags & MTI_PT_EXECUTE))
		return 0;
	for (i = 0; i < region->size; i += sizeof(word)) {
		memcpy(&word, region->memory + i, sizeof(word));
		sum = (sum ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		sum ^= sum >> 29;
	}
	return sum;
}

static bool note_region(struct aarch64_user *user,
			const struct aarch64_region *region)
{
	const struct mti_allocator *allocator = &user->vm.hv->allocator;
	uint32_t max = user->region_max * 2 + 16;
	struct aarch64_region *grown;

	if (user->region_count == user->region_max) {
		grown = mti_alloc(allocator, max, sizeof(*grown));
		if (!grown)
			return false;
		if (user->region_count > 0)
			memcpy(grown, user->regions,
			       user->region_count * sizeof(*grown));
		mti_free(allocator, user->regions);
		user->regions = grown;
		user->region_max = max;
	}
	user->regions[user->region_count] = *region;
	user->regions[user->region_count++].sum = sum_of(region);
	return true;
}

static bool map_run(struct aarch64_user *user, const struct aarch64_region *run)
{
	uint32_t rights = UC_PROT_READ;

	if (run->size == 0)
		return true;
	if (run->flags & MTI_PT_WRITE)
		rights |= UC_PROT_WRITE;
	if (run->flags & MTI_PT_EXECUTE)
		rights |= UC_PROT_EXEC;
	if (!note_region(user, run))
		return false;
	if (uc_mem_map_ptr(user->vm.uc, run->address, run->size, rights,
			   run->memory) != UC_ERR_OK) {
		user->region_count--;
		return false;
	}
	if (map_shadow(user, run->address, run->size, run->flags | MTI_PT_USER))
		return true;
	/* Code is found by the shadow: see drop_code. */
	(void)uc_mem_unmap(user->vm.uc, run->address, run->size);
	user->region_count--;
	return false;
}

/* ------------------------------------------------------------- filling */

/* A file of the host's may have become shorter. */
static bool is_there(const struct mti_soft_piece *piece, const uint8_t *memory)
{
	uint8_t byte;

	return !piece->borrowed || mti_os_copy_memory(&byte, memory, 1) == 0;
}

/* What is behind a page, and what user mode may do. NULL: it has none. */
static uint8_t *look_at(struct aarch64_user *user, uint64_t gpa,
			uint32_t *flags)
{
	const struct mti_soft_piece *piece = mti_soft_find(&user->vm, gpa);
	uint8_t *memory;

	if (!piece || !(*flags & MTI_PT_USER))
		return NULL;
	memory = piece->memory + (gpa - piece->gpa);
	*flags &= RIGHTS;
	if (!piece->writable)
		*flags &= ~MTI_PT_WRITE;
	return is_there(piece, memory) ? memory : NULL;
}

/* One page. false: there is no room for it. */
static bool add_page(struct aarch64_user *user, struct aarch64_region *run,
		     uint64_t gva, uint64_t gpa, uint32_t flags)
{
	uint8_t *memory = look_at(user, gpa, &flags);
	uint32_t known;

	if (!memory || mti_soft_aarch64_rights(user, gva, &known))
		return true;
	if (run->size == 0 || run->address + run->size != gva ||
	    run->memory + run->size != memory || run->flags != flags) {
		if (!map_run(user, run))
			return false;
		*run = (struct aarch64_region){ .address = gva,
						.memory = memory,
						.flags = flags };
	}
	run->size += PAGE;
	return true;
}

static bool add_pages(struct aarch64_user *user, struct aarch64_region *run,
		      const struct mti_pt_page *page, uint64_t first,
		      uint64_t last)
{
	uint64_t gva = page->gva > first ? page->gva : first;
	uint64_t end = page->gva + (page->size - 1);

	if (end > last)
		end = last;
	for (; gva <= end; gva += PAGE)
		if (!add_page(user, run, gva, page->gpa + (gva - page->gva),
			      page->flags))
			return false;
	return true;
}

/* false: the shadow is full, or memory ran out. */
static bool fill_window(struct aarch64_user *user, uint64_t first,
			uint64_t last)
{
	const struct mti_pt_ops ops = guest_tables(user);
	struct aarch64_region run = { 0 };
	struct mti_pt_walk walk;
	struct mti_pt_page page;
	bool room = true;

	if (mti_pt_walk_begin(&walk, user->arch->pt, &ops, user->root, first,
			      last, WINDOW_READS) != MTI_PT_OK)
		return true;
	while (room && mti_pt_walk_next(&walk, &page) == MTI_PT_OK)
		room = add_pages(user, &run, &page, first, last);
	return map_run(user, &run) && room;
}

bool mti_soft_aarch64_fill(struct aarch64_user *user, uint64_t gva)
{
	uint64_t first = gva & ~(WINDOW - 1);
	uint64_t page = gva & ~(PAGE - 1);
	uint32_t flags;

	if (gva >= AARCH64_POOL || mti_soft_aarch64_rights(user, gva, &flags))
		return false;
	if (!fill_window(user, first, first + (WINDOW - 1))) {
		/* Begin again, with what is needed now. */
		mti_soft_aarch64_reset(user);
		if (!fill_window(user, page, page + (PAGE - 1)))
			user->full = true;
	}
	return mti_soft_aarch64_rights(user, gva, &flags);
}

bool mti_soft_aarch64_standin(struct aarch64_user *user, uint64_t gva)
{
	uint64_t page = gva & ~(PAGE - 1);

	mti_soft_aarch64_drop_standin(user);
	/* Never reached: the shadow has nothing there. */
	if (uc_mem_map_ptr(user->vm.uc, page, PAGE, UC_PROT_NONE,
			   user->pool) != UC_ERR_OK)
		return false;
	/* The page at 0 too; no address has this bit. */
	user->standin = page | 1;
	return true;
}

void mti_soft_aarch64_drop_standin(struct aarch64_user *user)
{
	uint64_t page = user->standin & ~(PAGE - 1);

	if (user->standin &&
	    uc_mem_unmap(user->vm.uc, page, PAGE) != UC_ERR_OK)
		user->vm.broken = true;
	user->standin = 0;
}

bool mti_soft_aarch64_read(struct aarch64_user *user, uint64_t gva,
			   void *buffer, size_t size)
{
	const struct mti_pt_ops ops = guest_tables(user);
	const struct mti_soft_piece *piece;
	struct mti_pt_translation found;

	if (mti_pt_translate(user->arch->pt, &ops, user->root, gva, &found) !=
		    MTI_PT_OK ||
	    !(found.flags & MTI_PT_USER) || found.span < size)
		return false;
	piece = mti_soft_find(&user->vm, found.gpa);
	return piece && piece->size - (found.gpa - piece->gpa) >= size &&
	       mti_os_copy_memory(buffer,
				  piece->memory + (found.gpa - piece->gpa),
				  size) == 0;
}

/* ------------------------------------------------------ begin and end */

static void put_own_pages(struct aarch64_user *user)
{
	user->tables = 1;
	memset(user->pool + AARCH64_ROOT, 0, PAGE);
	/* EL1 begins there, once. There is room for these tables. */
	(void)map_shadow(user, AARCH64_POOL, PAGE, MTI_PT_EXECUTE);
}

/*
 * Forgets what was made of code. Not with uc_ctl_flush_tb: Unicorn 2.0 clears
 * some 400 MiB then, at the first time for seconds.
 */
static void drop_code(struct aarch64_user *user,
		      const struct aarch64_region *region)
{
	if (region->flags & MTI_PT_EXECUTE)
		(void)uc_ctl_remove_cache(user->vm.uc, region->address,
					  region->address + region->size);
}

void mti_soft_aarch64_drop_code(struct aarch64_user *user)
{
	uint32_t i;

	for (i = 0; i < user->region_count; i++)
		drop_code(user, &user->regions[i]);
}

/* Code first: the emulator must still find it. */
void mti_soft_aarch64_reset(struct aarch64_user *user)
{
	mti_soft_aarch64_drop_standin(user);
	mti_soft_aarch64_drop_code(user);
	while (user->region_count > 0) {
		const struct aarch64_region *region =
			&user->regions[--user->region_count];

		if (uc_mem_unmap(user->vm.uc, region->address, region->size) !=
		    UC_ERR_OK)
			user->vm.broken = true;
	}
	put_own_pages(user);
}

/* Whether the guest's tables say of all of it what they said. */
static bool is_as_known(struct aarch64_user *user,
			const struct aarch64_region *region)
{
	const struct mti_pt_ops ops = guest_tables(user);
	const uint64_t last = region->address + (region->size - 1);
	uint64_t next = region->address;
	struct mti_pt_walk walk;
	struct mti_pt_page page;

	if (mti_pt_walk_begin(&walk, user->arch->pt, &ops, user->root,
			      region->address, last,
			      WINDOW_READS) != MTI_PT_OK)
		return false;
	while (mti_pt_walk_next(&walk, &page) == MTI_PT_OK) {
		uint64_t skip = next - page.gva;
		uint32_t flags = page.flags;

		if (page.gva > next || skip >= page.size ||
		    look_at(user, page.gpa + skip, &flags) !=
			    region->memory + (next - region->address) ||
		    flags != region->flags)
			return false;
		next = page.gva + page.size;
	}
	return next > last;
}

void mti_soft_aarch64_check(struct aarch64_user *user)
{
	uint32_t i;

	for (i = 0; i < user->region_count; i++) {
		struct aarch64_region *region = &user->regions[i];
		uint64_t sum;

		if (!is_as_known(user, region)) {
			mti_soft_aarch64_reset(user);
			return;
		}
		sum = sum_of(region);
		if (sum != region->sum)
			drop_code(user, region);
		region->sum = sum;
	}
}

mote_status mti_soft_aarch64_shadow_init(struct aarch64_user *user,
					 mote_error *err)
{
	void *pool;
	uc_err uc;
	int os = mti_os_reserve(AARCH64_POOL_BYTES, &pool);

	if (os < 0)
		return mti_error_os(err, MOTE_E_NO_MEMORY, "create VM", -os,
				    "mmap of %u bytes", AARCH64_POOL_BYTES);
	user->pool = pool;
	put_own_pages(user);
	uc = uc_mem_map_ptr(user->vm.uc, AARCH64_POOL, AARCH64_POOL_BYTES,
			    UC_PROT_ALL, user->pool);
	/* The doorbells: every access is told, and aborts. */
	if (uc == UC_ERR_OK)
		uc = uc_mem_map_ptr(user->vm.uc, MOTE_GVA_DOORBELL, PAGE,
				    UC_PROT_NONE, user->pool);
	if (uc != UC_ERR_OK)
		return mti_soft_error(err, "create VM", "uc_mem_map_ptr", uc);
	return MOTE_OK;
}

void mti_soft_aarch64_shadow_fini(struct aarch64_user *user)
{
	mti_free(&user->vm.hv->allocator, user->regions);
	if (user->pool)
		mti_os_unmap(user->pool, AARCH64_POOL_BYTES);
}
