/*
 * For tests of the hypervisor's operations themselves: a VM of the KVM
 * backend without a sandbox around it. Memory is laid out as a sandbox's is,
 * page tables and system pages are real, the program is one blob of code for
 * the processor that all this is compiled for.
 */
#ifndef HARNESS_MACHINE_H
#define HARNESS_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/layout.h"
#include "hv/hv.h"
#include "hv/kvm/kvm.h"
#include "mem/layout.h"

#define MACHINE_CODE UINT64_C(0x400000)
/* Mapped at MOTE_GVA_MAP, read-write, and nothing is there. */
#define MACHINE_GAP_GPA (UINT64_C(1) << 30)
#define MACHINE_GAP_BYTES (UINT64_C(8) << 20)

struct machine {
	const struct mti_hv_ops *ops;
	struct mti_hv *hv;
	struct mti_vm *vm;
	struct mti_layout layout;
	uint8_t *memory;
	struct mti_exit exit;
	mote_error err;
	/* The code, for the addresses of its labels. */
	const uint8_t *code;
};

/* The test fails if anything does. heap: bytes at MOTE_GVA_HEAP. */
void machine_open(struct machine *machine, const void *code, size_t size,
		  uint64_t heap);
/*
 * The same with parts of a program, in one piece of memory each, and of the
 * stack and the areas what sizes says. ops and hv may be there already.
 */
struct machine_part {
	struct mti_part part;
	const void *bytes; /* part.file_size of them */
};

void machine_open_parts(struct machine *machine,
			const struct machine_part *parts, size_t count,
			const struct mti_layout_sizes *sizes);
/* Before that: only the backend, so that a test can change what it found. */
void machine_open_hv(struct machine *machine);
/* A second VM after the first one's end is not offered. */
void machine_close(struct machine *machine);

/*
 * Page tables. Nobody writes to them; but with nested paging a walk counts as
 * writing (APM 2, Nested Paging; SDM 3C, Accessed and Dirty Flags for EPT):
 * KVM reports those that were walked, and the VM gets copies of its own.
 */
bool machine_is_table(const struct machine *machine, uint64_t gpa);

/* Where the guest's memory at gva is, in the host. */
void *machine_at(const struct machine *machine, uint64_t gva);
uint64_t machine_gpa(const struct machine *machine, uint64_t gva);

/* Sets what the next run starts with. */
void machine_enter(struct machine *machine, const void *label,
		   uint64_t argument0, uint64_t argument1);
/* Goes on; the exit must be of that kind. */
void machine_go(struct machine *machine, enum mti_exit_kind expected);
/* Both; the exit must be MOTE_PORT_RETURN. */
void machine_call(struct machine *machine, const void *label,
		  uint64_t argument0, uint64_t argument1);

/* As the upper layer does: the control words too. */
void machine_restore(struct machine *machine, const struct mti_cpu_state *state,
		     bool clean);

#define machine_new_state (mti_kvm_arch->new_state)

#endif
