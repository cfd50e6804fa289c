/*
 * Which pages the guest has written: KVM's dirty ring (KVM api,
 * KVM_CAP_DIRTY_LOG_RING), read in shared memory without a system call.
 *
 * KVM puts a page into the ring when it makes the page writable for the
 * guest, which is once, unless the page is write-protected again.
 * KVM_RESET_DIRTY_RINGS does that for the entries it takes back, so that the
 * next write is seen too. Nobody here wants to know about a second write, and
 * a guest that writes more pages than the ring holds would fault on all of
 * them again and again. So what was read from an entry is replaced by a slot
 * that does not exist, which KVM passes over. It has to: the ring is mapped
 * writable for this process. Should a KVM come that does not, it would cost
 * time and nothing else.
 */
#include <stdatomic.h>
#include <string.h>

#include "abi/layout.h"
#include "base/error.h"
#include "hv/kvm/kvm.h"
#include "os/os.h"

/*
 * KVM stops the guest when all but 64 entries are in use, and with VMX
 * another 512 (KVM_DIRTY_RING_RSVD_ENTRIES, PML): from 1472 on.
 */
#define RING_ENTRIES 2048u
#define RING_BYTES (RING_ENTRIES * sizeof(struct kvm_dirty_gfn))
#define RING_OFFSET ((size_t)KVM_DIRTY_LOG_PAGE_OFFSET * MOTE_PAGE_SIZE)

#define NO_SLOT UINT32_MAX

uint32_t mti_kvm_dirty_enable(struct mti_vm *vm)
{
	struct kvm_enable_cap cap = {
		.cap = vm->hv->ring_capability,
		.args = { RING_BYTES },
	};

	/* Without it the caller looks for itself. */
	if (cap.cap == 0 || mti_os_ioctl(vm->fd, KVM_ENABLE_CAP, &cap) < 0)
		return 0;
	/* One mapping has both: what lies between costs nothing. */
	vm->map_size = RING_OFFSET + RING_BYTES;
	return KVM_MEM_LOG_DIRTY_PAGES;
}

void mti_kvm_dirty_mapped(struct mti_vm *vm)
{
	if (vm->map_size > vm->hv->run_size)
		vm->ring = (void *)((char *)vm->run + RING_OFFSET);
}

bool mti_kvm_tracks(const struct mti_vm *vm)
{
	return vm->ring != NULL;
}

/* The first entry that was not read, or NULL. */
static struct kvm_dirty_gfn *peek(const struct mti_vm *vm)
{
	struct kvm_dirty_gfn *entry =
		&vm->ring[vm->ring_next & (RING_ENTRIES - 1)];

	/* Acquire: slot and offset were written before the flag. */
	if (__atomic_load_n(&entry->flags, __ATOMIC_ACQUIRE) &
	    KVM_DIRTY_GFN_F_DIRTY)
		return entry;
	return NULL;
}

static void consume(struct mti_vm *vm, struct kvm_dirty_gfn *entry)
{
	entry->slot = NO_SLOT;
	entry->offset = 0;
	__atomic_store_n(&entry->flags, KVM_DIRTY_GFN_F_RESET,
			 __ATOMIC_RELEASE);
	vm->ring_next++;
}

/* Gives KVM what was read. */
static mote_status reset(struct mti_vm *vm, mote_error *err)
{
	int status = mti_os_ioctl_value(vm->fd, KVM_RESET_DIRTY_RINGS, 0);

	if (status < 0)
		return mti_error_os(err, MOTE_E_HYPERVISOR, "find dirty pages",
				    -status, "KVM_RESET_DIRTY_RINGS");
	vm->ring_reset = vm->ring_next;
	return MOTE_OK;
}

/* The slot of an entry, if the page is one of it. */
static struct kvm_slot *slot_of(struct mti_vm *vm,
				const struct kvm_dirty_gfn *entry)
{
	struct kvm_slot *slot = mti_kvm_slot(vm, entry->slot);

	if (!slot || entry->offset >= slot->size / MOTE_PAGE_SIZE)
		return NULL;
	return slot;
}

