/*
 * The config as JSON. docs/SNAPSHOT-FORMAT.md is its description; addresses
 * and sets of bits are strings ("0x1f"), sizes and counts are numbers.
 */
#include "snap/config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <mote/version.h>

#include "abi/layout.h"
#include "arch/arch.h"
#include "base/error.h"
#include "snap/manifest.h"

/* Far above what a guest may have; all sums of two stay below 2^53. */
#define SIZE_MAX_READ (UINT64_C(1) << 47)

static const char *const root_keys[] = {
	"format", "mote",    "arch",  "abi",	 "backend", "page_size", "cpu",
	"sizes",  "memory",  "regions", "state", "program", "exports",
	"imports", NULL,
};
static const char *const bare_root_keys[] = {
	"format", "mote",   "arch", "abi",     "backend", "page_size", "cpu",
	"sizes",  "memory", "bare", "program", "exports", "imports",   NULL,
};
static const char *const cpu_keys[] = { "features", NULL };
static const char *const size_keys[] = { "heap", "stack", "io", NULL };
static const char *const memory_keys[] = { "size", "page_tables", "extents",
					   NULL };
static const char *const tables_keys[] = { "gpa", "size", NULL };
static const char *const extent_keys[] = { "gpa", "size", "layer", "offset",
					   NULL };
static const char *const region_keys[] = { "name", "gva", "gpa", "size",
					   "flags", NULL };
static const char *const export_keys[] = { "name", "signature", NULL };
static const char *const import_keys[] = { "name", "signature", "posted",
					   NULL };

static const char *arch_name(const struct mti_snap *snap)
{
	uint32_t machine = snap->origin.machine;
	const struct mti_arch *arch = snap->layout.bare ?
					      mti_arch_find_bare(machine) :
					      mti_arch_find(machine);

	return arch ? arch->name : NULL;
}

/* ------------------------------------------------------------- reading */

/* Before anything else: a newer format may have other fields. */
static void read_format(const struct mti_json_node *root)
{
	uint64_t format = mti_json_number(root, "format", MTI_JSON_NUMBER_MAX);

	if (format != MTI_CONFIG_FORMAT)
		mti_json_fail(root,
			      "format: %" PRIu64 "; this library reads %d",
			      format, MTI_CONFIG_FORMAT);
}

/* The first files have only some; nobody knows what their CPU had else. */
static uint64_t read_word(const struct mti_json_node *features, size_t word)
{
	const char *key = mti_feature_words[word];

	if (word >= MTI_CPU_FEATURE_WORDS_FIRST &&
	    !mti_json_find(features, key, JSON_STRING).value)
		return 0;
	return mti_json_hex(features, key, UINT64_MAX);
}

static void read_features(const struct mti_json_node *cpu,
			  const struct mti_snap_origin *here,
			  struct mti_snap_origin *origin)
{
	struct mti_json_node features =
		mti_json_get(cpu, "features", JSON_OBJECT);
	const char *keys[MTI_CPU_FEATURE_WORDS + 1];
	char missing[300];
	size_t i;

	for (i = 0; i < MTI_CPU_FEATURE_WORDS; i++) {
		keys[i] = mti_feature_words[i];
		origin->features[i] = read_word(&features, i);
	}
	keys[i] = NULL;
	mti_json_only(&features, keys);
	if (!here->backend[0])
		return;
	mti_features_missing(origin->features, here->features, missing,
			     sizeof(missing));
	if (missing[0])
		mti_json_fail(&features, "the CPU of backend \"%s\" lacks %s",
			      here->backend, missing);
}

/* Which one it was does not matter: what its CPU could is in the features. */
static void read_backend(const struct mti_json_node *root,
			 struct mti_snap_origin *origin)
{
	const char *text = mti_json_text(root, "backend");
	size_t length = strlen(text);

	if (length == 0 || length >= sizeof(origin->backend))
		mti_json_fail(root, "backend: \"%.32s\" is no name of one",
			      text);
	else
		memcpy(origin->backend, text, length);
}

static void read_arch(const struct mti_json_node *root, bool bare,
		      struct mti_snap_origin *origin)
{
	const char *text = mti_json_text(root, "arch");
	const struct mti_arch *arch = bare ? mti_arch_named_bare(text) :
					     mti_arch_named(text);

