#include "debug/unwind.h"

#include <string.h>

#include "abi/layout.h"
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
	/* It has not called: a register may have its return address. */
	bool linked;
	unsigned int detours; /* that may still be looked at */
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
	const struct mti_arch *arch = walk->guest->arch;
	const uint32_t stack = arch->dwarf_stack;
	struct registers caller;
	struct mti_cfi_row row;
	uint64_t pc;
	uint64_t cfa;
	uint64_t i;

	if (!mti_cfi_find(&info->cfi, &info->object, file_address(walk), &row))
		return LOST;
	if (row.rules[row.return_register].kind == MTI_CFI_UNDEFINED)
		return NONE;
	/*
	 * A caller has called, and so its own return address is elsewhere;
	 * nor is it where the CPU is.
	 */
	if (row.rules[row.return_register].kind == MTI_CFI_SAME &&
	    (!walk->linked || row.return_register == arch->dwarf_count - 1))
		return LOST;
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
	/* It has not called either if the handler of its SVC kept that. */
	walk->linked = row.signal || (arch->dwarf_link != 0 &&
				      row.return_register != arch->dwarf_link);
	return FOUND;
}

static void leave(struct walk *walk, uint64_t pc, uint64_t stack)
{
	walk->now.value[walk->guest->arch->dwarf_stack] = stack;
	walk->pc = pc;
	walk->returns = true;
	walk->linked = false;
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

/* A function that has not called: a register says who called it. */
static enum outcome by_link(struct walk *walk)
{
	const uint32_t number = walk->guest->arch->dwarf_link;
	uint64_t pc = walk->now.value[number];
	uint64_t unused;

	if (number == 0 || !walk->linked || !behind_call(walk, pc, &unused))
		return LOST;
	leave(walk, pc, stack_pointer(walk));
	return FOUND;
}

/* The host's code between a system call and the guest's handler of them. */
static enum outcome by_syscall(struct walk *walk)
{
	const struct mti_arch *arch = walk->guest->arch;
	uint64_t offset = walk->pc - MOTE_GVA_SYSCALL;
	struct mti_arch_place place;
	uint64_t pc;

	if (walk->returns || offset >= MOTE_PAGE_SIZE)
		return LOST;
	if (!arch->syscall_caller || !arch->syscall_caller(offset, &place))
		return NONE;
	if (place.in_memory ? !read_word(walk, place.at, &pc) :
			      !get_register(walk, place.at, &pc))
		return LOST;
	if (!is_code(walk, pc))
		return LOST;
	leave(walk, pc, stack_pointer(walk));
	return FOUND;
}

static const struct mti_symbol *function_at(const struct walk *walk,
					    uint64_t address)
{
	const struct mti_debug_info *info = walk->guest->info;

	return mti_symbols_find(&info->symbols, address - info->object.bias);
}

/* What there is of the function's code to look for jumps in; 0: nothing. */
static uint64_t read_code(const struct walk *walk, uint64_t function,
			  uint8_t code[MTI_UNWIND_JUMP_BYTES])
{
	const struct mti_unwind_guest *guest = walk->guest;
	const struct mti_symbol *symbol =
		function ? function_at(walk, function) : NULL;
	uint64_t size;

	if (!symbol)
		return 0;
	size = symbol->end - symbol->start;
	if (size > MTI_UNWIND_JUMP_BYTES)
		size = MTI_UNWIND_JUMP_BYTES;
	return guest->read(guest->context, function, code, size) ? size : 0;
}

/* For the target of a call and of a jump: only the CPU knows. */
#define ANYWHERE 0

static bool is_function(const struct walk *walk, uint64_t address)
{
	const struct mti_symbol *symbol = function_at(walk, address);

	return symbol &&
	       symbol->start + walk->guest->info->object.bias == address;
}

/* Whether a call ends up in a function. */
enum lead {
	NOT,
	PERHAPS, /* only the CPU knows */
	SURELY,
};

static enum lead jumps_to(const struct walk *walk, uint64_t function,
			  const uint8_t *code, uint64_t size, uint64_t callee)
{
	enum lead lead = NOT;
	uint64_t at = 0;
	uint64_t next;

	while (walk->guest->arch->next_jump(code, size, function, &at, &next)) {
		if (next == callee)
			return SURELY;
		if (next == ANYWHERE)
			lead = PERHAPS;
	}
	return lead;
}

/*
 * Whether a call of target ends up in callee, because that jumps there, or
 * to one that does: malloc of the runtime, malloc of libc, its allocator.
 */
static enum lead leads_to(struct walk *walk, uint64_t target, uint64_t callee)
{
	uint8_t code[MTI_UNWIND_JUMP_BYTES];
	uint8_t further[MTI_UNWIND_JUMP_BYTES];
	enum lead lead;
	enum lead other;
	uint64_t size;
	uint64_t at = 0;
	uint64_t next;

	if (target == ANYWHERE || target == callee)
		return target == callee ? SURELY : PERHAPS;
	size = read_code(walk, target, code);
	lead = jumps_to(walk, target, code, size, callee);
	while (lead != SURELY && walk->detours > 0 &&
	       walk->guest->arch->next_jump(code, size, target, &at, &next)) {
		if (next == ANYWHERE || next == target ||
		    !is_function(walk, next))
			continue;
		walk->detours--;
		other = jumps_to(walk, next, further,
				 read_code(walk, next, further), callee);
		if (other > lead)
			lead = other;
	}
	return lead;
}

/* A word of the stack that is behind a call. */
struct candidate {
	enum lead lead;
	uint64_t pc;
	uint64_t at; /* where the word is */
};

/*
 * The first of the next words of the stack that is behind a call that surely
 * leads to callee, else the first behind one that perhaps does.
 */
static struct candidate search(struct walk *walk, uint64_t callee)
{
	struct candidate best = { .lead = NOT };
	struct candidate next;
	uint64_t target;
	unsigned int i;

	next.at = (stack_pointer(walk) + 7) & ~UINT64_C(7);
	for (i = 0; i < MTI_UNWIND_WORDS && best.lead != SURELY;
	     i++, next.at += sizeof(next.pc)) {
		if (!read_word(walk, next.at, &next.pc))
			break;
		if (!behind_call(walk, next.pc, &target))
			continue;
		next.lead = leads_to(walk, target, callee);
		if (next.lead > best.lead)
			best = next;
	}
	return best;
}

static enum outcome take(struct walk *walk, const struct candidate *candidate)
{
	if (candidate->lead == NOT)
		return LOST;
	leave(walk, candidate->pc, candidate->at + sizeof(candidate->pc));
	return FOUND;
}

/* The first of the next words of the stack that is behind any call. */
static enum outcome by_search(struct walk *walk, unsigned int words)
{
	uint64_t at = (stack_pointer(walk) + 7) & ~UINT64_C(7);
	uint64_t unused;
	uint64_t word;
	unsigned int i;

	for (i = 0; i < words; i++, at += sizeof(word)) {
		if (!read_word(walk, at, &word))
			break;
		if (!behind_call(walk, word, &unused))
			continue;
		leave(walk, word, at + sizeof(word));
		return FOUND;
	}
	return LOST;
}

/*
 * Whether the address is below the frame that the frame pointer shows, and
 * that is a caller's: then the frame pointer leads too far.
 */
static bool below_frame(const struct walk *walk, uint64_t function,
			uint64_t address)
{
	const struct mti_arch *arch = walk->guest->arch;
	uint8_t code[MTI_UNWIND_JUMP_BYTES];

	return address < walk->now.value[arch->dwarf_frame] &&
	       !(arch->saves_frame &&
		 arch->saves_frame(code, read_code(walk, function, code)));
}

/* Without tables. The stack is full of words that calls left behind. */
static enum outcome by_guess(struct walk *walk)
{
	const struct mti_symbol *symbol =
		function_at(walk, walk->pc - (walk->returns ? 1 : 0));
	struct candidate found;
	enum outcome outcome;
	uint64_t function;

	if (!symbol) {
		outcome = by_frame_pointer(walk);
		return outcome == LOST ? by_search(walk, MTI_UNWIND_WORDS) :
					 outcome;
	}
	function = symbol->start + walk->guest->info->object.bias;
	walk->detours = MTI_UNWIND_DETOURS;
	found = search(walk, function);
	if (found.lead == SURELY ||
	    (found.lead == PERHAPS && below_frame(walk, function, found.at)))
		return take(walk, &found);
	outcome = by_frame_pointer(walk);
	return outcome == LOST ? take(walk, &found) : outcome;
}

static bool step(struct walk *walk)
{
	bool in_code = is_code(walk, walk->pc);
	enum outcome outcome = by_syscall(walk);

	if (outcome == LOST && in_code)
		outcome = by_cfi(walk);
	if (outcome == LOST)
		outcome = by_link(walk);
	/* A call of nowhere: whoever made it is on top of the stack. */
	if (outcome == LOST && !in_code)
		outcome = by_search(walk, 1);
	if (outcome == LOST)
		outcome = by_guess(walk);
	return outcome == FOUND;
}

size_t mti_unwind(const struct mti_unwind_guest *guest,
		  const uint64_t *general, struct mti_unwind_frame *frames,
		  size_t max)
{
	const struct mti_arch *arch = guest->arch;
	struct walk walk = { .guest = guest, .linked = true };
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

size_t mti_unwind_from(struct mti_unwind_frame *frames, size_t count,
		       uint64_t pc)
{
	size_t i;

	/* pc is the address of a call; its frame has the one behind it. */
	for (i = 0; i < count; i++)
		if (frames[i].returns && frames[i].pc > pc &&
		    frames[i].pc - pc <= MTI_ARCH_CALL_BYTES)
			break;
	if (i == count)
		return count;
	memmove(frames, frames + i, (count - i) * sizeof(*frames));
	frames[0].pc = pc;
	frames[0].returns = false;
	return count - i;
}
