/*
 * See fault.h.
 */
#include "fault.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "terminal.h"

#define REGISTERS_PER_LINE 3

/*
 * A small exported function is inlined into what mote_guest.h makes to call
 * it. Nobody wrote that name; the offset is in it, so it goes too.
 */
static void name_export(struct cli_symbol *symbol)
{
	static const char prefix[] = "mote_invoke_";
	const size_t length = sizeof(prefix) - 1;

	symbol->inlined = strncmp(symbol->name, prefix, length) == 0 &&
			  symbol->name[length] != '\0';
	if (symbol->inlined)
		memmove(symbol->name, symbol->name + length,
			strlen(symbol->name + length) + 1);
}

bool cli_fault_symbol(const void *file, size_t size, const mote_image *image,
		      const mote_fault *fault, struct cli_symbol *symbol)
{
	/*
	 * abort() does not return, so the address behind a call of it may be
	 * in the next function already.
	 */
	uint64_t behind = fault->kind == MOTE_FAULT_ABORT && fault->pc > 0;
	uint64_t pc = fault->pc - behind;
	mote_image_info info = MOTE_IMAGE_INFO_INIT;
	mote_segment segment;

	if (!image || mote_image_describe(image, &info, NULL) != MOTE_OK)
		return false;
	for (size_t i = 0; i < info.segment_count; i++) {
		if (mote_image_segment(image, i, &segment, NULL) != MOTE_OK)
			return false;
		if (pc < segment.address ||
		    pc - segment.address >= segment.memory_size)
			continue;
		if (!cli_symbol_find(file, size, &segment, pc, symbol))
			return false;
		symbol->offset += behind;
		name_export(symbol);
		return true;
	}
	return false;
}

static bool has_address(uint32_t kind)
{
	switch (kind) {
	case MOTE_FAULT_READ:
	case MOTE_FAULT_WRITE:
	case MOTE_FAULT_EXECUTE:
	case MOTE_FAULT_NULL_POINTER:
	case MOTE_FAULT_STACK_OVERFLOW:
		return true;
	default:
		return false;
	}
}

static void print_registers(const mote_fault *fault)
{
	uint32_t count = fault->register_count;

	if (count > MOTE_FAULT_REGISTERS_MAX)
		count = MOTE_FAULT_REGISTERS_MAX;
	for (uint32_t i = 0; i < count; i++) {
		const char *name = mote_fault_register_name(fault, i);
		bool last = i + 1 == count ||
			    i % REGISTERS_PER_LINE == REGISTERS_PER_LINE - 1;

		fprintf(stderr, "  %-7s %016" PRIx64 "%s", name ? name : "?",
			fault->registers[i], last ? "\n" : "");
	}
}

void cli_fault_print(const mote_fault *fault, const struct cli_symbol *symbol)
{
	bool colour = cli_wants_colour(STDERR_FILENO);

	if (has_address(fault->kind))
		fprintf(stderr, "  address %016" PRIx64 "\n", fault->address);
	fprintf(stderr, "  at      %016" PRIx64, fault->pc);
	if (symbol)
		fprintf(stderr, "  %s%s", colour ? CLI_BOLD : "", symbol->name);
	if (symbol && !symbol->inlined)
		fprintf(stderr, "+0x%" PRIx64, symbol->offset);
	if (symbol && colour)
		fputs(CLI_PLAIN, stderr);
	fputc('\n', stderr);
	print_registers(fault);
}
