/*
 * The contract between the sandbox and a hypervisor.
 *
 * A backend creates VMs with one virtual CPU that runs a guest, and reports
 * each exit as one struct mti_exit. It decides nothing about guests.
 * Objects are used by one thread at a time, except that a hv may create VMs
 * on several threads at once. Every status comes with err filled.
 */
#ifndef MTI_HV_HV_H
#define MTI_HV_HV_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mote/error.h>
#include <mote/mote.h>

#include "arch/arch.h"
#include "arch/bare.h"
#include "base/alloc.h"
#include "base/features.h"

/* Guest-physical memory [gpa, gpa + size) is the host memory there. */
struct mti_vm_range {
	uint64_t gpa;
	uint64_t size;
	void *memory;
	bool writable; /* by the guest */
};

#define MTI_VM_RANGES_MAX 2

struct mti_vm_config {
	const struct mti_arch *arch;
	/*
	 * A user-mode guest: on page tables that it cannot reach, events come
	 * out through the supervisor page. Otherwise a bare one: it has the
	 * machine for itself and runs with all privileges; bare_set must come
	 * before run. Operations below that are marked "user" or "bare" are
	 * for such guests alone, all others for both.
	 */
	bool bare;
	struct mti_vm_range ranges[MTI_VM_RANGES_MAX];
	uint32_t range_count;
	uint64_t page_table_gpa; /* user: the root */
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
	MTI_EXIT_INTERRUPTED, /* a signal, a kick, or for the backend's sake */
	MTI_EXIT_BAD_IO,      /* any other use of ports: text says what */
	MTI_EXIT_MACHINE,     /* the VM cannot go on: text says why */
	/* Bare guests have, instead of PORT, FAULT and BAD_IO: */
	MTI_EXIT_IO,	  /* any use of a port */
	MTI_EXIT_HALT,	  /* HLT; nothing will ever wake it up */
};

/* A piece of guest-physical memory beside that of mti_vm_config. */
struct mti_vm_mapping {
	uint64_t gpa;
	void *memory; /* borrowed until unmap or vm_free */
	uint64_t size;
	bool writable;
};

/* All registers that a debugger or a core dump shows. */
struct mti_machine {
	/* In the order of mti_arch.register_names. */
	uint64_t general[MOTE_FAULT_REGISTERS_MAX];
	uint64_t fs_base;
	uint64_t gs_base;
	/*
	 * amd64: the XSAVE area, standard format (SDM 1, 13.4); AArch64:
	 * V0 to V31, FPSR, FPCR, as struct user_fpsimd_state of Linux.
	 */
	uint8_t vector[4096];
	uint32_t vector_size; /* bytes that are valid */
	/* amd64: where in it state component i lies, 0: it does not. */
	uint32_t vector_offset[8];
};

struct mti_exit {
	enum mti_exit_kind kind;
	uint32_t number; /* port, or vector */
	uint32_t value;  /* what was written to the port */
	/*
	 * IO only: count elements of size bytes (1, 2, 4), which the guest
	 * wrote, or which the next run will have read, at data: memory of the
	 * backend, valid until then.
	 */
	bool in;
	uint8_t size;
	uint32_t count;
	uint8_t *data;
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
	/* Only for who asks for it by its name: "auto" passes it by. */
	bool by_name;
	/* What guests miss, each a short text; NULL at the end, or NULL. */
	const char *const *limits;

	/*
	 * The backend is in a plug-in: gives the table that is to be used in
	 * place of this one, which has only probe beside it, for the rest of
	 * the process. NULL operation: this is the table.
	 */
	mote_status (*load)(const struct mti_hv_ops **ops, mote_error *err);

	/* Fills reason, os_errno and text. */
	void (*probe)(mote_backend_info *info);

	mote_status (*open)(const struct mti_allocator *allocator,
			    struct mti_hv **hv, mote_error *err);
	void (*close)(struct mti_hv *hv);

	/*
	 * Borrows the memory, which must outlive the VM. User: the CPU is in
	 * user mode, vector state as after reset; set_entry must come before
	 * run. Bare: bare_set must.
	 * MOTE_E_UNSUPPORTED: never with this architecture, or bare.
	 */
	mote_status (*vm_new)(struct mti_hv *hv,
			      const struct mti_vm_config *config,
			      struct mti_vm **vm, mote_error *err);
	void (*vm_free)(struct mti_vm *vm);

	/*
	 * What guests, bare or not, may find the CPU to have, as
	 * mti_os_cpu_features has it. NULL operation: all that this machine's
	 * CPU has.
	 */
	void (*cpu_features)(bool bare,
			     uint64_t features[MTI_CPU_FEATURE_WORDS]);

	/* What the guest's control page says, if it has one. */
	uint32_t (*features)(const struct mti_vm *vm); /* MOTE_FEATURE_* */
	uint64_t (*tick_ns)(const struct mti_vm *vm);

	/*
	 * User: what the next run starts with; without it the guest goes on.
	 */
	void (*set_entry)(struct mti_vm *vm, const struct mti_entry *entry);

	/* One entry. Fails only for host reasons; the VM may be lost then. */
	mote_status (*run)(struct mti_vm *vm, struct mti_exit *exit,
			   mote_error *err);

	/*
	 * on: run returns MTI_EXIT_INTERRUPTED, if this comes before the entry
	 * or from a signal handler on the thread that runs, until it is taken
	 * back by off. Async-signal-safe. NULL operation: nothing ever runs.
	 */
	void (*kick)(struct mti_vm *vm, bool on);

