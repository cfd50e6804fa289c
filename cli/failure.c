/*
 * See failure.h.
 */
#include "failure.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "terminal.h"
#include "text.h"

void cli_failure_init(struct cli_failure *failure)
{
	memset(failure, 0, sizeof(*failure));
	failure->error.struct_size = (uint32_t)sizeof(failure->error);
}

bool cli_fail(struct cli_failure *failure, enum cli_exit exit, mote_status code,
	      const char *format, ...)
{
	va_list list;

	if (failure->exit != CLI_EXIT_DONE)
		return false;
	failure->exit = exit;
	failure->error.code = (int32_t)code;
	va_start(list, format);
	vsnprintf(failure->error.text, sizeof(failure->error.text), format,
		  list);
	va_end(list);
	return false;
}

/* MOTE_CODE_RESULT_TOO_LARGE of mote_guest.h, which is not for hosts. */
#define RESULT_TOO_LARGE (-1)

static enum cli_exit exit_of_status(mote_status status)
{
	switch (status) {
	case MOTE_OK:
		break;
	case MOTE_E_INVALID:
	case MOTE_E_VERSION:
	case MOTE_E_NOT_FOUND:
	case MOTE_E_SIGNATURE:
	case MOTE_E_STATE:
	case MOTE_E_BUSY:
	case MOTE_E_POISONED:
	case MOTE_E_IMPORT:
	case MOTE_E_INCOMPATIBLE:
	case MOTE_E_TIMEOUT:
	case MOTE_E_TOO_LARGE:
		return CLI_EXIT_USAGE;
	case MOTE_E_IMAGE:
	case MOTE_E_SNAPSHOT:
		return CLI_EXIT_FILE;
	case MOTE_E_NO_MEMORY:
	case MOTE_E_OS:
	case MOTE_E_NO_HYPERVISOR:
	case MOTE_E_UNSUPPORTED:
	case MOTE_E_HYPERVISOR:
		return CLI_EXIT_HOST;
	case MOTE_E_GUEST_ERROR:
		return CLI_EXIT_GUEST_ERROR;
	case MOTE_E_GUEST_FAULT:
	case MOTE_E_GUEST_EXIT:
	case MOTE_E_PROTOCOL:
	case MOTE_E_HOST_CALLS:
	case MOTE_E_OUTPUT:
	case MOTE_E_GROWTH:
	case MOTE_E_LOG:
		return CLI_EXIT_FAULT;
	case MOTE_E_DEADLINE:
	case MOTE_E_CANCELLED:
	case MOTE_E_CPU_TIME:
		return CLI_EXIT_STOPPED;
	}
	return CLI_EXIT_HOST;
}

bool cli_fail_library(struct cli_failure *failure)
{
	failure->exit = exit_of_status((mote_status)failure->error.code);
	if (failure->error.code == MOTE_E_NO_HYPERVISOR)
		cli_hint(failure, "'mote doctor' says what to do about it");
	else if (failure->error.code == MOTE_E_DEADLINE)
		cli_hint(failure, "--timeout sets how long a call may take");
	else if (failure->error.code == MOTE_E_GUEST_FAULT &&
		 failure->error.fault.kind == MOTE_FAULT_STACK_OVERFLOW)
		cli_hint(failure, "--stack sets how large the stack is");
	else if (failure->error.code == MOTE_E_TOO_LARGE ||
		 (failure->error.code == MOTE_E_GUEST_ERROR &&
		  failure->error.guest_code == RESULT_TOO_LARGE))
		cli_hint(failure, "--io sets how large a message may be");
	return false;
}

void cli_hint(struct cli_failure *failure, const char *format, ...)
{
	size_t used = strlen(failure->hint);
	va_list list;

	if (used > 0 && used + 1 < sizeof(failure->hint)) {
		failure->hint[used++] = '\n';
		failure->hint[used] = '\0';
	}
	va_start(list, format);
	vsnprintf(failure->hint + used, sizeof(failure->hint) - used, format,
		  list);
	va_end(list);
}

void cli_failure_print(const struct cli_failure *failure, const char *command)
{
	bool colour = cli_wants_colour(2);
	char buffer[4 * MOTE_ERROR_TEXT_MAX];
	struct cli_text text;

	cli_text_init(&text, buffer, sizeof(buffer));
	cli_text_clean(&text, failure->error.text, strlen(failure->error.text));
	fprintf(stderr, "%smote %s:%s %s\n", colour ? CLI_RED : "", command,
		colour ? CLI_PLAIN : "", buffer);
	if (failure->hint[0])
		fprintf(stderr, "%s\n", failure->hint);
}

int cli_end(const struct cli_failure *failure, const char *command, int error)
{
	if (!error && (fflush(stdout) == EOF || ferror(stdout)))
		error = errno;
	if (!error)
		return (int)failure->exit;
	fprintf(stderr, "mote %s: cannot write the output: %s\n", command,
		strerror(error));
	return CLI_EXIT_HOST;
}
