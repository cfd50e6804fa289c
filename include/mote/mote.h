/*
 * Mote: call untrusted code like a function.
 *
 *	mote_engine *engine;  mote_image *image;  mote_sandbox *box;
 *	mote_error err = MOTE_ERROR_INIT;
 *	mote_value sum;
 *
 *	mote_engine_new(NULL, &engine, &err);
 *	mote_image_open(engine, "calculator.elf", &image, &err);
 *	mote_sandbox_new(image, NULL, &box, &err);
 *	mote_call(box, "Add", (mote_value[]){ MOTE_I32(40), MOTE_I32(2) }, 2,
 *		  &sum, &err);
 *
 * and sum.as.i32 is 42. Each of the four returns a status to be looked at;
 * examples/minimal.c is a whole program.
 *
 * Conventions. Handles are opaque. Out-parameters are written only on
 * success. Freeing or unreferencing NULL does nothing and no destructor can
 * fail. Sizes are bytes. Option structs start with struct_size (use the
 * _INIT macro); a member that is zero means its default; a larger struct
 * from a newer header is accepted only when its unknown tail is zero, else
 * MOTE_E_VERSION. The library never exits, aborts, prints or reads the
 * environment. Codes are in error.h, values in value.h.
 */
#ifndef MOTE_H
#define MOTE_H

#include <stddef.h>
#include <stdint.h>

#include <mote/annotate.h>
#include <mote/error.h>
#include <mote/shorthand.h>
#include <mote/value.h>
#include <mote/version.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------- backends */

/* Why a backend cannot be used on this machine. */
typedef enum mote_backend_reason {
	MOTE_BACKEND_READY = 0,
	MOTE_BACKEND_NO_DEVICE = 1,     /* no node, module or VMX/SVM */
	/* The device may not be opened, or the plug-in not be trusted. */
	MOTE_BACKEND_NO_PERMISSION = 2,
	MOTE_BACKEND_TOO_OLD = 3,       /* lacks a capability */
	MOTE_BACKEND_BROKEN = 4         /* the device answers with an error */
} mote_backend_reason;

typedef struct mote_backend_info {
	uint32_t struct_size;
	uint32_t reason;  /* mote_backend_reason */
	int32_t os_errno; /* of the step that failed, or 0 */
	uint32_t reserved;
	const char *name; /* "kvm"; static storage */
	char text[256];   /* the reason in words, or what was found */
} mote_backend_info;

#define MOTE_BACKEND_INFO_INIT                                      \
	{                                                           \
		(uint32_t)sizeof(mote_backend_info), 0, 0, 0, 0, { 0 } \
	}

/* How many backends this library was built with. */
MOTE_API size_t mote_backend_count(void);

/*
 * Looks whether backend number index can be used now. Opens and closes its
 * device; creates no VM. MOTE_E_INVALID if index is out of range.
 */
MOTE_API MOTE_MUST_USE mote_status
mote_backend_probe(size_t index, mote_backend_info *info, mote_error *err);

/*
 * What a guest or a program misses with backend number index, in a few words
 * each: number counts from 0, NULL is the end. Static storage. A hypervisor
 * has none.
 */
MOTE_API const char *mote_backend_limit(size_t index, size_t number);

/* --------------------------------------------------------------- engine */

/*
 * Process-wide context: allocator, backend, kick signal. Reference counted;
 * thread-safe. Images and sandboxes hold a reference of their own, so the
 * order of unref calls does not matter. A child after fork() makes its own:
 * in it the sandboxes of its parent can only be freed, and nothing can be made
 * with its parent's engine, images and snapshots (else MOTE_E_STATE).
 */
typedef struct mote_engine mote_engine;

/*
 * Where the library takes its own memory from (guest memory is mmap'ed).
 * All three functions or none. They must be thread-safe and, like realloc,
 * return memory aligned for any type, or NULL.
 */
typedef struct mote_allocator {
	void *(*allocate)(void *user, size_t size);
	void *(*resize)(void *user, void *block, size_t size);
	void (*release)(void *user, void *block);
	void *user;
} mote_allocator;

