/*
 * See gdb.h.
 */
#include "gdb.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "cancel.h"
#include "text.h"

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

void cli_gdb_listens(const char *address)
{
	if (strncmp(address, "unix:", 5) == 0 && socket_folder[0] == '\0')
		tidy_up_later(address + strlen("unix:"), "");
}

void cli_gdb_close(struct cli_gdb *gdb)
{
	if (gdb->folder[0] != '\0')
		(void)rmdir(gdb->folder);
	gdb->folder[0] = '\0';
}

void cli_gdb_hint(const char *address, bool foreign, const char *guest,
		  const char *command)
{
	bool path = strncmp(address, "unix:", 5) == 0;
	const char *where = strchr(address, ':');
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
