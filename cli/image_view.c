/*
 * See image_view.h.
 */
#include "image_view.h"

#include <elf.h>
#include <inttypes.h>
#include <stdio.h>

#include <mote/bare.h>

#include "functions.h"
#include "json.h"
#include "prototype.h"
#include "text.h"

const char *cli_protection_text(uint32_t protection)
{
	static const char *const texts[] = { "---", "r--", "-w-", "rw-",
					     "--x", "r-x", "-wx", "rwx" };

	_Static_assert(MOTE_PROT_READ == 1 && MOTE_PROT_WRITE == 2 &&
			       MOTE_PROT_EXECUTE == 4,
		       "index of the table");
	return texts[protection & 7];
}

const char *cli_machine_text(uint32_t machine)
{
	switch (machine) {
	case EM_386:
		return "i686";
	case EM_X86_64:
		return "x86_64";
	case EM_AARCH64:
		return "aarch64";
	default:
		return "another";
	}
}

const char *cli_bare_mode_text(uint32_t mode)
{
	switch (mode) {
	case MOTE_BARE_MODE_REAL:
		return "real (16-bit)";
	case MOTE_BARE_MODE_PROTECTED:
		return "protected (32-bit)";
	case MOTE_BARE_MODE_PAGED:
		return "paged (32-bit)";
	case MOTE_BARE_MODE_PAGED_PAE:
		return "paged-pae (32-bit)";
	case MOTE_BARE_MODE_LONG:
		return "long (64-bit)";
	default:
		return "another";
	}
}

static void print_function(const mote_function *function)
{
	char buffer[CLI_PROTOTYPE_TEXT_MAX];
	struct cli_prototype prototype;
	struct cli_text text;

	if (!cli_prototype_read(function, &prototype))
		return;
	cli_text_init(&text, buffer, sizeof(buffer));
	cli_prototype_add(&text, &prototype);
	printf("  %s%s\n", buffer, function->posted ? "  (posted)" : "");
}

void cli_print_functions(const mote_image *image)
{
	mote_image_info info = MOTE_IMAGE_INFO_INIT;
	mote_function function;

	if (mote_image_describe(image, &info, NULL) != MOTE_OK)
		return;
	printf("\nfunctions\n");
	for (size_t i = 0; i < info.export_count; i++) {
		if (mote_image_export(image, i, &function, NULL) == MOTE_OK)
			print_function(&function);
	}
	if (info.export_count == 0)
		printf("  none\n");
	printf("\nimports\n");
	for (size_t i = 0; i < info.import_count; i++) {
		if (!cli_import_repeated(image, i) &&
		    mote_image_import(image, i, &function, NULL) == MOTE_OK)
			print_function(&function);
	}
	if (info.import_count == 0)
		printf("  none\n");
}

static json_t *json_segments(const mote_image *image,
			     const mote_image_info *info)
{
	json_t *list = json_array();
	mote_segment segment;

	for (size_t i = 0; i < info->segment_count; i++) {
		json_t *row;

		if (mote_image_segment(image, i, &segment, NULL) != MOTE_OK)
			continue;
		row = json_object();
		cli_json_set(row, "address", cli_json_address(segment.address));
		cli_json_set(row, "memory_size",
			     json_integer((json_int_t)segment.memory_size));
		cli_json_set(row, "file_offset",
			     json_integer((json_int_t)segment.file_offset));
		cli_json_set(row, "file_size",
			     json_integer((json_int_t)segment.file_size));
		cli_json_set(row, "protection",
			     json_string(cli_protection_text(
				     segment.protection)));
		cli_json_append(list, row);
	}
	return list;
}

static void json_function(json_t *list, const mote_function *function,
			  bool import)
{
	struct cli_prototype prototype;
	json_t *row;

	if (!cli_prototype_read(function, &prototype))
		return;
	row = cli_json_prototype(&prototype);
	cli_json_set(row, "signature", json_string(function->signature));
	if (import)
		cli_json_set(row, "posted", json_boolean(function->posted));
	cli_json_append(list, row);
}

void cli_json_image(const mote_image *image, json_t *object)
{
	json_t *functions = json_array();
	json_t *imports = json_array();
	mote_image_info info = MOTE_IMAGE_INFO_INIT;
	mote_function function;

	if (mote_image_describe(image, &info, NULL) != MOTE_OK)
		info.export_count = info.import_count = 0;
	for (size_t i = 0; i < info.export_count; i++) {
		if (mote_image_export(image, i, &function, NULL) == MOTE_OK)
			json_function(functions, &function, false);
	}
	for (size_t i = 0; i < info.import_count; i++) {
		if (!cli_import_repeated(image, i) &&
		    mote_image_import(image, i, &function, NULL) == MOTE_OK)
			json_function(imports, &function, true);
	}
	cli_json_set(object, "abi_version",
		     json_integer((json_int_t)info.abi_version));
	cli_json_set(object, "machine",
		     json_string(cli_machine_text(info.machine)));
	cli_json_set(object, "bare_mode",
		     info.bare_mode ?
			     json_string(cli_bare_mode_text(info.bare_mode)) :
			     json_null());
	cli_json_set(object, "position_independent",
		     json_boolean(info.position_independent));
	cli_json_set(object, "entry", cli_json_address(info.entry));
	cli_json_set(object, "has_main", json_boolean(info.has_main));
	cli_json_set(object, "segments", json_segments(image, &info));
	cli_json_set(object, "functions", functions);
	cli_json_set(object, "imports", imports);
}
