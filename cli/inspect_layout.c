/*
 * See inspect_layout.h. Nothing of a snapshot runs here, and no hypervisor
 * is needed.
 */
#include "inspect_layout.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mote/snapshot.h>

#include "failure.h"
#include "image_view.h"
#include "json.h"
#include "layout_name.h"
#include "text.h"
#include "units.h"

struct view {
	const char *command;
	bool json;
	struct cli_failure failure;
	struct cli_layout_name name;
	mote_engine *engine;
	mote_snapshot *snapshot;
	mote_snapshot_info info;
	json_t *list; /* of the layout */
	size_t entries;
};

static int add_entry(void *user, const mote_layout_entry *entry)
{
	const bool readable = entry->bytes > 0;
	struct view *view = user;
	char size[32] = "?";
	json_t *row;

	view->entries++;
	if (!view->json) {
		if (readable)
			cli_format_size(entry->bytes, size, sizeof(size));
		printf("%-20s  %10s  %s%s\n", entry->tag[0] ? entry->tag : "-",
		       size, entry->digest,
		       readable ? "" : "  (its manifest cannot be read)");
		return 0;
	}
	row = json_object();
	cli_json_set(row, "tag",
		     entry->tag[0] ? json_string(entry->tag) : json_null());
	cli_json_set(row, "bytes",
		     readable ? json_integer((json_int_t)entry->bytes) :
				json_null());
	cli_json_set(row, "digest", json_string(entry->digest));
	cli_json_append(view->list, row);
	return 0;
}

static void list_layout(struct view *view)
{
	view->list = json_array();
	if (mote_layout_list(view->name.directory, add_entry, view,
			     &view->failure.error) != MOTE_OK)
		(void)cli_fail_layout(&view->failure);
	else if (view->entries == 0 && !view->json)
		printf("no snapshots\n");
}

static bool load(struct view *view)
{
	mote_engine_options options = MOTE_ENGINE_OPTIONS_INIT;
	mote_error *error = &view->failure.error;

	options.backend = "none";
	/* Nothing of it is made. */
	options.load_max_bytes = UINT64_MAX;
	if (mote_engine_new(&options, &view->engine, error) != MOTE_OK ||
	    mote_snapshot_load(view->engine, view->name.directory,
			       view->name.reference, 0, &view->snapshot,
			       error) != MOTE_OK ||
	    mote_snapshot_describe(view->snapshot, &view->info, error) !=
		    MOTE_OK)
		return cli_fail_layout(&view->failure);
	return true;
}

static void print_sizes(const struct view *view)
{
	const struct {
		const char *name;
		uint64_t bytes;
	} rows[] = {
		{ "memory", view->info.memory_size },
		{ "stored", view->info.stored_bytes },
		{ "own", view->info.own_bytes },
		{ "heap", view->info.heap_bytes },
		{ "stack", view->info.stack_bytes },
		{ "io", view->info.io_bytes },
	};
	char size[32];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cli_format_size(rows[i].bytes, size, sizeof(size));
		printf("%-7s %s\n", rows[i].name, size);
	}
}

static void print_extents(const struct view *view)
{
	size_t count = mote_snapshot_extent_count(view->snapshot);
	mote_snapshot_extent extent;
	char size[32];
	size_t i;

	printf("\npopulated memory\n");
	printf("  %-18s  %-18s  %-10s  %-5s  %-6s  %s\n", "guest-virtual",
	       "guest-physical", "size", "perms", "stored", "area");
	for (i = 0; i < count; i++) {
		char gva[24] = "-";

		if (mote_snapshot_get_extent(view->snapshot, i, &extent,
					     NULL) != MOTE_OK)
			continue;
		if (extent.gva != UINT64_MAX)
			snprintf(gva, sizeof(gva), "0x%016" PRIx64, extent.gva);
		cli_format_size(extent.bytes, size, sizeof(size));
		printf("  %-18s  0x%016" PRIx64 "  %-10s  %-5s  %-6s  %s\n",
		       gva, extent.gpa, size,
		       cli_protection_text(extent.protection),
		       extent.shared ? "shared" : "own", extent.area);
	}
}

static void print_guest(const struct view *view)
{
	const mote_image *image = mote_snapshot_image(view->snapshot);
	mote_image_info info = MOTE_IMAGE_INFO_INIT;

	if (mote_image_describe(image, &info, NULL) == MOTE_OK)
		printf("CPU     %s\n", cli_machine_text(info.machine));
	if (info.bare_mode != 0)
		printf("kind    bare, had started in %s mode\n",
		       cli_bare_mode_text(info.bare_mode));
	print_sizes(view);
	print_extents(view);
	if (info.bare_mode == 0)
		cli_print_functions(image);
}

