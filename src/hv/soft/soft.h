/*
 * Inside the plug-in "soft": what all kinds of guests share.
 *
 * A kind (user-mode guests of amd64, ...) fills a struct mti_soft_kind and is
 * listed in plugin.c. Its VMs begin with a struct mti_vm, so that the
 * operations that do not depend on the kind, memory, kicks, starting and
 * stopping, work on any of them.
 */
#ifndef MTI_HV_SOFT_SOFT_H
#define MTI_HV_SOFT_SOFT_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <unicorn/unicorn.h>

#include "abi/layout.h"
#include "base/alloc.h"
#include "hv/hv.h"

/* Where the emulator keeps what its interface does not give; see probe.c. */
struct mti_soft_quirks {
	/* Offsets in an uc_context, found out when a hv is opened. */
	size_t error_code;
	size_t is_int;        /* 1: by an instruction INT */
	size_t old_exception; /* -1, or the last one that could be doubled */
};

struct mti_hv {
	struct mti_allocator allocator;
	struct mti_soft_quirks quirks;
};

struct mti_soft_kind {
	/* As in error texts. */
	const char *name;
	bool (*takes)(const struct mti_vm_config *config);
	size_t vm_size; /* of its struct, which begins with struct mti_vm */
	/* vm->ranges are set, all else is zero; fini takes half-made ones. */
	mote_status (*init)(struct mti_vm *vm,
			    const struct mti_vm_config *config,
			    mote_error *err);
	void (*fini)(struct mti_vm *vm);
	/*
	 * The operations on a VM that differ; vm_new, vm_free, map and unmap
	 * are those of all, and kick if it is NULL. What else is NULL here
	 * cannot be asked of it.
	 */
	struct mti_hv_ops ops;
	/*
	 * Memory is about to be taken away: forget all that leads to it. NULL:
	 * these guests have no memory but that of their ranges.
	 */
	void (*forget)(struct mti_vm *vm);
};

/* A piece of guest-physical memory; size 0: none. */
struct mti_soft_piece {
	uint64_t gpa;
	uint64_t size;
	uint8_t *memory;
	bool writable;
	bool borrowed; /* may be a file that becomes shorter */
};

struct mti_vm {
	struct mti_hv *hv;
	const struct mti_soft_kind *kind;
	uc_engine *uc;
	struct mti_soft_piece ranges[MTI_VM_RANGES_MAX];
	/* By slot, from 1. Owned. */
	struct mti_soft_piece *slots;
	uint32_t slot_count;
	bool broken; /* memory could not be taken away */
	/* run.c. Shared with a signal handler on the same thread. */
	volatile sig_atomic_t kicked;
	bool deaf; /* a kick does not stop what runs now */
};

/* memory.c */
/* The memory at gpa; NULL: none. */
const struct mti_soft_piece *mti_soft_find(const struct mti_vm *vm,
					   uint64_t gpa);
/* Eight bytes of it, little-endian, for walks of page tables. */
bool mti_soft_read(void *vm, uint64_t gpa, uint64_t *entry);
mote_status mti_soft_map(struct mti_vm *vm, uint32_t slot,
			 const struct mti_vm_mapping *mapping, mote_error *err);
mote_status mti_soft_unmap(struct mti_vm *vm, uint32_t slot, mote_error *err);

/* open.c: every emulator is made by this. MOTE_E_NO_MEMORY: no room for it. */
mote_status mti_soft_open(uc_arch arch, uc_mode mode, uc_engine **uc,
			  mote_error *err);
/* MOTE_E_HYPERVISOR with what the emulator says. */
mote_status mti_soft_error(mote_error *err, const char *operation,
			   const char *what, uc_err error);

/* run.c */
void mti_soft_kick(struct mti_vm *vm, bool on);
/*
 * From now on uc_emu_start ends before the next block while vm->kicked is set,
 * also if it is when it starts: then registers are those it was given. All
 * other hooks must not stop the emulator but outside of blocks.
 */
mote_status mti_soft_watch_kicks(struct mti_vm *vm, mote_error *err);

/* cpuid.c: what the emulated CPU says of itself in user mode, amd64. */
void mti_soft_user_features(uint64_t features[MTI_CPU_FEATURE_WORDS]);

/* probe.c */
mote_status mti_soft_probe_quirks(struct mti_soft_quirks *quirks,
				  mote_error *err);

/* The kinds. */
extern const struct mti_soft_kind mti_soft_user_amd64;
extern const struct mti_soft_kind mti_soft_user_aarch64;
extern const struct mti_soft_kind mti_soft_bare;

#endif