	if (arch)
		origin->machine = arch->machine;
	else
		mti_json_fail(root,
			      "arch: \"%.32s\" is none that this library has",
			      text);
}

static void read_origin(const struct mti_json_node *root,
			const struct mti_snap_origin *here, bool bare,
			struct mti_snap_origin *origin)
{
	struct mti_json_node cpu;
	uint64_t number;

	*origin = *here;
	(void)mti_json_text(root, "mote");
	read_arch(root, bare, origin);
	number = mti_json_number(root, "abi", UINT32_MAX);
	if (number != here->abi_version)
		mti_json_fail(root,
			      "abi: %" PRIu64 "; this library has %" PRIu32,
			      number, here->abi_version);
	read_backend(root, origin);
	number = mti_json_number(root, "page_size", UINT32_MAX);
	if (number != MOTE_PAGE_SIZE)
		mti_json_fail(root, "page_size: %" PRIu64 " is not %u", number,
			      MOTE_PAGE_SIZE);
	cpu = mti_json_get(root, "cpu", JSON_OBJECT);
	mti_json_only(&cpu, cpu_keys);
	read_features(&cpu, here, origin);
}

static void read_extents(const struct mti_json_node *memory,
			 struct mti_config *config)
{
	struct mti_json_node extents =
		mti_json_get(memory, "extents", JSON_ARRAY);
	size_t count = mti_json_count(&extents);
	size_t i;

	if (count > MTI_STORE_EXTENTS_MAX) {
		mti_json_fail(&extents, "%zu are more than %d", count,
			      MTI_STORE_EXTENTS_MAX);
		return;
	}
	config->extent_count = (uint32_t)count;
	for (i = 0; i < count; i++) {
		struct mti_json_node node =
			mti_json_item(&extents, i, JSON_OBJECT);
		struct mti_extent *extent = &config->extents[i];
		uint64_t layer;

		extent->gpa = mti_json_hex(&node, "gpa", SIZE_MAX_READ);
		extent->size = mti_json_number(&node, "size", SIZE_MAX_READ);
		extent->offset = mti_json_number(&node, "offset",
						 SIZE_MAX_READ);
		layer = mti_json_number(&node, "layer", MTI_MEMORY_LAYERS_MAX);
		if (layer < MTI_LAYER_MEMORY)
			mti_json_fail(&node, "layer %" PRIu64
				      " is not one of memory", layer);
		extent->file = (uint32_t)(layer - MTI_LAYER_MEMORY);
		mti_json_only(&node, extent_keys);
	}
}

static void read_memory(const struct mti_json_node *root,
			struct mti_config *config)
{
	struct mti_json_node memory = mti_json_get(root, "memory", JSON_OBJECT);
	struct mti_json_node tables =
		mti_json_get(&memory, "page_tables", JSON_OBJECT);

	config->layout.memory_size = mti_json_number(&memory, "size",
						     SIZE_MAX_READ);
	config->layout.page_table_gpa = mti_json_hex(&tables, "gpa",
						     SIZE_MAX_READ);
	config->layout.page_table_max = mti_json_number(&tables, "size",
							SIZE_MAX_READ);
	mti_json_only(&tables, tables_keys);
	read_extents(&memory, config);
	mti_json_only(&memory, memory_keys);
}

static const struct {
	char letter;
	uint32_t flag;
} flag_letters[] = {
	{ 'u', MTI_PT_USER },
	{ 'w', MTI_PT_WRITE },
	{ 'x', MTI_PT_EXECUTE },
};
#define FLAG_COUNT (sizeof(flag_letters) / sizeof(flag_letters[0]))

/* In the order of the table, each at most once. */
static uint32_t read_flags(const struct mti_json_node *region)
{
	struct mti_json_node node = mti_json_get(region, "flags", JSON_STRING);
	const char *text = node.value ? json_string_value(node.value) : "";
	uint32_t flags = 0;
	size_t i;

	for (i = 0; i < FLAG_COUNT; i++) {
		if (*text != flag_letters[i].letter)
			continue;
		flags |= flag_letters[i].flag;
		text++;
	}
	if (*text)
		mti_json_fail(&node, "\"%.16s\" is not \"uwx\" or some of it",
			      json_string_value(node.value));
	return flags;
}

