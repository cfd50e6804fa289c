#include "case.h"

#include <string.h>

#include "abi/trap.h"

/* out %eax, $port: needs no register. */
static const uint8_t port_end[] = { 0xe7, MOTE_PORT_RETURN };
#define END_MAX 2

static size_t target_of(const struct diff_case *test, size_t i)
{
	const struct diff_insn *insn = &test->insns[i];
	size_t target = i + 1 + insn->skip;

	if (insn->back)
		return insn->back > i ? 0 : i - insn->back;
	return target < test->count ? target : test->count;
}

static bool relocate(struct diff_case *test, size_t i, uint8_t *code)
{
	const struct diff_insn *insn = &test->insns[i];
	const uint64_t next = test->address[i + 1];
	int64_t distance;
	uint32_t relative;

	if (insn->skip || insn->back) {
		distance = (int64_t)test->address[target_of(test, i)] -
			   (int64_t)next;
		if (distance < -128 || distance > 127)
			return false;
		code[insn->size - 1] = (uint8_t)distance;
	}
	if (insn->relative_at) {
		relative = (uint32_t)(insn->relative_to - next);
		memcpy(code + insn->relative_at, &relative, sizeof(relative));
	}
	return true;
}

static bool lay_out(struct diff_case *test)
{
	uint8_t code[DIFF_INSNS_MAX * sizeof(test->insns[0].bytes) +
		     END_MAX];
	size_t size = 0;
	size_t i;

	for (i = 0; i < test->count; i++)
		size += test->insns[i].size;
	if (size + 64 + 16 + END_MAX > DIFF_SLOT_BYTES)
		return false;
	if (test->at_page_end)
		test->slot = DIFF_SLOT_LAST;
	test->base = DIFF_CODE + (uint64_t)test->slot * DIFF_SLOT_BYTES;
	test->start = test->base + 64 + test->data_seed % 16;
	if (test->at_page_end)
		test->start = DIFF_CODE + DIFF_CODE_BYTES - size / 2 - 1;
	size = 0;
	for (i = 0; i <= test->count; i++) {
		test->address[i] = test->start + size;
		if (i < test->count)
			size += test->insns[i].size;
	}
	size = 0;
	for (i = 0; i < test->count; i++) {
		memcpy(code + size, test->insns[i].bytes, test->insns[i].size);
		if (!relocate(test, i, code + size))
			return false;
		size += test->insns[i].size;
	}
	memset(code + size, DIFF_NO_CODE, END_MAX);
	if (test->ends_at_port)
		memcpy(code + size, port_end, sizeof(port_end));
	size += END_MAX;
	memset(test->code, DIFF_NO_CODE, sizeof(test->code));
	test->code_size = size;
	if (size > DIFF_CODE + DIFF_CODE_BYTES - test->start)
		test->code_size = DIFF_CODE + DIFF_CODE_BYTES - test->start;
	memcpy(test->code + (test->start - test->base), code, test->code_size);
	return true;
}

/* One pass forward; *again: a jump back brought something new. */
static bool flow(struct diff_case *test, bool *again)
{
	uint16_t *undefined = test->undefined;
	size_t i;

	*again = false;
	for (i = 0; i < test->count; i++) {
		const struct diff_insn *insn = &test->insns[i];
		size_t target = target_of(test, i);
		uint16_t after;

		if (insn->reads & undefined[i])
			return false;
		after = (uint16_t)((undefined[i] & ~insn->defines) |
				   insn->undefines);
		undefined[i + 1] |= after;
		if (!insn->skip && !insn->back)
			continue;
		if (target <= i && after & ~undefined[target])
			*again = true;
		undefined[target] |= after;
	}
	return true;
}

bool diff_assemble(struct diff_case *test)
{
	bool again = true;

	memset(test->undefined, 0, sizeof(test->undefined));
	if (!lay_out(test))
		return false;
	while (again)
		if (!flow(test, &again))
			return false;
	return true;
}

void diff_no_code(uint8_t *code)
{
	memset(code, DIFF_NO_CODE, DIFF_CODE_BYTES);
	memcpy(code, port_end, sizeof(port_end));
}

uint32_t diff_undefined_at(const struct diff_case *test, uint64_t pc)
{
	uint32_t all = 0;
	size_t i;

	for (i = 0; i <= test->count; i++) {
		if (test->address[i] == pc)
			return test->undefined[i];
		all |= test->undefined[i];
	}
	if (pc > test->address[test->count] &&
	    pc <= test->address[test->count] + END_MAX)
		return test->undefined[test->count];
	/* Within an instruction, or it jumped away. */
	return pc < test->start || pc > test->address[test->count] ? DIFF_ALL :
								     all;
}

uint64_t diff_number(struct random_source *random)
{
	double value = (double)(int64_t)random_any_width(random) / 1024.0;
	float two[2] = { (float)value, (float)random_below(random, 1000) };
	uint64_t bits;

	switch (random_below(random, 8)) {
	case 0:
		return random_u64(random);
	case 1:
	case 2:
		return random_any_width(random) >> 1;
	case 3:
	case 4:
		memcpy(&bits, &value, sizeof(bits));
		return bits;
	case 5:
	case 6:
		memcpy(&bits, two, sizeof(bits));
		return bits;
	default: /* infinite, or denormal */
		bits = random_u64(random) & UINT64_C(0x8000000080000000);
		if (random_below(random, 2))
			return bits | UINT64_C(0x7ff000007f800000);
		return bits | random_u64(random) >> 41;
	}
}

void diff_fill(const struct diff_case *test, uint8_t *data, uint8_t *constant)
{
	struct random_source random = { test->data_seed };
	uint64_t value;
	size_t i;

	for (i = 0; i < DIFF_DATA_BYTES; i += 8) {
		value = diff_number(&random);
		memcpy(data + i, &value, sizeof(value));
	}
	for (i = 0; i < DIFF_CONST_BYTES; i += 8) {
		value = random_u64(&random);
		memcpy(constant + i, &value, sizeof(value));
	}
}
