/*
 * The contents of guest memory as images and snapshots keep them: immutable,
 * shared by any number of sandboxes and threads, in files that sandboxes map
 * privately.
 *
 * A store is a sorted list of extents over a few files; what no extent covers
 * is zero. The first file is that of an image, or of a full snapshot; each of
 * the others holds what a later snapshot changed. Files have no gaps between
 * them: the first that is not there is the end.
 */
#ifndef MTI_MEM_STORE_H
#define MTI_MEM_STORE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mote/error.h>

#include "base/alloc.h"
#include "mem/layout.h"

#define MTI_STORE_FILES 8
/* Each is a mapping of every sandbox, of which a process has 65530. */
#define MTI_STORE_EXTENTS_MAX 64

/*
 * A file of pages that never changes. Reference counted, thread-safe.
 *
 * To make a file of many pages costs several times as much as to copy them
 * to memory, and who only goes back to a snapshot needs no file. So one that
 * is large begins as memory, and becomes a file when somebody maps it.
 */
struct mti_backing {
	_Atomic uint32_t references;
	const struct mti_allocator *allocator;
	_Atomic int fd;      /* owned; -1: it is memory */
	uint64_t size;       /* a multiple of a page */
	const uint8_t *view; /* owned: all of it, mapped read-only */
	/* snap/: the SHA-256 of all of it, once digest_state is KNOWN. */
	_Atomic uint32_t digest_state;
	uint8_t digest[32];
};

/* CLAIMED: the digest is what a manifest says; nobody has looked. */
enum {
	MTI_DIGEST_UNKNOWN,
	MTI_DIGEST_BEING_STORED,
	MTI_DIGEST_CLAIMED,
	MTI_DIGEST_KNOWN,
};

struct mti_extent {
	uint64_t gpa; /* these three: multiples of a page */
	uint64_t size;
	uint64_t offset; /* in the file */
	uint32_t file;   /* which one */
};

struct mti_store {
	_Atomic uint32_t references;
	const struct mti_allocator *allocator;
	struct mti_backing *files[MTI_STORE_FILES]; /* references, or NULL */
	uint64_t memory_size;
	uint32_t extent_count;
	struct mti_extent extents[MTI_STORE_EXTENTS_MAX];
};

/* Takes fd over, also when it fails. */
mote_status mti_backing_new(const struct mti_allocator *allocator, int fd,
			    uint64_t size, struct mti_backing **backing,
			    mote_error *err);
/* Memory, to be filled at *bytes before anybody else sees it, and sealed. */
mote_status mti_backing_stage(const struct mti_allocator *allocator,
			      uint64_t size, struct mti_backing **backing,
			      uint8_t **bytes, mote_error *err);
mote_status mti_backing_seal(struct mti_backing *backing, mote_error *err);
/* A new file that was written with status os: sealed, or closed and -errno. */
int mti_store_seal(int fd, int os);
/* The file's descriptor, which stays the backing's; -errno. */
int mti_backing_file(struct mti_backing *backing);
/* A piece of it, also of a file that was cut short: the count, or -errno. */
int64_t mti_backing_read(const struct mti_backing *backing, void *buffer,
			 size_t size, uint64_t offset);
void mti_backing_ref(struct mti_backing *backing);
void mti_backing_unref(struct mti_backing *backing);

/* No files and no extents yet. NULL if memory ran out. */
struct mti_store *mti_store_new(const struct mti_allocator *allocator,
				uint64_t memory_size);
void mti_store_ref(struct mti_store *store);
void mti_store_unref(struct mti_store *store);

/* The first extent that ends behind gpa, or NULL. */
const struct mti_extent *mti_store_find(const struct mti_store *store,
					uint64_t gpa);

/* The bytes of a page, or NULL if they are zero. */
const uint8_t *mti_store_page(const struct mti_store *store, uint64_t gpa);

/* Of MOTE_PAGE_SIZE bytes: all are 0; they are what the store has there. */
bool mti_page_is_zero(const uint8_t *page);
bool mti_store_has(const struct mti_store *store, uint64_t gpa,
		   const uint8_t *page);

uint32_t mti_store_file_count(const struct mti_store *store);
/* The most that the files of a store of that much memory are, together. */
uint64_t mti_store_files_max(uint64_t memory_size);

/* Whether the extents are sorted, apart, and inside memory and files. */
bool mti_store_valid(const struct mti_store *store);

#endif