static void read_regions(const struct mti_json_node *root,
			 struct mti_layout *layout)
{
	struct mti_json_node regions =
		mti_json_get(root, "regions", JSON_ARRAY);
	size_t count = mti_json_count(&regions);
	size_t i;

	if (count > MTI_REGIONS_MAX) {
		mti_json_fail(&regions, "%zu are more than %d", count,
			      MTI_REGIONS_MAX);
		return;
	}
	layout->region_count = count;
	for (i = 0; i < count; i++) {
		struct mti_json_node node =
			mti_json_item(&regions, i, JSON_OBJECT);
		struct mti_region *region = &layout->regions[i];

		region->gva = mti_json_hex(&node, "gva", SIZE_MAX_READ);
		region->gpa = mti_json_hex(&node, "gpa", SIZE_MAX_READ);
		region->size = mti_json_number(&node, "size", SIZE_MAX_READ);
		region->flags = read_flags(&node);
		mti_json_expect(&node, "name",
				mti_layout_name(layout, i));
		mti_json_only(&node, region_keys);
	}
}

static void read_sizes(const struct mti_json_node *root,
		       struct mti_layout_sizes *sizes)
{
	struct mti_json_node node = mti_json_get(root, "sizes", JSON_OBJECT);

	sizes->heap = mti_json_number(&node, "heap", SIZE_MAX_READ);
	sizes->stack = mti_json_number(&node, "stack", SIZE_MAX_READ);
	sizes->io = mti_json_number(&node, "io", SIZE_MAX_READ);
	mti_json_only(&node, size_keys);
}

/* Of those that are 32 bits. */
static uint64_t state_max(enum mti_cpu_part part)
{
	return part == MTI_CPU_WORD_0 || part == MTI_CPU_WORD_1 ? UINT32_MAX
								: UINT64_MAX;
}

static void read_state(const struct mti_json_node *root, uint32_t machine,
		       struct mti_snap_cpu *cpu)
{
	struct mti_json_node node = mti_json_get(root, "state", JSON_OBJECT);
	const struct mti_arch *arch = mti_arch_find(machine);
	const char *keys[MTI_CPU_PARTS + 3];
	enum mti_cpu_part part;
	size_t count = 0;

	for (part = 0; arch && part < MTI_CPU_PARTS; part++) {
		const char *name = arch->state[part].name;

		if (!name)
			continue;
		mti_cpu_state_set(&cpu->state, part,
				  mti_json_hex(&node, name, state_max(part)));
		keys[count++] = name;
	}
	cpu->dispatch_pc = mti_json_hex(&node, "dispatch_pc", UINT64_MAX);
	cpu->dispatch_sp = mti_json_hex(&node, "dispatch_sp", UINT64_MAX);
	keys[count++] = "dispatch_pc";
	keys[count++] = "dispatch_sp";
	keys[count] = NULL;
	mti_json_only(&node, keys);
}

static void read_program(const struct mti_json_node *root,
			 struct mti_digest *digest)
{
	struct mti_json_node node = mti_json_get(root, "program", JSON_STRING);

	if (node.value &&
	    !mti_digest_parse(json_string_value(node.value), digest))
		mti_json_fail(&node, "is not sha256: and 64 digits of 0-9 a-f");
}

void mti_config_read(struct mti_json_reader *reader, const void *data,
		     size_t size, const struct mti_snap_origin *here,
		     const struct mti_snap_origin *bare,
		     struct mti_config *config)
{
	struct mti_json_node root;
	bool is_bare;

	memset(config, 0, sizeof(*config));
	config->root = mti_json_parse(reader, data, size);
	if (!config->root)
		return;
	root = mti_json_root(reader, config->root);
	read_format(&root);
	is_bare = bare && mti_config_is_bare(&root);
	read_origin(&root, is_bare ? bare : here, is_bare, &config->origin);
	mti_json_only(&root, is_bare ? bare_root_keys : root_keys);
	read_sizes(&root, &config->layout.sizes);
	read_memory(&root, config);
	if (is_bare) {
		mti_config_read_bare(&root, config);
	} else {
		read_regions(&root, &config->layout);
		read_state(&root, config->origin.machine, &config->cpu);
	}
	read_program(&root, &config->program);
	(void)mti_json_get(&root, "exports", JSON_ARRAY);
	(void)mti_json_get(&root, "imports", JSON_ARRAY);
	if (reader->status == MOTE_OK)
		mti_config_check(&root, config);
}

