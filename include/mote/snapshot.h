/*
 * Snapshots: the state of a sandbox between two calls, kept to go back to it
 * or to make more of it.
 *
 * Nothing that a guest did after the snapshot survives a restore: memory,
 * stack, heap, I/O area, registers (vector and x87 ones are those of a new
 * CPU, with MXCSR and the x87 control word of the snapshot), thread-local
 * variables, mappings, the state of the runtime. The random state of guest
 * and libc is seeded anew, so that clones differ (MOTE_SANDBOX_REPRODUCIBLE
 * keeps it); the guest's clocks go on, so to the guest a restore is a jump
 * forward. Where the host's monotonic clock shows less than when the snapshot
 * was taken (it comes from a file, and the machine was started anew or is
 * another), the guest's goes on from there; its time of day is the host's.
 */
#ifndef MOTE_SNAPSHOT_H
#define MOTE_SNAPSHOT_H

#include <mote/mote.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Immutable, thread-safe, reference counted. Outlives the sandbox it was
 * taken from.
 */
typedef struct mote_snapshot mote_snapshot;

/*
 * Between calls of a sandbox that is READY: MOTE_E_STATE inside one,
 * MOTE_E_POISONED. Costs the pages written since the sandbox was made or
 * last restored; the others are shared with what it came from. Up to a limit:
 * a snapshot is at most 64 runs of memory in 8 files, so that with more than
 * about 30 places written far apart, or after 7 snapshots each from a clone
 * of the one before, pages that did not change are stored again, the fewest
 * that will do. If more than half is new, all is. What is mapped becomes
 * part of the snapshot.
 */
MOTE_API MOTE_MUST_USE mote_status
mote_snapshot_take(mote_sandbox *box, mote_snapshot **snapshot,
		   mote_error *err);
MOTE_API mote_snapshot *mote_snapshot_ref(mote_snapshot *snapshot);
MOTE_API void mote_snapshot_unref(mote_snapshot *snapshot);

typedef struct mote_snapshot_info {
	uint32_t struct_size;
	uint32_t from_file;
	uint64_t memory_size;  /* of the guest, guest-physical */
	/*
	 * Of the runs that it is kept as, with the zeros between pages that
	 * were put into one run. They take no room in a file.
	 */
	uint64_t stored_bytes;
	/*
	 * Of these, what is not shared with what it came from; of one from a
	 * file: what is in its last layer of memory.
	 */
	uint64_t own_bytes;
	uint64_t heap_bytes;
	uint64_t stack_bytes;
	uint64_t io_bytes;
} mote_snapshot_info;

#define MOTE_SNAPSHOT_INFO_INIT                                      \
	{                                                            \
		(uint32_t)sizeof(mote_snapshot_info), 0, 0, 0, 0, 0, 0, 0 \
	}

MOTE_API MOTE_MUST_USE mote_status
mote_snapshot_describe(const mote_snapshot *snapshot, mote_snapshot_info *info,
		       mote_error *err);

/* The program, for its functions; borrowed from the snapshot. */
MOTE_API mote_image *mote_snapshot_image(const mote_snapshot *snapshot);

/* One run of guest memory; out-of-range indices are MOTE_E_INVALID. */
typedef struct mote_snapshot_extent {
	uint64_t gpa;
	uint64_t gva;   /* UINT64_MAX if the guest cannot see it */
	uint64_t bytes;
	uint32_t shared; /* 1: with what the snapshot came from */
	uint32_t protection; /* MOTE_PROT_*, of the guest's program */
	const char *area; /* "stack", "heap", "program", ...; static */
} mote_snapshot_extent;

MOTE_API size_t mote_snapshot_extent_count(const mote_snapshot *snapshot);
MOTE_API MOTE_MUST_USE mote_status
mote_snapshot_get_extent(const mote_snapshot *snapshot, size_t index,
			 mote_snapshot_extent *extent, mote_error *err);

/*
 * A new sandbox in the state of the snapshot, without running guest code.
 * options may be NULL; heap, stack and io_bytes are those of the snapshot
 * and must be 0 or equal. Its imports are resolved as for a new one.
 * MOTE_E_INCOMPATIBLE names the field that does not fit.
 */
MOTE_API MOTE_MUST_USE mote_status
mote_sandbox_from_snapshot(mote_snapshot *snapshot,
			   const mote_sandbox_options *options,
			   mote_sandbox **box, mote_error *err);

/*
 * Puts box into the state of the snapshot, whatever state it is in; only
 * not inside a call of it (MOTE_E_STATE). Fast if box came from it or was
 * last restored to it: the price is the pages written since. Another
 * snapshot of the same image and sizes works too. A refused snapshot
 * (MOTE_E_INCOMPATIBLE names the field) leaves box as it was; after another
 * failure it is poisoned, and can be restored again.
 */
MOTE_API MOTE_MUST_USE mote_status
mote_sandbox_restore(mote_sandbox *box, mote_snapshot *snapshot,
		     mote_error *err);

