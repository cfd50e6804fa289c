/*
 * For tests that run guests.
 *
 * A fixture is an engine with a counting allocator and one image. Opening
 * notes what the process holds (descriptors, mappings, blocks); closing fails
 * the test if it holds more than then.
 */
#ifndef HARNESS_VM_H
#define HARNESS_VM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mote/mote.h>

/* Sanitizers keep freed memory, and need address space. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define VM_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
	__has_feature(memory_sanitizer)
#define VM_SANITIZED 1
#endif
#endif
#ifndef VM_SANITIZED
#define VM_SANITIZED 0
#endif
#if defined(__SANITIZE_THREAD__)
#define VM_THREAD_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define VM_THREAD_SANITIZED 1
#endif
#endif
#ifndef VM_THREAD_SANITIZED
#define VM_THREAD_SANITIZED 0
#endif

/* An allocator that counts, and fails when told to. Thread-safe. */
struct vm_allocator {
	mote_allocator public;
	_Atomic size_t live;     /* blocks */
	_Atomic size_t requests; /* allocate and resize */
	_Atomic size_t fail_at;  /* this one fails, counted from 1; 0: none */
	bool persistent;         /* and all after it */
};

void vm_allocator_init(struct vm_allocator *allocator);

struct vm_resources {
	size_t descriptors;
	size_t mappings;
};

/* Does not allocate. */
struct vm_resources vm_resources_now(void);

struct vm {
	struct vm_allocator allocator;
	struct vm_resources before;
	mote_engine *engine;
	mote_image *image;
	mote_error err;
};

/*
 * The backend that MOTE_TEST_BACKEND names, or NULL: the library's choice.
 * soft: of the CPU emulator. What it does otherwise by its nature a test says
 * where it is so, with vm_soft().
 */
const char *vm_backend(void);
bool vm_soft(void);

/* cmocka's group setup does not skip: call this first in main. */
#define VM_SKIP 77
int vm_require(void);

/*
 * How much slower than a CPU what the tests run on is: 1, or more with the
 * backend "soft" and inside QEMU (tools/test-qemu), where MOTE_TEST_CPU=qemu. For patience and for how
 * often something is tried, never for what is asserted.
 */
unsigned int vm_slow(void);
/* A deadline that nothing should reach; MOTE_SANDBOX_OPTIONS_INIT has 1 s. */
uint64_t vm_patience_ns(void);
/*
 * Whether the CPU is QEMU's emulation, which that of "soft" is too, and so
 * differs from processors: says so, for tools/test-qemu to count, and the
 * test leaves out what depends on it.
 */
bool vm_differs(const char *reason);

/* Ends the process if the test program hangs for so long, times vm_slow(). */
void vm_watchdog(unsigned int seconds);

/*
 * Whether each restore is followed by a look at all memory, in builds that
 * have it (mem/check.h). vm_open switches it on.
 */
void vm_check_restores(bool on);

/* path NULL: no image. The test fails if anything does. */
void vm_open(struct vm *vm, const char *path);
void vm_open_image(struct vm *vm, const char *path);
void vm_close(struct vm *vm);

/* options may be NULL; vm_patience_ns() if they have no deadline. */
mote_sandbox *vm_sandbox(struct vm *vm, const mote_sandbox_options *options);

/* Whole file; free it. */
unsigned char *vm_read_file(const char *path, size_t *size);

/* Fails the test, with the error's text, if status is not the expected one. */
#define vm_expect(status, expected, err) \
	vm_expect_(status, expected, err, __FILE__, __LINE__)
void vm_expect_(mote_status status, mote_status expected,
		const mote_error *err, const char *file, int line);

/* The text holds part, or the test fails. */
#define vm_expect_text(err, part) \
	vm_expect_text_(err, part, __FILE__, __LINE__)
void vm_expect_text_(const mote_error *err, const char *part, const char *file,
		     int line);

/*
 * Calls that a new sandbox has behind it: 1, its init, or none where it comes
 * from a snapshot, see origin.c.
 */
uint64_t vm_first_calls(void);
/* Whether page tables copy on write: see memory.c. */
bool vm_paging(void);
/* Whether new sandboxes are those of pools, which only pools may free. */
bool vm_pooled(void);

mote_sandbox_stats vm_stats(const mote_sandbox *box);

/*
 * Runs body in a child, which must end with status 0 within seconds, times
 * vm_slow(). For what would otherwise change or kill the test process. The
 * child makes its own engine.
 */
void vm_fork(void (*body)(void *argument), void *argument,
	     unsigned int seconds);

#endif
