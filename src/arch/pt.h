/*
 * Page tables of every architecture, behind one table of what differs
 * (struct mti_pt) that is chosen at run time.
 *
 * Freestanding: no libc, no allocation but the caller's, so that a guest can
 * be built with the same files. Tables are reached only through the caller's
 * operations, so they may be hostile: no function follows more of them, or
 * reads more entries, than is said here.
 *
 * No locking, and no TLB is flushed: both are the caller's. Accessed and
 * dirty bits are set in advance, so that the CPU does not write to tables.
 */
#ifndef MTI_ARCH_PT_H
#define MTI_ARCH_PT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a mapping allows; reading always. */
#define MTI_PT_WRITE 1u
#define MTI_PT_EXECUTE 2u /* by all who may read it, if the CPU can refuse */
/* The less privileged may do the same. */
#define MTI_PT_USER 4u
/* Not written to, but marked: a write is to be resolved with a copy. */
#define MTI_PT_COW 8u
/* No memory: what is stored is seen, in order. Formats may not know it. */
#define MTI_PT_DEVICE 0x20u
/* How to map. */
#define MTI_PT_NEW 0x100u   /* nothing may be there; a failure undoes it all */
#define MTI_PT_LARGE 0x200u /* large pages wherever both addresses allow */

enum mti_pt_result {
	MTI_PT_OK,
	MTI_PT_END,	   /* of a walk */
	MTI_PT_ABSENT,	   /* nothing is mapped there */
	MTI_PT_INVALID,	   /* an argument, which no operation has seen */
	MTI_PT_IN_USE,	   /* something is mapped there */
	MTI_PT_CHANGED,	   /* what is mapped there is not what should be */
	MTI_PT_NO_MEMORY,  /* alloc, write, move or set_root refused */
	MTI_PT_UNREADABLE, /* a table is where nothing can be read */
	MTI_PT_RESERVED, /* an entry that the CPU refuses, or cannot be split */
	MTI_PT_LOOP,	 /* a table that is also a table of another level */
	MTI_PT_TOO_MANY, /* more entries or tables than was allowed */
	MTI_PT_NO_OWNER, /* the other space does not have the shared table */
};

/* The tables of a guest; addresses are guest-physical. */
struct mti_pt_ops {
	void *context;
	/*
	 * The eight bytes there, little-endian; a multiple of 8. Where entries
	 * are four bytes long, these are two. false: out of range.
	 */
	bool (*read)(void *context, uint64_t gpa, uint64_t *entry);
	bool (*write)(void *context, uint64_t gpa, uint64_t entry);
	/* A zeroed page for a table; false if there is no memory. */
	bool (*alloc)(void *context, uint64_t *gpa);
	/*
	 * A table that holds nothing, and that the space which is edited does
	 * not name any more at that place. One that mti_pt_link has put at
	 * several places is still named by the others: it must stay until this
	 * was called for all of them. Not to be believed if tables are hostile.
	 * NULL: no unmap, empty tables stay, and a map that failed is not
	 * undone.
	 */
	void (*free)(void *context, uint64_t gpa);
	/*
	 * Tables may move: called before the first write to each, it says
	 * where its `bytes` are from now on, copied if that is elsewhere. What
	 * refers to it is then changed up to the root, the root last. A table
	 * that several spaces share moves for each of them: further requests
	 * for it must give the same answer, until that is freed. NULL: they
	 * stay.
	 */
	bool (*move)(void *context, uint64_t table, size_t bytes,
		     uint64_t *moved);
	/* Where the root is now. Only needed with move. */
	bool (*set_root)(void *context, uint64_t root);
};

/* ------------------------------------------------------ what differs */

#define MTI_PT_LEVELS 4

enum mti_pt_kind {
	MTI_PT_KIND_ABSENT,
	MTI_PT_KIND_TABLE,
	MTI_PT_KIND_LEAF,
	MTI_PT_KIND_RESERVED,
};

/*
 * Beside MTI_PT_EXECUTE, which is then for the less privileged: whether the
 * more privileged may execute. Only from decode.
 */
#define MTI_PT_KERNEL_EXECUTE 0x10u
#define MTI_PT_RIGHTS                                                          \
	(MTI_PT_WRITE | MTI_PT_EXECUTE | MTI_PT_USER | MTI_PT_KERNEL_EXECUTE)