/* -------------------------------------------------------------- mappings */

/* The guest may write; what it writes stays its own and goes at restore. */
#define MOTE_MAP_PRIVATE 1u

#define MOTE_MAP_ADDRESS_FIRST UINT64_C(0x720000000000)
#define MOTE_MAP_ADDRESS_LIMIT UINT64_C(0x730000000000)

/*
 * Shows the guest size bytes of a file from offset on, through the page
 * cache, without a copy; a multiple of a page in offset and address. All of
 * the pages that they touch are shown, and what lies in the last one beyond
 * the end of the file is zero. size 0 is all that follows offset. *address 0
 * lets the library choose one and stores it there.
 * Between calls; until mote_unmap, a restore or the end of the sandbox. The
 * descriptor may be closed afterwards. Read-only unless MOTE_MAP_PRIVATE,
 * and never to be executed. A file that is cut short while mapped: a guest
 * that reads beyond its end gets MOTE_E_GUEST_FAULT.
 *
 * Regular files only. MOTE_E_INVALID names what is not aligned, not within
 * the file or the window, or the range that it would overlap; MOTE_E_STATE
 * inside a call, or if 200 are there, those of its snapshot included;
 * MOTE_E_POISONED; MOTE_E_NO_MEMORY also if the guest's page tables are full.
 */
MOTE_API MOTE_MUST_USE mote_status
mote_map_file(mote_sandbox *box, int fd, uint64_t offset, uint64_t size,
	      uint32_t flags, uint64_t *address, mote_error *err);

/*
 * The same with the program's own memory, whole pages, which must stay there
 * until it is unmapped. Read-only for the guest, which sees what the program
 * writes there.
 */
MOTE_API MOTE_MUST_USE mote_status
mote_map_memory(mote_sandbox *box, const void *memory, uint64_t size,
		uint64_t *address, mote_error *err);

/*
 * Exactly one mapping, by its address; in any state, but not in a call. What
 * a snapshot had mapped is memory of its sandboxes, and no mapping of theirs.
 * If it fails and the sandbox is poisoned, the guest had destroyed its page
 * tables, or the system failed: the mapping is gone all the same.
 */
MOTE_API MOTE_MUST_USE mote_status
mote_unmap(mote_sandbox *box, uint64_t address, mote_error *err);

/* ----------------------------------------------------------------- pools */

/*
 * Ready sandboxes of one snapshot. Thread-safe. Not in a child of the
 * process that made it (MOTE_E_STATE). Those that were made stay; a pool does
 * not shrink.
 */
typedef struct mote_pool mote_pool;

typedef struct mote_pool_options {
	uint32_t struct_size;
	uint32_t min; /* made at once; default 0 */
	uint32_t max; /* alive at the same time; default 64, at least min */
	uint32_t reserved;
	/*
	 * Of every sandbox; NULL is the defaults. Copied, with all that they
	 * point to; of files the descriptor. Memory to be mapped must stay.
	 */
	const mote_sandbox_options *sandbox;
} mote_pool_options;

#define MOTE_POOL_OPTIONS_INIT                                  \
	{                                                       \
		(uint32_t)sizeof(mote_pool_options), 0, 0, 0, 0 \
	}

MOTE_API MOTE_MUST_USE mote_status
mote_pool_new(mote_snapshot *snapshot, const mote_pool_options *options,
	      mote_pool **pool, mote_error *err);

/*
 * A sandbox in the state of the snapshot, which is the caller's until
 * mote_pool_release; mote_sandbox_free releases it, too. Waits up to
 * timeout_ns when max are out: MOTE_E_TIMEOUT; 0 does not wait. Who waits
 * longest is served first. MOTE_E_STATE if the pool is freed meanwhile; an
 * error of mote_sandbox_from_snapshot if one had to be made, which another
 * call may try again.
 */
MOTE_API MOTE_MUST_USE mote_status
mote_pool_acquire(mote_pool *pool, uint64_t timeout_ns, mote_sandbox **box,
		  mote_error *err);

/*
 * Gives it back, in any state: it is restored, or replaced if that fails, and
 * has the limits of the options again. Until it is acquired again, using it
 * is MOTE_E_BUSY; handles of it (mote_interrupt) that somebody kept cancel
 * nothing from then on. Inside a call of it nothing happens, and it is still
 * the caller's; nothing happens to what is not out of this pool.
 */
MOTE_API void mote_pool_release(mote_pool *pool, mote_sandbox *box);

typedef struct mote_pool_stats {
	uint32_t struct_size;
	uint32_t idle;
	uint32_t busy;     /* out, or being restored */
	uint32_t waiting;  /* threads */
	uint64_t acquired; /* since the pool was made, as all that follow */
	uint64_t waited;   /* calls of acquire, not time */
	uint64_t timeouts;
	uint64_t created;
	uint64_t restored;
	uint64_t replaced; /* because a restore failed */
} mote_pool_stats;

