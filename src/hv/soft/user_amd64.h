/*
 * User-mode guests of amd64, which run at CPL 3 on the emulated CPU.
 *
 * The emulator never delivers an exception to a guest: hooks tell the host,
 * who makes what the supervisor page's stub would have made on a CPU.
 *
 * It walks page tables of ours, the shadow (shadow_amd64.c), which are filled
 * as pages are used. Unicorn before 2.1 checks rights with them, but then uses
 * memory at the virtual address: so that is where memory is mapped for it,
 * and the shadow lies where no guest has anything.
 */
#ifndef MTI_HV_SOFT_USER_AMD64_H
#define MTI_HV_SOFT_USER_AMD64_H

#include "arch/amd64/trap.h"
#include "arch/pt.h"
#include "hv/soft/soft.h"

#define AMD64_GENERAL (MTI_RFLAGS + 1)

/* XSAVE area: the legacy region and the header. */
#define AMD64_VECTOR_BYTES 576u

/* What a hook saw, for the host to act on when the emulator has stopped. */
enum amd64_event {
	AMD64_NONE,
	AMD64_IO,
	AMD64_FAULT,
	AMD64_SYSCALL,
	AMD64_MACHINE,
};

/* Memory that the emulator has been given. */
struct amd64_region {
	uint64_t address;
	uint64_t size;
	const uint8_t *memory;
	bool borrowed; /* see struct mti_soft_piece */
	/*
	 * Of the bytes of each page, as they were when it may have been
	 * translated. Owned; NULL: it is not executed.
	 */
	uint64_t *sums;
};

#define AMD64_STANDINS_MAX 4

struct amd64_shadow {
	/*
	 * Own memory, also the emulator's at `base`: the code that enters the
	 * guest, a stack for it, then tables, of which the first is the root.
	 */
	uint8_t *pool;
	uint64_t base;
	uint32_t tables;
	bool full;
	struct amd64_region *regions; /* owned */
	uint32_t region_count;
	uint32_t region_max;
	/*
	 * Pages without memory that the emulator must believe to be there, so
	 * that it asks the shadow and raises the right exception.
	 */
	uint64_t standins[AMD64_STANDINS_MAX];
	uint32_t standin_count;
};

#define AMD64_IO_REGISTERS 4

struct amd64_user {
	struct mti_vm vm;
	const struct mti_pt *pt;
	uint64_t root;
	struct amd64_shadow shadow;
	uc_context *fresh;   /* the CPU as new, in user mode */
	uc_context *scratch; /* to look into */
	/* As in mti_machine; the emulator's own while it runs. */
	uint64_t general[AMD64_GENERAL];
	uint64_t address; /* CR2 */
	bool changed;	  /* look whether code is what it was */
	enum amd64_event event;
	/* Of the event. */
	uint32_t vector;
	uint64_t error_code;
	uint32_t port;
	uint32_t io_size;
	uint32_t io_value;
	bool io_out;
	/* rax, rcx, rsi, rdi before the instruction. */
	uint64_t io_general[AMD64_IO_REGISTERS];
	const char *text;
	uint64_t detail;
};

/* Offsets in the pool. */
#define AMD64_DESCEND 0x000u /* supervisor: into user mode */
#define AMD64_BOTTOM 0x100u  /* user mode: where that leads */
#define AMD64_STACK 0x1000u  /* one page */
#define AMD64_ROOT 0x2000u
#define AMD64_TABLES_MAX 1024u
#define AMD64_POOL_BYTES (AMD64_ROOT + AMD64_TABLES_MAX * MOTE_PAGE_SIZE)

static inline struct amd64_user *amd64_user_of(struct mti_vm *vm)
{
	return (struct amd64_user *)vm;
}

/* shadow_amd64.c */
mote_status mti_soft_amd64_shadow_init(struct amd64_user *user,
				       mote_error *err);
void mti_soft_amd64_shadow_fini(struct amd64_user *user);
/*
 * Makes what the guest's tables say of gva and its neighbours known to the
 * emulator. false: nothing new.
 */
bool mti_soft_amd64_shadow_fill(struct amd64_user *user, uint64_t gva);
/* Lets the emulator come to the shadow at an address without memory. */
bool mti_soft_amd64_shadow_standin(struct amd64_user *user, uint64_t gva);
void mti_soft_amd64_shadow_drop_standins(struct amd64_user *user);
/* All is to be looked up anew. */
void mti_soft_amd64_shadow_reset(struct amd64_user *user);
/* Whether a file of the host's is shorter now: then all is looked up anew. */
void mti_soft_amd64_shadow_check_files(struct amd64_user *user);
/* Translates anew what is no longer what it was. */
void mti_soft_amd64_shadow_check_code(struct amd64_user *user);

/* exits_amd64.c */
mote_status mti_soft_amd64_exits_init(struct amd64_user *user, mote_error *err);
/* The exception as the guest's stub would have left it. */
void mti_soft_amd64_deliver(struct amd64_user *user, struct mti_exit *exit);
void mti_soft_amd64_decode_io(struct amd64_user *user, struct mti_exit *exit);

/* state_amd64.c */
void mti_soft_amd64_general_load(struct amd64_user *user);
void mti_soft_amd64_general_store(struct amd64_user *user);
mote_status mti_soft_amd64_registers(struct mti_vm *vm, mote_fault *fault,
				     uint64_t *fault_address, mote_error *err);
mote_status mti_soft_amd64_set_fs_base(struct mti_vm *vm, uint64_t base,
				       mote_error *err);
mote_status mti_soft_amd64_state_get(struct mti_vm *vm,
				     struct mti_cpu_state *state,
				     mote_error *err);
mote_status mti_soft_amd64_state_set(struct mti_vm *vm,
				     const struct mti_cpu_state *state,
				     bool clean, mote_error *err);
mote_status mti_soft_amd64_machine_get(struct mti_vm *vm,
				       struct mti_machine *machine,
				       mote_error *err);
mote_status mti_soft_amd64_machine_set(struct mti_vm *vm,
				       const struct mti_machine *machine,
				       mote_error *err);

#endif
