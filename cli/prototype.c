/*
 * See prototype.h. Names come from an untrusted file: cut and made safe to
 * show when they are copied.
 */
#include "prototype.h"

#include <string.h>

static bool type_of_letter(char letter, mote_type *type)
{
#define CASE(name, number, sign, text)                                         \
	case sign:                                                             \
		*type = MOTE_TYPE_##name;                                      \
		return true;
	switch (letter) {
		MOTE_TYPE_MAP(CASE)
	default:
		return false;
	}
#undef CASE
}

static void copy_name(char *out, size_t capacity, const char *name,
		      size_t length)
{
	struct cli_text text;

	cli_text_init(&text, out, capacity);
	cli_text_clean(&text, name, length);
}

/* "name,count": the names of the parameters in turn, as far as they go. */
static void read_names(const char *names, struct cli_prototype *out)
{
	for (size_t i = 0; i < out->count && *names; i++) {
		size_t length = strcspn(names, ",");

		copy_name(out->parameters[i].name,
			  sizeof(out->parameters[i].name), names, length);
		names += length;
		if (*names == ',')
			names++;
	}
}

bool cli_prototype_read(const mote_function *function,
			struct cli_prototype *out)
{
	const char *letter = function->signature;

	memset(out, 0, sizeof(*out));
	copy_name(out->name, sizeof(out->name), function->name,
		  strlen(function->name));
	if (!type_of_letter(*letter, &out->result))
		return false;
	letter++;
	if (*letter++ != '(')
		return false;
	while (*letter && *letter != ')') {
		if (out->count == MOTE_ARGUMENTS_MAX)
			return false;
		if (!type_of_letter(*letter++,
				    &out->parameters[out->count].type))
			return false;
		if (out->parameters[out->count++].type == MOTE_TYPE_VOID)
			return false;
	}
	if (strcmp(letter, ")") != 0)
		return false;
	if (function->parameters)
		read_names(function->parameters, out);
	return true;
}

void cli_prototype_add(struct cli_text *text,
		       const struct cli_prototype *prototype)
{
	cli_text_add(text, "%s(", prototype->name);
	for (size_t i = 0; i < prototype->count; i++) {
		const struct cli_parameter *it = &prototype->parameters[i];

		cli_text_add(text, "%s%s%s%s", i ? ", " : "",
			     mote_type_name(it->type), it->name[0] ? " " : "",
			     it->name);
	}
	cli_text_add(text, ") -> %s", mote_type_name(prototype->result));
}
