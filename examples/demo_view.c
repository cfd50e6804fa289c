#include "demo_view.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LABEL_WIDTH 12

static const char *bold = "";
static const char *red = "";
static const char *dim = "";
static const char *plain = "";

void view_init(void)
{
	const char *refused = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	/* What guests print on standard error keeps its place. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!isatty(STDOUT_FILENO) || (refused && *refused) || !term ||
	    !*term || strcmp(term, "dumb") == 0)
		return;
	bold = "\033[1m";
	red = "\033[31m";
	dim = "\033[2m";
	plain = "\033[0m";
}

void view_title(const char *format, ...)
{
	va_list list;

	fputs(bold, stdout);
	va_start(list, format);
	vprintf(format, list);
	va_end(list);
	printf("%s\n", plain);
}

static void put_label(const char *label)
{
	printf("  %s%-*s%s", bold, LABEL_WIDTH, label ? label : "", plain);
}

void view_line(const char *label, const char *format, ...)
{
	va_list list;

	put_label(label);
	va_start(list, format);
	vprintf(format, list);
	va_end(list);
	putchar('\n');
}

void view_fault(const char *label, const char *format, ...)
{
	va_list list;

	put_label(label);
	fputs(red, stdout);
	va_start(list, format);
	vprintf(format, list);
	va_end(list);
	printf("%s\n", plain);
}

void view_gap(void)
{
	putchar('\n');
}

void view_registers(const mote_fault *fault)
{
	uint32_t count = fault->register_count;

	if (count > MOTE_FAULT_REGISTERS_MAX)
		count = MOTE_FAULT_REGISTERS_MAX;
	for (uint32_t i = 0; i < count; i++) {
		if (i % 3 == 0)
			printf("  %s", dim);
		printf("  %-7s %016" PRIx64,
		       mote_fault_register_name(fault, i), fault->registers[i]);
		if (i % 3 == 2 || i + 1 == count)
			printf("%s\n", plain);
	}
}

void view_failure(const char *what, const mote_error *err)
{
	fflush(stdout);
	fprintf(stderr, "demo: %s: %s: %s\n", what,
		mote_status_name((mote_status)err->code), err->text);
}
