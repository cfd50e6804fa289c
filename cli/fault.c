/*
 * See fault.h.
 *
 * The source line itself is not shown: the name of its file is the guest's
 * word, and the command would print a line of any file that it names.
 */
#include "fault.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "terminal.h"

#define REGISTERS_PER_LINE 3

static void print_registers(const mote_fault *fault, FILE *file)
{
	uint32_t count = fault->register_count;

	if (count > MOTE_FAULT_REGISTERS_MAX)
		count = MOTE_FAULT_REGISTERS_MAX;
	for (uint32_t i = 0; i < count; i++) {
		const char *name = mote_fault_register_name(fault, i);
		bool last = i + 1 == count ||
			    i % REGISTERS_PER_LINE == REGISTERS_PER_LINE - 1;

		fprintf(file, "  %-7s %016" PRIx64 "%s", name ? name : "?",
			fault->registers[i], last ? "\n" : "");
	}
}

static void print_title(const char *title, FILE *file, bool colour)
{
	fprintf(file, "%s%s%s\n", colour ? CLI_BOLD : "", title,
		colour ? CLI_PLAIN : "");
}

void cli_fault_print(const mote_fault *fault, const struct cli_frames *frames,
		     FILE *file, bool colour)
{
	if (frames->count > 0) {
		print_title("backtrace", file, colour);
		cli_frames_print(frames, file, colour);
	}
	if (fault && fault->register_count > 0) {
		print_title("registers", file, colour);
		print_registers(fault, file);
	}
}
