/*
 * Runs a guest program on the CPU without a virtual machine: in a child
 * process that is traced, so that its `out` and `syscall` instructions can be
 * done here. It has the guest's addresses, but Linux below it. Not isolation;
 * a way to test the runtime where there is no hypervisor, and to see what it
 * does exit by exit.
 *
 * Whatever is not as abi/ says fails the running cmocka test.
 */
#ifndef MOTE_TESTS_GUEST_NATIVE_H
#define MOTE_TESTS_GUEST_NATIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <mote/value.h>

#include "abi/layout.h"
#include "abi/trap.h"
#include "call/codec.h"
#include "elf/elf.h"

#define NATIVE_OUTPUT_MAX (1 << 18)

enum native_end {
	NATIVE_RUNNING,
	NATIVE_READY,
	NATIVE_RETURNED,
	NATIVE_EXITED,
	NATIVE_ABORTED,
	NATIVE_FAULTED,
};

struct native_options {
	/* 0: a default. */
	uint64_t heap_size;
	uint64_t io_size;
	uint64_t post_size;
	uint32_t features;
	bool no_tsc;
};

struct native;

/*
 * A host function. Returns 0 with *result set, or an error's code with
 * *text. posted: nobody sees the result.
 */
typedef int32_t (*native_host_fn)(struct native *native, const char *name,
				  bool posted, const mote_value *args,
				  size_t count, mote_value *result,
				  const char **text);

struct native {
	pid_t pid;
	int areas;	       /* memfd: control, call, reply, out, post */
	int heap;	       /* memfd */
	unsigned char *memory; /* the areas, mapped here */
	struct native_options options;
	void *file;
	struct mti_elf elf;
	native_host_fn host;
	void *user;
	/* From READY. */
	uint64_t dispatch;
	uint64_t stack;
	/* How the last run ended. */
	enum native_end end;
	uint32_t status; /* exit status, or signal of ABORT or of Linux */
	uint64_t pc;	 /* of ABORT and a fault */
	/* Since native_start or native_forget. */
	unsigned exits[MOTE_PORT_LAST - MOTE_PORT_FIRST + 1];
	unsigned records; /* in the post area */
	unsigned syscalls;
	char output[3][NATIVE_OUTPUT_MAX]; /* of descriptors 1 and 2 */
	size_t output_size[3];
	size_t queued; /* bytes of the call area that are used */
	size_t queued_count;
	struct mti_message reply; /* of native_call; spans point into memory */
};

/* Loads the program and runs it until it is READY, or ends otherwise. */
void native_start(struct native *native, const char *path,
		  const struct native_options *options, native_host_fn host);
void native_stop(struct native *native);
/* Forgets counts and output. */
void native_forget(struct native *native);

/* Appends to output, as if the guest had written it. */
void native_output(struct native *native, int stream, const void *data,
		   size_t size);

/* Appends a call to the call area; the id is its number in the batch. */
void native_queue(struct native *native, const char *name,
		  const mote_value *args, size_t count);
/* The same for a message of any kind and function index. */
void native_queue_message(struct native *native, uint16_t kind,
			  uint32_t function, const mote_value *args,
			  size_t count);
/* Runs what is queued, until the guest ends it. */
void native_run(struct native *native);
/* Takes the next result, from *offset in the out area on. */
void native_result(struct native *native, size_t *offset,
		   struct mti_message *message);

/* All of this for one call; its result is in reply, which is returned. */
const struct mti_message *native_call(struct native *native, const char *name,
				      const mote_value *args, size_t count);

/* Pages of the heap that hold memory. */
size_t native_heap_pages(const struct native *native);

#endif