/* Makes a note of a page that nobody has asked for yet. */
static mote_status put_off(struct mti_vm *vm, struct kvm_slot *slot,
			   uint64_t page, mote_error *err)
{
	uint64_t word = page / 64;

	if (!slot->pending) {
		uint64_t words = (slot->size / MOTE_PAGE_SIZE + 63) / 64;

		slot->pending = mti_alloc(vm->hv->allocator, words,
					  sizeof(*slot->pending));
		if (!slot->pending)
			return mti_error_set(
				err, MOTE_E_NO_MEMORY, "find dirty pages",
				"no memory for a bit for each of %llu pages",
				(unsigned long long)slot->size /
					MOTE_PAGE_SIZE);
		slot->first = slot->end = word;
	}
	slot->pending[word] |= UINT64_C(1) << (page % 64);
	if (slot->first == slot->end) {
		slot->first = word;
		slot->end = word + 1;
	} else if (word < slot->first) {
		slot->first = word;
	} else if (word >= slot->end) {
		slot->end = word + 1;
	}
	vm->pending = true;
	return MOTE_OK;
}

mote_status mti_kvm_dirty_full(struct mti_vm *vm, mote_error *err)
{
	struct kvm_dirty_gfn *entry;

	while ((entry = peek(vm)) != NULL) {
		struct kvm_slot *slot = slot_of(vm, entry);
		mote_status status = MOTE_OK;

		if (slot)
			status = put_off(vm, slot, entry->offset, err);
		if (status != MOTE_OK)
			return status;
		consume(vm, entry);
	}
	return reset(vm, err);
}

static void report_pending(struct kvm_slot *slot,
			   void (*found)(void *context, uint64_t gpa),
			   void *context)
{
	uint64_t word;

	for (word = slot->first; word < slot->end; word++) {
		uint64_t bits = slot->pending[word];

		slot->pending[word] = 0;
		for (; bits; bits &= bits - 1)
			found(context,
			      slot->gpa + (word * 64 +
					   (uint64_t)__builtin_ctzll(bits)) *
						  MOTE_PAGE_SIZE);
	}
	slot->first = slot->end = 0;
}

mote_status mti_kvm_dirty(struct mti_vm *vm,
			  void (*found)(void *context, uint64_t gpa),
			  void *context, mote_error *err)
{
	struct kvm_dirty_gfn *entry;
	uint32_t i;

	if (!vm->ring)
		return mti_error_set(err, MOTE_E_STATE, "find dirty pages",
				     "this KVM has no dirty ring");
	if (vm->pending) {
		for (i = 0; i < MTI_VM_RANGES_MAX; i++)
			report_pending(&vm->memory[i], found, context);
		for (i = 0; i < vm->mapped_count; i++)
			report_pending(&vm->mapped[i], found, context);
		vm->pending = false;
	}
	while ((entry = peek(vm)) != NULL) {
		struct kvm_slot *slot = slot_of(vm, entry);

		if (slot)
			found(context,
			      slot->gpa + entry->offset * MOTE_PAGE_SIZE);
		consume(vm, entry);
	}
	/* Now, or else soon with another exit. */
	if (vm->ring_next - vm->ring_reset > RING_ENTRIES / 2)
		return reset(vm, err);
	return MOTE_OK;
}

void mti_kvm_dirty_forget(struct mti_vm *vm, uint32_t number)
{
	struct kvm_slot *slot = mti_kvm_slot(vm, number);
	uint32_t i;

	if (slot) {
		mti_free(vm->hv->allocator, slot->pending);
		slot->pending = NULL;
		slot->first = slot->end = 0;
	}
	/* Its number may be used again. */
	for (i = vm->ring_next; vm->ring && i != vm->ring_next + RING_ENTRIES;
	     i++) {
		struct kvm_dirty_gfn *entry = &vm->ring[i & (RING_ENTRIES - 1)];

		if (!(__atomic_load_n(&entry->flags, __ATOMIC_ACQUIRE) &
		      KVM_DIRTY_GFN_F_DIRTY))
			break;
		if (entry->slot == number)
			entry->slot = NO_SLOT;
	}
}