struct mti_pt_entry {
	enum mti_pt_kind kind;
	uint64_t gpa;	/* of the table or of the page */
	uint32_t flags; /* what this entry does not refuse; COW of leaves */
};

/*
 * One format of page tables. Level 0 is the root's. Every entry has bit 0
 * set if it is there; a leaf's successor is the leaf plus the page's size.
 */
struct mti_pt {
	const char *name;
	uint8_t levels;
	uint8_t entry_bytes; /* 4 or 8 */
	uint8_t large_level; /* of large pages; the last: there are none */
	uint8_t shift[MTI_PT_LEVELS]; /* log2 of what an entry covers */
	uint8_t bits[MTI_PT_LEVELS];  /* log2 of the entries of a table */
	/*
	 * Addresses: as many bits as the tables translate; those above must be
	 * `high` if all bits of `high_if` are set, else zero.
	 */
	uint8_t address_bits;
	uint64_t high;
	uint64_t high_if;
	uint64_t gpa_limit;	/* no page beyond it can be named */
	uint64_t root_address;	/* bits of the register that holds the root */
	uint64_t table_address; /* bits of an entry that name a table */

	void (*decode)(unsigned int level, uint64_t entry,
		       struct mti_pt_entry *out);
	/* An entry for a table; it refuses nothing. */
	uint64_t (*table)(unsigned int level, uint64_t gpa);
	uint64_t (*leaf)(unsigned int level, uint64_t gpa, uint32_t flags);
	/*
	 * The first of the leaves one level down that say what this large leaf
	 * says; 0 if there is no such leaf.
	 */
	uint64_t (*split)(unsigned int level, uint64_t entry);
};

extern const struct mti_pt mti_pt_amd64; /* EFER.NXE set */
extern const struct mti_pt mti_pt_i686;	 /* 2 levels, CR4.PSE clear */
extern const struct mti_pt mti_pt_i686_pse;
extern const struct mti_pt mti_pt_i686_pae; /* EFER.NXE clear */
extern const struct mti_pt mti_pt_i686_pae_nx;
extern const struct mti_pt mti_pt_aarch64;	 /* of TTBR0_EL1 */
extern const struct mti_pt mti_pt_aarch64_upper; /* of TTBR1_EL1 */

/* ------------------------------------------------------------- editing */

struct mti_pt_mapping {
	uint64_t gva;
	uint64_t gpa;
	uint64_t size;
	uint32_t flags;
};

/*
 * Maps [gva, gva + size) to [gpa, ...), all multiples of a page; the end may
 * be the end of the address space. What was mapped there is replaced, large
 * pages are split where they are partly meant, tables that are there are used.
 * If it fails, a part may be mapped; with MTI_PT_NEW and ops->free, nothing.
 */
enum mti_pt_result mti_pt_map(const struct mti_pt *pt,
			      const struct mti_pt_ops *ops, uint64_t root,
			      const struct mti_pt_mapping *mapping);

/*
 * Whatever is mapped there no longer is. Needs alloc to split large pages.
 * Looks at two entries of each level for each page of the range at most, and
 * at one table of each level: where tables lead to each other that is as much
 * as the range is large, however few they are. For those see clear_within.
 */
enum mti_pt_result mti_pt_clear(const struct mti_pt *pt,
				const struct mti_pt_ops *ops, uint64_t root,
				uint64_t gva, uint64_t size);

/*
 * The same, of tables that may be hostile: when it has looked at `reads`
 * entries it ends with MTI_PT_TOO_MANY, and a part is cleared, or all but for
 * empty tables. What it changes it reads once more, and what refers to that if
 * tables move; where entries have four bytes, also what is beside them.
 */
enum mti_pt_result mti_pt_clear_within(const struct mti_pt *pt,
				       const struct mti_pt_ops *ops,
				       uint64_t root, uint64_t gva,
				       uint64_t size, uint64_t reads);

/*
 * Undoes a map with the same arguments and MTI_PT_NEW; needs ops->free. Fails
 * if the tables are not as that left them: then a part may be undone. As many
 * entries are looked at as map wrote, and a bounded number for each table.
 */
enum mti_pt_result mti_pt_unmap(const struct mti_pt *pt,
				const struct mti_pt_ops *ops, uint64_t root,
				const struct mti_pt_mapping *mapping);

/* ------------------------------------------------------------- reading */

