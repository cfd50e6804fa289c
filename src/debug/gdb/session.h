/*
 * One client's session of the gdb remote protocol: commands in, replies out,
 * over operations on a guest. Knows no VM and no socket: pure.
 *
 * The client is not trusted. Whatever it sends, the session asks the target
 * for nothing but what the target's operations offer, and keeps to this:
 * registers, memory and breakpoints only while the guest is stopped; resume
 * only then; interrupt only while it runs; nothing after kill or detach.
 */
#ifndef MTI_DEBUG_GDB_SESSION_H
#define MTI_DEBUG_GDB_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "debug/gdb/packet.h"
#include "debug/gdb/registers.h"

/* gdb's own numbers (GDB manual, include/gdb/signals.def). */
enum mti_gdb_signal {
	MTI_GDB_SIGNONE = 0,
	MTI_GDB_SIGINT = 2,
	MTI_GDB_SIGILL = 4,
	MTI_GDB_SIGTRAP = 5,
	MTI_GDB_SIGABRT = 6,
	MTI_GDB_SIGFPE = 8,
	MTI_GDB_SIGKILL = 9,
	MTI_GDB_SIGBUS = 10,
	MTI_GDB_SIGSEGV = 11,
};

enum mti_gdb_stop_kind {
	MTI_GDB_STOPPED, /* number: a signal */
	MTI_GDB_EXITED,  /* number: exit status */
	MTI_GDB_KILLED,  /* number: a signal */
};

struct mti_gdb_stop {
	enum mti_gdb_stop_kind kind;
	uint8_t number;
	bool breakpoint; /* one that was inserted; the pc is its address */
	bool watchpoint; /* what is watched at this address has changed */
	uint64_t address;
};

/* How the guest goes on. */
struct mti_gdb_resume {
	bool step;
	/* Step on while the pc is in [first, end); both 0: one step. */
	uint64_t first;
	uint64_t end;
	uint8_t signal; /* that the guest gets, 0: none */
};

struct mti_gdb_target {
	void *context;
	/* false: they cannot be had. */
	bool (*read_registers)(void *context,
			       struct mti_gdb_registers *registers);
	bool (*write_registers)(void *context,
				const struct mti_gdb_registers *registers);
	/* How many bytes from address on could be read. */
	size_t (*read_memory)(void *context, uint64_t address, void *buffer,
			      size_t size);
	/* All of it or, if some of it is not there, nothing. */
	bool (*write_memory)(void *context, uint64_t address, const void *data,
			     size_t size);
	/*
	 * These succeed if it is as wanted already. type: 0 or 1, of the
	 * packet: two at one address are there until both are removed.
	 */
	bool (*insert)(void *context, uint64_t address, unsigned int type);
	bool (*remove)(void *context, uint64_t address, unsigned int type);
	/* Stop when one of size bytes, not 0, has changed; or no longer. */
	bool (*watch)(void *context, uint64_t address, uint64_t size);
	bool (*unwatch)(void *context, uint64_t address, uint64_t size);
	/* What the guest shall do; it does so when the session is left. */
	void (*resume)(void *context, const struct mti_gdb_resume *how);
	void (*interrupt)(void *context);
	void (*kill)(void *context);
	/* The breakpoints go too. */
	void (*detach)(void *context);
};

/* Of the program; does not change. */
struct mti_gdb_program {
	uint8_t auxv[256]; /* as the kernel would give it to the program */
	size_t auxv_size;
	uint32_t breakpoint_size; /* gdb's "kind" of it */
	bool has_tls;
	/* Its block starts so far below the thread pointer, "negative" above. */
	uint64_t tls_below;
};

enum mti_gdb_state {
	MTI_GDB_HALTED,
	MTI_GDB_RUNNING,
	MTI_GDB_OVER, /* killed, detached, exited */
};

struct mti_gdb_session {
	const struct mti_gdb_target *target;
	const struct mti_gdb_program *program;
	enum mti_gdb_state state;
	struct mti_gdb_stop stop; /* the last one */
	bool no_ack;
	bool swbreak;     /* the client knows this reason */
	bool error_texts; /* the client reads "E.text" */
	bool unacknowledged; /* out may be asked for again */
	struct mti_gdb_parser parser;
	struct mti_gdb_reply reply;
	/* For a command in progress. */
	struct mti_gdb_registers registers;
	uint8_t buffer[MTI_GDB_PACKET_MAX];
	size_t out_size;
	size_t out_done;
	uint8_t out[MTI_GDB_FRAME_MAX + 1];
};

/* A client has come; the guest is stopped. Borrows target and program. */
void mti_gdb_session_init(struct mti_gdb_session *session,
			  const struct mti_gdb_target *target,
			  const struct mti_gdb_program *program,
			  const struct mti_gdb_stop *stop);

/*
 * Takes bytes from the client. How many were taken: less than size if there
 * is output to be sent first, or the guest was resumed, or the session is
 * over.
 */
size_t mti_gdb_session_feed(struct mti_gdb_session *session,
			    const uint8_t *data, size_t size);

/* What to send next, NULL if nothing. */
const uint8_t *mti_gdb_session_output(const struct mti_gdb_session *session,
				      size_t *size);
void mti_gdb_session_sent(struct mti_gdb_session *session, size_t size);

/*
 * The running guest has stopped, exited or died; output must be empty. After
 * an exit the session is over.
 */
void mti_gdb_session_stop(struct mti_gdb_session *session,
			  const struct mti_gdb_stop *stop);

#endif
