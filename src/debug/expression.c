/*
 * See expression.h. DWARF 5, 2.5.1.
 */
#include "debug/expression.h"

enum {
	DW_OP_ADDR = 0x03,
	DW_OP_DEREF = 0x06,
	DW_OP_CONST1U = 0x08,
	DW_OP_CONST1S = 0x09,
	DW_OP_CONST2U = 0x0a,
	DW_OP_CONST2S = 0x0b,
	DW_OP_CONST4U = 0x0c,
	DW_OP_CONST4S = 0x0d,
	DW_OP_CONST8U = 0x0e,
	DW_OP_CONST8S = 0x0f,
	DW_OP_CONSTU = 0x10,
	DW_OP_CONSTS = 0x11,
	DW_OP_DUP = 0x12,
	DW_OP_AND = 0x1a,
	DW_OP_MINUS = 0x1c,
	DW_OP_MUL = 0x1e,
	DW_OP_OR = 0x21,
	DW_OP_PLUS = 0x22,
	DW_OP_PLUS_UCONST = 0x23,
	DW_OP_SHL = 0x24,
	DW_OP_EQ = 0x29,
	DW_OP_GE = 0x2a,
	DW_OP_GT = 0x2b,
	DW_OP_LE = 0x2c,
	DW_OP_LT = 0x2d,
	DW_OP_NE = 0x2e,
	DW_OP_LIT0 = 0x30,
	DW_OP_LIT31 = 0x4f,
	DW_OP_BREG0 = 0x70,
	DW_OP_BREG31 = 0x8f,
	DW_OP_NOP = 0x96,
};

#define STACK_MAX 16

struct machine {
	const struct mti_expression_scope *scope;
	struct mti_cursor code;
	uint64_t stack[STACK_MAX];
	size_t depth;
};

/* Anything wrong ends the run by a bad cursor. */
static void push(struct machine *machine, uint64_t value)
{
	if (machine->depth == STACK_MAX)
		machine->code.bad = true;
	else
		machine->stack[machine->depth++] = value;
}

static uint64_t pop(struct machine *machine)
{
	if (machine->depth == 0) {
		machine->code.bad = true;
		return 0;
	}
	return machine->stack[--machine->depth];
}

static void step_binary(struct machine *machine, uint8_t code)
{
	uint64_t b = pop(machine);
	uint64_t a = pop(machine);

	switch (code) {
	case DW_OP_AND:
		push(machine, a & b);
		break;
	case DW_OP_MINUS:
		push(machine, a - b);
		break;
	case DW_OP_MUL:
		push(machine, a * b);
		break;
	case DW_OP_OR:
		push(machine, a | b);
		break;
	case DW_OP_PLUS:
		push(machine, a + b);
		break;
	case DW_OP_SHL:
		push(machine, b < 64 ? a << b : 0);
		break;
	case DW_OP_EQ:
		push(machine, a == b);
		break;
	case DW_OP_GE:
		push(machine, (int64_t)a >= (int64_t)b);
		break;
	case DW_OP_GT:
		push(machine, (int64_t)a > (int64_t)b);
		break;
	case DW_OP_LE:
		push(machine, (int64_t)a <= (int64_t)b);
		break;
	case DW_OP_LT:
		push(machine, (int64_t)a < (int64_t)b);
		break;
	case DW_OP_NE:
		push(machine, a != b);
		break;
	default:
		machine->code.bad = true;
		break;
	}
}

static void push_register(struct machine *machine, uint64_t number)
{
	uint64_t offset = (uint64_t)mti_take_sleb(&machine->code);
	uint64_t value = 0;

	if (!machine->scope->get(machine->scope->context, number, &value))
		machine->code.bad = true;
	push(machine, value + offset);
}

static void push_memory(struct machine *machine)
{
	uint64_t value = 0;

	if (!machine->scope->read(machine->scope->context, pop(machine), &value,
				  sizeof(value)))
		machine->code.bad = true;
	push(machine, value);
}

/* Constants; false for other operations. */
static bool step_constant(struct machine *machine, uint8_t code)
{
	struct mti_cursor *operands = &machine->code;

	switch (code) {
	case DW_OP_CONST1U:
		push(machine, mti_take(operands, 1));
		return true;
	case DW_OP_CONST1S:
		push(machine, (uint64_t)mti_take_signed(operands, 1));
		return true;
	case DW_OP_CONST2U:
		push(machine, mti_take(operands, 2));
		return true;
	case DW_OP_CONST2S:
		push(machine, (uint64_t)mti_take_signed(operands, 2));
		return true;
	case DW_OP_CONST4U:
		push(machine, mti_take(operands, 4));
		return true;
	case DW_OP_CONST4S:
		push(machine, (uint64_t)mti_take_signed(operands, 4));
		return true;
	case DW_OP_ADDR:
	case DW_OP_CONST8U:
	case DW_OP_CONST8S:
		push(machine, mti_take(operands, 8));
		return true;
	case DW_OP_CONSTU:
		push(machine, mti_take_uleb(operands));
		return true;
	case DW_OP_CONSTS:
		push(machine, (uint64_t)mti_take_sleb(operands));
		return true;
	default:
		if (code < DW_OP_LIT0 || code > DW_OP_LIT31)
			return false;
		push(machine, (uint64_t)(code - DW_OP_LIT0));
		return true;
	}
}

static void step(struct machine *machine, uint8_t code)
{
	uint64_t value;

	if (step_constant(machine, code))
		return;
	if (code >= DW_OP_BREG0 && code <= DW_OP_BREG31) {
		push_register(machine, (uint64_t)(code - DW_OP_BREG0));
		return;
	}
	switch (code) {
	case DW_OP_DEREF:
		push_memory(machine);
		break;
	case DW_OP_DUP:
		value = pop(machine);
		push(machine, value);
		push(machine, value);
		break;
	case DW_OP_PLUS_UCONST:
		value = pop(machine);
		push(machine, value + mti_take_uleb(&machine->code));
		break;
	case DW_OP_NOP:
		break;
	default:
		step_binary(machine, code);
		break;
	}
}

bool mti_expression_run(struct mti_bytes expression,
			const struct mti_expression_scope *scope,
			const uint64_t *first, uint64_t *result)
{
	struct machine machine = {
		.scope = scope,
		.code = mti_cursor_of(expression.data, expression.size),
	};

	if (expression.size > MTI_EXPRESSION_MAX)
		return false;
	if (first)
		push(&machine, *first);
	while (mti_cursor_left(&machine.code) > 0)
		step(&machine, (uint8_t)mti_take(&machine.code, 1));
	*result = pop(&machine);
	return !machine.code.bad;
}
