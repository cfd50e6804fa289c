#include "client.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void check(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "client: %s\n", what);
	abort();
}

void client_init(struct client *client, int fd)
{
	memset(client, 0, sizeof(*client));
	client->fd = fd;
}

void client_connect(struct client *client, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	memcpy(address.sun_path, path, strlen(path) + 1);
	client_init(client, socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	check(client->fd >= 0, "socket");
	/* The sandbox is being made by another thread. */
	while (connect(client->fd, (struct sockaddr *)&address,
		       sizeof(address)) < 0) {
		check(errno == ENOENT || errno == ECONNREFUSED, "connect");
		sched_yield();
	}
}

void client_close(struct client *client)
{
	close(client->fd);
	client->fd = -1;
}

void client_send_raw(struct client *client, const void *data, size_t size)
{
	const char *bytes = data;

	while (size > 0) {
		ssize_t done = send(client->fd, bytes, size,
				    client->impatient
					    ? MSG_NOSIGNAL | MSG_DONTWAIT
					    : MSG_NOSIGNAL);

		/* It may have been turned away meanwhile. */
		if (done <= 0)
			return;
		bytes += done;
		size -= (size_t)done;
	}
}

void client_send(struct client *client, const char *payload)
{
	static __thread char frame[MTI_GDB_FRAME_MAX];
	size_t size = mti_gdb_frame(payload, strlen(payload), frame,
				    sizeof(frame));

	client_send_raw(client, frame, size);
}

const char *client_receive(struct client *client)
{
	uint8_t byte;

	while (recv(client->fd, &byte, 1, 0) == 1)
		if (mti_gdb_parse(&client->parser, byte) == MTI_GDB_PACKET)
			return client->parser.data;
	return NULL;
}

const char *client_ask(struct client *client, const char *payload)
{
	client_send(client, payload);
	return client_receive(client);
}

void client_expect(const char *packet, const char *start)
{
	if (!start)
		check(!packet, packet ? packet : "");
	else
		check(packet && strncmp(packet, start, strlen(start)) == 0,
		      packet ? packet : start);
}
