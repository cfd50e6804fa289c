/*
 * Running the virtual CPU, the same for every processor.
 */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "hv/kvm/kvm.h"
#include "os/os.h"

/* An instruction that moves 16 or 64 bytes is an exit for every 8. */
#define COMPLETE_MAX 16

void mti_kvm_machine_exit(struct mti_exit *exit, const char *text,
			  uint64_t detail)
{
	exit->kind = MTI_EXIT_MACHINE;
	exit->text = text;
	exit->detail = detail;
}

void mti_kvm_lose(struct mti_vm *vm, const char *why)
{
	if (!vm->lost)
		vm->lost = why;
}

int mti_kvm_complete(struct mti_vm *vm)
{
	volatile uint8_t *immediate_exit = &vm->run->immediate_exit;
	int status = 0;
	int i;

	*immediate_exit = 1;
	for (i = 0; i < COMPLETE_MAX && status == 0; i++)
		status = mti_os_run(vm->vcpu_fd, KVM_RUN);
	*immediate_exit = 0;
	/* The signal handler may have come in between; same thread. */
	if (vm->kicked)
		*immediate_exit = 1;
	if (status == -EINTR)
		return 0;
	return status < 0 ? status : -ELOOP;
}

/* The caller may want to know how much the guest writes. */
static mote_status empty_ring(struct mti_vm *vm, struct mti_exit *exit,
			      mote_error *err)
{
	exit->kind = MTI_EXIT_INTERRUPTED;
	return mti_kvm_dirty_full(vm, err);
}

/*
 * A file that became shorter, and the like. The instruction has not been
 * executed: its RIP is right.
 */
static void memory_gone(struct mti_vm *vm, struct mti_exit *exit)
{
	const struct kvm_run *run = vm->run;
	uint64_t gpa;

	if (run->exit_reason == KVM_EXIT_MEMORY_FAULT) {
		memcpy(&gpa, run->padding + 8, sizeof(gpa));
		mti_kvm_machine_exit(
			exit,
			"access to memory that the host took away, "
			"guest-physical",
			gpa);
	} else {
		mti_kvm_machine_exit(
			exit,
			"access to memory that the host took away, by the "
			"instruction",
			mti_kvm_vcpu_pc(vm));
	}
}

static mote_status decode(struct mti_vm *vm, struct mti_exit *exit,
			  mote_error *err)
{
	const struct kvm_run *run = vm->run;

	switch (run->exit_reason) {
	case KVM_EXIT_INTR:
		exit->kind = MTI_EXIT_INTERRUPTED;
		return MOTE_OK;
	case KVM_EXIT_DIRTY_RING_FULL:
		return empty_ring(vm, exit, err);
	case KVM_EXIT_FAIL_ENTRY:
		if (vm->bare) {
			mti_kvm_machine_exit(
				exit,
				"a state of the CPU that it refuses, hardware "
				"reason",
				run->fail_entry.hardware_entry_failure_reason);
			return MOTE_OK;
		}
		return mti_error_set(
			err, MOTE_E_HYPERVISOR, "run guest",
			"KVM_EXIT_FAIL_ENTRY, hardware reason 0x%llx",
			(unsigned long long)
				run->fail_entry.hardware_entry_failure_reason);
	default:
		return mti_kvm_vcpu_decode(vm, exit, err);
	}
}

mote_status mti_kvm_vcpu_run(struct mti_vm *vm, struct mti_exit *exit,
			     mote_error *err)
{
	mote_status status;
	int os;

	if (vm->lost)
		return mti_error_set(err, MOTE_E_HYPERVISOR, "run guest",
				     "its VM never runs again: %s", vm->lost);
	status = mti_kvm_vcpu_prepare(vm, err);
	if (status != MOTE_OK)
		return status;
	os = mti_os_run(vm->vcpu_fd, KVM_RUN);
	vm->restoring = false;
	vm->entering = false;
	if (os == -EINTR || os == -EAGAIN)
		exit->kind = MTI_EXIT_INTERRUPTED;
	else if (os == -EFAULT || os == -EHWPOISON)
		memory_gone(vm, exit);
	else if (os < 0) {
		status = mti_error_os(err, MOTE_E_HYPERVISOR, "run guest", -os,
				      "KVM_RUN");
		mti_kvm_lose(vm, "KVM_RUN has failed");
	} else
		status = decode(vm, exit, err);
	vm->last_exit = status == MOTE_OK ? exit->kind : MTI_EXIT_MACHINE;
	return status;
}
