/*
 * What becomes of guest memory in a new store, piece by piece. For freeze.c.
 */
#ifndef MTI_MEM_PIECES_H
#define MTI_MEM_PIECES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"
#include "mem/layout.h"

enum mti_piece_kind {
	MTI_PIECE_SAME, /* as in a file of base, at offset */
	MTI_PIECE_NEW,  /* to be written */
	MTI_PIECE_ZERO, /* on the way only */
};

struct mti_piece {
	uint64_t gpa;
	uint64_t size;
	uint64_t offset; /* these two: of what is the same */
	uint32_t file;
	enum mti_piece_kind kind;
};

/* Sorted and apart; what is in no piece is zero. */
struct mti_pieces {
	const struct mti_allocator *allocator;
	struct mti_piece *items; /* owned */
	size_t count;
	size_t capacity;
};

/* Where nothing may lie, and so no piece may be joined with another over it. */
struct mti_gaps {
	const struct mti_region *const *regions;
	size_t count;
	uint64_t hole; /* [hole, hole_end) as well, if that is not empty */
	uint64_t hole_end;
};

/* Behind all others; false if memory ran out. */
bool mti_pieces_append(struct mti_pieces *pieces,
		       const struct mti_piece *piece);
void mti_pieces_free(struct mti_pieces *pieces);

uint64_t mti_pieces_bytes(const struct mti_pieces *pieces,
			  enum mti_piece_kind kind);

/* What is the same as in these files (bits) is new instead. */
void mti_pieces_renew(struct mti_pieces *pieces, uint32_t files);

/*
 * No more than most pieces, or as few as gaps let be: neighbours become one
 * new piece, with what lies between them. As few bytes as can be become new.
 * False if memory ran out.
 */
bool mti_pieces_join(struct mti_pieces *pieces, size_t most,
		     const struct mti_gaps *gaps);

#endif
