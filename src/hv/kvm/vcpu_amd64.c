/*
 * The virtual CPU: initial state, entry, exits.
 *
 * Registers travel through KVM_CAP_SYNC_REGS (KVM api, 4.150), so that a
 * call is one KVM_RUN and nothing else. RIP at an I/O exit is before the
 * instruction on VMX and SVM and after it on kvm-pvm, so it is never used to
 * compute anything; set_entry sets it absolutely.
 */
#include <errno.h>
#include <string.h>

#include "abi/layout.h"
#include "arch/amd64/boot.h"
#include "arch/amd64/trap.h"
#include "base/error.h"
#include "hv/kvm/kvm.h"
#include "hv/port.h"
#include "os/os.h"

#define MSR_STAR 0xc0000081
#define MSR_LSTAR 0xc0000082
#define MSR_SFMASK 0xc0000084
#define MSR_KERNEL_GS_BASE 0xc0000102

static void set_segment(struct kvm_segment *segment, uint16_t selector,
			uint8_t type, uint8_t dpl)
{
	memset(segment, 0, sizeof(*segment));
	segment->limit = 0xffffffff;
	segment->selector = selector;
	segment->type = type;
	segment->present = 1;
	segment->dpl = dpl;
	segment->s = 1;
	segment->g = 1;
}

static void set_null(struct kvm_segment *segment)
{
	memset(segment, 0, sizeof(*segment));
	segment->unusable = 1;
}

static void fill_sregs(const struct mti_hv *hv, struct kvm_sregs *sregs,
		       uint64_t cr3)
{
	set_segment(&sregs->cs, MTI_SELECTOR_USER_CODE, 0xb, 3);
	sregs->cs.l = 1;
	set_segment(&sregs->ss, MTI_SELECTOR_USER_DATA, 3, 3);
	sregs->ss.db = 1;
	set_null(&sregs->ds);
	set_null(&sregs->es);
	set_null(&sregs->fs);
	set_null(&sregs->gs);
	memset(&sregs->tr, 0, sizeof(sregs->tr));
	sregs->tr.base = MOTE_GVA_SUPERVISOR + MTI_SUPERVISOR_TSS;
	sregs->tr.limit = MTI_TSS_BYTES - 1;
	sregs->tr.selector = MTI_SELECTOR_TSS;
	sregs->tr.type = hv->tss_type;
	sregs->tr.present = 1;
	memset(&sregs->ldt, 0, sizeof(sregs->ldt));
	sregs->ldt.unusable = 1;
	sregs->ldt.type = 2;
	sregs->gdt.base = MOTE_GVA_SUPERVISOR + MTI_SUPERVISOR_GDT;
	sregs->gdt.limit = MTI_GDT_BYTES - 1;
	sregs->idt.base = MOTE_GVA_SUPERVISOR + MTI_SUPERVISOR_IDT;
	sregs->idt.limit = MTI_IDT_BYTES - 1;
	sregs->cr0 = MTI_CR0_VALUE;
	sregs->cr3 = cr3;
	sregs->cr4 = hv->cr4;
	sregs->efer = MTI_EFER_VALUE;
}

/* Which optional CR4 bits are taken is found out once per engine. */
static int set_sregs(struct mti_vm *vm, struct kvm_sregs *sregs)
{
	static const uint32_t drop[] = {
		MTI_CR4_FSGSBASE,
		MTI_CR4_UMIP,
		MTI_CR4_OSXSAVE,
		MTI_CR4_FSGSBASE | MTI_CR4_UMIP,
		MTI_CR4_FSGSBASE | MTI_CR4_OSXSAVE,
		MTI_CR4_UMIP | MTI_CR4_OSXSAVE,
		MTI_CR4_FSGSBASE | MTI_CR4_UMIP | MTI_CR4_OSXSAVE,
	};
	int status = mti_os_ioctl(vm->vcpu_fd, KVM_SET_SREGS, sregs);
	uint64_t wanted = sregs->cr4;
	size_t i;

	for (i = 0; status == -EINVAL && i < sizeof(drop) / sizeof(drop[0]);
	     i++) {
		sregs->cr4 = wanted & ~(uint64_t)drop[i];
		status = mti_os_ioctl(vm->vcpu_fd, KVM_SET_SREGS, sregs);
	}
	if (status >= 0)
		vm->hv->cr4 = (uint32_t)sregs->cr4;
	return status;
}

