/*
 * The floors: VMs made by hand, with nothing of libmote but the headers of
 * its guest ABI. What a person would write who needs just this one VM and
 * trusts its guest: no check, no error text, no limit.
 */
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

#include <stddef.h>
#include <stdint.h>

/* What every VM of a process needs once. */
struct floor_host;

struct floor_vm {
	struct floor_host *host; /* of this VM alone if owned */
	int owned;
	int fd;
	int vcpu;
	struct kvm_run *run;
	uint8_t *memory;
	size_t memory_size;
	uint64_t next;	    /* guest-physical: nothing is used from here on */
	const char *failed; /* the step that failed; errno has the reason */
};

/* Opens /dev/kvm, asks for the CPUID table. NULL: errno has the reason. */
struct floor_host *floor_host_open(void);
void floor_host_close(struct floor_host *host);

/* Makes a VM whose user-mode code does nothing but `out`, for ever. */
int floor_open_loop(struct floor_vm *vm);

/* From the host to that code and back: one KVM_RUN. 0 or -1. */
int floor_round_trip(struct floor_vm *vm);

/* To code that never leaves; 0 when a signal has ended it. */
int floor_spin(struct floor_vm *vm);

/*
 * Makes a VM of the sizes of a sandbox with default options, loads a program
 * of mote-cc into it, runs its start and then its export number 0, which
 * takes nothing and returns an i32. On host, or with all that it is if that is
 * NULL. 0 or -1.
 */
int floor_open_program(struct floor_vm *vm, struct floor_host *host,
		       const void *elf, int32_t *answer);

/* Also after a failed open. */
void floor_close(struct floor_vm *vm);

#endif
