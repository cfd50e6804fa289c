/*
 * Blobs of a layout that may be deleted: those that nothing in it names. What
 * is in it may be of any kind: whatever there looks like a digest counts.
 */
#ifndef MTI_SNAP_DOOMED_H
#define MTI_SNAP_DOOMED_H

#include <stddef.h>
#include <stdint.h>

#include "snap/digest.h"
#include "snap/folder.h"
#include "snap/index.h"

struct mti_doomed {
	struct mti_digest *blobs; /* the caller's */
	size_t count;
};

/*
 * Spares what the index and its entries name. The number of entries, or of the
 * first one that cannot be read or is an index itself: nothing may be deleted.
 */
size_t mti_doomed_spare(struct mti_doomed *doomed,
			const struct mti_folder *folder,
			const struct mti_index *index);

/*
 * Deletes them, all that can be. *bytes, if not NULL, is what they took. The
 * first error is told; one that is not there any more is none.
 */
mote_status mti_doomed_delete(const struct mti_doomed *doomed,
			      const struct mti_folder *folder,
			      uint64_t *bytes, mote_error *err);

#endif
