/*
 * All registers, for debuggers and core dumps.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "arch/amd64/boot.h"
#include "arch/amd64/trap.h"
#include "arch/amd64/xsave.h"
#include "arch/arch.h"
#include "base/error.h"
#include "hv/kvm/kvm.h"
#include "os/os.h"

#define VECTOR_BYTES sizeof(((struct mti_machine *)NULL)->vector)

static const char reading[] = "read registers";
static const char writing[] = "set registers";

_Static_assert(VECTOR_BYTES == sizeof(struct kvm_xsave),
	       "what KVM_GET_XSAVE fills");

void mti_kvm_general_get(const struct kvm_regs *regs, uint64_t *out)
{
	out[MTI_RAX] = regs->rax;
	out[MTI_RBX] = regs->rbx;
	out[MTI_RCX] = regs->rcx;
	out[MTI_RDX] = regs->rdx;
	out[MTI_RSI] = regs->rsi;
	out[MTI_RDI] = regs->rdi;
	out[MTI_RBP] = regs->rbp;
	out[MTI_RSP] = regs->rsp;
	out[MTI_R8] = regs->r8;
	out[MTI_R9] = regs->r9;
	out[MTI_R10] = regs->r10;
	out[MTI_R11] = regs->r11;
	out[MTI_R12] = regs->r12;
	out[MTI_R13] = regs->r13;
	out[MTI_R14] = regs->r14;
	out[MTI_R15] = regs->r15;
	out[MTI_RIP] = regs->rip;
	out[MTI_RFLAGS] = regs->rflags;
}

void mti_kvm_general_set(const uint64_t *in, struct kvm_regs *regs)
{
	regs->rax = in[MTI_RAX];
	regs->rbx = in[MTI_RBX];
	regs->rcx = in[MTI_RCX];
	regs->rdx = in[MTI_RDX];
	regs->rsi = in[MTI_RSI];
	regs->rdi = in[MTI_RDI];
	regs->rbp = in[MTI_RBP];
	regs->rsp = in[MTI_RSP];
	regs->r8 = in[MTI_R8];
	regs->r9 = in[MTI_R9];
	regs->r10 = in[MTI_R10];
	regs->r11 = in[MTI_R11];
	regs->r12 = in[MTI_R12];
	regs->r13 = in[MTI_R13];
	regs->r14 = in[MTI_R14];
	regs->r15 = in[MTI_R15];
	regs->rip = in[MTI_RIP];
}

static void general_set(struct kvm_regs *regs, const uint64_t *in)
{
	mti_kvm_general_set(in, regs);
	regs->rflags = (in[MTI_RFLAGS] & MTI_RFLAGS_SETTABLE) | MTI_RFLAGS_USER;
}

/*
 * KVM writes the values of components that are in their first state too, so
 * all can be said to be there: else a change to one of them would be lost.
 */
static mote_status vector_get(struct mti_vm *vm, struct mti_machine *machine,
			      mote_error *err)
{
	const struct mti_hv *hv = vm->hv;
	uint64_t present;
	int status = mti_os_ioctl(vm->vcpu_fd, KVM_GET_XSAVE, machine->vector);

	if (status < 0)
		return mti_error_os(err, MOTE_E_HYPERVISOR, reading, -status,
				    "KVM_GET_XSAVE");
	memcpy(&present, machine->vector + MTI_XSAVE_XSTATE_BV,
	       sizeof(present));
	present |= hv->xsave_components;
	memcpy(machine->vector + MTI_XSAVE_XSTATE_BV, &present,
	       sizeof(present));
	machine->vector_size = hv->xsave_size;
	memcpy(machine->vector_offset, hv->xsave_offset,
	       sizeof(machine->vector_offset));
	return MOTE_OK;
}

mote_status mti_kvm_machine_get(struct mti_vm *vm, struct mti_machine *machine,
				mote_error *err)
{
	struct kvm_sregs sregs;
	int status = 0;

	memset(machine, 0, sizeof(*machine));
	if (vm->restoring) {
		mote_status reset = mti_kvm_state_flush(vm, err);

		if (reset != MOTE_OK)
			return reset;
	}
	/* RIP is now behind the instruction, wherever KVM had it. */
	if (vm->last_exit == MTI_EXIT_PORT) {
		status = mti_kvm_finish(vm, false);
		if (status < 0)
			return mti_error_os(err, MOTE_E_HYPERVISOR, reading,
					    -status, "KVM_RUN");
		vm->last_exit = MTI_EXIT_INTERRUPTED;
	}
	if (vm->run->kvm_dirty_regs & KVM_SYNC_X86_SREGS)
		sregs = vm->run->s.regs.sregs; /* not handed over yet */
	else
		status = mti_os_ioctl(vm->vcpu_fd, KVM_GET_SREGS, &sregs);
	if (status < 0)
		return mti_error_os(err, MOTE_E_HYPERVISOR, reading, -status,
				    "KVM_GET_SREGS");
	mti_kvm_general_get(&vm->run->s.regs.regs, machine->general);
	machine->general[MTI_FS_BASE] = sregs.fs.base;
	machine->general[MTI_GS_BASE] = sregs.gs.base;
	machine->fs_base = sregs.fs.base;
	machine->gs_base = sregs.gs.base;
	return vector_get(vm, machine, err);
}

