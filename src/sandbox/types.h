/*
 * The objects behind the public handles. Only sandbox/ and api/ look inside.
 */
#ifndef MTI_SANDBOX_TYPES_H
#define MTI_SANDBOX_TYPES_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <mote/control.h>
#include <mote/mote.h>
#include <mote/snapshot.h>

#include "abi/layout.h"
#include "arch/arch.h"
#include "base/alloc.h"
#include "base/signature.h"
#include "call/codec.h"
#include "debug/info.h"
#include "debug/unwind.h"
#include "elf/elf.h"
#include "hv/hv.h"
#include "mem/layout.h"
#include "mem/memory.h"
#include "mem/window.h"
#include "sandbox/kick.h"
#include "sandbox/observe.h"
#include "snap/snap.h"

/* A VM with its memory, while no sandbox uses it. */
struct mti_seat {
	struct mti_template *template; /* a reference */
	struct mti_store *store; /* a reference: what memory holds */
	struct mti_memory memory;
	struct mti_vm *vm;
	uint32_t generation; /* of the process that made it, see fork.c */
	/* The CPU is new, or stands where a call ended. */
	bool clean;
	bool reused; /* it comes from the cache */
};

#define MTI_CACHE_MAX 16

/* Seats that were used, most recent last. */
struct mti_cache {
	pthread_mutex_t lock;
	size_t count;
	struct mti_seat seats[MTI_CACHE_MAX];
};

/* Random bytes, so that not every restore has to ask the system. */
struct mti_entropy {
	pthread_mutex_t lock;
	size_t left; /* bytes[0, left) were not handed out */
	uint8_t bytes[4096];
};

struct mote_engine {
	_Atomic uint32_t references;
	struct mti_allocator allocator;
	const struct mti_hv_ops *ops;
	struct mti_hv *hv;
	struct mti_cache cache;
	struct mti_entropy entropy;
	uint32_t flags;      /* MOTE_ENGINE_* */
	bool paging; /* page tables copy on write, not the kernel */
	uint64_t scratch_bytes; /* then: of each sandbox, 0: enough */
	uint64_t load_max_bytes;
	uint32_t generation; /* of the process that made it, see fork.c */
	struct mti_metrics metrics;
};

/*
 * What all sandboxes of one image with the same sizes share: the plan of
 * memory and the image part of it, a sealed file. Immutable but for started.
 */
struct mti_template {
	_Atomic uint32_t references;
	const struct mti_allocator *allocator;
	const struct mti_arch *arch;
	struct mti_layout layout;
	struct mti_store *store; /* a reference */
	struct mti_cow_plan *cow; /* owned, or NULL: the kernel copies */
	/*
	 * The state after init, for MOTE_SANDBOX_SHARE_INIT; its store is a
	 * reference, or NULL. Under the image's lock.
	 */
	struct mti_snap started;
};

struct mote_image {
	_Atomic uint32_t references;
	mote_engine *engine; /* a reference */
	uint8_t *file;       /* owned; elf points into it */
	size_t file_size;
	struct mti_elf elf;
	const struct mti_arch *arch;
	pthread_mutex_t lock;
	struct mti_template *last; /* the last one made, a reference or NULL */
	struct mti_debug_info *debug; /* NULL before it is asked for */
	char *path; /* of the file, or NULL; owned */
};

struct mti_host_function {
	char name[MOTE_NAME_MAX + 1];
	struct mti_signature signature;
	mote_host_fn fn;
	void *user;
};

/* Inside a call, what the guest is expected to do next. */
enum mti_phase {
	MTI_PHASE_INIT, /* READY */
	MTI_PHASE_CALL, /* RETURN */
	MTI_PHASE_MAIN, /* EXIT */
};

/* All members but references never change. */
struct mote_snapshot {
	_Atomic uint32_t references;
	mote_image *image; /* a reference */
	struct mti_template *template; /* a reference: memory is planned so */
	struct mti_snap snap;
	/* Bit i: what it came from does not have file i of the store. */
	uint32_t own_files;
	bool from_file;
};

/* An area that the host writes from its start on. */
struct mti_mark {
	size_t used; /* bytes written since memory was last put back */
	size_t recent; /* the same, since trim last looked */
	size_t peak; /* the same, since the area was last mapped */
};

struct mti_limits {
	struct mti_kick_limits time;
	uint64_t host_calls;
	uint64_t output_bytes;
	uint64_t log_bytes;
	uint64_t growth_bytes; /* UINT64_MAX: none */
};

