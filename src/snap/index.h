/*
 * The index of a layout: which snapshot has which tag. It is kept as the
 * document it came from, so that what others wrote into it stays. Pure.
 */
#ifndef MTI_SNAP_INDEX_H
#define MTI_SNAP_INDEX_H

#include "snap/json.h"
#include "snap/manifest.h"
#include "snap/reference.h"

struct mti_index {
	json_t *root; /* a reference; NULL: none */
};

/* What is wrong is in reader; the index is to be finished all the same. */
void mti_index_read(struct mti_json_reader *reader, const void *data,
		    size_t size, struct mti_index *index);
/* An empty one; false: no memory. */
bool mti_index_init(struct mti_index *index);
void mti_index_fini(struct mti_index *index);

size_t mti_index_count(const struct mti_index *index);
/* The tag of an entry, or "". It may be of a form that is no tag for us. */
const char *mti_index_tag(const struct mti_index *index, size_t entry);
/*
 * The manifest of an entry. false, without an error, if it is not that of an
 * image manifest with a SHA-256 digest.
 */
bool mti_index_descriptor(const struct mti_index *index, size_t entry,
			  struct mti_descriptor *descriptor);

/*
 * The number of the entry, and its manifest. MOTE_E_NOT_FOUND in the reader
 * with the tags that there are, MOTE_E_SNAPSHOT if it is of another type.
 */
size_t mti_index_find(struct mti_json_reader *reader,
		      const struct mti_index *index,
		      const struct mti_reference *reference,
		      struct mti_descriptor *descriptor);

/* false: no memory; the index is then of no use. */
bool mti_index_set(struct mti_index *index, const char *tag,
		   const struct mti_descriptor *descriptor);
void mti_index_remove(struct mti_index *index, size_t entry);

#endif
