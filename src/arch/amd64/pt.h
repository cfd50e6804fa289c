/*
 * 4-level page tables (SDM 3A, 4-Level Paging; APM 2, Long-Mode Page
 * Translation): build and translate. Freestanding and pure; the tables are
 * reached through the caller's operations and may be hostile when read.
 */
#ifndef MTI_ARCH_AMD64_PT_H
#define MTI_ARCH_AMD64_PT_H

#include <stdbool.h>
#include <stdint.h>

#define MTI_PT_WRITE 1u
#define MTI_PT_EXECUTE 2u
#define MTI_PT_USER 4u

struct mti_pt_ops {
	void *context;
	/* The entry at that guest-physical address; false if out of range. */
	bool (*read)(void *context, uint64_t gpa, uint64_t *entry);
	bool (*write)(void *context, uint64_t gpa, uint64_t entry);
	/* A zeroed page for a table; false if there is no memory. */
	bool (*alloc)(void *context, uint64_t *gpa);
};

/*
 * Maps [gva, gva + size) to [gpa, ...), all multiples of 4 KiB, with 2 MiB
 * pages wherever both addresses allow. Nothing of the range may be mapped
 * yet. Accessed and dirty are set in advance: the CPU would otherwise write
 * to the tables. false: an operation failed, a range wraps or leaves the
 * lower half of the address space, or something is mapped there.
 */
bool mti_amd64_map(const struct mti_pt_ops *ops, uint64_t root, uint64_t gva,
		   uint64_t gpa, uint64_t size, uint32_t flags);

struct mti_amd64_translation {
	uint64_t gpa;
	uint64_t span; /* bytes from gpa to the end of its page */
	uint32_t flags;
};

/* false if gva is not mapped. At most 4 reads. */
bool mti_amd64_translate(const struct mti_pt_ops *ops, uint64_t root,
			 uint64_t gva, struct mti_amd64_translation *out);

#endif