typedef struct mote_engine_options {
	uint32_t struct_size;
	/*
	 * The signal that stops guests; 0 is SIGRTMIN + 6. It is installed
	 * once for the whole process and stays: all engines of a process use
	 * the same one. If the program already handles it, mote_engine_new
	 * fails with MOTE_E_STATE. Threads may block it.
	 * MOTE_E_INVALID for a signal that faults raise.
	 */
	int32_t kick_signal;
	/*
	 * NULL or "auto": a hypervisor that is there; or "kvm". "soft": a CPU
	 * emulator for machines without one, in a plug-in; never chosen by
	 * itself, for it is no isolation: a mistake in it is the guest's way
	 * into this process. "none": images can be opened and looked
	 * at on any machine; mote_sandbox_new gives MOTE_E_NO_HYPERVISOR and
	 * no signal handler is installed.
	 */
	const char *backend;
	mote_allocator allocator;
	uint32_t flags; /* MOTE_ENGINE_* */
	uint32_t reserved;
	/*
	 * Who copies the pages that sandboxes share when one of them writes.
	 * NULL or "auto": the system's kernel. "paging": the guest's page
	 * tables, for backends below which it cannot; with "kvm" it is for
	 * tests, and slower. Neither guests nor snapshots can tell.
	 * MOTE_E_UNSUPPORTED: the backend has no way to.
	 */
	const char *memory;
	/*
	 * With "paging": what one sandbox may have of its own, beside
	 * messages, in pages that it writes and page tables. A guest that
	 * needs more fails with MOTE_E_GROWTH. 0: as much as there is to write.
	 */
	uint64_t scratch_bytes;
	/*
	 * The most memory, mappings included, that a snapshot may say it has
	 * for mote_snapshot_load to take it. A small file can claim a TiB, of
	 * which KVM takes memory for each GiB. 0: 16 GiB.
	 */
	uint64_t load_max_bytes;
} mote_engine_options;

/* Keep no metrics: all that mote_engine_get_metrics() gives is 0. */
#define MOTE_ENGINE_NO_METRICS 1u

#define MOTE_ENGINE_OPTIONS_INIT                                           \
	{                                                                  \
		(uint32_t)sizeof(mote_engine_options), 0, 0, { 0, 0, 0, 0 }, \
			0, 0, 0, 0, 0                                      \
	}

/*
 * options may be NULL. MOTE_E_NO_HYPERVISOR: none of the backends asked for
 * is ready; the text says why for each.
 */
MOTE_API MOTE_MUST_USE mote_status
mote_engine_new(const mote_engine_options *options, mote_engine **engine,
		mote_error *err);
MOTE_API mote_engine *mote_engine_ref(mote_engine *engine);
MOTE_API void mote_engine_unref(mote_engine *engine);

/* The backend in use, e.g. "kvm"; static storage. */
MOTE_API const char *mote_engine_backend(const mote_engine *engine);

/* ---------------------------------------------------------------- image */

/*
 * A parsed guest program. Immutable, thread-safe, reference counted.
 */
typedef struct mote_image mote_image;

/* One exported or imported function. The strings live as long as the image. */
typedef struct mote_function {
	const char *name;
	const char *signature;  /* as in value.h, e.g. "s(si)" */
	const char *parameters; /* their names, "name,count"; may be "" */
	uint32_t posted;        /* import only: 1 if queued, without result */
	uint32_t reserved;
} mote_function;

#define MOTE_PROT_READ 1u
#define MOTE_PROT_WRITE 2u
#define MOTE_PROT_EXECUTE 4u

/* One mapped piece of the program, guest-virtual. */
typedef struct mote_segment {
	uint64_t address;
	uint64_t memory_size;
	uint64_t file_offset;
	uint64_t file_size;
	uint32_t protection; /* MOTE_PROT_* */
	uint32_t reserved;
} mote_segment;

typedef struct mote_image_info {
	uint32_t struct_size;
	uint32_t position_independent; /* 1 for static-PIE */
	uint32_t has_main;
	uint32_t abi_version; /* of the guest runtime it was linked with */
	uint64_t entry;       /* guest-virtual */
	size_t export_count;
	size_t import_count;
	size_t segment_count;
	size_t file_size;
	uint32_t bare_mode; /* mote_bare_mode_kind, bare.h; 0: user mode */
	uint32_t machine;   /* e_machine of the ELF file */
} mote_image_info;

