/*
 * Inside the KVM backend. KVM file descriptors never leave this folder.
 */
#ifndef MTI_HV_KVM_KVM_H
#define MTI_HV_KVM_KVM_H

#include <linux/kvm.h>
#include <stdatomic.h>

#include "hv/hv.h"

#define KVM_CPUID_ENTRIES_MAX 256
/* Behind those that the caller may use. */
#define KVM_SECOND_SLOT (MTI_VM_SLOTS_MAX + 1)

/* Linux 6.8, with EFAULT or EHWPOISON: 64 bits of flags, the address, size. */
#ifndef KVM_EXIT_MEMORY_FAULT
#define KVM_EXIT_MEMORY_FAULT 39
#endif

/* struct kvm_cpuid2 with room; its flexible array stays unused. */
struct kvm_cpuid_table {
	uint32_t count;
	uint32_t padding;
	struct kvm_cpuid_entry2 entries[KVM_CPUID_ENTRIES_MAX];
};

struct mti_hv {
	const struct mti_allocator *allocator;
	int fd; /* /dev/kvm */
	size_t run_size;
	uint32_t physical_bits;
	/* Of all state that a guest can have: bytes, bits of XCR0, places. */
	uint32_t xsave_size;
	uint32_t xsave_components;
	uint32_t xsave_offset[8];
	uint32_t mxcsr_mask; /* bits of MXCSR that are not reserved */
	uint32_t ring_capability; /* KVM_CAP_DIRTY_LOG_RING*; 0: none */
	uint8_t tss_type;
	bool has_xcrs;
	/* KVM keeps no copies of a guest's page tables. */
	bool nested_paging;
	bool host_osxsave; /* programs of this host may use XSAVE, and so AVX */
	uint64_t xcr0;
	/*
	 * CR4 bits that KVM accepts on this machine: tried at the first VM,
	 * because kvm-pvm takes bits that its CPUID table does not list and
	 * other KVMs refuse those. Of this and the next one threads may find
	 * out the same at once; each word says all by itself.
	 */
	_Atomic uint32_t cr4;
	_Atomic uint64_t tick_ns; /* UINT64_MAX: not asked yet */
	struct kvm_cpuid_table cpuid;
};

/* A piece of guest-physical memory. */
struct kvm_slot {
	uint64_t gpa;
	uint64_t size; /* 0: not in use */
	/*
	 * One bit for each page written that went through the ring before
	 * anybody asked; NULL as long as there was none. All of them lie in
	 * words [first, end).
	 */
	uint64_t *pending;
	uint64_t first;
	uint64_t end;
};

struct mti_vm {
	struct mti_hv *hv;
	int fd;
	int vcpu_fd;
	struct kvm_run *run; /* mapped, map_size bytes */
	size_t map_size;
	/* kick() was told so; run->immediate_exit has other uses too. */
	volatile bool kicked;
	bool broken; /* it must not run any more */
	bool bare;   /* see mti_vm_config */
	/* Of the last run; PORT if there was none. */
	enum mti_exit_kind last_exit;
	/* state_set was called, and nothing was entered since. */
	bool restoring;
	struct mti_cpu_state state;
	/* While restoring: set_entry was called. */
	bool entering;
	struct mti_entry entry;
	/* The dirty ring; NULL: there is none. Indexes are free-running. */
	struct kvm_dirty_gfn *ring;
	uint32_t ring_next;  /* the first entry that was not read */
	uint32_t ring_reset; /* the first that KVM was not given back */
	bool pending;        /* some slot has pending pages */
	/* The memory it was made with: slot 0, and slot KVM_SECOND_SLOT. */
	struct kvm_slot memory[MTI_VM_RANGES_MAX];
	/* Bare: the same as KVM has it, to take it away for a moment. */
	struct kvm_userspace_memory_region regions[MTI_VM_RANGES_MAX];
	struct kvm_slot *mapped; /* from slot 1 */
	uint32_t mapped_count;
};

/* caps.c */
void mti_kvm_probe(mote_backend_info *info);
mote_status mti_kvm_open(const struct mti_allocator *allocator,
			 struct mti_hv **hv, mote_error *err);
void mti_kvm_close(struct mti_hv *hv);

/* signals.c: the mask of signals during KVM_RUN; 0 or -errno. */
int mti_kvm_set_signal_mask(struct mti_vm *vm, const sigset_t *blocked);
void mti_kvm_block(struct mti_vm *vm, const sigset_t *blocked);