void mti_config_fini(struct mti_config *config)
{
	json_decref(config->root);
	config->root = NULL;
}

static void check_table(const struct mti_json_node *root, const char *key,
			const struct mti_snap_function *functions, size_t count,
			bool imports)
{
	struct mti_json_node table = mti_json_get(root, key, JSON_ARRAY);
	size_t found = mti_json_count(&table);
	size_t i;

	if (found != count) {
		mti_json_fail(&table, "%zu functions; the program has %zu",
			      found, count);
		return;
	}
	for (i = 0; i < count; i++) {
		struct mti_json_node node =
			mti_json_item(&table, i, JSON_OBJECT);
		struct mti_json_node posted;

		mti_json_expect(&node, "name", functions[i].name);
		mti_json_expect(&node, "signature", functions[i].signature);
		mti_json_only(&node, imports ? import_keys : export_keys);
		if (!imports)
			continue;
		posted = mti_json_get(&node, "posted", JSON_TRUE);
		if (posted.value &&
		    json_is_true(posted.value) != functions[i].posted)
			mti_json_fail(&posted, "is not as in the program");
	}
}

void mti_config_check_tables(struct mti_json_reader *reader,
			     const struct mti_config *config,
			     const struct mti_snap_tables *tables)
{
	struct mti_json_node root = mti_json_root(reader, config->root);

	check_table(&root, "exports", tables->exports, tables->export_count,
		    false);
	check_table(&root, "imports", tables->imports, tables->import_count,
		    true);
}

/* ------------------------------------------------------------- writing */

/*
 * What follows passes NULL on: jansson's setters refuse it and return -1, and
 * give up what they were to own.
 */
static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static int set(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value);
}

static json_t *finish(json_t *value, int bad)
{
	if (!bad)
		return value;
	json_decref(value);
	return NULL;
}

static json_t *new_features(const struct mti_snap_origin *origin)
{
	json_t *object = json_object();
	int bad = 0;
	size_t i;

	for (i = 0; i < MTI_CPU_FEATURE_WORDS; i++)
		bad |= set(object, mti_feature_words[i],
			   mti_json_hex_new(origin->features[i]));
	return finish(object, bad);
}

static json_t *new_extents(const struct mti_store *store)
{
	json_t *array = json_array();
	int bad = 0;
	uint32_t i;

	for (i = 0; i < store->extent_count; i++) {
		const struct mti_extent *extent = &store->extents[i];
		json_t *item = json_object();

		bad |= set(item, "gpa", mti_json_hex_new(extent->gpa));
		bad |= set(item, "size", number(extent->size));
		bad |= set(item, "layer",
			   number(MTI_LAYER_MEMORY + extent->file));
		bad |= set(item, "offset", number(extent->offset));
		bad |= json_array_append_new(array, item);
	}
	return finish(array, bad);
}

static json_t *new_memory(const struct mti_snap *snap)
{
	json_t *tables = json_object();
	json_t *object = json_object();
	int bad = 0;

	bad |= set(tables, "gpa",
		   mti_json_hex_new(snap->layout.page_table_gpa));
	bad |= set(tables, "size", number(snap->layout.page_table_max));
	bad |= set(object, "size", number(snap->layout.memory_size));
	bad |= set(object, "page_tables", tables);
	bad |= set(object, "extents", new_extents(snap->store));
	return finish(object, bad);
}

static json_t *new_flags(uint32_t flags)
{
	char text[FLAG_COUNT + 1] = { 0 };
	size_t used = 0;
	size_t i;

	for (i = 0; i < FLAG_COUNT; i++)
		if (flags & flag_letters[i].flag)
			text[used++] = flag_letters[i].letter;
	return json_string(text);
}