#define MOTE_IMAGE_INFO_INIT                                             \
	{                                                                \
		(uint32_t)sizeof(mote_image_info), 0, 0, 0, 0, 0, 0, 0, 0, \
			0, 0                                             \
	}

/*
 * Reads and checks a static or static-PIE ELF that mote-cc has linked. The
 * file is copied. MOTE_E_IMAGE names the field and value that is wrong.
 * MOTE_E_OS: it cannot be opened or read, err->os_errno is ENOENT if it is
 * not there.
 */
MOTE_API MOTE_MUST_USE mote_status
mote_image_open(mote_engine *engine, const char *path, mote_image **image,
		mote_error *err);

/* The same from memory, which is copied. */
MOTE_API MOTE_MUST_USE mote_status
mote_image_from_memory(mote_engine *engine, const void *data, size_t size,
		       mote_image **image, mote_error *err);
MOTE_API mote_image *mote_image_ref(mote_image *image);
MOTE_API void mote_image_unref(mote_image *image);

MOTE_API MOTE_MUST_USE mote_status
mote_image_describe(const mote_image *image, mote_image_info *info,
		    mote_error *err);

/* MOTE_E_INVALID if index is out of range. */
MOTE_API MOTE_MUST_USE mote_status
mote_image_export(const mote_image *image, size_t index, mote_function *out,
		  mote_error *err);
MOTE_API MOTE_MUST_USE mote_status
mote_image_import(const mote_image *image, size_t index, mote_function *out,
		  mote_error *err);
MOTE_API MOTE_MUST_USE mote_status
mote_image_segment(const mote_image *image, size_t index, mote_segment *out,
		   mote_error *err);

/* ------------------------------------------------------- host functions */

/* A host function in progress; valid until it returns, on its thread. */
typedef struct mote_host_call mote_host_call;

/*
 * A host function. args match the signature it was registered with; strings
 * and bytes in them point into guest memory and are stable until it
 * returns. On success it sets *result (void by default) and returns
 * MOTE_OK. A string or bytes result is copied after it has returned: it must
 * not be in the function's own variables; see mote_host_call_alloc().
 * Anything else it returns is an error that reaches the guest with
 * the code and text given to mote_host_call_fail(). It must not use the
 * sandbox it is called from (MOTE_E_STATE) and must not longjmp or throw.
 * Runs on the thread that made the call.
 */
typedef mote_status (*mote_host_fn)(void *user, mote_host_call *call,
				    const mote_value *args, size_t count,
				    mote_value *result);

typedef struct mote_host_function {
	const char *name;
	const char *signature; /* as in value.h */
	mote_host_fn fn;
	void *user;
} mote_host_function;

/*
 * Sets the error the guest will see: a code of the program's choice and a
 * text (copied; NULL is ""; cut after MOTE_ERROR_TEXT_MAX - 1 bytes).
 * Returns a failing status, so that a host function can end with
 * `return mote_host_call_fail(call, 7, "no such user");`.
 */
MOTE_API mote_status mote_host_call_fail(mote_host_call *call, int32_t code,
					 const char *text);

/*
 * Room for a string or bytes result, in the memory that the guest will read
 * it from: no further copy is made, and it sees all that is written there,
 * also if the function fails or its result is shorter. One block per call (a
 * second replaces the first); NULL if size does not fit the I/O area. Owned
 * by the library.
 * The result may be a part of it, but not lie across its end. NULL is the
 * only sign of failure: there is no mote_error here.
 */
MOTE_API void *mote_host_call_alloc(mote_host_call *call, size_t size);

/* -------------------------------------------------------------- sandbox */

/*
 * One micro-VM. Used by one thread at a time: a second thread gets
 * MOTE_E_BUSY. It may move between threads while no call runs.
 */
typedef struct mote_sandbox mote_sandbox;

typedef enum mote_sandbox_state_kind {
	MOTE_SANDBOX_READY = 0,
	/* Only to be restored or freed: a call was not finished, main ended. */
	MOTE_SANDBOX_POISONED = 1,
	MOTE_SANDBOX_EXITED = 2
} mote_sandbox_state_kind;

#define MOTE_STREAM_STDOUT 1u
#define MOTE_STREAM_STDERR 2u

/* What the guest prints. data is not NUL-terminated, valid for the call. */
typedef void (*mote_output_fn)(void *user, uint32_t stream, const char *data,
			       size_t size);

