/*
 * Bringing the virtual CPU into a state of which nothing is left of what ran
 * before.
 *
 * After a call that ended well this costs next to nothing: the next entry
 * begins in code of the syscall page which gives segment, vector and x87
 * registers their first values, in user mode. All else is out of reach of
 * user mode and changes by exceptions at most.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "abi/layout.h"
#include "arch/amd64/boot.h"
#include "arch/amd64/xsave.h"
#include "base/error.h"
#include "hv/kvm/kvm.h"
#include "os/os.h"

static const char operation[] = "restore CPU";

#define X87_CONTROL_BYTES 2

#define DR6_RESET 0xffff0ff0u
#define DR7_RESET 0x400u

/* With 4-level paging bits 47 to 63 are the same. */
bool mti_kvm_canonical(uint64_t address)
{
	uint64_t top = address >> 47;

	return top == 0 || top == 0x1ffff;
}

int mti_kvm_finish(struct mti_vm *vm, bool discard)
{
	if (discard) {
		memset(&vm->run->s.regs.regs, 0, sizeof(vm->run->s.regs.regs));
		vm->run->s.regs.regs.rcx = 1;
		vm->run->s.regs.regs.rflags = MTI_RFLAGS_USER;
		vm->run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
	}
	return mti_kvm_complete(vm);
}

int mti_kvm_clear_events(struct mti_vm *vm)
{
	struct kvm_vcpu_events events = {
		.flags = KVM_VCPUEVENT_VALID_NMI_PENDING |
			 KVM_VCPUEVENT_VALID_SHADOW,
	};

	return mti_os_ioctl(vm->vcpu_fd, KVM_SET_VCPU_EVENTS, &events);
}

static int set_vector(struct mti_vm *vm)
{
	const struct mti_cpu_state *state = &vm->state;
	const uint64_t present = MTI_XSTATE_X87_SSE;
	struct kvm_xsave xsave;
	uint8_t *bytes = (uint8_t *)&xsave;

	memset(&xsave, 0, sizeof(xsave));
	memcpy(bytes + MTI_XSAVE_FCW, &state->x87_control, X87_CONTROL_BYTES);
	memcpy(bytes + MTI_XSAVE_MXCSR, &state->mxcsr, sizeof(state->mxcsr));
	memcpy(bytes + MTI_XSAVE_XSTATE_BV, &present, sizeof(present));
	return mti_os_ioctl(vm->vcpu_fd, KVM_SET_XSAVE, &xsave);
}

static void set_bases(struct mti_vm *vm, const struct mti_cpu_state *state)
{
	vm->run->s.regs.sregs.fs.base = state->fs_base;
	vm->run->s.regs.sregs.gs.base = state->gs_base;
}

struct step {
	int (*run)(struct mti_vm *vm);
	const char *name;
};

/*
 * What CR8 is, KVM asks kvm_run at each KVM_RUN and tells it after each: it is
 * not the business of KVM_SET_SREGS.
 */
static int finish_discarding(struct mti_vm *vm)
{
	int status = mti_kvm_finish(vm, true);

	vm->run->cr8 = 0;
	return status;
}

/* A triple fault leaves it elsewhere on some KVMs. */
static int set_runnable(struct mti_vm *vm)
{
	struct kvm_mp_state mp = { .mp_state = KVM_MP_STATE_RUNNABLE };

	return mti_os_ioctl(vm->vcpu_fd, KVM_SET_MP_STATE, &mp);
}

static int set_sregs(struct mti_vm *vm)
{
	return mti_os_ioctl(vm->vcpu_fd, KVM_SET_SREGS, &vm->run->s.regs.sregs);
}

static int set_debug_registers(struct mti_vm *vm)
{
	struct kvm_debugregs debug = { .dr6 = DR6_RESET, .dr7 = DR7_RESET };

	return mti_os_ioctl(vm->vcpu_fd, KVM_SET_DEBUGREGS, &debug);
}

static mote_status reset_all(struct mti_vm *vm, mote_error *err)
{
	static const struct step steps[] = {
		{ finish_discarding, "KVM_RUN, to end an instruction" },
		{ mti_kvm_clear_events, "KVM_SET_VCPU_EVENTS" },
		{ set_runnable, "KVM_SET_MP_STATE" },
		{ set_vector, "KVM_SET_XSAVE" },
		{ set_sregs, "KVM_SET_SREGS" },
		{ mti_kvm_vcpu_set_msrs, "KVM_SET_MSRS" },
		{ set_debug_registers, "KVM_SET_DEBUGREGS" },
		{ mti_kvm_vcpu_set_xcr0, "KVM_SET_XCRS" },
	};
	size_t i;

	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		int status = steps[i].run(vm);

		if (status < 0) {
			mti_kvm_lose(vm, "its CPU could not be reset");
			return mti_error_os(err, MOTE_E_HYPERVISOR, operation,
					    -status, "%s", steps[i].name);
		}
	}
	return MOTE_OK;
}

/*
 * Whether the code in the syscall page can clear all vector registers. A
 * guest without XSAVE has no more of them than FXSAVE knows: unless this is
 * kvm-pvm, where the host's CR4 counts.
 */
static bool code_clears_vector(const struct mti_hv *hv)
{
	return hv->cr4 & MTI_CR4_OSXSAVE || !hv->host_osxsave;
}