struct mti_pt_translation {
	uint64_t gpa;
	uint64_t span; /* bytes from gpa to the end of its page */
	uint32_t flags;
};

/* One read for each level at most. */
enum mti_pt_result mti_pt_translate(const struct mti_pt *pt,
				    const struct mti_pt_ops *ops, uint64_t root,
				    uint64_t gva,
				    struct mti_pt_translation *out);

/* A whole page, small or large. */
struct mti_pt_page {
	uint64_t gva;
	uint64_t gpa;
	uint64_t size;
	uint32_t flags; /* what all levels together allow */
};

/* Private to pt_walk.c. */
struct mti_pt_walk {
	const struct mti_pt *pt;
	const struct mti_pt_ops *ops;
	uint64_t reads;
	uint64_t at;
	uint64_t last;
	enum mti_pt_result result;
	unsigned int level;
	uint64_t tables[MTI_PT_LEVELS];
	uint32_t rights[MTI_PT_LEVELS];
};

/*
 * The pages of [gva, last], in order of addresses; of those that lie partly
 * in it, all. At most `reads` entries are read.
 */
enum mti_pt_result mti_pt_walk_begin(struct mti_pt_walk *walk,
				     const struct mti_pt *pt,
				     const struct mti_pt_ops *ops,
				     uint64_t root, uint64_t gva, uint64_t last,
				     uint64_t reads);
/*
 * MTI_PT_OK and the next page, or MTI_PT_END, or an error, which stays and of
 * which page->gva says where it is.
 */
enum mti_pt_result mti_pt_walk_next(struct mti_pt_walk *walk,
				    struct mti_pt_page *page);

/* ------------------------------------------------- several address spaces */

/*
 * What a space has: a page, or a table that a space before it (or the same
 * one) has too. Everything below such a table is theirs together: it was
 * found where the owner has it, and is linked rather than mapped again.
 */
struct mti_pt_found {
	uint32_t space; /* index of its root */
	/* 0: a page. Else a table of that level, at page.gva for page.size. */
	uint32_t depth;
	struct mti_pt_page page;
	uint32_t owner; /* index of the owner's root; of a page: its own */
	uint64_t owner_gva;
};

/* A table that a walk knows. */
struct mti_pt_seen {
	uint64_t table;
	uint64_t gva;
	uint32_t space;
	uint16_t rights;
	uint8_t level;
	uint8_t state;
};

/* Private to pt_walk.c, but for the first part. */
struct mti_pt_spaces {
	/* Set these, then call mti_pt_spaces_begin. */
	const struct mti_pt *pt;
	const struct mti_pt_ops *ops;
	const uint64_t *roots; /* in the order of who owns what */
	uint32_t root_count;
	uint64_t gva;
	uint64_t last;
	/*
	 * Room for all tables but those that the ends of the range cut; a power
	 * of two. Fastest if it is also at least the number of pages in which
	 * tables can be.
	 */
	struct mti_pt_seen *seen;
	size_t seen_max;

	struct mti_pt_walk walk;
	uint32_t space;
	size_t seen_used;
	size_t path[MTI_PT_LEVELS];
};

/*
 * The pages of several spaces, in the order of the roots, so that a shared
 * table always comes before those who refer to it. A table counts as shared
 * if it is at the same level and what leads to it allows the same, and if it
 * lies wholly in the range; one that maps nothing is not reported.
 *
 * Each table is read once: at most seen_max tables, and for each root itself
 * and two tables of each further level, which the ends of the range cut. A
 * table at two levels, as in a loop or a table that maps itself, is an error.
 */
enum mti_pt_result mti_pt_spaces_begin(struct mti_pt_spaces *spaces);
enum mti_pt_result mti_pt_spaces_next(struct mti_pt_spaces *spaces,
				      struct mti_pt_found *found);

/* In place of a root: this space was not built. */
#define MTI_PT_NO_ROOT UINT64_MAX

/*
 * Makes a found shared table part of a rebuilt space. built: the rebuilt
 * roots, by index; the owner's must be there, with what was found in it.
 *
 * Nobody counts the places where such a table then is. Whoever edits one of
 * the spaces later has no ops->free, or one that looks whether another place
 * is left before it gives back a table.
 */
enum mti_pt_result mti_pt_link(const struct mti_pt *pt,
			       const struct mti_pt_ops *ops,
			       const struct mti_pt_found *found,
			       const uint64_t *built, size_t built_count);

#endif
