/*
 * The contract between the sandbox and a hypervisor.
 *
 * A backend creates VMs with one virtual CPU that runs user-mode guests, and
 * reports each exit as one struct mti_exit. It decides nothing about guests.
 * Objects are used by one thread at a time, except that a hv may create VMs
 * on several threads at once. Every status comes with err filled.
 */
#ifndef MTI_HV_HV_H
#define MTI_HV_HV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mote/error.h>
#include <mote/mote.h>

#include "base/alloc.h"

/* Guest-physical memory [0, size) is the host memory at base. */
struct mti_vm_config {
	void *memory;
	uint64_t memory_size;
	uint64_t page_table_gpa; /* the root */
};

/*
 * Registers at the next entry. The general registers not named are zero, the
 * flags those of a new program; FS and GS base, vector registers and all that
 * only a supervisor changes are as the guest left them.
 */
struct mti_entry {
	uint64_t pc;
	uint64_t sp;
	uint64_t argument0;
	uint64_t argument1;
};

enum mti_exit_kind {
	MTI_EXIT_PORT,        /* a 4-byte `out` to a user port */
	MTI_EXIT_FAULT,       /* an exception stub; number is the vector */
	MTI_EXIT_INTERRUPTED, /* a signal, or *kick was set */
	MTI_EXIT_BAD_IO,      /* any other use of ports: text says what */
	MTI_EXIT_MACHINE,     /* the VM cannot go on: text says why */
};

struct mti_exit {
	enum mti_exit_kind kind;
	uint32_t number; /* port, or vector */
	uint32_t value;  /* what was written to the port */
	/* PORT only: the registers that carry arguments. */
	uint64_t argument0;
	uint64_t argument1;
	const char *text; /* static */
	uint64_t detail;
};

struct mti_hv;
struct mti_vm;

struct mti_hv_ops {
	const char *name;

	/* Fills reason, os_errno and text. */
	void (*probe)(mote_backend_info *info);

	mote_status (*open)(const struct mti_allocator *allocator,
			    struct mti_hv **hv, mote_error *err);
	void (*close)(struct mti_hv *hv);

	/*
	 * Borrows the memory, which must outlive the VM. The CPU is in user
	 * mode, vector state as after reset; set_entry must come before run.
	 */
	mote_status (*vm_new)(struct mti_hv *hv,
			      const struct mti_vm_config *config,
			      struct mti_vm **vm, mote_error *err);
	void (*vm_free)(struct mti_vm *vm);

	/* For the guest's control page. */
	uint32_t (*features)(const struct mti_vm *vm); /* MOTE_FEATURE_* */
	uint64_t (*tick_ns)(const struct mti_vm *vm);

	/* What the next run starts with; without it the guest goes on. */
	void (*set_entry)(struct mti_vm *vm, const struct mti_entry *entry);

	/* One entry. Fails only for host reasons. */
	mote_status (*run)(struct mti_vm *vm, struct mti_exit *exit,
			   mote_error *err);

	/*
	 * Non-zero makes run return MTI_EXIT_INTERRUPTED, if it is set before
	 * entering or by a signal handler on the thread that runs. Stays set
	 * until cleared by the caller. NULL operation: nothing ever runs.
	 */
	volatile uint8_t *(*kick)(struct mti_vm *vm);

	/*
	 * After an exit: fills fault->registers as the guest's code left
	 * them and *fault_address with CR2.
	 */
	mote_status (*registers)(struct mti_vm *vm, mote_fault *fault,
				 uint64_t *fault_address, mote_error *err);
	mote_status (*set_fs_base)(struct mti_vm *vm, uint64_t base,
				   mote_error *err);
};

/* All backends of this build. */
extern const struct mti_hv_ops *const mti_hv_backends[];
extern const size_t mti_hv_backend_count;

#endif