/*
 * Have the guest hand over each printed line at once, for a person who
 * watches: one exit a line. Without it lines are queued inside the guest and
 * come out at its next exit, at the latest at the end of the call.
 */
#define MOTE_SANDBOX_OUTPUT_LINES 1u
/* No core dumps, backtraces or reads of guest memory: it holds secrets. */
#define MOTE_SANDBOX_NO_DUMP 2u
/*
 * A restore, and a sandbox made from a snapshot, keeps the random state of the
 * snapshot, and what the guest gets from getrandom() follows from it: runs
 * repeat, and these numbers are no secrets. Time goes on as ever: what a guest
 * makes of its clocks does not repeat.
 */
#define MOTE_SANDBOX_REPRODUCIBLE 4u
/*
 * Constructors run in the first sandbox of an image with this flag and the
 * same sizes; further ones start in the state after them. What they print
 * and call happens once, or more often if the first ones are made at the
 * same time or others of other sizes in between.
 */
#define MOTE_SANDBOX_SHARE_INIT 8u
/*
 * Fill in cpu_ns, host_ns and pages_written of mote_call_stats: about a
 * microsecond a call.
 */
#define MOTE_SANDBOX_CALL_STATS 16u
/*
 * A restore, and the end of the sandbox, give back the pages that the guest
 * wrote, and it gets none of another one's. Without it they are kept for the
 * next one, with the bytes of the snapshot, and to write to a page that is
 * there is faster: by time a guest can tell which pages were written before.
 * A restore then costs as much as a sandbox from the snapshot. What the pages
 * of the snapshot itself tell is in docs/SECURITY.md.
 */
#define MOTE_SANDBOX_FRESH_PAGES 32u

/* Numbers as in the guest's filter: a record is wanted up to a level. */
typedef enum mote_log_level {
	MOTE_LOG_OFF = 0,
	MOTE_LOG_ERROR = 1,
	MOTE_LOG_WARN = 2,
	MOTE_LOG_INFO = 3,
	MOTE_LOG_DEBUG = 4,
	MOTE_LOG_TRACE = 5
} mote_log_level;

/* Strings live until the callback returns; of a guest, not trusted UTF-8. */
typedef struct mote_log_record {
	uint32_t struct_size;
	uint32_t level; /* mote_log_level */
	uint32_t guest; /* 1: from the guest; 0: from the library */
	uint32_t line;
	mote_span text;
	mote_span module;
	mote_span file;
} mote_log_record;

/*
 * On the thread of the call; it may not use the sandbox. A guest may send
 * 1000 records at once, and 1000 a second in the long run: what is beyond is
 * dropped, and counted in the metrics. Texts end after 4096 bytes, names of
 * modules and files after 255.
 */
typedef void (*mote_log_fn)(void *user, const mote_log_record *record);

/*
 * A file or memory to be mapped into a new sandbox, as by mote_map_file or
 * mote_map_memory; see snapshot.h. An element of arrays: it never grows.
 */
typedef struct mote_mapping {
	int32_t fd;         /* -1: memory */
	uint32_t flags;     /* MOTE_MAP_*; of memory 0 */
	uint64_t offset;    /* in the file; of memory 0 */
	uint64_t size;      /* of a file 0: all that follows offset */
	const void *memory; /* of a file NULL */
	uint64_t address;   /* in the guest; not 0 */
} mote_mapping;

/* At most so many frames are given to the two that follow. */
#define MOTE_PROFILE_FRAMES_MAX 128

struct mote_frame; /* see debug.h */

/*
 * Where the guest is: frames as of mote_sandbox_backtrace, but only pc and
 * flags are set; mote_image_symbolize has the rest. They are valid for the
 * call, on its thread.
 */
typedef void (*mote_sample_fn)(void *user, const struct mote_frame *frames,
			       size_t count);

typedef enum mote_heap_event_kind {
	MOTE_HEAP_ALLOCATE = 1,
	MOTE_HEAP_FREE = 2
} mote_heap_event_kind;

/*
 * What the guest says that it does with its heap, and where. It may lie.
 * size is 0 for MOTE_HEAP_FREE; realloc is one of each.
 */
