/*
 * User-mode guests of aarch64, which run at EL0 on the emulated CPU.
 *
 * Nothing of the guest runs at EL1: the emulator tells hooks of an exception
 * and delivers none, and the host does what the vectors of the supervisor
 * page would have done (arch/aarch64/boot.c).
 *
 * The emulator walks page tables of ours (shadow_aarch64.c), filled as pages
 * are used, in which every page is where it is in the guest's address space:
 * Unicorn before 2.1 wants memory there anyway. It does not say where an
 * access failed, but asks for memory that is not there, or that does not
 * allow the access, before it walks: that is how the address is known.
 */
#ifndef MTI_HV_SOFT_USER_AARCH64_H
#define MTI_HV_SOFT_USER_AARCH64_H

#include "arch/aarch64/trap.h"
#include "arch/pt.h"
#include "hv/soft/soft.h"

/* All of mti_machine.general but TPIDR_EL0, which stays in the emulator. */
#define ARM_GENERAL (MTI_AARCH64_PSTATE + 1)

/* What a hook saw, for the host to act on when the emulator has stopped. */
enum arm_event {
	ARM_NONE,
	ARM_ABORT,     /* of data; `access` says of which, if its size is set */
	ARM_FETCH,
	ARM_UNDEFINED,
	ARM_SVC,
	ARM_BRK,
	ARM_OTHER,     /* a number that is not known */
};

struct aarch64_access {
	uint64_t address;
	uint64_t value;
	uint32_t size; /* 0: not known */
	bool write;
};

/* Memory that the emulator has been given. */
struct aarch64_region {
	uint64_t address;
	uint64_t size;
	uint8_t *memory;
	uint32_t flags;
	uint64_t sum; /* of its bytes, when last translated; execute only */
};

struct aarch64_user {
	struct mti_vm vm;
	const struct mti_arch *arch;
	uint64_t root;
	uint8_t *pool; /* ARM_POOL_BYTES, the emulator's at ARM_POOL */
	uint32_t tables;
	bool full;
	struct aarch64_region *regions; /* owned */
	uint32_t region_count;
	uint32_t region_max;
	uint64_t standin; /* a page that is not there; 0: none */
	uc_context *fresh; /* the CPU as new, in user mode */
	uint64_t general[ARM_GENERAL];
	bool changed; /* what is known may be wrong */
	/* What PSTATE.SS asks for; the emulator does not get that. */
	bool stepping;
	bool hooked; /* step_hook is there, and in all that is translated */
	bool step_due; /* the instruction is done, its exception is to come */
	uc_hook step_hook;
	uint32_t begun; /* instructions of this run, while hooked */
	enum arm_event event;
	uint32_t number; /* of the exception, as the emulator has it */
	struct aarch64_access access;
	uint32_t accesses; /* told while one is looked for */
	/* Of a fault. */
	uint64_t syndrome;
	uint64_t address;
};

/* Own memory: code for EL1, then tables, of which the first is the root. */
#define ARM_POOL UINT64_C(0x740000000000)
#define ARM_ROOT 0x1000u
#define ARM_TABLES_MAX 1024u
#define ARM_POOL_BYTES (ARM_ROOT + ARM_TABLES_MAX * MOTE_PAGE_SIZE)

_Static_assert(ARM_POOL >= MOTE_GVA_MAP_LIMIT, "no guest has it");

static inline struct aarch64_user *aarch64_user_of(struct mti_vm *vm)
{
	return (struct aarch64_user *)vm;
}

/* shadow_aarch64.c */
mote_status mti_soft_aarch64_shadow_init(struct aarch64_user *user,
					 mote_error *err);
void mti_soft_aarch64_shadow_fini(struct aarch64_user *user);
/*
 * Makes what the guest's tables say of gva and its neighbours known to the
 * emulator. false: nothing new.
 */
bool mti_soft_aarch64_fill(struct aarch64_user *user, uint64_t gva);
/* What user mode may do there, MTI_PT_*; false: nothing. */
bool mti_soft_aarch64_rights(struct aarch64_user *user, uint64_t gva,
			     uint32_t *flags);
/* Lets the emulator go on to the tables where it has no memory. */
bool mti_soft_aarch64_standin(struct aarch64_user *user, uint64_t gva);
void mti_soft_aarch64_drop_standin(struct aarch64_user *user);
void mti_soft_aarch64_reset(struct aarch64_user *user);
/* All that was translated is so once more. */
void mti_soft_aarch64_drop_code(struct aarch64_user *user);
/* Forgets and translates anew what is no longer what it was. */
void mti_soft_aarch64_check(struct aarch64_user *user);
/* Of the guest's memory, with user mode's rights. */
bool mti_soft_aarch64_read(struct aarch64_user *user, uint64_t gva,
			   void *buffer, size_t size);

/* exits_aarch64.c */
mote_status mti_soft_aarch64_hooks_init(struct aarch64_user *user,
					mote_error *err);
/* Makes ready for a run that ends after one instruction, or for any other. */
mote_status mti_soft_aarch64_prepare(struct aarch64_user *user,
				     mote_error *err);
/* Fills the exit. false: it is nothing, and the guest goes on. */
bool mti_soft_aarch64_exit(struct aarch64_user *user, struct mti_exit *exit);

/* state_aarch64.c */
void mti_soft_aarch64_load(struct aarch64_user *user);
void mti_soft_aarch64_store(struct aarch64_user *user);
mote_status mti_soft_aarch64_registers(struct mti_vm *vm, mote_fault *fault,
				       uint64_t *fault_address,
				       mote_error *err);
mote_status mti_soft_aarch64_state_get(struct mti_vm *vm,
				       struct mti_cpu_state *state,
				       mote_error *err);
mote_status mti_soft_aarch64_state_set(struct mti_vm *vm,
				       const struct mti_cpu_state *state,
				       bool clean, mote_error *err);
mote_status mti_soft_aarch64_machine_get(struct mti_vm *vm,
					 struct mti_machine *machine,
					 mote_error *err);
mote_status mti_soft_aarch64_machine_set(struct mti_vm *vm,
					 const struct mti_machine *machine,
					 mote_error *err);

#endif
