/*
 * The call frame instructions (DWARF 5, 6.4.2).
 */
#include "debug/cfi_program.h"

#include <string.h>

enum {
	DW_CFA_NOP = 0x00,
	DW_CFA_SET_LOC = 0x01,
	DW_CFA_ADVANCE_LOC1 = 0x02,
	DW_CFA_ADVANCE_LOC2 = 0x03,
	DW_CFA_ADVANCE_LOC4 = 0x04,
	DW_CFA_OFFSET_EXTENDED = 0x05,
	DW_CFA_RESTORE_EXTENDED = 0x06,
	DW_CFA_UNDEFINED = 0x07,
	DW_CFA_SAME_VALUE = 0x08,
	DW_CFA_REGISTER = 0x09,
	DW_CFA_REMEMBER_STATE = 0x0a,
	DW_CFA_RESTORE_STATE = 0x0b,
	DW_CFA_DEF_CFA = 0x0c,
	DW_CFA_DEF_CFA_REGISTER = 0x0d,
	DW_CFA_DEF_CFA_OFFSET = 0x0e,
	DW_CFA_DEF_CFA_EXPRESSION = 0x0f,
	DW_CFA_EXPRESSION = 0x10,
	DW_CFA_OFFSET_EXTENDED_SF = 0x11,
	DW_CFA_DEF_CFA_SF = 0x12,
	DW_CFA_DEF_CFA_OFFSET_SF = 0x13,
	DW_CFA_VAL_OFFSET = 0x14,
	DW_CFA_VAL_OFFSET_SF = 0x15,
	DW_CFA_VAL_EXPRESSION = 0x16,
	DW_CFA_GNU_ARGS_SIZE = 0x2e,
	/* The upper two bits; the others are an operand. */
	DW_CFA_ADVANCE_LOC = 0x40,
	DW_CFA_OFFSET = 0x80,
	DW_CFA_RESTORE = 0xc0,
};

/* Compilers nest them one or two deep. */
#define REMEMBERED_MAX 8

struct machine {
	const struct mti_object *object;
	const struct mti_cfi_common *common;
	struct mti_cursor program;
	uint64_t location;
	struct mti_cfi_row row;
	struct mti_cfi_row initial; /* after the common part */
	struct mti_cfi_row remembered[REMEMBERED_MAX];
	size_t remembered_count;
};

static uint64_t take_code(struct machine *machine, size_t size)
{
	return mti_take(&machine->program, size) * machine->common->code_unit;
}

/* A factored offset; unsigned arithmetic, because it may wrap. */
static int64_t take_offset(struct machine *machine, bool with_sign)
{
	uint64_t value = with_sign ?
				 (uint64_t)mti_take_sleb(&machine->program) :
				 mti_take_uleb(&machine->program);

	return (int64_t)(value * (uint64_t)machine->common->data_unit);
}

static struct mti_bytes take_block(struct machine *machine)
{
	uint64_t size = mti_take_uleb(&machine->program);
	struct mti_bytes block = { machine->program.at, size };

	mti_take_skip(&machine->program, size);
	return block;
}

/* Rules of registers that nobody asks for, vector ones, are read over. */
static void set_rule(struct machine *machine, uint64_t number,
		     enum mti_cfi_kind kind, int64_t offset)
{
	if (number >= MTI_CFI_REGISTERS)
		return;
	machine->row.rules[number].kind = kind;
	machine->row.rules[number].offset = offset;
}

static void set_block(struct machine *machine, enum mti_cfi_kind kind)
{
	uint64_t number = mti_take_uleb(&machine->program);
	struct mti_bytes block = take_block(machine);

	if (machine->program.bad)
		return;
	set_rule(machine, number, kind, 0);
	if (number < MTI_CFI_REGISTERS)
		machine->row.rules[number].expression = block;
}

static void restore(struct machine *machine, uint64_t number)
{
	if (number < MTI_CFI_REGISTERS)
		machine->row.rules[number] = machine->initial.rules[number];
}

static void define_cfa(struct machine *machine, uint64_t number,
		       int64_t offset)
{
	machine->row.by_expression = false;
	machine->row.cfa_register = number;
	machine->row.cfa_offset = offset;
}