void mti_kvm_state_enter(const struct mti_vm *vm, struct kvm_regs *regs)
{
	uint64_t code = MOTE_GVA_SYSCALL;

	if (!code_clears_vector(vm->hv))
		code += MTI_RESTORE_END;
	else if (vm->hv->cr4 & MTI_CR4_OSXSAVE)
		code += MTI_RESTORE_XSAVE;
	else
		code += MTI_RESTORE_FXSAVE;
	regs->r11 = regs->rip;
	regs->rip = code;
	if (vm->hv->cr4 & MTI_CR4_FSGSBASE) {
		regs->rcx = vm->state.fs_base;
		regs->rdx = vm->state.gs_base;
		regs->r10 = code;
		regs->rip = MOTE_GVA_SYSCALL + MTI_RESTORE_SEGMENTS;
	}
}

static mote_status check(const struct mti_vm *vm,
			 const struct mti_cpu_state *state, mote_error *err)
{
	if (!mti_kvm_canonical(state->fs_base) ||
	    !mti_kvm_canonical(state->gs_base))
		return mti_error_set(
			err, MOTE_E_INVALID, operation,
			"FS base 0x%llx, GS base 0x%llx: not an address",
			(unsigned long long)state->fs_base,
			(unsigned long long)state->gs_base);
	if (state->mxcsr & ~vm->hv->mxcsr_mask)
		return mti_error_set(err, MOTE_E_INVALID, operation,
				     "MXCSR 0x%x has bits that this CPU has "
				     "not, its mask is 0x%x",
				     state->mxcsr, vm->hv->mxcsr_mask);
	return MOTE_OK;
}

mote_status mti_kvm_state_set(struct mti_vm *vm,
			      const struct mti_cpu_state *state, bool clean,
			      mote_error *err)
{
	mote_status status = check(vm, state, err);

	if (status != MOTE_OK)
		return status;
	vm->state = *state;
	vm->run->cr8 = 0;
	vm->entering = false;
	set_bases(vm, state);
	if (!clean) {
		vm->restoring = false;
		status = reset_all(vm, err);
	} else if (!code_clears_vector(vm->hv)) {
		int os = set_vector(vm);

		if (os < 0)
			status = mti_error_os(err, MOTE_E_HYPERVISOR, operation,
					      -os, "KVM_SET_XSAVE");
	}
	if (status != MOTE_OK)
		return status;
	/* Where user mode cannot set FS and GS base. */
	if (clean && !(vm->hv->cr4 & MTI_CR4_FSGSBASE))
		vm->run->kvm_dirty_regs |= KVM_SYNC_X86_SREGS;
	vm->restoring = true;
	return MOTE_OK;
}

mote_status mti_kvm_state_flush(struct mti_vm *vm, mote_error *err)
{
	mote_status status = reset_all(vm, err);

	if (status != MOTE_OK)
		return status;
	memset(&vm->run->s.regs.regs, 0, sizeof(vm->run->s.regs.regs));
	vm->run->s.regs.regs.rflags = MTI_RFLAGS_USER;
	vm->run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
	vm->restoring = false;
	if (vm->entering)
		mti_kvm_vcpu_set_entry(vm, &vm->entry);
	vm->entering = false;
	vm->last_exit = MTI_EXIT_INTERRUPTED;
	return MOTE_OK;
}

mote_status mti_kvm_state_get(struct mti_vm *vm, struct mti_cpu_state *state,
			      mote_error *err)
{
	struct kvm_sregs sregs;
	struct kvm_xsave xsave;
	int status;

	if (vm->restoring) {
		*state = vm->state;
		return MOTE_OK;
	}
	status = mti_os_ioctl(vm->vcpu_fd, KVM_GET_SREGS, &sregs);
	if (status < 0)
		return mti_error_os(err, MOTE_E_HYPERVISOR, "save CPU", -status,
				    "KVM_GET_SREGS");
	status = mti_os_ioctl(vm->vcpu_fd, KVM_GET_XSAVE, &xsave);
	if (status < 0)
		return mti_error_os(err, MOTE_E_HYPERVISOR, "save CPU", -status,
				    "KVM_GET_XSAVE");
	state->fs_base = sregs.fs.base;
	state->gs_base = sregs.gs.base;
	memcpy(&state->mxcsr, (uint8_t *)&xsave + MTI_XSAVE_MXCSR,
	       sizeof(state->mxcsr));
	state->x87_control = 0;
	memcpy(&state->x87_control, (uint8_t *)&xsave + MTI_XSAVE_FCW,
	       X87_CONTROL_BYTES);
	return MOTE_OK;
}

/*
 * When a slot goes, KVM drops all that it made of page tables, and with it
 * what the CPU has of them. One that nobody uses does; the memory of this one
 * is that of the first slot.
 */
mote_status mti_kvm_remapped(struct mti_vm *vm, mote_error *err)
{
	uint32_t bits = vm->hv->physical_bits < 52 ? vm->hv->physical_bits : 52;
	struct kvm_userspace_memory_region region = {
		.slot = KVM_PASSING_SLOT,
		.flags = KVM_MEM_READONLY,
		.guest_phys_addr = (UINT64_C(1) << bits) - MOTE_PAGE_SIZE,
		.memory_size = MOTE_PAGE_SIZE,
		.userspace_addr = vm->memory_address,
	};
	int os = mti_os_ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region);

	region.memory_size = 0;
	if (os == 0)
		os = mti_os_ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region);
	if (os == 0)
		return MOTE_OK;
	/* It would go on with pages that are another's now. */
	mti_kvm_lose(vm, "it could not be made to forget page tables");
	return mti_error_os(err, MOTE_E_HYPERVISOR, "run guest", -os,
			    "KVM_SET_USER_MEMORY_REGION, to forget page "
			    "tables");
}
