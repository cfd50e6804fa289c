/*
 * See argument.h.
 */
#include "argument.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "text.h"
#include "value.h"

static bool read_from_file(const char *label, const char *path,
			   mote_value *value, void **block,
			   struct cli_failure *failure)
{
	char quoted[512];
	struct cli_text text;
	size_t size = 0;
	int error = cli_read_file(path, block, &size);

	if (error) {
		cli_text_init(&text, quoted, sizeof(quoted));
		cli_text_quote(&text, path);
		cli_fail(failure, CLI_EXIT_USAGE, MOTE_E_INVALID,
			 "%s: cannot read %s: %s", label, quoted,
			 strerror(error));
		failure->error.os_errno = error;
		return false;
	}
	memset(value, 0, sizeof(*value));
	value->type = MOTE_TYPE_BYTES;
	value->as.bytes.data = *block;
	value->as.bytes.size = size;
	return true;
}

/* A second reader would get no bytes, and nobody would notice. */
static bool take_input(const char *label, struct cli_input *input,
		       struct cli_failure *failure)
{
	if (input->taken[0])
		return cli_fail(failure, CLI_EXIT_USAGE, MOTE_E_INVALID,
				"%s: standard input is %s already; give the "
				"bytes as @FILE",
				label, input->taken);
	snprintf(input->taken, sizeof(input->taken), "%s", label);
	return true;
}

bool cli_argument_read(const char *label, mote_type type, const char *text,
		       struct cli_input *input, mote_value *value, void **block,
		       struct cli_failure *failure)
{
	char quoted[512];
	char reason[256];
	struct cli_text quote;
	struct cli_text why;

	*block = NULL;
	if (type == MOTE_TYPE_BYTES && strcmp(text, "@-") == 0 &&
	    !take_input(label, input, failure))
		return false;
	if (type == MOTE_TYPE_BYTES && text[0] == '@')
		return read_from_file(label, text + 1, value, block, failure);
	cli_text_init(&why, reason, sizeof(reason));
	if (cli_value_parse(type, text, value, block, &why))
		return true;
	cli_text_init(&quote, quoted, sizeof(quoted));
	cli_text_quote(&quote, text);
	return cli_fail(failure, CLI_EXIT_USAGE, MOTE_E_SIGNATURE, "%s: %s %s",
			label, quoted, reason);
}

/* -t, --timeout; not -1, not a minus alone. */
static bool is_option(const char *text)
{
	return text[0] == '-' && !strchr("0123456789.", text[1]);
}

static void wrong_count(const struct cli_prototype *prototype, char **texts,
			size_t count, const char *after,
			struct cli_failure *failure)
{
	char buffer[CLI_PROTOTYPE_TEXT_MAX];
	struct cli_text text;

	cli_text_init(&text, buffer, sizeof(buffer));
	cli_prototype_add(&text, prototype);
	cli_fail(failure, CLI_EXIT_USAGE, MOTE_E_SIGNATURE,
		 "%s takes %zu argument%s, not %zu", prototype->name,
		 prototype->count, prototype->count == 1 ? "" : "s", count);
	cli_hint(failure, "  %s", buffer);
	if (count > prototype->count && is_option(texts[prototype->count]))
		cli_hint(failure, "options go before %s", after);
}

bool cli_arguments_init(struct cli_arguments *arguments,
			const struct cli_prototype *prototype, char **texts,
			size_t count, const char *after,
			struct cli_input *input, struct cli_failure *failure)
{
	char label[MOTE_NAME_MAX + 32];
	struct cli_text text;

	arguments->count = 0;
	if (count != prototype->count) {
		wrong_count(prototype, texts, count, after, failure);
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		const struct cli_parameter *it = &prototype->parameters[i];

		cli_text_init(&text, label, sizeof(label));
		cli_text_add(&text, "argument %zu", i + 1);
		if (it->name[0])
			cli_text_add(&text, " (%s)", it->name);
		if (!cli_argument_read(label, it->type, texts[i], input,
				       &arguments->values[i],
				       &arguments->blocks[i], failure))
			return false;
		arguments->count++;
	}
	return true;
}

void cli_arguments_fini(struct cli_arguments *arguments)
{
	for (size_t i = 0; i < arguments->count; i++)
		free(arguments->blocks[i]);
	arguments->count = 0;
}