int mti_kvm_vcpu_set_msrs(struct mti_vm *vm)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entries[4];
	} msrs = {
		.head = { .nmsrs = 4 },
		.entries = {
			{ .index = MSR_STAR, .data = MTI_STAR_VALUE },
			{ .index = MSR_LSTAR, .data = MOTE_GVA_SYSCALL },
			{ .index = MSR_SFMASK, .data = MTI_SFMASK_VALUE },
			{ .index = MSR_KERNEL_GS_BASE, .data = 0 },
		},
	};
	int count = mti_os_ioctl(vm->vcpu_fd, KVM_SET_MSRS, &msrs);

	return count < 0 ? count : count == 4 ? 0 : -EINVAL;
}

int mti_kvm_vcpu_set_xcr0(struct mti_vm *vm)
{
	struct kvm_xcrs xcrs = { .nr_xcrs = 1 };

	if (!vm->hv->has_xcrs || !(vm->hv->cr4 & MTI_CR4_OSXSAVE))
		return 0;
	xcrs.xcrs[0].value = vm->hv->xcr0;
	return mti_os_ioctl(vm->vcpu_fd, KVM_SET_XCRS, &xcrs);
}

void mti_kvm_vcpu_memory(struct mti_vm *vm, const struct mti_vm_range *range,
			 uint64_t page_table_gpa)
{
	(void)vm;
	(void)range;
	(void)page_table_gpa;
}

mote_status mti_kvm_vcpu_init(struct mti_vm *vm, uint64_t page_table_gpa,
			      mote_error *err)
{
	static const char *const operation = "create VM";
	struct kvm_sregs sregs;
	int status;

	if (vm->bare)
		return mti_kvm_bare_init(vm, err);
	status = mti_os_ioctl(vm->vcpu_fd, KVM_SET_CPUID2, &vm->hv->cpuid);
	if (status < 0)
		return mti_error_os(err, MOTE_E_HYPERVISOR, operation, -status,
				    "KVM_SET_CPUID2");
	status = mti_os_ioctl(vm->vcpu_fd, KVM_GET_SREGS, &sregs);
	if (status < 0)
		return mti_error_os(err, MOTE_E_HYPERVISOR, operation, -status,
				    "KVM_GET_SREGS");
	fill_sregs(vm->hv, &sregs, page_table_gpa);
	status = set_sregs(vm, &sregs);
	if (status < 0)
		return mti_error_os(err, MOTE_E_HYPERVISOR, operation, -status,
				    "KVM_SET_SREGS");
	status = mti_kvm_vcpu_set_msrs(vm);
	if (status < 0)
		return mti_error_os(err, MOTE_E_HYPERVISOR, operation, -status,
				    "KVM_SET_MSRS");
	status = mti_kvm_vcpu_set_xcr0(vm);
	if (status < 0)
		return mti_error_os(err, MOTE_E_HYPERVISOR, operation, -status,
				    "KVM_SET_XCRS");
	vm->run->kvm_valid_regs = KVM_SYNC_X86_REGS;
	/* KVM never writes these, as they are not among the valid ones. */
	vm->run->s.regs.sregs = sregs;
	return MOTE_OK;
}

void mti_kvm_vcpu_set_entry(struct mti_vm *vm, const struct mti_entry *entry)
{
	struct kvm_regs *regs = &vm->run->s.regs.regs;

	memset(regs, 0, sizeof(*regs));
	regs->rip = entry->pc;
	regs->rsp = entry->sp;
	regs->rdi = entry->argument0;
	regs->rsi = entry->argument1;
	regs->rflags = MTI_RFLAGS_USER;
	if (vm->restoring) {
		vm->entry = *entry;
		vm->entering = true;
		mti_kvm_state_enter(vm, regs);
	}
	vm->run->kvm_dirty_regs |= KVM_SYNC_X86_REGS;
}