static json_t *new_regions(const struct mti_layout *layout)
{
	json_t *array = json_array();
	int bad = 0;
	size_t i;

	for (i = 0; i < layout->region_count; i++) {
		const struct mti_region *region = &layout->regions[i];
		json_t *item = json_object();

		bad |= set(item, "name",
			   json_string(mti_layout_name(layout, i)));
		bad |= set(item, "gva", mti_json_hex_new(region->gva));
		bad |= set(item, "gpa", mti_json_hex_new(region->gpa));
		bad |= set(item, "size", number(region->size));
		bad |= set(item, "flags", new_flags(region->flags));
		bad |= json_array_append_new(array, item);
	}
	return finish(array, bad);
}

static json_t *new_state(const struct mti_snap_cpu *cpu,
			 const struct mti_arch *arch)
{
	json_t *object = json_object();
	enum mti_cpu_part part;
	int bad = 0;

	for (part = 0; part < MTI_CPU_PARTS; part++)
		if (arch->state[part].name)
			bad |= set(object, arch->state[part].name,
				   mti_json_hex_new(mti_cpu_state_get(
					   &cpu->state, part)));
	bad |= set(object, "dispatch_pc", mti_json_hex_new(cpu->dispatch_pc));
	bad |= set(object, "dispatch_sp", mti_json_hex_new(cpu->dispatch_sp));
	return finish(object, bad);
}

static json_t *new_table(const struct mti_snap_function *functions,
			 size_t count, bool imports)
{
	json_t *array = json_array();
	int bad = 0;
	size_t i;

	for (i = 0; i < count; i++) {
		json_t *item = json_object();

		bad |= set(item, "name", json_string(functions[i].name));
		bad |= set(item, "signature",
			   json_string(functions[i].signature));
		if (imports)
			bad |= set(item, "posted",
				   json_boolean(functions[i].posted));
		bad |= json_array_append_new(array, item);
	}
	return finish(array, bad);
}

static int add_regions_and_state(json_t *root, const struct mti_snap *snap)
{
	const struct mti_arch *arch = mti_arch_find(snap->origin.machine);
	int bad = set(root, "regions", new_regions(&snap->layout));

	return bad | set(root, "state", new_state(&snap->cpu, arch));
}

static json_t *new_root(const struct mti_snap *snap,
			const struct mti_digest *program,
			const struct mti_snap_tables *tables)
{
	const struct mti_layout_sizes *sizes = &snap->layout.sizes;
	json_t *root = json_object();
	char digest[MTI_DIGEST_TEXT_BYTES];
	int bad = 0;

	mti_digest_text(program, digest);
	bad |= set(root, "format", number(MTI_CONFIG_FORMAT));
	bad |= set(root, "mote", json_string(MOTE_VERSION_STRING));
	bad |= set(root, "arch", json_string(arch_name(snap)));
	bad |= set(root, "abi", number(snap->origin.abi_version));
	bad |= set(root, "backend", json_string(snap->origin.backend));
	bad |= set(root, "page_size", number(MOTE_PAGE_SIZE));
	bad |= set(root, "cpu",
		   json_pack("{s:o}", "features", new_features(&snap->origin)));
	bad |= set(root, "sizes",
		   json_pack("{s:I, s:I, s:I}", "heap", (json_int_t)sizes->heap,
			     "stack", (json_int_t)sizes->stack, "io",
			     (json_int_t)sizes->io));
	bad |= set(root, "memory", new_memory(snap));
	if (snap->layout.bare)
		bad |= mti_config_add_bare(root, snap);
	else
		bad |= add_regions_and_state(root, snap);
	bad |= set(root, "program", json_string(digest));
	bad |= set(root, "exports",
		   new_table(tables->exports, tables->export_count, false));
	bad |= set(root, "imports",
		   new_table(tables->imports, tables->import_count, true));
	return finish(root, bad);
}

mote_status mti_config_new(const struct mti_snap *snap,
			   const struct mti_digest *program,
			   const struct mti_snap_tables *tables, json_t **root,
			   mote_error *err)
{
	if (!arch_name(snap))
		return mti_error_set(err, MOTE_E_INVALID, "save snapshot",
				     "machine %" PRIu32 " has no name",
				     snap->origin.machine);
	*root = new_root(snap, program, tables);
	if (!*root)
		return mti_error_set(err, MOTE_E_NO_MEMORY, "save snapshot",
				     "no memory for the config");
	return MOTE_OK;
}
