#include "compare.h"

#include <inttypes.h>
#include <string.h>

#include "arch/amd64/trap.h"

/* Of an FXSAVE area (SDM 1, "Layout of the 64-bit mode FXSAVE Map"). */
#define MXCSR_MASK 28
#define X87 32
#define XMM 160
#define RESERVED 416

void diff_mask(const struct diff_case *test, struct diff_result *result)
{
	uint32_t undefined = DIFF_ALL;
	size_t i;

	if (!result->has_registers) {
		memset(result->general, 0, sizeof(result->general));
		memset(result->fxsave, 0, sizeof(result->fxsave));
		return;
	}
	if (!test->raw)
		undefined = diff_undefined_at(test, result->general[MTI_RIP]);
	result->general[MTI_RFLAGS] &= ~(uint64_t)undefined;
	/* 80 of 128 bits are the register. */
	for (i = 0; i < 8; i++)
		memset(result->fxsave + X87 + 16 * i + 10, 0, 6);
	memset(result->fxsave + MXCSR_MASK, 0, 4);
	memset(result->fxsave + RESERVED, 0, DIFF_FXSAVE_BYTES - RESERVED);
}

static unsigned int number(FILE *out, const char *what, uint64_t a, uint64_t b)
{
	if (a == b)
		return 0;
	if (out)
		fprintf(out, "  %-10s 0x%-16" PRIx64 " 0x%" PRIx64 "\n", what,
			a, b);
	return 1;
}

static void hex(FILE *out, const uint8_t *bytes, size_t size)
{
	while (size > 0)
		fprintf(out, "%02x", bytes[--size]);
}

static unsigned int bytes(FILE *out, const char *what, size_t index,
			  const uint8_t *a, const uint8_t *b, size_t size)
{
	if (memcmp(a, b, size) == 0)
		return 0;
	if (out) {
		fprintf(out, "  %s%-7zu ", what, index);
		hex(out, a, size);
		fprintf(out, " ");
		hex(out, b, size);
		fprintf(out, "\n");
	}
	return 1;
}

static unsigned int vector(FILE *out, const uint8_t *a, const uint8_t *b)
{
	static const struct {
		const char *name;
		size_t at;
		size_t size;
	} words[] = {
		{ "fcw", 0, 2 },  { "fsw", 2, 2 },  { "ftw", 4, 1 },
		{ "fop", 6, 2 },  { "fip", 8, 8 },  { "fdp", 16, 8 },
		{ "mxcsr", 24, 4 },
	};
	unsigned int found = 0;
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		uint64_t one = 0;
		uint64_t two = 0;

		memcpy(&one, a + words[i].at, words[i].size);
		memcpy(&two, b + words[i].at, words[i].size);
		found += number(out, words[i].name, one, two);
	}
	for (i = 0; i < 8; i++)
		found += bytes(out, "st", i, a + X87 + 16 * i,
			       b + X87 + 16 * i, 10);
	for (i = 0; i < 16; i++)
		found += bytes(out, "xmm", i, a + XMM + 16 * i,
			       b + XMM + 16 * i, 16);
	return found;
}

static unsigned int how_it_ended(FILE *out, const struct diff_result *a,
				 const struct diff_result *b)
{
	unsigned int found = number(out, "endless", a->endless, b->endless);

	found += number(out, "exit", a->kind, b->kind);
	found += number(out, "number", a->number, b->number);
	found += number(out, "value", a->value, b->value);
	found += number(out, "detail", a->detail, b->detail);
	found += number(out, "fault", a->fault, b->fault);
	found += number(out, "error code", a->error_code, b->error_code);
	found += number(out, "address", a->address, b->address);
	if (strcmp(a->text, b->text) != 0) {
		found++;
		if (out)
			fprintf(out, "  text       \"%s\" \"%s\"\n", a->text,
				b->text);
	}
	return found;
}

unsigned int diff_print(const struct diff_outcome *outcome,
			const struct diff_target *targets, FILE *out)
{
	const struct diff_result *a = &outcome->results[0];
	const struct diff_result *b = &outcome->results[1];
	unsigned int found;
	size_t i;

	if (out)
		fprintf(out, "  %-10s %-18s %s\n", "", targets[0].name,
			targets[1].name);
	found = how_it_ended(out, a, b);
	for (i = 0; i < MTI_AMD64_REGISTERS; i++)
		found += number(out, mti_amd64_register_names[i],
				a->general[i], b->general[i]);
	found += vector(out, a->fxsave, b->fxsave);
	if (outcome->same_memory)
		return found;
	if (out)
		fprintf(out, "  memory at 0x%" PRIx64, outcome->memory.gva);
	return found + bytes(out, "", 0, outcome->memory.bytes[0],
			     outcome->memory.bytes[1], 8);
}
