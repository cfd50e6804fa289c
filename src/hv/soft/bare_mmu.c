/*
 * Memory as the bare CPU sees it: page tables as the guest has them, walked
 * like the CPU does (SDM 3A, 4.7 and 4.8), with accessed and dirty bits, and
 * a TLB of host addresses.
 */
#include <string.h>

#include "arch/pt.h"
#include "hv/soft/bare_cpu.h"

#define PTE_ACCESSED UINT64_C(0x20)
#define PTE_DIRTY UINT64_C(0x40)
#define NO_EXECUTE (UINT64_C(1) << 63)
/* Bits of physical addresses beyond those that CPUID says there are. */
#define NO_ADDRESS \
	((UINT64_C(1) << 52) - (UINT64_C(1) << PHYSICAL_BITS))

#define PF_PROTECTION 1u
#define PF_WRITE 2u
#define PF_USER 4u
#define PF_RESERVED 8u
#define PF_FETCH 16u

/* What a walk found. */
struct page {
	uint64_t gpa;
	bool writable; /* for who asks, and the dirty bit is set */
	bool executable;
};

static const struct mti_vm_range *find(const struct mti_soft_bare *bare,
				       uint64_t gpa, uint64_t size)
{
	uint32_t i;

	for (i = 0; i < bare->range_count; i++) {
		const struct mti_vm_range *range = &bare->ranges[i];

		if (gpa >= range->gpa && gpa - range->gpa < range->size &&
		    size <= range->size - (gpa - range->gpa))
			return range;
	}
	return NULL;
}

/* Tables that are not there map nothing: so does KVM. */
static uint64_t read_entry(const struct mti_soft_bare *bare, uint64_t gpa,
			   unsigned int size)
{
	const struct mti_vm_range *range = find(bare, gpa, size);
	uint64_t raw = 0;

	if (range)
		memcpy(&raw, (uint8_t *)range->memory + (gpa - range->gpa),
		       size);
	return raw;
}

static void mark_entry(const struct mti_soft_bare *bare, uint64_t gpa,
		       unsigned int size, uint64_t raw)
{
	const struct mti_vm_range *range = find(bare, gpa, size);

	if (range && range->writable)
		memcpy((uint8_t *)range->memory + (gpa - range->gpa), &raw,
		       size);
}

static const struct mti_pt *format(const struct mti_soft_bare *bare)
{
	if (mti_bare_is_ia32e(bare))
		return &mti_pt_amd64;
	if (bare->cr4 & CR4_PAE)
		return bare->efer & EFER_NXE ? &mti_pt_i686_pae_nx
					     : &mti_pt_i686_pae;
	return bare->cr4 & CR4_PSE ? &mti_pt_i686_pse : &mti_pt_i686;
}

static bool is_user(const struct mti_soft_bare *bare, unsigned int access)
{
	return !(access & ACCESS_SYSTEM) && mti_bare_cpl(bare) == 3;
}

static bool page_fault(struct mti_soft_bare *bare, uint64_t linear,
		       unsigned int access, uint32_t error)
{
	if (access & ACCESS_WRITE)
		error |= PF_WRITE;
	if (is_user(bare, access))
		error |= PF_USER;
	if ((access & ACCESS_FETCH) && (bare->cr4 & CR4_PAE) &&
	    (bare->efer & EFER_NXE))
		error |= PF_FETCH;
	(void)mti_bare_trap(bare, PF, error);
	bare->trap.cr2 = linear;
	return false;
}

/* The path of a walk, for the accessed bits. */
struct path {
	uint64_t at[MTI_PT_LEVELS];
	uint64_t raw[MTI_PT_LEVELS];
	unsigned int count;
	uint32_t flags;
	uint64_t gpa;
};

/* Beside what mti_pt knows, who has no CPUID and EFER.NXE always or never. */
static bool is_reserved(const struct mti_soft_bare *bare,
			const struct mti_pt *pt, uint64_t raw)
{
	return pt->entry_bytes == 8 &&
	       ((raw & NO_ADDRESS) ||
		((raw & NO_EXECUTE) && !(bare->efer & EFER_NXE)));
}

static bool walk(struct mti_soft_bare *bare, const struct mti_pt *pt,
		 uint64_t linear, unsigned int access, struct path *path)
{
	uint64_t table = bare->cr3 & pt->root_address;
	struct mti_pt_entry entry = { .kind = MTI_PT_KIND_ABSENT };
	unsigned int i;

	path->flags = MTI_PT_RIGHTS;
	for (i = 0; i < pt->levels; i++) {
		uint64_t index = (linear >> pt->shift[i]) &
				 ((UINT64_C(1) << pt->bits[i]) - 1);
		uint64_t raw;

		path->at[i] = table + index * pt->entry_bytes;
		raw = read_entry(bare, path->at[i], pt->entry_bytes);
		path->raw[i] = raw;
		path->count = i + 1;
		pt->decode(i, raw, &entry);
		if (entry.kind == MTI_PT_KIND_ABSENT)
			return page_fault(bare, linear, access, 0);
		if (entry.kind == MTI_PT_KIND_RESERVED ||
		    is_reserved(bare, pt, raw))
			return page_fault(bare, linear, access,
					  PF_PROTECTION | PF_RESERVED);
		path->flags &= entry.flags;
		if (entry.kind == MTI_PT_KIND_LEAF)
			break;
		table = entry.gpa;
	}
	path->gpa =
		entry.gpa +
		(linear & ((UINT64_C(1) << pt->shift[path->count - 1]) - 1));
	return true;
}