/* Instructions about the CFA and the state; false for others. */
static bool step_frame(struct machine *machine, uint8_t code)
{
	struct mti_cursor *program = &machine->program;
	struct mti_cfi_row *row = &machine->row;
	uint64_t number;

	switch (code) {
	case DW_CFA_DEF_CFA:
		number = mti_take_uleb(program);
		define_cfa(machine, number, (int64_t)mti_take_uleb(program));
		return true;
	case DW_CFA_DEF_CFA_SF:
		number = mti_take_uleb(program);
		define_cfa(machine, number, take_offset(machine, true));
		return true;
	case DW_CFA_DEF_CFA_REGISTER:
		define_cfa(machine, mti_take_uleb(program), row->cfa_offset);
		return true;
	case DW_CFA_DEF_CFA_OFFSET:
		define_cfa(machine, row->cfa_register,
			   (int64_t)mti_take_uleb(program));
		return true;
	case DW_CFA_DEF_CFA_OFFSET_SF:
		define_cfa(machine, row->cfa_register,
			   take_offset(machine, true));
		return true;
	case DW_CFA_DEF_CFA_EXPRESSION:
		row->by_expression = true;
		row->cfa_expression = take_block(machine);
		return true;
	case DW_CFA_REMEMBER_STATE:
		if (machine->remembered_count == REMEMBERED_MAX)
			program->bad = true;
		else
			machine->remembered[machine->remembered_count++] = *row;
		return true;
	case DW_CFA_RESTORE_STATE:
		if (machine->remembered_count == 0)
			program->bad = true;
		else
			*row = machine->remembered[--machine->remembered_count];
		return true;
	case DW_CFA_NOP:
		return true;
	case DW_CFA_GNU_ARGS_SIZE:
		(void)mti_take_uleb(program);
		return true;
	default:
		return false;
	}
}

/* Instructions about one register. */
static void step_register(struct machine *machine, uint8_t code)
{
	struct mti_cursor *program = &machine->program;
	uint64_t number;

	switch (code) {
	case DW_CFA_EXPRESSION:
		set_block(machine, MTI_CFI_SAVED_BY);
		return;
	case DW_CFA_VAL_EXPRESSION:
		set_block(machine, MTI_CFI_VALUE_BY);
		return;
	default:
		number = mti_take_uleb(program);
		break;
	}
	switch (code) {
	case DW_CFA_OFFSET_EXTENDED:
	case DW_CFA_OFFSET_EXTENDED_SF:
		set_rule(machine, number, MTI_CFI_SAVED,
			 take_offset(machine,
				     code == DW_CFA_OFFSET_EXTENDED_SF));
		break;
	case DW_CFA_VAL_OFFSET:
	case DW_CFA_VAL_OFFSET_SF:
		set_rule(machine, number, MTI_CFI_VALUE,
			 take_offset(machine, code == DW_CFA_VAL_OFFSET_SF));
		break;
	case DW_CFA_RESTORE_EXTENDED:
		restore(machine, number);
		break;
	case DW_CFA_UNDEFINED:
		set_rule(machine, number, MTI_CFI_UNDEFINED, 0);
		break;
	case DW_CFA_SAME_VALUE:
		set_rule(machine, number, MTI_CFI_SAME, 0);
		break;
	case DW_CFA_REGISTER:
		set_rule(machine, number, MTI_CFI_REGISTER,
			 (int64_t)mti_take_uleb(program));
		break;
	default:
		/* What it does not know it cannot even read over. */
		program->bad = true;
		break;
	}
}

/* The new location if the instruction moves on, else false. */
static bool step_location(struct machine *machine, uint8_t code,
			  uint64_t *location)
{
	switch (code) {
	case DW_CFA_SET_LOC:
		*location = mti_cfi_take_address(machine->object,
						 &machine->program,
						 machine->common->encoding);
		return true;
	case DW_CFA_ADVANCE_LOC1:
		*location += take_code(machine, 1);
		return true;
	case DW_CFA_ADVANCE_LOC2:
		*location += take_code(machine, 2);
		return true;
	case DW_CFA_ADVANCE_LOC4:
		*location += take_code(machine, 4);
		return true;
	default:
		if ((code & 0xc0) != DW_CFA_ADVANCE_LOC)
			return false;
		*location += (code & 0x3f) * machine->common->code_unit;
		return true;
	}
}

/* Until the row for address is complete; false if it makes no sense. */
static bool run(struct machine *machine, const struct mti_cursor *program,
		uint64_t address)
{
	uint64_t location = machine->location;
	uint8_t code;

	machine->program = *program;
	if (mti_cursor_left(program) > MTI_CFI_PROGRAM_MAX)
		return false;
	while (mti_cursor_left(&machine->program) > 0) {
		code = (uint8_t)mti_take(&machine->program, 1);
		if (step_location(machine, code, &location)) {
			if (location > address)
				break;
			continue;
		}
		switch (code & 0xc0) {
		case DW_CFA_OFFSET:
			set_rule(machine, code & 0x3f, MTI_CFI_SAVED,
				 take_offset(machine, false));
			break;
		case DW_CFA_RESTORE:
			restore(machine, code & 0x3f);
			break;
		default:
			if (!step_frame(machine, code))
				step_register(machine, code);
			break;
		}
	}
	return !machine->program.bad;
}

bool mti_cfi_run(const struct mti_object *object,
		 const struct mti_cfi_common *common,
		 const struct mti_cursor *program, uint64_t start,
		 uint64_t address, struct mti_cfi_row *row)
{
	struct machine machine;

	memset(&machine, 0, sizeof(machine));
	machine.object = object;
	machine.common = common;
	machine.location = start;
	if (!run(&machine, &common->program, UINT64_MAX))
		return false;
	machine.initial = machine.row;
	if (!run(&machine, program, address))
		return false;
	*row = machine.row;
	row->return_register = common->return_register;
	row->signal = common->signal;
	return true;
}
