/*
 * The host's side of guests/mapping.c.
 */
#ifndef VM_MAPPING_HOST_H
#define VM_MAPPING_HOST_H

#include <mote/snapshot.h>

#include "harness/vm.h"

#define PAGE UINT64_C(4096)
#define LARGE (UINT64_C(2) << 20)

/* What the guest's Meanwhile does; NULL: nothing. */
struct mapping_host {
	uint32_t (*meanwhile)(void *argument, uint64_t address);
	void *argument;
	mote_host_function function;
};

/* host and all it points to must stay; the options too. */
mote_sandbox_options mapping_host_options(struct mapping_host *host);

/* Calls that must succeed. */
uint32_t mapping_read(mote_sandbox *box, uint64_t address);
void mapping_write(mote_sandbox *box, uint64_t address, uint32_t value);
void mapping_keep(mote_sandbox *box, uint32_t value);
uint32_t mapping_kept(mote_sandbox *box);
/* The guest has what data is, looking at one byte of each step. */
void mapping_expect(mote_sandbox *box, uint64_t address, const void *data,
		    uint64_t size, uint64_t step);

/* The guest faults: READ, WRITE, EXECUTE at the address. */
void mapping_expect_fault(mote_sandbox *box, const char *function,
			  uint64_t address, mote_fault_kind kind);

/* An unnamed file of size bytes, pattern or all zero; closed by the caller. */
int mapping_file(uint64_t size, bool pattern);
/* The byte of the pattern at an offset. */
uint8_t mapping_pattern(uint64_t offset);
/* size bytes of it, from offset on; free it. */
uint8_t *mapping_bytes(uint64_t offset, uint64_t size);

#endif
