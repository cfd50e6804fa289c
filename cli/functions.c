/*
 * See functions.h.
 */
#include "functions.h"

#include <string.h>

#include "near.h"
#include "text.h"

static size_t table_size(const mote_image *image, enum cli_table table)
{
	mote_image_info info = MOTE_IMAGE_INFO_INIT;

	if (mote_image_describe(image, &info, NULL) != MOTE_OK)
		return 0;
	return table == CLI_EXPORTS ? info.export_count : info.import_count;
}

static bool get(const mote_image *image, enum cli_table table, size_t index,
		struct cli_prototype *prototype, bool *posted)
{
	mote_function function;
	mote_status status;

	status = table == CLI_EXPORTS
			 ? mote_image_export(image, index, &function, NULL)
			 : mote_image_import(image, index, &function, NULL);
	if (status != MOTE_OK || !cli_prototype_read(&function, prototype))
		return false;
	*posted = function.posted;
	return true;
}

bool cli_import_repeated(const mote_image *image, size_t index)
{
	mote_function wanted;
	mote_function function;

	if (mote_image_import(image, index, &wanted, NULL) != MOTE_OK)
		return false;
	for (size_t i = 0; i < index; i++) {
		if (mote_image_import(image, i, &function, NULL) == MOTE_OK &&
		    strcmp(function.name, wanted.name) == 0)
			return true;
	}
	return false;
}

static void hint_prototype(struct cli_failure *failure,
			   const struct cli_prototype *prototype, bool posted)
{
	char buffer[CLI_PROTOTYPE_TEXT_MAX];
	struct cli_text text;

	cli_text_init(&text, buffer, sizeof(buffer));
	cli_prototype_add(&text, prototype);
	cli_hint(failure, "  %s%s", buffer, posted ? "  (posted)" : "");
}

void cli_hint_functions(struct cli_failure *failure, const mote_image *image,
			enum cli_table table)
{
	const char *what = table == CLI_EXPORTS ? "functions" : "imports";
	size_t count = table_size(image, table);
	struct cli_prototype prototype;
	size_t listed = 0;
	bool posted;

	if (count == 0) {
		cli_hint(failure, "it has no %s", what);
		return;
	}
	cli_hint(failure, "its %s:", what);
	for (size_t i = 0; i < count; i++) {
		if (listed == CLI_LISTED_MAX) {
			cli_hint(failure, "  ... 'mote inspect' lists all");
			return;
		}
		if ((table == CLI_IMPORTS && cli_import_repeated(image, i)) ||
		    !get(image, table, i, &prototype, &posted))
			continue;
		hint_prototype(failure, &prototype, posted);
		listed++;
	}
}

/* The likely ones if there are any, else all. */
static void suggest(struct cli_failure *failure, const mote_image *image,
		    const char *name)
{
	size_t count = table_size(image, CLI_EXPORTS);
	struct cli_prototype prototype;
	size_t found = 0;
	bool posted;

	for (size_t i = 0; i < count && found < CLI_LISTED_MAX; i++) {
		if (!get(image, CLI_EXPORTS, i, &prototype, &posted) ||
		    !cli_name_near(name, prototype.name))
			continue;
		if (found++ == 0)
			cli_hint(failure, "did you mean");
		hint_prototype(failure, &prototype, posted);
	}
	if (found == 0)
		cli_hint_functions(failure, image, CLI_EXPORTS);
}

bool cli_find_export(const mote_image *image, const char *name,
		     const char *after, struct cli_prototype *prototype,
		     struct cli_failure *failure)
{
	size_t count = table_size(image, CLI_EXPORTS);
	char quoted[512];
	struct cli_text text;
	bool posted;

	for (size_t i = 0; i < count; i++) {
		if (get(image, CLI_EXPORTS, i, prototype, &posted) &&
		    strcmp(prototype->name, name) == 0)
			return true;
	}
	cli_text_init(&text, quoted, sizeof(quoted));
	cli_text_quote(&text, name);
	cli_fail(failure, CLI_EXIT_USAGE, MOTE_E_NOT_FOUND,
		 "the guest has no function %s", quoted);
	if (name[0] == '-')
		cli_hint(failure, "options go before %s", after);
	else
		suggest(failure, image, name);
	return false;
}

/* "-- word ..." */
static void add_main(struct cli_text *text,
		     const struct cli_run_options *options)
{
	cli_text_add(text, " -- ");
	cli_text_word(text, options->function);
	for (size_t i = 0; i < options->arg_count; i++) {
		cli_text_add(text, " ");
		cli_text_word(text, options->args[i]);
	}
}

/* What is saved is a state between calls, and main is none. */
static void hint_save(struct cli_failure *failure,
		      const struct cli_run_options *options)
{
	char buffer[1024];
	struct cli_text text;

	cli_hint(failure, "to save the state before main, and run it later:");
	cli_text_init(&text, buffer, sizeof(buffer));
	cli_text_add(&text, "  mote snapshot save ");
	cli_text_word(&text, options->save);
	cli_text_add(&text, " ");
	cli_text_word(&text, options->guest);
	cli_hint(failure, "%s", buffer);
	cli_text_init(&text, buffer, sizeof(buffer));
	cli_text_add(&text, "  mote run --snapshot ");
	cli_text_word(&text, options->save);
	add_main(&text, options);
	cli_hint(failure, "%s", buffer);
}

void cli_hint_main(struct cli_failure *failure, const mote_image *image,
		   const struct cli_run_options *options)
{
	mote_image_info info = MOTE_IMAGE_INFO_INIT;
	char buffer[1024];
	struct cli_text text;

	if (mote_image_describe(image, &info, NULL) != MOTE_OK ||
	    !info.has_main)
		return;
	/* Among functions, a mistyped name is likelier. */
	if (info.export_count > 0 && options->function[0] != '-')
		return;
	if (options->saves) {
		hint_save(failure, options);
		return;
	}
	cli_text_init(&text, buffer, sizeof(buffer));
	cli_text_add(&text, "mote %s ", options->debug ? "debug" : "run");
	if (options->snapshot)
		cli_text_add(&text, "--snapshot ");
	cli_text_word(&text, options->snapshot ? options->snapshot :
						 options->guest);
	add_main(&text, options);
	cli_hint(failure, "to pass arguments to main: %s", buffer);
}

bool cli_find_main(const mote_image *image, struct cli_failure *failure)
{
	mote_image_info info = MOTE_IMAGE_INFO_INIT;

	if (mote_image_describe(image, &info, NULL) == MOTE_OK && info.has_main)
		return true;
	cli_fail(failure, CLI_EXIT_USAGE, MOTE_E_NOT_FOUND,
		 "the guest has no main; name the FUNCTION to call");
	cli_hint_functions(failure, image, CLI_EXPORTS);
	return false;
}
