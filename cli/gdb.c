/*
 * See gdb.h.
 */
#include "gdb.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cancel.h"
#include "text.h"
#include "units.h"

/* For the signal handler: what is to be removed. */
static char socket_path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
static char socket_folder[32];

/* Whoever waits for gdb in vain types Ctrl-C. */
static void tidy_up(int number)
{
	(void)unlink(socket_path);
	(void)rmdir(socket_folder);
	_exit(128 + number);
}

static void tidy_up_later(const char *path, const char *folder)
{
	struct sigaction old;

	snprintf(socket_path, sizeof(socket_path), "%s", path);
	snprintf(socket_folder, sizeof(socket_folder), "%s", folder);
	cli_catch(SIGINT, tidy_up, &old);
	cli_catch(SIGTERM, tidy_up, &old);
	cli_catch(SIGHUP, tidy_up, &old);
}

static bool open_folder(struct cli_gdb *gdb, struct cli_failure *failure)
{
	snprintf(gdb->folder, sizeof(gdb->folder), "/tmp/mote-XXXXXX");
	if (!mkdtemp(gdb->folder)) {
		gdb->folder[0] = '\0';
		return cli_fail(failure, CLI_EXIT_HOST, MOTE_E_OS,
				"cannot make a folder in /tmp: %s",
				strerror(errno));
	}
	snprintf(gdb->address, sizeof(gdb->address), "unix:%s/gdb",
		 gdb->folder);
	tidy_up_later(gdb->address + strlen("unix:"), gdb->folder);
	return true;
}

bool cli_gdb_open(struct cli_gdb *gdb, const char *wanted,
		  struct cli_failure *failure)
{
	memset(gdb, 0, sizeof(*gdb));
	if (!wanted)
		return open_folder(gdb, failure);
	if (strlen(wanted) >= sizeof(gdb->address))
		return cli_fail(failure, CLI_EXIT_USAGE, MOTE_E_INVALID,
				"--gdb: the address has %zu bytes, at most "
				"%zu are possible",
				strlen(wanted), sizeof(gdb->address) - 1);
	snprintf(gdb->address, sizeof(gdb->address), "%s", wanted);
	return true;
}

void cli_gdb_close(struct cli_gdb *gdb)
{
	if (gdb->folder[0] != '\0')
		(void)rmdir(gdb->folder);
	gdb->folder[0] = '\0';
}

static bool can_bind(int family, const void *address, size_t size)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;
	bool done;

	if (fd < 0)
		return false;
	/* As the library: a connection that ended does not hold a port. */
	if (family == AF_INET)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on,
				 sizeof(on));
	done = bind(fd, address, (socklen_t)size) == 0 && listen(fd, 1) == 0;
	close(fd);
	return done;
}

static bool can_listen_path(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(path);

	if (length == 0 || length >= sizeof(address.sun_path))
		return false;
	memcpy(address.sun_path, path, length);
	if (!can_bind(AF_UNIX, &address, sizeof(address)))
		return false;
	/* Binding has made it, so it is ours. */
	(void)unlink(path);
	if (socket_folder[0] == '\0')
		tidy_up_later(path, "");
	return true;
}

static bool can_listen_port(const char *text)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	uint64_t port;

	if (cli_parse_count(text, UINT16_MAX, &port))
		return false;
	address.sin_port = htons((uint16_t)port);
	return can_bind(AF_INET, &address, sizeof(address));
}

bool cli_gdb_can_listen(const struct cli_gdb *gdb)
{
	if (strncmp(gdb->address, "unix:", 5) == 0)
		return can_listen_path(gdb->address + 5);
	if (strncmp(gdb->address, "tcp:", 4) == 0)
		return can_listen_port(gdb->address + 4);
	return false;
}

void cli_gdb_hint(const struct cli_gdb *gdb, bool foreign, const char *guest,
		  const char *command)
{
	bool path = strncmp(gdb->address, "unix:", 5) == 0;
	const char *where = strchr(gdb->address, ':');
	char line[4096];
	char remote[160];
	struct cli_text text;

	snprintf(remote, sizeof(remote), "target remote %s%s",
		 path ? "" : "localhost:", where + 1);
	cli_text_init(&text, line, sizeof(line));
	cli_text_add(&text, "%s -ex ", foreign ? "gdb-multiarch" : "gdb");
	cli_text_word(&text, remote);
	if (guest && strcmp(guest, "-") != 0) {
		cli_text_add(&text, " ");
		cli_text_word(&text, guest);
	}
	fprintf(stderr,
		"mote %s: the guest waits for gdb; in another terminal:\n"
		"    %s\n",
		command, line);
}
