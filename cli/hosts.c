/*
 * See hosts.h.
 */
#include "hosts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "functions.h"
#include "prototype.h"
#include "text.h"

/* As mote.h says of io_bytes. */
#define IO_DEFAULT (UINT64_C(1) << 20)

static mote_status give_constant(void *user, mote_host_call *call,
				 const mote_value *args, size_t count,
				 mote_value *result)
{
	const struct cli_host *host = user;

	(void)call;
	(void)args;
	(void)count;
	*result = host->result;
	return MOTE_OK;
}

static bool find_import(const mote_image *image,
			const struct cli_host_text *wanted, mote_function *out)
{
	mote_image_info info = MOTE_IMAGE_INFO_INIT;

	if (mote_image_describe(image, &info, NULL) != MOTE_OK)
		return false;
	for (size_t i = 0; i < info.import_count; i++) {
		if (mote_image_import(image, i, out, NULL) != MOTE_OK)
			return false;
		if (strlen(out->name) == wanted->name_length &&
		    memcmp(out->name, wanted->name, wanted->name_length) == 0)
			return true;
	}
	return false;
}

static bool unknown_import(const struct cli_host_text *wanted,
			   const mote_image *image, struct cli_failure *failure)
{
	char buffer[512];
	char name[128];
	struct cli_text text;

	cli_text_init(&text, name, sizeof(name));
	cli_text_add(&text, "%.*s", (int)wanted->name_length, wanted->name);
	cli_text_init(&text, buffer, sizeof(buffer));
	cli_text_quote(&text, name);
	cli_fail(failure, CLI_EXIT_USAGE, MOTE_E_NOT_FOUND,
		 "--host: the guest imports no function %s", buffer);
	cli_hint_functions(failure, image, CLI_IMPORTS);
	return false;
}

/* The most that a message can hold; 0: only the snapshot knows. */
static uint64_t room(const struct cli_run_options *options)
{
	if (options->io_bytes > 0)
		return options->io_bytes;
	return options->snapshot ? 0 : IO_DEFAULT;
}

static uint64_t size_of(const mote_value *value)
{
	if (value->type == MOTE_TYPE_STRING)
		return value->as.string.size;
	return value->type == MOTE_TYPE_BYTES ? value->as.bytes.size : 0;
}

/* The guest would be told, and need not tell anybody. */
static bool check_room(const char *label, const mote_value *result,
		       uint64_t most, struct cli_failure *failure)
{
	if (most == 0 || size_of(result) < most)
		return true;
	return cli_fail(failure, CLI_EXIT_USAGE, MOTE_E_INVALID,
			"%s: %" PRIu64 " bytes do not fit into messages of "
			"%" PRIu64 "; see --io",
			label, size_of(result), most);
}

static bool add_host(struct cli_hosts *hosts,
		     const struct cli_host_text *wanted,
		     const struct cli_run_options *options,
		     const mote_image *image, struct cli_input *input,
		     struct cli_failure *failure)
{
	struct cli_host *constant = &hosts->constants[hosts->count];
	struct cli_prototype prototype;
	char label[MOTE_NAME_MAX + 16];
	mote_function import;
	struct cli_text text;

	if (!find_import(image, wanted, &import) ||
	    !cli_prototype_read(&import, &prototype))
		return unknown_import(wanted, image, failure);
	cli_text_init(&text, label, sizeof(label));
	cli_text_add(&text, "--host %s", prototype.name);
	if (!cli_argument_read(label, prototype.result, wanted->text, input,
			       &constant->result, &constant->block, failure))
		return false;
	if (!check_room(label, &constant->result, room(options), failure)) {
		free(constant->block);
		return false;
	}
	hosts->functions[hosts->count] = (mote_host_function){
		.name = import.name,
		.signature = import.signature,
		.fn = give_constant,
		.user = constant,
	};
	hosts->count++;
	return true;
}

bool cli_hosts_init(struct cli_hosts *hosts,
		    const struct cli_run_options *options,
		    const mote_image *image, struct cli_input *input,
		    struct cli_failure *failure)
{
	hosts->count = 0;
	for (size_t i = 0; i < options->host_count; i++) {
		if (!add_host(hosts, &options->hosts[i], options, image, input,
			      failure))
			return false;
	}
	return true;
}

void cli_hosts_fini(struct cli_hosts *hosts)
{
	for (size_t i = 0; i < hosts->count; i++)
		free(hosts->constants[i].block);
	hosts->count = 0;
}

static bool offered(const struct cli_hosts *hosts, const char *name)
{
	for (size_t i = 0; i < hosts->count; i++) {
		if (strcmp(hosts->functions[i].name, name) == 0)
			return true;
	}
	return false;
}

/* What a person would write for a result of the type. */
static const char *example(mote_type type)
{
	switch (type) {
	case MOTE_TYPE_VOID:
		return "";
	case MOTE_TYPE_BOOL:
		return "=true";
	case MOTE_TYPE_STRING:
		return "=TEXT";
	case MOTE_TYPE_BYTES:
		return "=HEX";
	default:
		return "=0";
	}
}

void cli_hosts_hint(const struct cli_hosts *hosts, const mote_image *image,
		    struct cli_failure *failure)
{
	mote_image_info info = MOTE_IMAGE_INFO_INIT;
	struct cli_prototype prototype;
	mote_function import;
	size_t listed = 0;

	if (mote_image_describe(image, &info, NULL) != MOTE_OK)
		return;
	cli_hint(failure, "give each a constant result with");
	for (size_t i = 0; i < info.import_count; i++) {
		if (mote_image_import(image, i, &import, NULL) != MOTE_OK ||
		    !cli_prototype_read(&import, &prototype) ||
		    offered(hosts, import.name) ||
		    cli_import_repeated(image, i))
			continue;
		if (++listed > CLI_LISTED_MAX) {
			cli_hint(failure, "  ...");
			return;
		}
		cli_hint(failure, "  --host %s%s", prototype.name,
			 example(prototype.result));
	}
}