#define MOTE_POOL_STATS_INIT                                           \
	{                                                              \
		(uint32_t)sizeof(mote_pool_stats), 0, 0, 0, 0, 0, 0, 0, 0, 0 \
	}

MOTE_API MOTE_MUST_USE mote_status mote_pool_get_stats(mote_pool *pool,
						       mote_pool_stats *stats,
						       mote_error *err);

/*
 * Who waits for a sandbox gets MOTE_E_STATE. Sandboxes that are out stay
 * usable, and are freed when they are released: mote_pool_release is all that
 * may still be called, and the last one frees what is left.
 */
MOTE_API void mote_pool_free(mote_pool *pool);

/* ----------------------------------------------------------------- files */

/*
 * A snapshot in a file is an OCI image layout: a directory that may hold
 * many, by tag. docs/SNAPSHOT-FORMAT.md says what is in it. The functions
 * below are thread-safe, and several processes may use one layout: who writes
 * waits for others who do. MOTE_E_OS: the directory cannot be opened, or the
 * system refused something else; err->os_errno.
 */

/* done of total bytes were written. Not 0 from it: break off. */
typedef int (*mote_progress_fn)(void *user, uint64_t done, uint64_t total);

/*
 * The directory is made if only its last component is missing. A tag that
 * is there is replaced, atomically: after a crash or a full disk the old
 * index is whole. MOTE_E_SNAPSHOT says what is wrong with what is there.
 * progress may be NULL; the layout is locked while it runs, MOTE_E_CANCELLED
 * if it broke off. digest, if not NULL, gets "sha256:..." of the manifest.
 */
#define MOTE_DIGEST_BYTES 72
MOTE_API MOTE_MUST_USE mote_status
mote_snapshot_save(mote_snapshot *snapshot, const char *directory,
		   const char *tag, mote_progress_fn progress, void *user,
		   char digest[MOTE_DIGEST_BYTES], mote_error *err);

/* Check every digest: reads all of it. */
#define MOTE_LOAD_VERIFY 1u
/*
 * Read memory into memory of the process, sealed, instead of mapping it: the
 * files may then be changed and deleted while the snapshot lives.
 */
#define MOTE_LOAD_COPY 2u

/*
 * reference is a tag or "sha256:..."; MOTE_E_NOT_FOUND names the tags that
 * there are. Memory is mapped from the file, which must not be cut short
 * while the snapshot or a sandbox of it lives, without MOTE_LOAD_COPY: that
 * would kill the process. What is in the file is not trusted: the worst that
 * comes of it is a guest that misbehaves. MOTE_E_SNAPSHOT names the file and
 * the field that is wrong, or does not fit this machine and backend. With the
 * backend "none" those of any can be looked at.
 */
MOTE_API MOTE_MUST_USE mote_status
mote_snapshot_load(mote_engine *engine, const char *directory,
		   const char *reference, uint32_t flags,
		   mote_snapshot **snapshot, mote_error *err);

/*
 * Whether a snapshot can be saved by that tag; MOTE_E_INVALID says what a tag
 * is. A program that gets it from a user need not run the guest first.
 */
MOTE_API MOTE_MUST_USE mote_status mote_snapshot_check_tag(const char *tag,
							   mote_error *err);

/*
 * Takes the tag out of the index, then deletes those of its blobs that
 * nothing else names. MOTE_E_NOT_FOUND names the tags that there are.
 */
MOTE_API MOTE_MUST_USE mote_status
mote_snapshot_remove(const char *directory, const char *tag, mote_error *err);

/* What the index of a layout says of one snapshot. */
typedef struct mote_layout_entry {
	uint32_t struct_size;
	uint32_t reserved;
	uint64_t bytes; /* of all its blobs; 0: its manifest cannot be read */
	char tag[128 + 1]; /* "": none */
	char digest[MOTE_DIGEST_BYTES];
} mote_layout_entry;

/*
 * Calls found for each snapshot of the index, in its order; not 0 from it
 * ends the walk, which is no error. MOTE_E_SNAPSHOT: the directory is no
 * layout, or its index is not as it must be.
 */
typedef int (*mote_layout_fn)(void *user, const mote_layout_entry *entry);
MOTE_API MOTE_MUST_USE mote_status
mote_layout_list(const char *directory, mote_layout_fn found, void *user,
		 mote_error *err);

/*
 * Deletes the blobs that nothing in the index leads to: what tags named before
 * they were saved again, and what saves left that were killed. *blobs is their
 * number, *bytes what they took; either may be NULL. Snapshots that are loaded
 * go on. MOTE_E_SNAPSHOT, and nothing is deleted: an entry of the index cannot
 * be read, or is an index itself. Not while a program that does not lock the
 * directory, as skopeo, writes there.
 */
MOTE_API MOTE_MUST_USE mote_status mote_layout_prune(const char *directory,
						     uint64_t *blobs,
						     uint64_t *bytes,
						     mote_error *err);

#ifdef __cplusplus
}
#endif

#endif
