/*
 * See core_file.h.
 */
#include "core_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "text.h"

static bool cannot(struct cli_core_file *core, const char *why,
		   struct cli_failure *failure)
{
	char name[512];
	struct cli_text text;

	cli_text_init(&text, name, sizeof(name));
	cli_text_clean(&text, core->path, strlen(core->path));
	return cli_fail(failure, CLI_EXIT_USAGE, MOTE_E_INVALID,
			"--core: %.200s: %s", name, why);
}

static bool same_file(const struct stat *a, const char *path)
{
	struct stat b;

	return stat(path, &b) == 0 && a->st_dev == b.st_dev &&
	       a->st_ino == b.st_ino;
}

bool cli_core_file_open(struct cli_core_file *core, const char *path,
			const char *guest, struct cli_failure *failure)
{
	struct stat st;

	core->path = path;
	/* Whatever the guest knew is in it: for its owner only. */
	core->fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK,
			0600);
	if (core->fd < 0 || fstat(core->fd, &st) < 0)
		return cannot(core, strerror(errno), failure);
	if (!S_ISREG(st.st_mode))
		return cannot(core, "not a regular file", failure);
	if (same_file(&st, guest))
		return cannot(core, "that is the guest", failure);
	if (ftruncate(core->fd, 0) < 0)
		return cannot(core, strerror(errno), failure);
	return true;
}

void cli_core_file_write(struct cli_core_file *core, mote_sandbox *box)
{
	mote_error err = MOTE_ERROR_INIT;

	if (!core->path || core->fd < 0)
		return;
	if (mote_sandbox_dump_core(box, core->fd, &err) == MOTE_OK)
		core->written = true;
	else
		memcpy(core->error, err.text, sizeof(core->error));
}

void cli_core_file_close(struct cli_core_file *core)
{
	if (core->path && core->fd >= 0)
		close(core->fd);
	core->fd = -1;
}
