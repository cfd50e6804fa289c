/*
 * See guest_file.h. The command reads the file itself: it may be standard
 * input.
 */
#include "guest_file.h"

#include <stdio.h>
#include <string.h>

#include "io.h"
#include "text.h"

bool cli_guest_read(const char *path, void **data, size_t *size,
		    struct cli_failure *failure)
{
	char name[512];
	struct cli_text text;
	int error = cli_read_file(path, data, size);

	if (!error && *size > 0)
		return true;
	cli_text_init(&text, name, sizeof(name));
	cli_text_clean(&text, path, strlen(path));
	if (!error)
		return cli_fail(failure, CLI_EXIT_FILE, MOTE_E_IMAGE,
				"%.200s: the file is empty", name);
	cli_fail(failure, CLI_EXIT_FILE, MOTE_E_OS, "%.200s: %s", name,
		 strerror(error));
	failure->error.os_errno = error;
	return false;
}

bool cli_guest_parse(mote_engine *engine, const char *path, const void *data,
		     size_t size, mote_image **image,
		     struct cli_failure *failure)
{
	char name[512];
	char message[MOTE_ERROR_TEXT_MAX];
	struct cli_text text;

	if (mote_image_from_memory(engine, data, size, image,
				   &failure->error) == MOTE_OK)
		return true;
	memcpy(message, failure->error.text, sizeof(message));
	cli_text_init(&text, name, sizeof(name));
	cli_text_clean(&text, path, strlen(path));
	snprintf(failure->error.text, sizeof(failure->error.text),
		 "%.128s: %.300s", name, message);
	return cli_fail_library(failure);
}
