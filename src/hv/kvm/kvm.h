/*
 * Inside the KVM backend. KVM file descriptors never leave this folder.
 */
#ifndef MTI_HV_KVM_KVM_H
#define MTI_HV_KVM_KVM_H

#include <linux/kvm.h>
#include <stdatomic.h>

#include "hv/hv.h"

/* Behind those that the caller may use. */
#define KVM_SECOND_SLOT (MTI_VM_SLOTS_MAX + 1)
/* Never there for long: see mti_kvm_remapped. */
#define KVM_PASSING_SLOT (MTI_VM_SLOTS_MAX + 2)

/* Linux 6.8, with EFAULT or EHWPOISON: 64 bits of flags, the address, size. */
#ifndef KVM_EXIT_MEMORY_FAULT
#define KVM_EXIT_MEMORY_FAULT 39
#endif

/* A capability without which nothing goes, with what its value must have. */
struct kvm_need {
	int capability;
	unsigned int bits;
	const char *name; /* NULL ends a list */
};

#if defined(__x86_64__)

#define KVM_CPUID_ENTRIES_MAX 256

/* struct kvm_cpuid2 with room; its flexible array stays unused. */
struct kvm_cpuid_table {
	uint32_t count;
	uint32_t padding;
	struct kvm_cpuid_entry2 entries[KVM_CPUID_ENTRIES_MAX];
};

#endif

struct mti_hv {
	const struct mti_allocator *allocator;
	int fd; /* /dev/kvm */
	size_t run_size;
	uint32_t physical_bits;
	uint32_t ring_capability; /* KVM_CAP_DIRTY_LOG_RING*; 0: none */
	/* KVM keeps no copies of a guest's page tables. */
	bool nested_paging;
	/*
	 * Not asked yet: UINT64_MAX. Of this and cr4 threads may find out the
	 * same at once; each word says all by itself.
	 */
	_Atomic uint64_t tick_ns;
#if defined(__x86_64__)
	/* Of all state that a guest can have: bytes, bits of XCR0, places. */
	uint32_t xsave_size;
	uint32_t xsave_components;
	uint32_t xsave_offset[8];
	uint32_t mxcsr_mask; /* bits of MXCSR that are not reserved */
	uint8_t tss_type;
	bool has_xcrs;
	bool refuses_hypercalls;  /* of bare guests, if told so */
	bool refuses_paravirtual; /* the same */
	bool host_osxsave; /* programs of this host may use XSAVE, and so AVX */
	uint64_t xcr0;
	/*
	 * CR4 bits that KVM accepts on this machine: tried at the first VM,
	 * because kvm-pvm takes bits that its CPUID table does not list and
	 * other KVMs refuse those.
	 */
	_Atomic uint32_t cr4;
	struct kvm_cpuid_table cpuid;
#endif
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
	const char *lost; /* why it must not run any more, or NULL; static */
	bool bare;   /* see mti_vm_config */
	/* Of the last run; PORT if there was none. */
	enum mti_exit_kind last_exit;
	/* state_set was called, and nothing was entered since. */
	bool restoring;
	struct mti_cpu_state state;
	/* set_entry was called; amd64: while restoring. */
	bool entering;
	struct mti_entry entry;
	/* The dirty ring; NULL: there is none. Indexes are free-running. */
	struct kvm_dirty_gfn *ring;
	uint32_t ring_next;  /* the first entry that was not read */
	uint32_t ring_reset; /* the first that KVM was not given back */
	bool pending;	     /* some slot has pending pages */
	/* The memory it was made with: slot 0, and slot KVM_SECOND_SLOT. */
	struct kvm_slot memory[MTI_VM_RANGES_MAX];
	uint64_t memory_address; /* of the first, in this process */
	struct kvm_slot *mapped; /* from slot 1 */
	uint32_t mapped_count;
#if defined(__aarch64__)
	uint64_t page_table_gpa;
	void *root; /* the page there, NULL: the guest may not write to it */
	/* KVM has yet to put PC behind the instruction of the last exit. */
	bool incomplete;
	bool stepping; /* MDSCR_EL1.SS is set */
#endif
};

/* caps.c */
void mti_kvm_probe(mote_backend_info *info);
mote_status mti_kvm_open(const struct mti_allocator *allocator,
			 struct mti_hv **hv, mote_error *err);
void mti_kvm_close(struct mti_hv *hv);

/* signals.c: the mask of signals during KVM_RUN; 0 or -errno. */
int mti_kvm_set_signal_mask(struct mti_vm *vm, const sigset_t *blocked);
void mti_kvm_block(struct mti_vm *vm, const sigset_t *blocked);

/*
 * The processor that this is compiled for: caps_*.c, vcpu_*.c, state_*.c,
 * debug_*.c.
 */
extern const struct mti_arch *const mti_kvm_arch; /* of all guests here */
extern const struct kvm_need mti_kvm_needs[];
bool mti_kvm_runs(const struct mti_vm_config *config);
/* Why no KVM of this machine will do, or NULL. */
const char *mti_kvm_cpu_unfit(void);
mote_status mti_kvm_cpu_read(struct mti_hv *hv, mote_error *err);
uint32_t mti_kvm_cpu_features(const struct mti_hv *hv);
/* Units of 2^-32 ns. */
uint64_t mti_kvm_cpu_tick_ns(struct mti_vm *vm);

