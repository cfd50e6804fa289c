/*
 * See lines.h. Runs the line-number programs (DWARF 5, 6.2.5) over the sorted
 * addresses; rows are not kept.
 */
#include "debug/lines.h"

#include <elf.h>
#include <string.h>

#include "debug/line_unit.h"

enum {
	DW_LNS_COPY = 1,
	DW_LNS_ADVANCE_PC = 2,
	DW_LNS_ADVANCE_LINE = 3,
	DW_LNS_SET_FILE = 4,
	DW_LNS_CONST_ADD_PC = 8,
	DW_LNS_FIXED_ADVANCE_PC = 9,
	DW_LNE_END_SEQUENCE = 1,
	DW_LNE_SET_ADDRESS = 2,
};

struct run {
	const struct mti_line_unit *unit;
	/* Not answered yet, by address. */
	struct mti_line_query **open;
	size_t open_count;
	/* Answered in this unit: their files want names. */
	struct mti_line_query **found;
	size_t found_count;
	/* The state machine, and the row before. */
	uint64_t address;
	uint64_t file;
	uint32_t line;
	bool started; /* a row of this sequence is there */
	bool dead;    /* it begins at 0: the linker dropped the function */
	uint64_t row_address;
	uint64_t row_file;
	uint32_t row_line;
};

static uint64_t address_of(const struct mti_line_query *query)
{
	return query->address;
}

