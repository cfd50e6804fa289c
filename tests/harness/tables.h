/*
 * Memory for page tables in tests: counts what is done to it, fails when it
 * is told to, and can freeze what is there, so that tables have to move.
 */
#ifndef HARNESS_TABLES_H
#define HARNESS_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/pt.h"

#define TABLES_PAGE UINT64_C(4096)
#define TABLES_MAX 128
#define TABLES_BASE (UINT64_C(2) << 20)
#define TABLES_FORMATS 7

struct tables {
	uint8_t pages[TABLES_MAX][4096];
	bool used[TABLES_MAX];
	bool frozen[TABLES_MAX];
	uint64_t moved[TABLES_MAX]; /* where a frozen table went, 0: nowhere */
	bool left[TABLES_MAX]; /* frozen, and nothing refers to it */
	size_t limit;
	uint64_t root;
	size_t root_moves;

	size_t reads;
	size_t calls; /* of anything */
	size_t fail_at; /* the call that fails; 0: none */
	size_t strays; /* what no caller should do */
};

extern struct tables tables;
/* With everything; without free; without move. */
extern const struct mti_pt_ops tables_ops;
extern const struct mti_pt_ops tables_ops_no_free;
extern const struct mti_pt_ops tables_ops_fixed;

extern const struct mti_pt *const tables_formats[TABLES_FORMATS];

/* Nothing but an empty root. */
void tables_reset(void);
/* Another root. */
uint64_t tables_new_root(void);
size_t tables_used(void);
/* All that is there may only be moved from now on. */
void tables_freeze(void);
/* No longer, and what has moved is gone. */
void tables_thaw(void);
/* The raw entry at a place, and setting it. */
uint64_t tables_get(const struct mti_pt *pt, uint64_t table, size_t index);
void tables_set(const struct mti_pt *pt, uint64_t table, size_t index,
		uint64_t entry);

/* The last address that a format can have, and the first. */
uint64_t tables_last(const struct mti_pt *pt);
uint64_t tables_first(const struct mti_pt *pt);
/* An address that has the bits of any number. */
uint64_t tables_some(const struct mti_pt *pt, uint64_t number);
/* What flags a page has that was mapped with those. */
uint32_t tables_flags(const struct mti_pt *pt, uint32_t flags);

#endif
