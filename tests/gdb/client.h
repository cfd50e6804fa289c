/*
 * A debugger of few words: the gdb protocol over a unix socket, by hand.
 */
#ifndef GDB_CLIENT_H
#define GDB_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "debug/gdb/packet.h"

struct client {
	int fd;
	bool impatient; /* what the socket has no room for is not sent */
	struct mti_gdb_parser parser;
};

/* Of a connection, which is the client's from now on. */
void client_init(struct client *client, int fd);
/* Waits until somebody listens at path. */
void client_connect(struct client *client, const char *path);
void client_close(struct client *client);

void client_send_raw(struct client *client, const void *data, size_t size);
/* As a packet; nothing is read. */
void client_send(struct client *client, const char *payload);
/* The next packet, NUL-terminated; NULL when the other end has closed. */
const char *client_receive(struct client *client);
/* client_send, then client_receive. */
const char *client_ask(struct client *client, const char *payload);

/*
 * Ends the process unless the packet starts with that; NULL: there is none.
 * Clients run on threads, where the assertions of tests cannot be used.
 */
void client_expect(const char *packet, const char *start);

#endif