/* How many of the open queries lie before the address. */
static size_t open_before(const struct run *run, uint64_t address)
{
	size_t low = 0;
	size_t high = run->open_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (run->open[middle]->address < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The row before holds up to here: answers all that lie there. */
static void finish_row(struct run *run)
{
	size_t first;
	size_t end;
	size_t i;

	if (!run->started || run->dead || run->row_line == 0 ||
	    run->address <= run->row_address)
		return;
	first = open_before(run, run->row_address);
	if (first == run->open_count ||
	    run->open[first]->address >= run->address)
		return;
	end = open_before(run, run->address);
	for (i = first; i < end; i++) {
		run->open[i]->line = run->row_line;
		run->open[i]->file_number = run->row_file;
		run->found[run->found_count++] = run->open[i];
	}
	/* Each is taken out once, whatever the table says. */
	memmove(&run->open[first], &run->open[end],
		(run->open_count - end) * sizeof(*run->open));
	run->open_count -= end - first;
}

static void append_row(struct run *run)
{
	finish_row(run);
	if (!run->started)
		run->dead = run->address == 0;
	run->started = true;
	run->row_address = run->address;
	run->row_file = run->file;
	run->row_line = run->line;
}

static void begin_sequence(struct run *run)
{
	run->address = 0;
	run->file = 1;
	run->line = 1;
	run->started = false;
}

static void extended(struct run *run, struct mti_cursor *program)
{
	uint64_t length = mti_take_uleb(program);
	struct mti_cursor operands;

	if (length == 0 || !mti_cursor_has(program, length))
		return;
	operands = mti_cursor_of(program->at, length);
	mti_take_skip(program, length);
	switch (mti_take(&operands, 1)) {
	case DW_LNE_END_SEQUENCE:
		finish_row(run);
		begin_sequence(run);
		break;
	case DW_LNE_SET_ADDRESS:
		if (mti_cursor_left(&operands) == 8 ||
		    mti_cursor_left(&operands) == 4)
			run->address =
				mti_take(&operands, mti_cursor_left(&operands));
		break;
	default:
		break;
	}
}

static uint64_t special_advance(const struct mti_line_unit *unit,
				uint8_t opcode)
{
	return (uint64_t)((opcode - unit->opcode_base) / unit->line_range) *
	       unit->instruction_length;
}

static void standard(struct run *run, uint8_t opcode,
		     struct mti_cursor *program)
{
	const struct mti_line_unit *unit = run->unit;
	unsigned int i;

	switch (opcode) {
	case DW_LNS_COPY:
		append_row(run);
		break;
	case DW_LNS_ADVANCE_PC:
		run->address +=
			mti_take_uleb(program) * unit->instruction_length;
		break;
	case DW_LNS_ADVANCE_LINE:
		run->line += (uint32_t)mti_take_sleb(program);
		break;
	case DW_LNS_SET_FILE:
		run->file = mti_take_uleb(program);
		break;
	case DW_LNS_CONST_ADD_PC:
		run->address += special_advance(unit, 255);
		break;
	case DW_LNS_FIXED_ADVANCE_PC:
		run->address += mti_take(program, 2);
		break;
	default:
		for (i = unit->operand_counts[opcode - 1]; i > 0; i--)
			(void)mti_take_uleb(program);
		break;
	}
}

static void run_program(struct run *run)
{
	const struct mti_line_unit *unit = run->unit;
	struct mti_cursor program = unit->program;
	uint8_t opcode;

	begin_sequence(run);
	while (mti_cursor_left(&program) > 0) {
		opcode = (uint8_t)mti_take(&program, 1);
		if (opcode == 0) {
			extended(run, &program);
		} else if (opcode < unit->opcode_base) {
			standard(run, opcode, &program);
		} else {
			run->address += special_advance(unit, opcode);
			run->line += (uint32_t)(unit->line_base +
						(opcode - unit->opcode_base) %
							unit->line_range);
			append_row(run);
		}
	}
	mti_line_unit_name(unit, run->found, run->found_count);
	run->found_count = 0;
}

/*
 * Reads a unit's header and moves *section behind the unit; false if it
 * cannot be used. A bad length ends the section.
 */
static bool read_unit(struct mti_cursor *section, struct mti_line_unit *unit)
{
	uint64_t length = mti_take(section, 4);
	struct mti_cursor cursor;
	uint64_t tables;

	unit->offset_size = 4;
	if (length == UINT32_MAX) {
		unit->offset_size = 8;
		length = mti_take(section, 8);
	}
	if (!mti_cursor_has(section, length))
		return false;
	cursor = mti_cursor_of(section->at, length);
	mti_take_skip(section, length);
	unit->version = (uint16_t)mti_take(&cursor, 2);
	if (unit->version < 2 || unit->version > 5)
		return false;
	unit->address_size = 8;
	if (unit->version >= 5) {
		unit->address_size = (uint8_t)mti_take(&cursor, 1);
		mti_take_skip(&cursor, 1); /* segment selectors */
	}
	tables = mti_take(&cursor, unit->offset_size);
	if (!mti_cursor_has(&cursor, tables))
		return false;
	unit->tables = mti_cursor_of(cursor.at, tables);
	mti_take_skip(&cursor, tables);
	unit->program = cursor;
	unit->instruction_length = (uint8_t)mti_take(&unit->tables, 1);
	if (unit->version >= 4)
		mti_take_skip(&unit->tables, 1); /* VLIW */
	mti_take_skip(&unit->tables, 1);         /* default_is_stmt */
	unit->line_base = (int8_t)mti_take(&unit->tables, 1);
	unit->line_range = (uint8_t)mti_take(&unit->tables, 1);
	unit->opcode_base = (uint8_t)mti_take(&unit->tables, 1);
	unit->operand_counts = unit->tables.at;
	if (unit->opcode_base == 0 || unit->line_range == 0)
		return false;
	mti_take_skip(&unit->tables, unit->opcode_base - 1u);
	return !unit->tables.bad;
}

void mti_lines_find(const struct mti_object *object,
		    struct mti_line_query *queries, size_t count,
		    struct mti_line_query **scratch)
{
	struct mti_line_unit unit = { .object = object };
	struct run run = {
		.unit = &unit,
		.open = scratch,
		.open_count = count,
		.found = scratch + count,
	};
	uint64_t size = object->lines.size;
	struct mti_cursor section;
	size_t i;

	for (i = 0; i < count; i++) {
		queries[i].line = 0;
		queries[i].file[0] = '\0';
		run.open[i] = &queries[i];
	}
	mti_line_sort(run.open, count, address_of);
	if (size > MTI_LINES_BYTES_MAX)
		size = MTI_LINES_BYTES_MAX;
	section = mti_cursor_of(object->lines.data, size);
	while (mti_cursor_left(&section) > 0 && run.open_count > 0)
		if (read_unit(&section, &unit))
			run_program(&run);
}