static json_t *json_extents(const struct view *view)
{
	size_t count = mote_snapshot_extent_count(view->snapshot);
	mote_snapshot_extent extent;
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < count; i++) {
		json_t *row;

		if (mote_snapshot_get_extent(view->snapshot, i, &extent,
					     NULL) != MOTE_OK)
			continue;
		row = json_object();
		cli_json_set(row, "gva",
			     extent.gva == UINT64_MAX
				     ? json_null()
				     : cli_json_address(extent.gva));
		cli_json_set(row, "gpa", cli_json_address(extent.gpa));
		cli_json_set(row, "bytes",
			     json_integer((json_int_t)extent.bytes));
		cli_json_set(row, "protection",
			     json_string(
				     cli_protection_text(extent.protection)));
		cli_json_set(row, "shared", json_boolean(extent.shared));
		cli_json_set(row, "area", json_string(extent.area));
		cli_json_append(list, row);
	}
	return list;
}

static void json_snapshot(const struct view *view, json_t *object)
{
	const mote_snapshot_info *info = &view->info;

	cli_json_set(object, "kind", json_string("snapshot"));
	cli_json_set(object, "memory_size",
		     json_integer((json_int_t)info->memory_size));
	cli_json_set(object, "stored_bytes",
		     json_integer((json_int_t)info->stored_bytes));
	cli_json_set(object, "own_bytes",
		     json_integer((json_int_t)info->own_bytes));
	cli_json_set(object, "heap_bytes",
		     json_integer((json_int_t)info->heap_bytes));
	cli_json_set(object, "stack_bytes",
		     json_integer((json_int_t)info->stack_bytes));
	cli_json_set(object, "io_bytes",
		     json_integer((json_int_t)info->io_bytes));
	cli_json_set(object, "extents", json_extents(view));
	cli_json_image(mote_snapshot_image(view->snapshot), object);
}

static int report(struct view *view, const char *text)
{
	int error = 0;

	if (view->json) {
		json_t *object = json_object();

		cli_json_set(object, "file",
			     cli_json_text(text, strlen(text)));
		cli_json_set(object, "error", cli_json_failure(&view->failure));
		if (view->list && view->failure.exit == CLI_EXIT_DONE)
			cli_json_set(object, "snapshots",
				     json_incref(view->list));
		if (view->snapshot && view->failure.exit == CLI_EXIT_DONE)
			json_snapshot(view, object);
		error = cli_json_print(object, NULL);
		json_decref(object);
	} else if (view->failure.exit != CLI_EXIT_DONE) {
		cli_failure_print(&view->failure, view->command);
	} else if (view->snapshot) {
		char name[1024];
		struct cli_text clean;

		cli_text_init(&clean, name, sizeof(name));
		cli_text_clean(&clean, text, strlen(text));
		printf("%s: Mote snapshot\n", name);
		print_guest(view);
	}
	return cli_end(&view->failure, view->command, error);
}

static bool fail_list(struct view *view, const char *text)
{
	char quoted[512];
	struct cli_text out;

	cli_text_init(&out, quoted, sizeof(quoted));
	cli_text_quote(&out, text);
	return cli_fail(&view->failure, CLI_EXIT_USAGE, MOTE_E_INVALID,
			"%s has a tag; list takes DIR", quoted);
}

static int show(const char *text, bool json, bool wants_list,
		const char *command)
{
	struct view *view = calloc(1, sizeof(*view));
	int status;

	if (!view) {
		fprintf(stderr, "mote %s: out of memory\n", command);
		return CLI_EXIT_HOST;
	}
	view->command = command;
	view->json = json;
	cli_failure_init(&view->failure);
	view->info = (mote_snapshot_info)MOTE_SNAPSHOT_INFO_INIT;
	if (cli_layout_name_read(text, false, &view->name, &view->failure)) {
		if (view->name.reference[0] == '\0')
			list_layout(view);
		else if (wants_list)
			(void)fail_list(view, text);
		else
			(void)load(view);
	}
	status = report(view, text);
	json_decref(view->list);
	mote_snapshot_unref(view->snapshot);
	mote_engine_unref(view->engine);
	free(view);
	return status;
}

int cli_inspect_layout(const char *text, bool json)
{
	return show(text, json, false, "inspect");
}

int cli_list_layout(const char *text, bool json, const char *command)
{
	return show(text, json, true, command);
}