	/*
	 * The signals that do not end a run with MTI_EXIT_INTERRUPTED; at
	 * first none. All others do, also those that the thread blocks: these
	 * stay pending. Should it fail, all is as before. NULL operation:
	 * only what the thread does not block ends a run.
	 */
	void (*block)(struct mti_vm *vm, const sigset_t *blocked);

	/*
	 * The host has written to memory that the guest executes, or to its
	 * page tables; NULL operation: the CPU finds out for itself, once
	 * mti_virtual_write has seen to its caches.
	 */
	void (*changed)(struct mti_vm *vm);

	/*
	 * User; bare_get has those of a bare guest. After an exit: fills
	 * fault->registers as the guest's code left them and *fault_address
	 * with CR2. AArch64: with FAR_EL1, and fault->error_code with ESR_EL1;
	 * after MTI_EXIT_FAULT the registers
	 * are what EL1 has kept of the guest's own.
	 */
	mote_status (*registers)(struct mti_vm *vm, mote_fault *fault,
				 uint64_t *fault_address, mote_error *err);
	/* User: after an exit. */
	mote_status (*set_fs_base)(struct mti_vm *vm, uint64_t base,
				   mote_error *err);

	/*
	 * Snapshots, user. state_get: after an exit to a user port.
	 * state_set: the CPU is as new but for state, at the latest at the
	 * next entry, which must come through set_entry and find the state's
	 * control words in the control page (see MOTE_SYSCALL_RESTORE). clean:
	 * the CPU is new or stands where a call ended; else nothing is taken
	 * for granted.
	 * MOTE_E_INVALID: no CPU like this one can be in that state.
	 */
	mote_status (*state_get)(struct mti_vm *vm,
				 struct mti_cpu_state *state, mote_error *err);
	mote_status (*state_set)(struct mti_vm *vm,
				 const struct mti_cpu_state *state, bool clean,
				 mote_error *err);
	/*
	 * Bare: all of the CPU. bare_get completes the instruction of the last
	 * exit first; MOTE_E_GUEST_FAULT: it is filled, but bare_set would not
	 * take it. bare_set: MOTE_E_INVALID if no CPU like this one can be in
	 * that state, which is not trusted; nothing of an earlier one is left.
	 * If it fails the VM may be lost.
	 */
	mote_status (*bare_get)(struct mti_vm *vm,
				struct mti_bare_state *state, mote_error *err);
	mote_status (*bare_set)(struct mti_vm *vm,
				const struct mti_bare_state *state,
				mote_error *err);
	/*
	 * Calls found for each page that the guest has written and that was
	 * not reported before; pages may come more than once. Never misses
	 * one that was never reported; a page that was may not come again,
	 * so the caller remembers them. What the host writes is not reported.
	 * Only if tracks says so; else the caller finds out for itself.
	 */
	bool (*tracks)(const struct mti_vm *vm);
	mote_status (*dirty)(struct mti_vm *vm,
			     void (*found)(void *context, uint64_t gpa),
			     void *context, mote_error *err);

	/*
	 * User, as is unmap. slot is 1 to MTI_VM_SLOTS_MAX, chosen by the
	 * caller. What the host itself cannot access there ends in
	 * MTI_EXIT_MACHINE, and so does a write where it is not writable.
	 */
	mote_status (*map)(struct mti_vm *vm, uint32_t slot,
			   const struct mti_vm_mapping *mapping,
			   mote_error *err);
	/*
	 * The memory is the caller's again; if it fails, because the VM is
	 * lost. The CPU has forgotten what the page tables said.
	 */
	mote_status (*unmap)(struct mti_vm *vm, uint32_t slot, mote_error *err);

	/*
	 * User. Debugging; the CPU has left the guest. After MTI_EXIT_FAULT
	 * machine_get gives the registers of the stub, after MTI_EXIT_PORT
	 * those behind the instruction. machine_set makes the next entry,
	 * without set_entry, go on in user mode with these: flags that user
	 * mode cannot change are as they must be, and fs_base and gs_base
	 * count, not what general has of them (AArch64: fs_base is
	 * TPIDR_EL0, and PSTATE.SS is a step). MOTE_E_INVALID, and nothing
	 * has changed: no guest can have these.
	 */
	mote_status (*machine_get)(struct mti_vm *vm,
				   struct mti_machine *machine,
				   mote_error *err);
	mote_status (*machine_set)(struct mti_vm *vm,
				   const struct mti_machine *machine,
				   mote_error *err);
	/*
	 * User. After MTI_EXIT_FAULT: the next run, without set_entry, goes on
	 * in user mode with these registers, in the order of
	 * mti_arch.register_names; all others are as the guest left them.
	 * They are the guest's word: MOTE_E_INVALID as machine_set; if it
	 * fails otherwise, the VM is lost. NULL operation: no guest of this
	 * backend can go on.
	 */
	mote_status (*resume)(struct mti_vm *vm, const uint64_t *general,
			      mote_error *err);
	/*
	 * User; bare_set does as much. The host has changed entries of the
	 * guest's page tables that were present, but for those whose use has
	 * just ended in a fault. If it fails, the VM is lost. NULL operation:
	 * as `changed`.
	 */
	mote_status (*remapped)(struct mti_vm *vm, mote_error *err);
	/*
	 * Whether an operation that failed has left the VM of no use: it never
	 * runs again, and is to be freed and not to be used for another guest.
	 * NULL operation: none ever does.
	 */
	bool (*is_lost)(const struct mti_vm *vm);
};

#define MTI_VM_SLOTS_MAX 1024

/* All backends of this build. */
extern const struct mti_hv_ops *const mti_hv_backends[];
extern const size_t mti_hv_backend_count;

#endif