static mote_status check(const struct mti_vm *vm,
			 const struct mti_machine *machine, mote_error *err)
{
	uint64_t pc = machine->general[MTI_RIP];

	if (pc >= mti_arch_amd64.user_limit)
		return mti_error_set(err, MOTE_E_INVALID, writing,
				     "no code of a guest can be at 0x%llx",
				     (unsigned long long)pc);
	if (!mti_kvm_canonical(machine->fs_base) ||
	    !mti_kvm_canonical(machine->gs_base))
		return mti_error_set(
			err, MOTE_E_INVALID, writing,
			"FS base 0x%llx, GS base 0x%llx: not an address",
			(unsigned long long)machine->fs_base,
			(unsigned long long)machine->gs_base);
	if (machine->vector_size != vm->hv->xsave_size)
		return mti_error_set(err, MOTE_E_INVALID, writing,
				     "%u bytes of vector registers, not %u",
				     machine->vector_size, vm->hv->xsave_size);
	return MOTE_OK;
}

/* KVM looks at what is in it. */
static mote_status vector_set(struct mti_vm *vm,
			      const struct mti_machine *machine,
			      mote_error *err)
{
	uint8_t area[VECTOR_BYTES] = { 0 };
	int status;

	memcpy(area, machine->vector, machine->vector_size);
	status = mti_os_ioctl(vm->vcpu_fd, KVM_SET_XSAVE, area);
	if (status == -EINVAL)
		return mti_error_set(err, MOTE_E_INVALID, writing,
				     "KVM does not take these vector "
				     "registers");
	if (status < 0)
		return mti_error_os(err, MOTE_E_HYPERVISOR, writing, -status,
				    "KVM_SET_XSAVE");
	return MOTE_OK;
}

/*
 * Segments stay: the exception has changed those of code and stack, which no
 * guest can choose, and no other.
 */
static mote_status leave_stub(struct mti_vm *vm, mote_error *err)
{
	const struct kvm_run *run = vm->run;
	struct kvm_sregs sregs;
	int status;

	status = mti_os_ioctl(vm->vcpu_fd, KVM_GET_SREGS, &sregs);
	if (status < 0)
		return mti_error_os(err, MOTE_E_HYPERVISOR, reading, -status,
				    "KVM_GET_SREGS");
	sregs.cs = run->s.regs.sregs.cs;
	sregs.ss = run->s.regs.sregs.ss;
	sregs.tr = run->s.regs.sregs.tr; /* KVM reports any TSS as busy */
	status = mti_os_ioctl(vm->vcpu_fd, KVM_SET_SREGS, &sregs);
	if (status < 0)
		return mti_error_os(err, MOTE_E_HYPERVISOR, writing, -status,
				    "KVM_SET_SREGS");
	return MOTE_OK;
}

mote_status mti_kvm_resume(struct mti_vm *vm, const uint64_t *general,
			   mote_error *err)
{
	mote_status status;

	if (general[MTI_RIP] >= mti_arch_amd64.user_limit)
		return mti_error_set(err, MOTE_E_INVALID, writing,
				     "no code of a guest can be at 0x%llx",
				     (unsigned long long)general[MTI_RIP]);
	status = leave_stub(vm, err);
	if (status != MOTE_OK) {
		mti_kvm_lose(vm, "its registers could not be set");
		return status;
	}
	general_set(&vm->run->s.regs.regs, general);
	vm->run->kvm_dirty_regs |= KVM_SYNC_X86_REGS;
	vm->last_exit = MTI_EXIT_INTERRUPTED;
	return MOTE_OK;
}

mote_status mti_kvm_machine_set(struct mti_vm *vm,
				const struct mti_machine *machine,
				mote_error *err)
{
	struct kvm_run *run = vm->run;
	mote_status status = check(vm, machine, err);
	int os = 0;

	if (status == MOTE_OK &&
	    (vm->restoring || vm->last_exit == MTI_EXIT_BAD_IO ||
	     vm->last_exit == MTI_EXIT_MACHINE))
		status = mti_kvm_state_flush(vm, err);
	if (status == MOTE_OK)
		status = vector_set(vm, machine, err);
	if (status != MOTE_OK)
		return status;
	/* An exception on its way belongs to the instruction it left. */
	if (vm->last_exit != MTI_EXIT_INTERRUPTED ||
	    run->s.regs.regs.rip != machine->general[MTI_RIP])
		os = mti_kvm_clear_events(vm);
	if (os < 0)
		return mti_error_os(err, MOTE_E_HYPERVISOR, writing, -os,
				    "KVM_SET_VCPU_EVENTS");
	general_set(&run->s.regs.regs, machine->general);
	run->s.regs.sregs.fs.base = machine->fs_base;
	run->s.regs.sregs.gs.base = machine->gs_base;
	run->kvm_dirty_regs |= KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
	vm->last_exit = MTI_EXIT_INTERRUPTED;
	return MOTE_OK;
}