/* vcpu_amd64.c */
mote_status mti_kvm_vcpu_init(struct mti_vm *vm, uint64_t page_table_gpa,
			      mote_error *err);
mote_status mti_kvm_vcpu_run(struct mti_vm *vm, struct mti_exit *exit,
			     mote_error *err);
void mti_kvm_vcpu_set_entry(struct mti_vm *vm, const struct mti_entry *entry);
mote_status mti_kvm_vcpu_registers(struct mti_vm *vm, mote_fault *fault,
				   uint64_t *fault_address, mote_error *err);
mote_status mti_kvm_vcpu_set_fs_base(struct mti_vm *vm, uint64_t base,
				     mote_error *err);
/* Constant values of MSRs and XCR0; 0 or -errno. */
int mti_kvm_vcpu_set_msrs(struct mti_vm *vm);
int mti_kvm_vcpu_set_xcr0(struct mti_vm *vm);

/* state.c */
bool mti_kvm_canonical(uint64_t address);
/*
 * Completes the instruction that led to the last exit. discard: whatever
 * becomes of the registers, a string instruction at its last element. 0 or
 * -errno.
 */
int mti_kvm_finish(struct mti_vm *vm, bool discard);
/* No exception or interrupt waits for delivery. */
int mti_kvm_clear_events(struct mti_vm *vm);
mote_status mti_kvm_state_get(struct mti_vm *vm, struct mti_cpu_state *state,
			      mote_error *err);
mote_status mti_kvm_state_set(struct mti_vm *vm,
			      const struct mti_cpu_state *state, bool clean,
			      mote_error *err);
/* What the next entry begins with, for it to go on at regs->rip. */
void mti_kvm_state_enter(const struct mti_vm *vm, struct kvm_regs *regs);
/*
 * Now, and not at the next entry, and without its code: for when there will
 * be registers to go on with. Those of set_entry stay.
 */
mote_status mti_kvm_state_flush(struct mti_vm *vm, mote_error *err);

/* debug.c */
void mti_kvm_general_get(const struct kvm_regs *regs, uint64_t *out);
/* All but the flags. */
void mti_kvm_general_set(const uint64_t *in, struct kvm_regs *regs);
mote_status mti_kvm_machine_get(struct mti_vm *vm, struct mti_machine *machine,
				mote_error *err);
mote_status mti_kvm_machine_set(struct mti_vm *vm,
				const struct mti_machine *machine,
				mote_error *err);

/* bare_amd64.c: before and after the virtual CPU is made. */
mote_status mti_kvm_bare_prepare(struct mti_vm *vm, mote_error *err);
mote_status mti_kvm_bare_init(struct mti_vm *vm, mote_error *err);
void mti_kvm_bare_io(struct mti_vm *vm, struct mti_exit *exit);
mote_status mti_kvm_bare_get(struct mti_vm *vm, struct mti_bare_state *state,
			     mote_error *err);
mote_status mti_kvm_bare_set(struct mti_vm *vm,
			     const struct mti_bare_state *state,
			     mote_error *err);

/* dirty.c */
/* Before the virtual CPU is made. The flags of memory that is tracked. */
uint32_t mti_kvm_dirty_enable(struct mti_vm *vm);
/* The virtual CPU is mapped, and so is its ring. */
void mti_kvm_dirty_mapped(struct mti_vm *vm);
bool mti_kvm_tracks(const struct mti_vm *vm);
mote_status mti_kvm_dirty(struct mti_vm *vm,
			  void (*found)(void *context, uint64_t gpa),
			  void *context, mote_error *err);
/* KVM_EXIT_DIRTY_RING_FULL. */
mote_status mti_kvm_dirty_full(struct mti_vm *vm, mote_error *err);
/* A slot ends. */
void mti_kvm_dirty_forget(struct mti_vm *vm, uint32_t slot);

/* slot.c */
/* The slot of that number, if it is in use; or NULL. */
struct kvm_slot *mti_kvm_slot(struct mti_vm *vm, uint32_t slot);
mote_status mti_kvm_map(struct mti_vm *vm, uint32_t slot,
			const struct mti_vm_mapping *mapping, mote_error *err);
mote_status mti_kvm_unmap(struct mti_vm *vm, uint32_t slot, mote_error *err);
void mti_kvm_slots_fini(struct mti_vm *vm);
/*
 * Takes the memory away and gives it back: whatever KVM has derived from it
 * is gone. 0 or -errno, and then the VM never runs again.
 */
int mti_kvm_remap(struct mti_vm *vm);

#endif
