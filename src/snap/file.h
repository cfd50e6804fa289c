/*
 * Snapshots in files: saving, loading, listing, removing. What the bytes
 * mean is said in docs/SNAPSHOT-FORMAT.md.
 */
#ifndef MTI_SNAP_FILE_H
#define MTI_SNAP_FILE_H

#include <stdbool.h>

#include "snap/config.h"
#include "snap/folder.h"
#include "snap/index.h"
#include "snap/reference.h"
#include "snap/snap.h"

/* Not 0: break off. */
typedef int (*mti_progress_fn)(void *user, uint64_t done, uint64_t total);

struct mti_save {
	const struct mti_allocator *allocator;
	const struct mti_snap *snap;
	struct mti_snap_program program;
	struct mti_snap_tables tables;
	const char *directory;
	const char *tag;
	mti_progress_fn progress; /* may be NULL */
	void *user;
};

/*
 * digest gets that of the manifest. MOTE_E_CANCELLED if progress broke it
 * off. Whatever fails, the index is the old one or, on MOTE_E_OS at the very
 * end, the new one.
 */
mote_status mti_snap_save(const struct mti_save *save,
			  struct mti_digest *digest, mote_error *err);

struct mti_load {
	const struct mti_allocator *allocator;
	const char *directory;
	const char *reference;
	const struct mti_snap_origin *here; /* what this machine offers */
	const struct mti_snap_origin *bare; /* to bare guests; or NULL */
	bool verify; /* every digest */
	bool copy;   /* memory is not mapped from the files, but read */
	uint64_t max_bytes; /* that its memory may have */
};

struct mti_loaded {
	const struct mti_allocator *allocator;
	struct mti_snap snap;      /* its store is a reference, or NULL */
	struct mti_content program;  /* owned, or NULL */
	struct mti_config config;  /* for mti_loaded_check_tables */
};

/* Finish it with mti_loaded_fini; it is empty if it failed. */
mote_status mti_snap_load(const struct mti_load *load,
			  struct mti_loaded *loaded, mote_error *err);
/* Whether the functions that the config names are the program's. */
mote_status mti_loaded_check_tables(const struct mti_loaded *loaded,
				    const char *directory,
				    const struct mti_snap_tables *tables,
				    mote_error *err);
void mti_loaded_fini(struct mti_loaded *loaded);

mote_status mti_snap_remove(const struct mti_allocator *allocator,
			    const char *directory, const char *tag,
			    mote_error *err);

struct mti_pruned {
	uint64_t blobs;
	uint64_t bytes; /* that they took */
};

/* MOTE_E_SNAPSHOT, and nothing is deleted, if an entry cannot be read. */
mote_status mti_snap_prune(const struct mti_allocator *allocator,
			   const char *directory, struct mti_pruned *pruned,
			   mote_error *err);

/* bytes is 0 if the manifest cannot be read; tag is "" if it is none. */
typedef int (*mti_entry_fn)(void *user, const char *tag,
			    const struct mti_digest *digest, uint64_t bytes);
mote_status mti_snap_list(const struct mti_allocator *allocator,
			  const char *directory, mti_entry_fn found,
			  void *user, mote_error *err);

/* Between these files: the index of an open folder. absent may be NULL. */
mote_status mti_index_load(const struct mti_folder *folder,
			   struct mti_index *index, bool *absent,
			   mote_error *err);
mote_status mti_index_store(const struct mti_folder *folder,
			    const struct mti_index *index, bool *replaced,
			    mote_error *err);

#endif
