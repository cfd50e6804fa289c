#include "debug/gdb/link.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "os/os.h"

static const char operation[] = "listen for gdb";

static mote_status open_path(struct mti_gdb_link *link, const char *path,
			     mote_error *err)
{
	size_t length = strlen(path);

	if (length == 0 || length >= sizeof(link->path))
		return mti_error_set(err, MOTE_E_INVALID, operation,
				     "gdb: the path has %zu bytes, 1 to %zu "
				     "are possible",
				     length, sizeof(link->path) - 1);
	link->listener = mti_os_listen_path(path);
	if (link->listener < 0)
		return mti_error_os(err, MOTE_E_OS, operation, -link->listener,
				    "gdb: unix:%s", path);
	memcpy(link->path, path, length + 1);
	return MOTE_OK;
}

static bool read_port(const char *text, uint16_t *port)
{
	uint32_t number = 0;

	if (*text == '\0' || strlen(text) > 5)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		number = number * 10 + (uint32_t)(*text - '0');
	}
	*port = (uint16_t)number;
	return number <= UINT16_MAX;
}

static mote_status open_port(struct mti_gdb_link *link, const char *text,
			     mote_error *err)
{
	if (!read_port(text, &link->port))
		return mti_error_set(err, MOTE_E_INVALID, operation,
				     "gdb: \"tcp:%.20s\": a port is 0 to "
				     "65535",
				     text);
	link->listener = mti_os_listen_port(&link->port);
	if (link->listener < 0)
		return mti_error_os(err, MOTE_E_OS, operation, -link->listener,
				    "gdb: tcp:%u", link->port);
	return MOTE_OK;
}

mote_status mti_gdb_link_open(struct mti_gdb_link *link, const char *address,
			      mote_error *err)
{
	memset(link, 0, sizeof(*link));
	link->listener = -1;
	link->client = -1;
	if (strncmp(address, "unix:", 5) == 0)
		return open_path(link, address + 5, err);
	if (strncmp(address, "tcp:", 4) == 0)
		return open_port(link, address + 4, err);
	return mti_error_set(err, MOTE_E_INVALID, operation,
			     "gdb: \"%.40s\" is neither unix:PATH nor "
			     "tcp:PORT",
			     address);
}

void mti_gdb_link_address(const struct mti_gdb_link *link,
			  char address[MTI_GDB_ADDRESS_MAX])
{
	if (link->path[0] != '\0')
		snprintf(address, MTI_GDB_ADDRESS_MAX, "unix:%s", link->path);
	else
		snprintf(address, MTI_GDB_ADDRESS_MAX, "tcp:%u", link->port);
}

void mti_gdb_link_close(struct mti_gdb_link *link, bool ours)
{
	mti_gdb_link_hang_up(link);
	mti_os_close(link->listener);
	link->listener = -1;
	if (ours && link->path[0] != '\0')
		mti_os_remove(link->path);
	link->path[0] = '\0';
}

bool mti_gdb_link_accept(struct mti_gdb_link *link)
{
	int fd = mti_os_accept(link->listener);

	if (fd < 0)
		return false;
	if (link->client >= 0) {
		mti_os_close(fd);
		return false;
	}
	link->client = fd;
	return true;
}

void mti_gdb_link_hang_up(struct mti_gdb_link *link)
{
	mti_os_close(link->client);
	link->client = -1;
}

bool mti_gdb_link_receive(struct mti_gdb_link *link, void *buffer, size_t size,
			  size_t *done)
{
	int64_t count = mti_os_receive(link->client, buffer, size);

	*done = count > 0 ? (size_t)count : 0;
	return count > 0 || count == -EAGAIN;
}

bool mti_gdb_link_send(struct mti_gdb_link *link, const void *data,
		       size_t size, size_t *done)
{
	int64_t count = mti_os_send(link->client, data, size);

	*done = count > 0 ? (size_t)count : 0;
	return count >= 0 || count == -EAGAIN;
}

void mti_gdb_link_wait(const struct mti_gdb_link *link, bool writable,
		       int milliseconds)
{
	mti_os_wait(link->client, writable, link->listener, milliseconds);
}