/* What the call in progress, or the last one, uses: see usage.h. */
struct mti_usage {
	bool measured; /* MOTE_SANDBOX_CALL_STATS */
	uint64_t host_calls_left;
	uint64_t output_left;
	uint64_t log_left;
	uint64_t start_ns;
	uint64_t start_cpu_ns; /* if it is measured */
	uint64_t pages_before;
	uint64_t pages_written; /* for the first time */
	mote_sandbox_stats before; /* what the sandbox had counted */
	mote_call_stats record; /* but for what is counted there */
};

/* What is known of the last call, for backtraces and core dumps. */
struct mti_last_call {
	const char *function; /* "" for the start of the guest */
	size_t more;          /* calls of a batch after it */
	mote_error error;     /* code is MOTE_OK unless it failed */
};

/* See profile.h. */
struct mti_profile {
	mote_sample_fn sample; /* or NULL, as the next */
	mote_heap_fn heap;
	void *sample_user;
	void *heap_user;
	/* Room for MOTE_PROFILE_FRAMES_MAX, if there is one of them. Owned. */
	struct mti_unwind_frame *found;
	struct mote_frame *frames;
};

/* Of a bare guest. */
#define MTI_BARE_OUTPUT 512
struct mti_bare_guest {
	uint32_t generation; /* snapshots on the way from the start to here */
	uint8_t serial[MTI_SERIAL_BYTES];
	/* Printed, and not handed out yet. */
	uint32_t stream;
	uint32_t used;
	char output[MTI_BARE_OUTPUT];
};

struct mti_debug;

struct mote_sandbox {
	mote_image *image; /* a reference */
	struct mti_layout_sizes sizes;

	/* attach.c. vm is NULL after a restore that failed: there are none. */
	struct mti_template *template; /* a reference */
	struct mti_store *store; /* a reference: what a restore puts back */
	struct mti_memory memory;
	struct mti_window window; /* what is mapped beside it */
	struct mti_vm *vm;
	struct mti_kick kick;
	mote_interrupt *interrupt; /* a reference */
	uint32_t flags; /* MOTE_SANDBOX_* */
	uint32_t restores;

	/*
	 * 0, or the address of a thread-local variable of the user. Taking it
	 * acquires and leaving it releases all members; only state is read by
	 * others too, who can rely on nothing else when they have read it.
	 */
	_Atomic uintptr_t owner;
	_Atomic uint32_t state; /* mote_sandbox_state_kind, relaxed */
	bool doomed; /* a host function has freed it: when the call ends */
	mote_pool *pool; /* it was made by, or NULL; outlives it */
	uint32_t generation;    /* of the process that made it, see fork.c */

	struct mti_host_function *host_functions; /* owned */
	/* Import i is host function number resolved[i]. Owned. */
	uint32_t *resolved;
	mote_output_fn output;
	void *output_user;
	struct mti_limits limits;

	/* Host addresses of the areas in guest memory. */
	volatile struct mote_abi_control *control;
	uint8_t *post;
	uint8_t *call;
	uint8_t *reply;
	const uint8_t *out;
	size_t io_size;
	struct mti_mark call_mark;
	struct mti_mark reply_mark;
	/*
	 * The host's side of the control page, which the guest can write:
	 * what a restore puts there.
	 */
	struct mote_abi_control settings;

	/* Random numbers that the guest asks for repeat: see entropy.c. */
	bool repeats;
	uint64_t repeat;
	/* The guest's monotonic clock less the host's: see attach.c. */
	uint64_t clock_ahead_ns;

	/* The CPU is new, or stands where a call ended. */
	bool clean;
	/* Where calls enter: what the guest said when it was ready. */
	uint64_t dispatch_pc;
	uint64_t dispatch_sp;

	/* The call in progress. */
	enum mti_phase phase;
	uint64_t next_id;
	uint32_t result_offset; /* RETURN: in the out area */
	uint32_t exit_status;   /* EXIT */
	struct mti_last_call last;
	struct mti_profile profile;

	mote_sandbox_stats stats;
	struct mti_observer observe;
	struct mti_usage usage;

	struct mti_debug *debug; /* owned, NULL: no debugger; debug.h */
	struct mti_bare_guest bare;
};

/* A host function in progress. */
struct mote_host_call {
	mote_sandbox *box;
	int32_t code;
	bool failed;
	char text[MOTE_ERROR_TEXT_MAX];
};

#endif
