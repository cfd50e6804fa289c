/*
 * Where debuggers connect: a listening socket and at most one client.
 */
#ifndef MTI_DEBUG_GDB_LINK_H
#define MTI_DEBUG_GDB_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mote/error.h>

#define MTI_GDB_PATH_MAX 108
#define MTI_GDB_ADDRESS_MAX (MTI_GDB_PATH_MAX + 8)

struct mti_gdb_link {
	int listener; /* owned, -1: none */
	int client;   /* owned, -1: none */
	char path[MTI_GDB_PATH_MAX]; /* of a unix socket, else "" */
	uint16_t port;
};

/*
 * "unix:PATH" or "tcp:PORT": MOTE_E_INVALID if it is neither, MOTE_E_OS if
 * nothing can listen there. mti_gdb_link_close() is due in both cases.
 */
mote_status mti_gdb_link_open(struct mti_gdb_link *link, const char *address,
			      mote_error *err);
/* Where it listens, as mti_gdb_link_open reads it; of port 0 which it is. */
void mti_gdb_link_address(const struct mti_gdb_link *link,
			  char address[MTI_GDB_ADDRESS_MAX]);
/* ours: this process has made it, so the file goes too. */
void mti_gdb_link_close(struct mti_gdb_link *link, bool ours);

/* Whether a client has come. While there is one, others are turned away. */
bool mti_gdb_link_accept(struct mti_gdb_link *link);
void mti_gdb_link_hang_up(struct mti_gdb_link *link);

/* The count, 0 if there is nothing now. false: the client has gone. */
bool mti_gdb_link_receive(struct mti_gdb_link *link, void *buffer, size_t size,
			  size_t *done);
bool mti_gdb_link_send(struct mti_gdb_link *link, const void *data,
		       size_t size, size_t *done);

/* Until something happens, at most so long. */
void mti_gdb_link_wait(const struct mti_gdb_link *link, bool writable,
		       int milliseconds);

#endif
