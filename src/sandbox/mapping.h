/*
 * Mappings: files and the program's own memory in the guest's address space.
 * The sandbox is acquired. Statuses come with err filled.
 */
#ifndef MTI_SANDBOX_MAPPING_H
#define MTI_SANDBOX_MAPPING_H

#include "sandbox/sandbox.h"

/* size 0: what follows offset. *address 0: anywhere; where it is, then. */
mote_status mti_mapping_file(mote_sandbox *box, int fd, uint64_t offset,
			     uint64_t size, bool private, uint64_t *address,
			     mote_error *err);
mote_status mti_mapping_memory(mote_sandbox *box, const void *memory,
			       uint64_t size, uint64_t *address,
			       mote_error *err);
/* Those of options, which are checked. If it fails, some may be there. */
mote_status mti_mapping_add_all(mote_sandbox *box, const mote_mapping *mappings,
				size_t count, mote_error *err);
/*
 * If it fails there is none at that address; or what is left of it in the
 * sandbox, which is poisoned then, is for a restore to put right.
 */
mote_status mti_mapping_remove(mote_sandbox *box, uint64_t address,
			       mote_error *err);

/*
 * What they have left in the page tables is in the set of dirty pages, to be
 * put back.
 */
void mti_mapping_drop_all(mote_sandbox *box);

#endif
