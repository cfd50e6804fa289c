/*
 * The part of the seam that the debugger's connection needs.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "os/os.h"

#define FLAGS (SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK)

static int listen_at(int fd, const struct sockaddr *address, socklen_t size)
{
	int status;

	if (bind(fd, address, size) == 0 && listen(fd, 1) == 0)
		return fd;
	status = -errno;
	close(fd);
	return status;
}

int mti_os_listen_path(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(path);
	int fd;

	if (length == 0 || length >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, length);
	fd = socket(AF_UNIX, FLAGS, 0);
	if (fd < 0)
		return -errno;
	/* Linux gives the file the mode that the socket has now. */
	(void)fchmod(fd, S_IRUSR | S_IWUSR);
	return listen_at(fd, (const struct sockaddr *)&address,
			 sizeof(address));
}

int mti_os_listen_port(uint16_t *port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(*port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t size = sizeof(address);
	int on = 1;
	int fd = socket(AF_INET, FLAGS, 0);

	if (fd < 0)
		return -errno;
	/* A connection that ended a minute ago does not hold the port. */
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	fd = listen_at(fd, (const struct sockaddr *)&address, size);
	if (fd >= 0 &&
	    getsockname(fd, (struct sockaddr *)&address, &size) == 0)
		*port = ntohs(address.sin_port);
	return fd;
}

void mti_os_remove(const char *path)
{
	(void)unlink(path);
}

int mti_os_accept(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int on = 1;

	/* A client that has gone again is none. */
	if (fd < 0)
		return errno == ECONNABORTED || errno == EINTR ? -EAGAIN
							       : -errno;
	/* Packets are small and each waits for the other. Not for paths. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static int64_t result(ssize_t value)
{
	if (value >= 0)
		return value;
	return errno == EINTR || errno == EWOULDBLOCK ? -EAGAIN : -errno;
}

int64_t mti_os_receive(int fd, void *buffer, size_t size)
{
	return result(recv(fd, buffer, size, 0));
}

int64_t mti_os_send(int fd, const void *data, size_t size)
{
	return result(send(fd, data, size, MSG_NOSIGNAL));
}

void mti_os_wait(int first, bool writable, int second, int milliseconds)
{
	struct pollfd fds[2] = {
		{ .fd = first, .events = writable ? POLLOUT : POLLIN },
		{ .fd = second, .events = POLLIN },
	};

	(void)poll(fds, 2, milliseconds);
}
