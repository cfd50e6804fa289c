/*
 * What can go wrong: status codes, the caller-owned error record, and the
 * fault record of a guest that crashed.
 *
 * Every function that can fail returns a mote_status and takes a mote_error
 * as its last argument. Three do not: mote_host_call_alloc returns NULL,
 * mote_host_call_fail a status that is meant for its caller to return, and
 * mote_metrics_format the size that it needs. The code is for programs and
 * never changes its number; the text is for people and may change. The record
 * needs no memory from the library, so it is filled even when memory ran out.
 * Passing NULL for it is always allowed.
 */
#ifndef MOTE_ERROR_H
#define MOTE_ERROR_H

#include <stdint.h>

#include <mote/annotate.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * X(name, number, poisons, text)
 *
 * 1xx the caller is wrong; 2xx the host failed; 3xx the guest ended badly;
 * 4xx the guest broke the protocol or a limit; 5xx the call was stopped.
 * "poisons": after a call that returned this code the sandbox can only be
 * restored or freed, because the guest did not run to its end. The other
 * codes leave it as it was. A 2xx code poisons only when it came from a guest
 * that had been entered; mote_sandbox_state() tells.
 */
#define MOTE_STATUS_MAP(X)                                                    \
	X(OK, 0, 0, "success")                                                \
	X(E_INVALID, 100, 0, "an argument is not valid")                      \
	X(E_VERSION, 101, 0, "an option is from a newer version of Mote")     \
	X(E_NOT_FOUND, 102, 0, "there is no function or snapshot of that name") \
	X(E_SIGNATURE, 103, 0, "wrong number or type of arguments")           \
	X(E_STATE, 104, 0, "not possible in this state")                      \
	X(E_BUSY, 105, 0, "the sandbox is in use by another thread")          \
	X(E_POISONED, 106, 0, "the sandbox did not finish an earlier call")   \
	X(E_IMAGE, 107, 0, "the file is not a guest image Mote can run")      \
	X(E_IMPORT, 108, 0, "the guest needs a host function that is absent") \
	X(E_TOO_LARGE, 109, 0, "a message does not fit the I/O area")         \
	X(E_SNAPSHOT, 110, 0, "the snapshot file is not as it must be")       \
	X(E_INCOMPATIBLE, 111, 0, "the snapshot does not fit the sandbox")    \
	X(E_TIMEOUT, 112, 0, "no sandbox became free in time")                \
	X(E_UNSUPPORTED, 113, 0, "the backend cannot do this")                \
	X(E_NO_MEMORY, 200, 0, "out of memory")                               \
	X(E_OS, 201, 0, "a system call failed")                               \
	X(E_NO_HYPERVISOR, 202, 0, "no hypervisor can be used")               \
	X(E_HYPERVISOR, 203, 1, "the hypervisor refused to run the guest")    \
	X(E_GUEST_ERROR, 300, 0, "the guest function returned an error")      \
	X(E_GUEST_FAULT, 301, 1, "the guest crashed")                         \
	X(E_GUEST_EXIT, 302, 1, "the guest called exit during a call")        \
	X(E_PROTOCOL, 400, 1, "the guest broke the call protocol")            \
	X(E_HOST_CALLS, 401, 1, "the call made more host calls than allowed") \
	X(E_OUTPUT, 402, 1, "the call printed more than allowed")             \
	X(E_GROWTH, 403, 1, "the call took more memory than allowed")         \
	X(E_LOG, 404, 1, "the call logged more than allowed")                 \
	X(E_DEADLINE, 500, 1, "the call ran past its deadline")               \
	X(E_CANCELLED, 501, 1, "the call was cancelled")                      \
	X(E_CPU_TIME, 502, 1, "the call used more CPU time than allowed")

#define MOTE_STATUS_ENUM_(name, number, poisons, text) MOTE_##name = (number),
typedef enum mote_status {
	MOTE_STATUS_MAP(MOTE_STATUS_ENUM_)
} mote_status;
#undef MOTE_STATUS_ENUM_