typedef void (*mote_heap_fn)(void *user, uint32_t kind, uint64_t address,
			     uint64_t size, const struct mote_frame *frames,
			     size_t count);

typedef struct mote_sandbox_options {
	uint32_t struct_size;
	uint32_t flags; /* MOTE_SANDBOX_* */
	/* Copied, names and signatures included; frozen from then on. */
	const mote_host_function *host_functions;
	size_t host_function_count;
	uint64_t heap_bytes;  /* default 16 MiB, at most 64 GiB */
	uint64_t stack_bytes; /* default 1 MiB, at most 1 GiB */
	/*
	 * Largest message in either direction, header included: default
	 * 1 MiB and a page, at most 1 GiB. Unused room costs no memory.
	 */
	uint64_t io_bytes;
	mote_output_fn output; /* NULL: what the guest prints is dropped */
	void *output_user;
	uint64_t deadline_ns;      /* per call; default 1 s; wall clock */
	uint64_t max_host_calls;   /* per call; default 1 million */
	uint64_t max_output_bytes; /* per call; default 16 MiB */
	/*
	 * CPU time of guest and host functions, per call; it may be exceeded
	 * by 3 % and 0.1 ms. Default: bounded by the deadline alone.
	 */
	uint64_t cpu_ns;
	uint64_t max_log_bytes; /* per call; default 1 MiB */
	/*
	 * Memory that a call may take: whole pages that the sandbox has not
	 * written before, also of private mappings. With this limit restores
	 * give pages back, as with MOTE_SANDBOX_FRESH_PAGES: else a call would
	 * have those of earlier ones for nothing. Default: all that there is.
	 * Looked at when the guest exits and when it has written to some
	 * thousand new pages, or where the hypervisor does not report these and
	 * with private mappings, every few milliseconds.
	 */
	uint64_t max_growth_bytes;
	mote_log_fn log; /* NULL: records are dropped */
	void *log_user;
	/*
	 * "level" or "module=level,...,level"; NULL is "error". Levels: off,
	 * error, warn, info, debug, trace. A guest's modules are its source
	 * files unless it says otherwise, the library's own is "mote". At most
	 * 32 modules, names of at most 31 bytes. The filter works in the
	 * guest: a record that is not wanted costs no exit.
	 */
	const char *log_filter;
	/*
	 * Where gdb may connect: "unix:PATH" or "tcp:PORT" (loopback only;
	 * port 0: one that is free, which gdb_ready is told).
	 * The guest waits for it before its first instruction, or that of the
	 * first call if it is from a snapshot. While one is connected no limit
	 * of time runs; kill is MOTE_E_CANCELLED. NULL: none.
	 * docs/DEBUGGING.md.
	 */
	const char *gdb;
	struct mote_trace *trace; /* a reference is taken; see observe.h */
	/*
	 * Profiles. sample is called each time that the guest has run for
	 * sample_ns, by default 1 ms and at least 20 us; heap for each use of
	 * malloc and the like, which then costs an exit. Not with
	 * MOTE_SANDBOX_NO_DUMP.
	 */
	uint64_t sample_ns;
	mote_sample_fn sample;
	void *sample_user;
	mote_heap_fn heap;
	void *heap_user;
	/*
	 * Mapped before the guest's first instruction, or as the last thing
	 * for a sandbox from a snapshot; at most 200. Errors are those of
	 * mote_map_file, and say which it was. Not together with
	 * MOTE_SANDBOX_SHARE_INIT in mote_sandbox_new. A restore takes them
	 * away like all others; a pool maps them again.
	 */
	const mote_mapping *mappings;
	size_t mapping_count;
	/*
	 * Called once, as soon as gdb can connect and before anything waits
	 * for it, by the thread that makes the sandbox. address is as in the
	 * option, and lives as long as the call. NULL: nobody is told.
	 */
	void (*gdb_ready)(void *user, const char *address);
	void *gdb_user;
} mote_sandbox_options;

#define MOTE_SANDBOX_OPTIONS_INIT                                          \
	{                                                                  \
		(uint32_t)sizeof(mote_sandbox_options), 0, 0, 0, 0, 0, 0, 0, \
			0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,          \
			0, 0, 0, 0, 0, 0, 0                                \
	}