static void decode_io(const struct kvm_run *run, struct mti_exit *exit)
{
	struct mti_port_access access = {
		.port = run->io.port,
		.size = run->io.size,
		.out = run->io.direction == KVM_EXIT_IO_OUT,
		.repeated = run->io.count != 1,
		.argument0 = run->s.regs.regs.rdi,
		.argument1 = run->s.regs.regs.rsi,
	};

	/* The kernel's page, not guest memory. */
	if (access.out && access.size <= sizeof(access.value))
		memcpy(&access.value, (const char *)run + run->io.data_offset,
		       access.size);
	mti_port_exit(&access, exit);
}

mote_status mti_kvm_vcpu_decode(struct mti_vm *vm, struct mti_exit *exit,
				mote_error *err)
{
	const struct kvm_run *run = vm->run;

	(void)err;
	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		if (vm->bare)
			mti_kvm_bare_io(vm, exit);
		else
			decode_io(run, exit);
		return MOTE_OK;
	case KVM_EXIT_HLT:
		/* A user-mode guest cannot get here. */
		mti_kvm_machine_exit(exit, "halt, exit reason",
				     run->exit_reason);
		if (vm->bare)
			exit->kind = MTI_EXIT_HALT;
		return MOTE_OK;
	case KVM_EXIT_SHUTDOWN:
		mti_kvm_machine_exit(exit, "triple fault, exit reason",
				     run->exit_reason);
		return MOTE_OK;
	case KVM_EXIT_MMIO:
		mti_kvm_machine_exit(exit,
				     "access outside memory, guest-physical",
				     run->mmio.phys_addr);
		return MOTE_OK;
	case KVM_EXIT_INTERNAL_ERROR:
		mti_kvm_machine_exit(exit,
				     "an instruction the hypervisor cannot "
				     "emulate, suberror",
				     run->internal.suberror);
		return MOTE_OK;
	default:
		mti_kvm_machine_exit(exit, "unexpected exit reason",
				     run->exit_reason);
		return MOTE_OK;
	}
}

mote_status mti_kvm_vcpu_prepare(struct mti_vm *vm, mote_error *err)
{
	(void)vm;
	(void)err;
	return MOTE_OK;
}

uint64_t mti_kvm_vcpu_pc(struct mti_vm *vm)
{
	return vm->run->s.regs.regs.rip;
}

mote_status mti_kvm_vcpu_registers(struct mti_vm *vm, mote_fault *fault,
				   uint64_t *fault_address, mote_error *err)
{
	const struct kvm_regs *regs = &vm->run->s.regs.regs;
	struct kvm_sregs sregs;
	uint64_t *out = fault->registers;
	int status = mti_os_ioctl(vm->vcpu_fd, KVM_GET_SREGS, &sregs);

	if (status < 0)
		return mti_error_os(err, MOTE_E_HYPERVISOR, "read registers",
				    -status, "KVM_GET_SREGS");
	fault->register_count = MTI_AMD64_REGISTERS;
	mti_kvm_general_get(regs, out);
	out[MTI_FS_BASE] = sregs.fs.base;
	out[MTI_GS_BASE] = sregs.gs.base;
	*fault_address = sregs.cr2;
	return MOTE_OK;
}

mote_status mti_kvm_vcpu_set_fs_base(struct mti_vm *vm, uint64_t base,
				     mote_error *err)
{
	struct kvm_sregs sregs;
	int status = mti_os_ioctl(vm->vcpu_fd, KVM_GET_SREGS, &sregs);

	if (status >= 0) {
		sregs.fs.base = base;
		/* KVM reports any TSS as busy. */
		sregs.tr.type = vm->hv->tss_type;
		status = mti_os_ioctl(vm->vcpu_fd, KVM_SET_SREGS, &sregs);
	}
	if (status < 0)
		return mti_error_os(err, MOTE_E_HYPERVISOR, "set FS base",
				    -status, "KVM_SET_SREGS");
	return MOTE_OK;
}
