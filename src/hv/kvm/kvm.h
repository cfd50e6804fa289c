/*
 * Inside the KVM backend. KVM file descriptors never leave this folder.
 */
#ifndef MTI_HV_KVM_KVM_H
#define MTI_HV_KVM_KVM_H

#include <linux/kvm.h>
#include <stdatomic.h>

#include "hv/hv.h"

#define KVM_CPUID_ENTRIES_MAX 256

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
	uint8_t tss_type;
	bool has_xcrs;
	uint64_t xcr0;
	/*
	 * CR4 bits that KVM accepts on this machine: tried at the first VM,
	 * because kvm-pvm takes bits that its CPUID table does not list and
	 * other KVMs refuse those.
	 */
	_Atomic uint32_t cr4;
	_Atomic uint64_t tick_ns; /* UINT64_MAX: not asked yet */
	struct kvm_cpuid_table cpuid;
};

struct mti_vm {
	struct mti_hv *hv;
	int fd;
	int vcpu_fd;
	struct kvm_run *run; /* mapped, run_size bytes */
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

#endif