/*
 * Creates the VM, loads the program, resolves its imports and runs its
 * constructors. options may be NULL. MOTE_E_IMPORT names each import that
 * is missing or has another signature. Constructors are a call like any
 * other: they may print, call host functions, fault and hit limits.
 */
MOTE_API MOTE_MUST_USE mote_status
mote_sandbox_new(mote_image *image, const mote_sandbox_options *options,
		 mote_sandbox **box, mote_error *err);

/*
 * Must not run at the same time as another use of the sandbox. In one of its
 * own host functions: it is freed when the call ends. One that is from a pool
 * is released to it.
 */
MOTE_API void mote_sandbox_free(mote_sandbox *box);

/* mote_sandbox_state_kind. At any time, from any thread. */
MOTE_API uint32_t mote_sandbox_state(const mote_sandbox *box);

/* The deadline of the calls from now on, in nanoseconds; 0 is the default. */
MOTE_API MOTE_MUST_USE mote_status
mote_sandbox_set_deadline(mote_sandbox *box, uint64_t deadline_ns,
			  mote_error *err);

/*
 * Counters since the sandbox was made; a copy. Not while a call runs:
 * MOTE_E_BUSY in another thread, MOTE_E_STATE in a host function of the call.
 */
typedef struct mote_sandbox_stats {
	uint32_t struct_size;
	uint32_t reserved;
	uint64_t calls;        /* guest functions started, init included */
	uint64_t vm_entries;   /* times the virtual CPU was entered */
	uint64_t interrupted;  /* entries that a signal ended early */
	uint64_t host_calls;   /* host functions called, posted ones included */
	uint64_t output_bytes; /* bytes handed to the output callback */
} mote_sandbox_stats;

#define MOTE_SANDBOX_STATS_INIT                                      \
	{                                                            \
		(uint32_t)sizeof(mote_sandbox_stats), 0, 0, 0, 0, 0, 0 \
	}

MOTE_API MOTE_MUST_USE mote_status
mote_sandbox_get_stats(const mote_sandbox *box, mote_sandbox_stats *stats,
		       mote_error *err);

/* ---------------------------------------------------------------- calls */

/*
 * Calls one guest function and waits for it. args must match its signature
 * in number and type (MOTE_E_SIGNATURE names the argument). result may be
 * NULL; a string or bytes result points into guest memory and is valid
 * until the next operation on box.
 *
 * MOTE_E_GUEST_ERROR: the function returned an error (err->guest_code, text);
 * the sandbox goes on. Codes that poison: see error.h.
 */
MOTE_API MOTE_MUST_USE mote_status
mote_call(mote_sandbox *box, const char *function, const mote_value *args,
	  size_t count, mote_value *result, mote_error *err);

/* One call of a batch. */
typedef struct mote_batch_item {
	const char *function;
	const mote_value *args;
	size_t count;
	mote_value result;   /* out; void unless status is MOTE_OK */
	/* out; MOTE_OK, MOTE_E_GUEST_ERROR, or why the batch broke off */
	int32_t status;
	int32_t guest_code;  /* out; of a MOTE_E_GUEST_ERROR */
	/* out; of a MOTE_E_GUEST_ERROR; borrowed; raw, as the guest wrote it */
	mote_span error_text;
} mote_batch_item;

/*
 * Runs the calls one after the other in one VM entry. All are checked and
 * must fit the I/O area together before the first one runs; at 56 bytes
 * each, so must their answers. If not, items stay as they were. The limits
 * hold for the batch as a whole. A function that returns an error does not
 * stop the batch: look at each status. Any other failure breaks it off, and
 * then no result is to be had: it is the status of every item. Results are
 * valid until the next operation on box. Nobody may change items during the
 * call, host functions included.
 */
MOTE_API MOTE_MUST_USE mote_status
mote_call_batch(mote_sandbox *box, mote_batch_item *items, size_t count,
		mote_error *err);

/*
 * Runs the guest's main(argc, argv); argv[argc] need not be NULL. On MOTE_OK
 * *status is its exit status, 0 to 255, whether it returned or called
 * exit(). Afterwards the sandbox is MOTE_SANDBOX_EXITED.
 */
MOTE_API MOTE_MUST_USE mote_status
mote_run_main(mote_sandbox *box, size_t argc, const char *const *argv,
	      int *status, mote_error *err);

#ifdef __cplusplus
}
#endif

#endif
