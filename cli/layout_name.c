/*
 * See layout_name.h.
 */
#include "layout_name.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "text.h"

#define DIGEST_START "sha256:"

/* Where the reference starts, after its colon; NULL if there is none. */
static const char *find_reference(const char *text)
{
	const char *colon = strrchr(text, ':');
	size_t length;

	if (!colon || strchr(colon, '/'))
		return NULL;
	length = (size_t)(colon - text);
	if (length >= strlen(DIGEST_START) &&
	    strncmp(colon + 1 - strlen(DIGEST_START), DIGEST_START,
		    strlen(DIGEST_START)) == 0)
		return colon + 1 - strlen(DIGEST_START);
	return colon + 1;
}

static bool split(const char *text, struct cli_layout_name *name)
{
	const char *reference = find_reference(text);
	size_t length = reference ? (size_t)(reference - text) - 1
				  : strlen(text);

	if (!reference)
		reference = "";
	if (length == 0 || length >= sizeof(name->directory) ||
	    strlen(reference) >= sizeof(name->reference))
		return false;
	memcpy(name->directory, text, length);
	name->directory[length] = '\0';
	memcpy(name->reference, reference, strlen(reference) + 1);
	return true;
}

bool cli_layout_name_read(const char *text, bool wants_tag,
			  struct cli_layout_name *name,
			  struct cli_failure *failure)
{
	char quoted[512];
	struct cli_text out;

	cli_text_init(&out, quoted, sizeof(quoted));
	cli_text_quote(&out, text);
	if (!split(text, name))
		return cli_fail(failure, CLI_EXIT_USAGE, MOTE_E_INVALID,
				"%s is not DIR:TAG", quoted);
	if (wants_tag && name->reference[0] == '\0')
		return cli_fail(failure, CLI_EXIT_USAGE, MOTE_E_INVALID,
				"%s has no tag; write DIR:TAG", quoted);
	return true;
}

bool cli_fail_layout(struct cli_failure *failure)
{
	(void)cli_fail_library(failure);
	if (failure->error.code == MOTE_E_OS)
		failure->exit = CLI_EXIT_FILE;
	return false;
}

bool cli_fail_layout_write(struct cli_failure *failure)
{
	(void)cli_fail_layout(failure);
	switch (failure->error.os_errno) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
	case EIO:
	case EACCES:
	case EPERM:
	case EROFS:
		if (failure->error.code == MOTE_E_OS)
			failure->exit = CLI_EXIT_HOST;
		break;
	default:
		break;
	}
	return false;
}

static bool is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool cli_is_layout(const char *text)
{
	struct cli_layout_name name;
	struct stat st;

	if (is_directory(text))
		return true;
	return stat(text, &st) != 0 && split(text, &name) &&
	       name.reference[0] != '\0' && is_directory(name.directory);
}
