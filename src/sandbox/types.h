/*
 * The objects behind the public handles. Only sandbox/ and api/ look inside.
 */
#ifndef MTI_SANDBOX_TYPES_H
#define MTI_SANDBOX_TYPES_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <mote/mote.h>

#include "abi/layout.h"
#include "arch/arch.h"
#include "base/alloc.h"
#include "base/signature.h"
#include "call/codec.h"
#include "elf/elf.h"
#include "hv/hv.h"
#include "mem/layout.h"
#include "mem/memory.h"
#include "sandbox/kick.h"

struct mote_engine {
	_Atomic uint32_t references;
	struct mti_allocator allocator;
	const struct mti_hv_ops *ops;
	struct mti_hv *hv;
};

/*
 * What all sandboxes of one image with the same sizes share: the plan of
 * memory and the sealed file with the image part of it. Immutable.
 */
struct mti_template {
	_Atomic uint32_t references;
	const struct mti_allocator *allocator;
	struct mti_layout layout;
	int fd;
	uint64_t image_size;
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

struct mti_limits {
	uint64_t deadline_ns;
	uint64_t host_calls;
	uint64_t output_bytes;
};

struct mti_debug;

struct mote_sandbox {
	mote_image *image; /* a reference */
	struct mti_template *template; /* a reference */
	struct mti_memory memory;
	struct mti_vm *vm;
	struct mti_kick_target kick;

	/* 0, or the address of a thread-local variable of the user. */
	_Atomic uintptr_t owner;
	_Atomic uint32_t state; /* mote_sandbox_state_kind */
	bool doomed; /* a host function has freed it: when the call ends */
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

	/* Where calls enter: what the guest said when it was ready. */
	uint64_t dispatch_pc;
	uint64_t dispatch_sp;

	/* The call in progress. */
	enum mti_phase phase;
	uint64_t next_id;
	uint64_t host_calls_left;
	uint64_t output_left;
	uint32_t result_offset; /* RETURN: in the out area */
	uint32_t exit_status;   /* EXIT */

	mote_sandbox_stats stats;

	struct mti_debug *debug; /* owned, NULL: no debugger; debug.h */
};

/* A host function in progress. */
struct mote_host_call {
	mote_sandbox *box;
	int32_t code;
	bool failed;
	char text[MOTE_ERROR_TEXT_MAX];
};

#endif
