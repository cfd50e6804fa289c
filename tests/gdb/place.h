/*
 * A place at which clients find the sandboxes of a test program, and what all
 * such tests do with them.
 */
#ifndef GDB_PLACE_H
#define GDB_PLACE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <mote/mote.h>

#include "harness/vm.h"

#define MS UINT64_C(1000000)

/* A socket in a new folder, and the same as an address. */
extern char gdb_path[64];
extern char gdb_address[72];

bool gdb_place_init(void);
void gdb_place_fini(void);

/* For the guest gdb-session, to be debugged there. */
mote_sandbox_options gdb_options(void);

/* A client runs on a thread of its own. */
pthread_t gdb_start(void *(*client)(void *argument), void *argument);
void gdb_join(pthread_t thread);
/* One that lets the guest go at once. */
void *gdb_let_go(void *unused);
/* gdb_options() are complete: a sandbox that one has let go. */
mote_sandbox *gdb_sandbox(struct vm *vm, const mote_sandbox_options *options);

mote_status gdb_call(mote_sandbox *box, const char *name, int argument,
		     int *result, mote_error *err);
void gdb_expect_sum(struct vm *vm, mote_sandbox *box);

uint64_t gdb_now_ns(void);
void gdb_wait_ns(uint64_t ns);

/* Where the guest has code that is never run: gdb_find_room sets it. */
#define GDB_ROOM 300
extern uint64_t gdb_room;
void gdb_find_room(mote_sandbox *box);
void gdb_read_room(mote_sandbox *box, uint8_t bytes[GDB_ROOM]);

#endif
