#include "debug/unwind.h"

#include <string.h>

#include "debug/expression.h"

/* One frame's registers, by DWARF number. */
struct registers {
	uint64_t value[MTI_CFI_REGISTERS];
	bool lost[MTI_CFI_REGISTERS];
};

struct walk {
	const struct mti_unwind_guest *guest;
	struct registers now;
	uint64_t pc;
	bool returns;
};

enum outcome {
	FOUND, /* walk->now and walk->pc are the caller's */
	NONE,  /* there is no caller */
	LOST,  /* this way does not lead to it */
};

static bool read_word(const struct walk *walk, uint64_t address,
		      uint64_t *word)
{
	const struct mti_unwind_guest *guest = walk->guest;

	return guest->read(guest->context, address, word, sizeof(*word));
}

static bool is_code(const struct walk *walk, uint64_t address)
{
	return walk->guest->code(walk->guest->context, address);
}

/* Whether a call ends at the address; *target is 0 if it is indirect. */
static bool behind_call(const struct walk *walk, uint64_t address,
			uint64_t *target)
{
	const struct mti_unwind_guest *guest = walk->guest;
	uint8_t code[MTI_ARCH_CALL_BYTES];

	return is_code(walk, address) &&
	       guest->read(guest->context, address - sizeof(code), code,
			   sizeof(code)) &&
	       guest->arch->call_before(code, address, target);
}

/* The address in the file by which the frame's function is found. */
static uint64_t file_address(const struct walk *walk)
{
	return walk->pc - (walk->returns ? 1 : 0) -
	       walk->guest->info->object.bias;
}

static uint64_t stack_pointer(const struct walk *walk)
{
	return walk->now.value[walk->guest->arch->dwarf_stack];
}

/* For expressions. */
static bool get_register(void *context, uint64_t number, uint64_t *value)
{
	const struct walk *walk = context;

	if (number >= MTI_CFI_REGISTERS || walk->now.lost[number])
		return false;
	*value = walk->now.value[number];
	return true;
}

static bool read_memory(void *context, uint64_t address, void *buffer,
			size_t size)
{
	const struct walk *walk = context;

	return walk->guest->read(walk->guest->context, address, buffer, size);
}

static bool evaluate(struct walk *walk, struct mti_bytes expression,
		     const uint64_t *first, uint64_t *value)
{
	const struct mti_expression_scope scope = {
		.context = walk,
		.get = get_register,
		.read = read_memory,
	};

	return mti_expression_run(expression, &scope, first, value);
}

static bool find_cfa(struct walk *walk, const struct mti_cfi_row *row,
		     uint64_t *cfa)
{
	if (row->by_expression)
		return evaluate(walk, row->cfa_expression, NULL, cfa);
	if (!get_register(walk, row->cfa_register, cfa))
		return false;
	*cfa += (uint64_t)row->cfa_offset;
	return true;
}

/* A register of the caller; false if it is lost. */
static bool apply(struct walk *walk, const struct mti_cfi_rule *rule,
		  uint64_t number, uint64_t cfa, uint64_t *value)
{
	switch (rule->kind) {
	case MTI_CFI_SAME:
		return get_register(walk, number, value);
	case MTI_CFI_SAVED:
		return read_word(walk, cfa + (uint64_t)rule->offset, value);
	case MTI_CFI_VALUE:
		*value = cfa + (uint64_t)rule->offset;
		return true;
	case MTI_CFI_REGISTER:
		return get_register(walk, (uint64_t)rule->offset, value);
	case MTI_CFI_SAVED_BY:
		return evaluate(walk, rule->expression, &cfa, value) &&
		       read_word(walk, *value, value);
	case MTI_CFI_VALUE_BY:
		return evaluate(walk, rule->expression, &cfa, value);
	case MTI_CFI_UNDEFINED:
	default:
		return false;
	}
}

static enum outcome by_cfi(struct walk *walk)
{
	const struct mti_debug_info *info = walk->guest->info;
	const uint32_t stack = walk->guest->arch->dwarf_stack;
	struct registers caller;
	struct mti_cfi_row row;
	uint64_t pc;
	uint64_t cfa;
	uint64_t i;