/* "MOTE_E_IMAGE" for MOTE_E_IMAGE; "MOTE_E_UNKNOWN" for no known code. */
MOTE_API const char *mote_status_name(mote_status status);

/* The one-line description from the table above; never NULL. */
MOTE_API const char *mote_status_text(mote_status status);

/*
 * Why a guest crashed. X(name, number, text)
 */
#define MOTE_FAULT_MAP(X)                                                 \
	X(NONE, 0, "no fault")                                            \
	X(READ, 1, "read of memory it may not read")                      \
	X(WRITE, 2, "write to memory it may not write")                   \
	X(EXECUTE, 3, "jump to memory it may not execute")                \
	X(NULL_POINTER, 4, "use of a NULL pointer")                       \
	X(STACK_OVERFLOW, 5, "stack overflow")                            \
	X(DIVIDE, 6, "division by zero or overflow in a division")        \
	X(ILLEGAL_INSTRUCTION, 7, "illegal instruction")                  \
	X(PRIVILEGED, 8, "privileged instruction or non-canonical address") \
	X(BREAKPOINT, 9, "breakpoint or debug trap")                      \
	X(FLOATING_POINT, 10, "unmasked floating-point exception")        \
	X(ALIGNMENT, 11, "misaligned access")                             \
	X(ABORT, 12, "abort() or failed assertion")                       \
	X(MACHINE, 13, "the virtual machine shut down or cannot go on")

#define MOTE_FAULT_ENUM_(name, number, text) MOTE_FAULT_##name = (number),
typedef enum mote_fault_kind {
	MOTE_FAULT_MAP(MOTE_FAULT_ENUM_)
} mote_fault_kind;
#undef MOTE_FAULT_ENUM_

/* The description from the table above; never NULL. */
MOTE_API const char *mote_fault_text(mote_fault_kind kind);

#define MOTE_FAULT_REGISTERS_MAX 40

/* All addresses are guest-virtual. */
typedef struct mote_fault {
	uint32_t kind;       /* mote_fault_kind */
	uint32_t vector;     /* CPU exception number; UINT32_MAX if none */
	uint64_t error_code; /* as the CPU reports it, 0 if it has none */
	uint64_t address;    /* accessed address, 0 if the kind has none */
	uint64_t pc;         /* address of the instruction, or after a trap */
	uint32_t register_count;
	uint32_t machine; /* of the guest: e_machine of its ELF file */
	uint64_t registers[MOTE_FAULT_REGISTERS_MAX];
} mote_fault;

/* "rax", "rip", ... for an index below fault->register_count, else NULL. */
MOTE_API const char *mote_fault_register_name(const mote_fault *fault,
					      uint32_t index);

#define MOTE_ERROR_TEXT_MAX 512

/*
 * Caller-owned; initialise with MOTE_ERROR_INIT once, reuse freely. Written
 * by every failing function that gets it; after MOTE_OK its contents are
 * unspecified. struct_size tells the library how much it may write.
 */
typedef struct mote_error {
	uint32_t struct_size;
	int32_t code;          /* mote_status */
	int32_t os_errno;      /* errno of the failed system call, or 0 */
	int32_t guest_code;    /* code of a guest's error, or exit status */
	const char *operation; /* what was attempted; static text, or NULL */
	char text[MOTE_ERROR_TEXT_MAX];
	mote_fault fault;      /* kind is NONE unless MOTE_E_GUEST_FAULT */
} mote_error;

#define MOTE_ERROR_INIT                                          \
	{                                                        \
		(uint32_t)sizeof(mote_error), 0, 0, 0, 0, { 0 }, \
		{                                                \
			0, 0, 0, 0, 0, 0, 0, { 0 }               \
		}                                                \
	}

#ifdef __cplusplus
}
#endif

#endif
