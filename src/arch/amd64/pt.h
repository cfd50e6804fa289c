/*
 * 4-level page tables (SDM 3A, 4-Level Paging; APM 2, Long-Mode Page
 * Translation). Freestanding; contract in arch/arch.h.
 */
#ifndef MTI_ARCH_AMD64_PT_H
#define MTI_ARCH_AMD64_PT_H

#include "arch/arch.h"

/*
 * Large pages are 2 MiB. Accessed and dirty are set in advance: the CPU
 * would otherwise write to the tables. Lower half of the address space only.
 */
bool mti_amd64_map(const struct mti_pt_ops *ops, uint64_t root, uint64_t gva,
		   uint64_t gpa, uint64_t size, uint32_t flags);

bool mti_amd64_unmap(const struct mti_pt_ops *ops, uint64_t root, uint64_t gva,
		     uint64_t gpa, uint64_t size);

/* At most 4 reads. */
bool mti_amd64_translate(const struct mti_pt_ops *ops, uint64_t root,
			 uint64_t gva, struct mti_pt_translation *out);

#endif
