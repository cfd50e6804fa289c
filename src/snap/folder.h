/*
 * The folder of a layout: documents and blobs in it, opened relative to it,
 * never through a link. Operations fill err with the folder's path first.
 */
#ifndef MTI_SNAP_FOLDER_H
#define MTI_SNAP_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mote/error.h>

#include "base/alloc.h"
#include "snap/manifest.h"

#define MTI_FILE_LAYOUT "oci-layout"
#define MTI_FILE_INDEX "index.json"
/*
 * What is being written, in the folder where it will be. One name is enough,
 * because whoever writes holds the lock; a stale one is what a process left
 * that was killed, and is overwritten.
 */
#define MTI_FILE_PARTIAL ".mote-partial"

struct mti_folder {
	const char *path;      /* borrowed */
	const char *operation; /* static, for errors */
	const struct mti_allocator *allocator;
	int dir;   /* owned */
	int blobs; /* blobs/sha256, owned */
};

/* A document or small blob. */
struct mti_content {
	uint8_t *data; /* owned: mti_free */
	size_t size;
};

/* Finishing is right after an init, whatever failed later. */
void mti_folder_init(struct mti_folder *folder, const char *path,
		     const char *operation,
		     const struct mti_allocator *allocator);
void mti_folder_fini(struct mti_folder *folder);

/* For reading; and the layout's version is checked. */
mote_status mti_folder_open(struct mti_folder *folder, mote_error *err);
/* The same, locked until it is finished. */
mote_status mti_folder_open_locked(struct mti_folder *folder,
				   mote_error *err);
/*
 * Locked; what is missing is made, the index excepted. MOTE_E_SNAPSHOT if
 * what is there is something else.
 */
mote_status mti_folder_make(struct mti_folder *folder, mote_error *err);

/* A document of at most MTI_JSON_MAX bytes. *data is NULL if it is absent. */
mote_status mti_folder_read(const struct mti_folder *folder, const char *name,
			    struct mti_content *bytes, mote_error *err);
/* Puts data in its place at once, or not at all. *replaced even on failure. */
mote_status mti_folder_write(const struct mti_folder *folder,
			     const char *name, const void *data, size_t size,
			     bool *replaced, mote_error *err);
/* Blobs that were made stay, whatever happens. */
mote_status mti_folder_sync_blobs(const struct mti_folder *folder,
				  mote_error *err);

/* Opens a blob whose size must be that of its descriptor. */
mote_status mti_blob_open(const struct mti_folder *folder, const char *kind,
			  const struct mti_descriptor *descriptor, int *fd,
			  mote_error *err);
/* Whether the bytes have the digest. */
mote_status mti_blob_verify(const struct mti_folder *folder, const char *kind,
			    const struct mti_descriptor *descriptor, int fd,
			    mote_error *err);
/* The whole of a blob of at most max bytes. */
mote_status mti_blob_read(const struct mti_folder *folder, const char *kind,
			  const struct mti_descriptor *descriptor,
			  uint64_t max, struct mti_content *bytes,
			  mote_error *err);
/* Whether bytes that were read have the digest. */
mote_status mti_blob_check(const struct mti_folder *folder, const char *kind,
			   const struct mti_descriptor *descriptor,
			   const struct mti_content *bytes, mote_error *err);

/* The same, and that they have it. */
mote_status mti_blob_read_sound(const struct mti_folder *folder,
				const char *kind,
				const struct mti_descriptor *descriptor,
				uint64_t max, struct mti_content *bytes,
				mote_error *err);

/* For errors: "memory blob sha256:...". */
#define MTI_BLOB_NAME_BYTES 128
void mti_blob_name(const char *kind, const struct mti_descriptor *descriptor,
		   char name[MTI_BLOB_NAME_BYTES]);

/* What is wrong with a file of that name. */
mote_status mti_folder_bad(const struct mti_folder *folder, const char *name,
			   mote_error *err, const char *format, ...)
	MOTE_PRINTF(4, 5);

#endif