/* Of a VM without a virtual CPU, and with one. */
mote_status mti_kvm_cpu_prepare(struct mti_vm *vm, mote_error *err);
/* For each range, when KVM has it; the virtual CPU is made afterwards. */
void mti_kvm_vcpu_memory(struct mti_vm *vm, const struct mti_vm_range *range,
			 uint64_t page_table_gpa);
mote_status mti_kvm_vcpu_init(struct mti_vm *vm, uint64_t page_table_gpa,
			      mote_error *err);
void mti_kvm_vcpu_set_entry(struct mti_vm *vm, const struct mti_entry *entry);
/* Before KVM_RUN: hands over what set_entry has only noted. */
mote_status mti_kvm_vcpu_prepare(struct mti_vm *vm, mote_error *err);
/* Exit reasons that not every processor has. */
mote_status mti_kvm_vcpu_decode(struct mti_vm *vm, struct mti_exit *exit,
				mote_error *err);
/* After a KVM_RUN that failed. */
uint64_t mti_kvm_vcpu_pc(struct mti_vm *vm);
mote_status mti_kvm_vcpu_registers(struct mti_vm *vm, mote_fault *fault,
				   uint64_t *fault_address, mote_error *err);
mote_status mti_kvm_vcpu_set_fs_base(struct mti_vm *vm, uint64_t base,
				     mote_error *err);
mote_status mti_kvm_state_get(struct mti_vm *vm, struct mti_cpu_state *state,
			      mote_error *err);
mote_status mti_kvm_state_set(struct mti_vm *vm,
			      const struct mti_cpu_state *state, bool clean,
			      mote_error *err);
/*
 * Now, and not at the next entry, and without its code: for when there will
 * be registers to go on with. Those of set_entry stay.
 */
mote_status mti_kvm_state_flush(struct mti_vm *vm, mote_error *err);
mote_status mti_kvm_machine_get(struct mti_vm *vm, struct mti_machine *machine,
				mote_error *err);
mote_status mti_kvm_machine_set(struct mti_vm *vm,
				const struct mti_machine *machine,
				mote_error *err);
mote_status mti_kvm_resume(struct mti_vm *vm, const uint64_t *general,
			   mote_error *err);
mote_status mti_kvm_remapped(struct mti_vm *vm, mote_error *err);

#if defined(__x86_64__)
/* Constant values of MSRs and XCR0; 0 or -errno. */
int mti_kvm_vcpu_set_msrs(struct mti_vm *vm);
int mti_kvm_vcpu_set_xcr0(struct mti_vm *vm);
bool mti_kvm_canonical(uint64_t address);
/*
 * mti_kvm_complete. discard: whatever becomes of the registers, a string
 * instruction at its last element.
 */
int mti_kvm_finish(struct mti_vm *vm, bool discard);
/* No exception or interrupt waits for delivery. */
int mti_kvm_clear_events(struct mti_vm *vm);
/* What the next entry begins with, for it to go on at regs->rip. */
void mti_kvm_state_enter(const struct mti_vm *vm, struct kvm_regs *regs);
void mti_kvm_general_get(const struct kvm_regs *regs, uint64_t *out);
/* All but the flags. */
void mti_kvm_general_set(const uint64_t *in, struct kvm_regs *regs);
#elif defined(__aarch64__)
/* One register; 0 or -errno. */
int mti_kvm_get(struct mti_vm *vm, uint64_t id, void *value);
int mti_kvm_set(struct mti_vm *vm, uint64_t id, const void *value);
int mti_kvm_set_word(struct mti_vm *vm, uint64_t id, uint64_t value);
/* mti_kvm_complete, if there is anything to. */
int mti_kvm_finish(struct mti_vm *vm);
/* All system registers that make up the machine. */
int mti_kvm_vcpu_set_system(struct mti_vm *vm);
/* KVM_ARM_VCPU_INIT: as after reset. */
int mti_kvm_vcpu_reset(struct mti_vm *vm);
int mti_kvm_vcpu_set_stepping(struct mti_vm *vm, bool on);
#endif

/* vcpu.c */
mote_status mti_kvm_vcpu_run(struct mti_vm *vm, struct mti_exit *exit,
			     mote_error *err);
void mti_kvm_machine_exit(struct mti_exit *exit, const char *text,
			  uint64_t detail);
/* It never runs again, and why; the first reason is kept. */
void mti_kvm_lose(struct mti_vm *vm, const char *why);
/* Completes the instruction that led to the last exit; 0 or -errno. */
int mti_kvm_complete(struct mti_vm *vm);

#if defined(__x86_64__)
/* bare_amd64.c */
mote_status mti_kvm_bare_init(struct mti_vm *vm, mote_error *err);
void mti_kvm_bare_io(struct mti_vm *vm, struct mti_exit *exit);
mote_status mti_kvm_bare_get(struct mti_vm *vm, struct mti_bare_state *state,
			     mote_error *err);
mote_status mti_kvm_bare_set(struct mti_vm *vm,
			     const struct mti_bare_state *state,
			     mote_error *err);
#endif

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

#endif