/* PAE's first level has no accessed bit. */
static void mark(struct mti_soft_bare *bare, const struct mti_pt *pt,
		 struct path *path, bool dirty)
{
	unsigned int i = pt->levels == 3 ? 1 : 0;

	for (; i < path->count; i++) {
		uint64_t raw = path->raw[i] | PTE_ACCESSED;

		if (dirty && i + 1 == path->count)
			raw |= PTE_DIRTY;
		if (raw != path->raw[i])
			mark_entry(bare, path->at[i], pt->entry_bytes, raw);
		path->raw[i] = raw;
	}
}

static bool translate(struct mti_soft_bare *bare, uint64_t linear,
		      unsigned int access, struct page *page)
{
	const struct mti_pt *pt = format(bare);
	bool user = is_user(bare, access);
	struct path path = { .count = 0 };
	bool writable;

	if (!(bare->cr0 & CR0_PG)) {
		*page = (struct page){ linear, true, true };
		return true;
	}
	if (!walk(bare, pt, linear, access, &path))
		return false;
	writable =
		(path.flags & MTI_PT_WRITE) || (!user && !(bare->cr0 & CR0_WP));
	page->executable = path.flags & MTI_PT_EXECUTE;
	if ((user && !(path.flags & MTI_PT_USER)) ||
	    ((access & ACCESS_WRITE) && !writable) ||
	    ((access & ACCESS_FETCH) && !page->executable))
		return page_fault(bare, linear, access, PF_PROTECTION);
	mark(bare, pt, &path, access & ACCESS_WRITE);
	/* The first write has to come here, for its dirty bit. */
	page->writable = writable && (path.raw[path.count - 1] & PTE_DIRTY);
	page->gpa = path.gpa;
	return true;
}

static bool fill(struct mti_soft_bare *bare, struct tlb_entry *entry,
		 uint64_t linear, unsigned int access)
{
	const struct mti_vm_range *range;
	struct page page = { .gpa = 0 };

	entry->turn = 0;
	if (!translate(bare, linear, access, &page))
		return false;
	page.gpa &= ~(uint64_t)PAGE_MASK;
	range = find(bare, page.gpa, PAGE_BYTES);
	if (!range)
		return mti_bare_stuck(bare,
				      "access outside memory, guest-physical",
				      page.gpa + (linear & PAGE_MASK));
	if ((access & ACCESS_WRITE) && !range->writable)
		return mti_bare_stuck(
			bare, "write to read-only memory, guest-physical",
			page.gpa + (linear & PAGE_MASK));
	entry->page = linear & ~(uint64_t)PAGE_MASK;
	entry->host = (uint8_t *)range->memory + (page.gpa - range->gpa);
	entry->writable = page.writable && range->writable;
	entry->executable = page.executable;
	entry->turn = bare->turn;
	return true;
}

uint8_t *mti_bare_host(struct mti_soft_bare *bare, uint64_t linear,
		       unsigned int access)
{
	uint64_t page;
	struct tlb_entry *entry;

	if (!mti_bare_is_ia32e(bare)) {
		linear &= UINT32_MAX;
	} else if (!mti_bare_is_canonical(linear)) {
		(void)mti_bare_trap(bare, GP, 0);
		return NULL;
	}
	page = linear & ~(uint64_t)PAGE_MASK;
	entry = &bare->tlb[is_user(bare, access)]
			  [(linear / PAGE_BYTES) % TLB_ENTRIES];
	if (entry->turn != bare->turn || entry->page != page ||
	    ((access & ACCESS_WRITE) && !entry->writable) ||
	    ((access & ACCESS_FETCH) && !entry->executable))
		if (!fill(bare, entry, linear, access))
			return NULL;
	return entry->host + (linear & PAGE_MASK);
}

/* How much of it is in the page where it starts. */
static size_t in_page(uint64_t linear, size_t size)
{
	size_t room = PAGE_BYTES - (size_t)(linear & PAGE_MASK);

	return size < room ? size : room;
}

bool mti_bare_read(struct mti_soft_bare *bare, uint64_t linear, void *bytes,
		   size_t size, unsigned int access)
{
	uint8_t *to = bytes;

	while (size > 0) {
		size_t part = in_page(linear, size);
		const uint8_t *host = mti_bare_host(bare, linear, access);

		if (!host)
			return false;
		memcpy(to, host, part);
		to += part;
		linear += part;
		size -= part;
	}
	return true;
}

bool mti_bare_probe(struct mti_soft_bare *bare, uint64_t linear, size_t size,
		    unsigned int access)
{
	size_t first = in_page(linear, size);

	if (!mti_bare_host(bare, linear, access | ACCESS_WRITE))
		return false;
	return first == size ||
	       mti_bare_host(bare, linear + first, access | ACCESS_WRITE);
}

bool mti_bare_write(struct mti_soft_bare *bare, uint64_t linear,
		    const void *bytes, size_t size, unsigned int access)
{
	size_t first = in_page(linear, size);
	uint8_t *second = NULL;
	uint8_t *host;

	access |= ACCESS_WRITE;
	host = mti_bare_host(bare, linear, access);
	if (!host)
		return false;
	if (first < size) {
		second = mti_bare_host(bare, linear + first, access);
		if (!second)
			return false;
	}
	memcpy(host, bytes, first);
	if (second)
		memcpy(second, (const uint8_t *)bytes + first, size - first);
	return true;
}

void mti_bare_forget(struct mti_soft_bare *bare)
{
	bare->turn++;
}
