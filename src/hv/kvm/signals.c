/*
 * Signals that end KVM_RUN (KVM api, KVM_SET_SIGNAL_MASK).
 *
 * With a mask of its own, KVM_RUN does not use that of the thread: a kick
 * comes through whatever the program blocks. A signal that the thread blocks
 * makes KVM_RUN return -EINTR without a handler and stays pending, so that
 * the next one would return at once: the caller takes it, or masks it.
 */
#include <string.h>

#include "hv/kvm/kvm.h"
#include "os/os.h"

/* What the kernel calls a sigset_t: a bit for each of 64 signals. */
#define SIGNAL_BYTES 8

int mti_kvm_set_signal_mask(struct mti_vm *vm, const sigset_t *blocked)
{
	struct {
		struct kvm_signal_mask head;
		uint8_t bits[SIGNAL_BYTES];
	} mask = { .head = { .len = SIGNAL_BYTES } };

	_Static_assert(sizeof(*blocked) >= SIGNAL_BYTES, "of the C library");
	memcpy((char *)&mask + sizeof(mask.head), blocked, SIGNAL_BYTES);
	return mti_os_ioctl(vm->vcpu_fd, KVM_SET_SIGNAL_MASK, &mask);
}

void mti_kvm_block(struct mti_vm *vm, const sigset_t *blocked)
{
	(void)mti_kvm_set_signal_mask(vm, blocked);
}