	if (!mti_cfi_find(&info->cfi, &info->object, file_address(walk), &row))
		return LOST;
	if (row.rules[row.return_register].kind == MTI_CFI_UNDEFINED)
		return NONE;
	if (!find_cfa(walk, &row, &cfa) || cfa < stack_pointer(walk))
		return LOST;
	memset(&caller, 0, sizeof(caller));
	for (i = 0; i < MTI_CFI_REGISTERS; i++)
		caller.lost[i] = !apply(walk, &row.rules[i], i, cfa,
					&caller.value[i]);
	if (row.rules[stack].kind == MTI_CFI_SAME) {
		caller.value[stack] = cfa;
		caller.lost[stack] = false;
	}
	pc = caller.value[row.return_register];
	if (caller.lost[row.return_register] || caller.lost[stack])
		return LOST;
	if (pc == 0)
		return NONE;
	if (!is_code(walk, pc))
		return LOST;
	walk->now = caller;
	walk->pc = pc;
	walk->returns = !row.signal;
	return FOUND;
}

static void leave(struct walk *walk, uint64_t pc, uint64_t stack)
{
	walk->now.value[walk->guest->arch->dwarf_stack] = stack;
	walk->pc = pc;
	walk->returns = true;
}

/* The frame of a function that saves the frame pointer first. */
static enum outcome by_frame_pointer(struct walk *walk)
{
	const uint32_t number = walk->guest->arch->dwarf_frame;
	uint64_t frame = walk->now.value[number];
	uint64_t unused;
	uint64_t saved;
	uint64_t pc;

	if (walk->now.lost[number] || frame % sizeof(saved) != 0 ||
	    frame < stack_pointer(walk) || !read_word(walk, frame, &saved) ||
	    !read_word(walk, frame + sizeof(saved), &pc) ||
	    !behind_call(walk, pc, &unused))
		return LOST;
	walk->now.value[number] = saved;
	leave(walk, pc, frame + 2 * sizeof(saved));
	return FOUND;
}

/*
 * A word behind a call, within the next `words` of the stack: of the function
 * that starts at callee, or of any if that is 0.
 */
static enum outcome by_search(struct walk *walk, uint64_t callee,
			      unsigned int words)
{
	uint64_t at = (stack_pointer(walk) + 7) & ~UINT64_C(7);
	uint64_t target;
	uint64_t word;
	unsigned int i;

	for (i = 0; i < words; i++, at += sizeof(word)) {
		if (!read_word(walk, at, &word))
			break;
		if (!behind_call(walk, word, &target) ||
		    (callee && target != callee))
			continue;
		leave(walk, word, at + sizeof(word));
		return FOUND;
	}
	return LOST;
}

static uint64_t start_of_function(const struct walk *walk)
{
	const struct mti_debug_info *info = walk->guest->info;
	const struct mti_symbol *symbol =
		mti_symbols_find(&info->symbols, file_address(walk));

	return symbol ? symbol->start + info->object.bias : 0;
}

static bool step(struct walk *walk)
{
	enum outcome outcome;
	uint64_t callee;

	/* A call of nowhere: whoever made it is on top of the stack. */
	outcome = is_code(walk, walk->pc) ? by_cfi(walk) :
					    by_search(walk, 0, 1);
	if (outcome != LOST)
		return outcome == FOUND;
	callee = start_of_function(walk);
	if (callee)
		outcome = by_search(walk, callee, MTI_UNWIND_WORDS);
	if (outcome == LOST)
		outcome = by_frame_pointer(walk);
	if (outcome == LOST)
		outcome = by_search(walk, 0, MTI_UNWIND_WORDS);
	return outcome == FOUND;
}

size_t mti_unwind(const struct mti_unwind_guest *guest,
		  const uint64_t *general, struct mti_unwind_frame *frames,
		  size_t max)
{
	const struct mti_arch *arch = guest->arch;
	struct walk walk = { .guest = guest };
	size_t count = 0;
	size_t i;

	for (i = 0; i < arch->dwarf_count; i++)
		walk.now.value[i] = general[arch->dwarf_registers[i]];
	walk.pc = general[arch->pc_register];
	while (count < max) {
		frames[count].pc = walk.pc;
		frames[count].returns = walk.returns;
		count++;
		if (count == max || !step(&walk))
			break;
	}
	return count;
}
