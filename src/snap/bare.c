/*
 * What a config has of a bare guest: the hole in its memory, and all of its
 * CPU, in place of regions and state.
 */
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "abi/bare.h"
#include "abi/layout.h"
#include "base/checked.h"
#include "snap/config.h"

#define KEY "bare"
#define FIELDS_MAX 18
/* Below it a vector area is never cut: the header ends there. */
#define VECTOR_MIN 576

struct field {
	const char *name;
	size_t offset; /* of a uint64_t in mti_bare_state */
};

struct group {
	const char *name;
	struct field fields[FIELDS_MAX];
	size_t count;
};

#define AT(member) offsetof(struct mti_bare_state, member)
#define GENERAL(index) (AT(general) + (index) * sizeof(uint64_t))
#define DEBUG(index) (AT(dr) + (index) * sizeof(uint64_t))
#define MSR(index) (AT(msrs) + (index) * sizeof(uint64_t))

static const struct group groups[] = {
	{ "registers",
	  { { "rax", GENERAL(0) },   { "rbx", GENERAL(1) },
	    { "rcx", GENERAL(2) },   { "rdx", GENERAL(3) },
	    { "rsi", GENERAL(4) },   { "rdi", GENERAL(5) },
	    { "rbp", GENERAL(6) },   { "rsp", GENERAL(7) },
	    { "r8", GENERAL(8) },    { "r9", GENERAL(9) },
	    { "r10", GENERAL(10) },  { "r11", GENERAL(11) },
	    { "r12", GENERAL(12) },  { "r13", GENERAL(13) },
	    { "r14", GENERAL(14) },  { "r15", GENERAL(15) },
	    { "rip", GENERAL(16) },  { "rflags", GENERAL(17) } },
	  18 },
	{ "control",
	  { { "cr0", AT(cr0) },
	    { "cr2", AT(cr2) },
	    { "cr3", AT(cr3) },
	    { "cr4", AT(cr4) },
	    { "cr8", AT(cr8) },
	    { "efer", AT(efer) },
	    { "xcr0", AT(xcr0) } },
	  7 },
	{ "debug",
	  { { "dr0", DEBUG(0) },
	    { "dr1", DEBUG(1) },
	    { "dr2", DEBUG(2) },
	    { "dr3", DEBUG(3) },
	    { "dr6", AT(dr6) },
	    { "dr7", AT(dr7) } },
	  6 },
	{ "msrs",
	  { { "star", MSR(MTI_BARE_STAR) },
	    { "lstar", MSR(MTI_BARE_LSTAR) },
	    { "cstar", MSR(MTI_BARE_CSTAR) },
	    { "sfmask", MSR(MTI_BARE_SFMASK) },
	    { "kernel_gs_base", MSR(MTI_BARE_KERNEL_GS_BASE) },
	    { "sysenter_cs", MSR(MTI_BARE_SYSENTER_CS) },
	    { "sysenter_esp", MSR(MTI_BARE_SYSENTER_ESP) },
	    { "sysenter_eip", MSR(MTI_BARE_SYSENTER_EIP) },
	    { "pat", MSR(MTI_BARE_PAT) } },
	  MTI_BARE_MSRS },
};
#define GROUPS (sizeof(groups) / sizeof(groups[0]))

static const char *const segment_names[MTI_BARE_SEGMENTS] = {
	[MTI_BARE_CS] = "cs", [MTI_BARE_SS] = "ss",   [MTI_BARE_DS] = "ds",
	[MTI_BARE_ES] = "es", [MTI_BARE_FS] = "fs",   [MTI_BARE_GS] = "gs",
	[MTI_BARE_TR] = "tr", [MTI_BARE_LDT] = "ldt",
};

static const char *const bare_keys[] = {
	"hole", "generation", "serial", "registers", "control", "debug",
	"msrs", "segments",   "gdt",	"idt",	     "vector",	NULL,
};
static const char *const hole_keys[] = { "gpa", "size", NULL };
static const char *const segment_keys[] = { "base",	  "limit", "selector",
					    "attributes", "unusable", NULL };
static const char *const table_keys[] = { "base", "limit", NULL };

/* ------------------------------------------------------------- reading */

static void read_group(const struct mti_json_node *bare,
		       const struct group *group, struct mti_bare_state *state)
{
	struct mti_json_node node = mti_json_get(bare, group->name,
						 JSON_OBJECT);
	const char *keys[FIELDS_MAX + 1];
	uint64_t value;
	size_t i;

	for (i = 0; i < group->count; i++) {
		keys[i] = group->fields[i].name;
		value = mti_json_hex(&node, keys[i], UINT64_MAX);
		memcpy((uint8_t *)state + group->fields[i].offset, &value,
		       sizeof(value));
	}
	keys[i] = NULL;
	mti_json_only(&node, keys);
}

static void read_place(const struct mti_json_node *node,
		       struct mti_bare_segment *segment)
{
	segment->base = mti_json_hex(node, "base", UINT64_MAX);
	segment->limit = (uint32_t)mti_json_hex(node, "limit", UINT32_MAX);
}

static void read_segments(const struct mti_json_node *bare,
			  struct mti_bare_state *state)
{
	struct mti_json_node all = mti_json_get(bare, "segments", JSON_OBJECT);
	const char *keys[MTI_BARE_SEGMENTS + 1] = { NULL };
	struct mti_json_node unusable;
	struct mti_json_node node;
	int i;

	for (i = 0; i < MTI_BARE_SEGMENTS; i++) {
		struct mti_bare_segment *segment = &state->segments[i];

		keys[i] = segment_names[i];
		node = mti_json_get(&all, keys[i], JSON_OBJECT);
		read_place(&node, segment);
		segment->selector = (uint16_t)mti_json_hex(&node, "selector",
							   UINT16_MAX);
		segment->attributes = (uint16_t)mti_json_hex(
			&node, "attributes", UINT16_MAX);
		unusable = mti_json_get(&node, "unusable", JSON_TRUE);
		segment->unusable = json_is_true(unusable.value);
		mti_json_only(&node, segment_keys);
	}
	mti_json_only(&all, keys);
}

static void read_table(const struct mti_json_node *bare, const char *name,
		       struct mti_bare_segment *table)
{
	struct mti_json_node node = mti_json_get(bare, name, JSON_OBJECT);

	read_place(&node, table);
	mti_json_only(&node, table_keys);
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Two digits for each byte; how many bytes. */
static size_t read_bytes(const struct mti_json_node *bare, const char *key,
			 uint8_t *bytes, size_t max)
{
	struct mti_json_node node = mti_json_get(bare, key, JSON_STRING);
	const char *text = node.value ? json_string_value(node.value) : "";
	size_t length = strlen(text);
	size_t i;

	if (length % 2 != 0 || length / 2 > max) {
		mti_json_fail(&node, "%zu digits are not two for each of at "
			      "most %zu bytes", length, max);
		return 0;
	}
	for (i = 0; i < length / 2; i++) {
		int high = digit(text[2 * i]);
		int low = digit(text[2 * i + 1]);

		if (high < 0 || low < 0) {
			mti_json_fail(&node, "is not made of digits 0-9 a-f");
			return 0;
		}
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	return length / 2;
}

static void read_hole(const struct mti_json_node *bare,
		      struct mti_layout *layout)
{
	struct mti_json_node hole = mti_json_get(bare, "hole", JSON_OBJECT);
	uint64_t size;

	layout->hole = mti_json_hex(&hole, "gpa", MOTE_BARE_SCRATCH_END);
	size = mti_json_number(&hole, "size", MOTE_BARE_SCRATCH_END);
	layout->hole_end = layout->hole + size;
	mti_json_only(&hole, hole_keys);
}

bool mti_config_is_bare(const struct mti_json_node *root)
{
	return json_object_get(root->value, KEY) != NULL;
}

void mti_config_read_bare(const struct mti_json_node *root,
			  struct mti_config *config)
{
	struct mti_json_node node = mti_json_get(root, KEY, JSON_OBJECT);
	struct mti_snap_bare *bare = &config->bare;
	size_t size;
	size_t i;

	config->layout.bare = true;
	read_hole(&node, &config->layout);
	bare->generation = (uint32_t)mti_json_number(&node, "generation",
						     UINT32_MAX);
	size = read_bytes(&node, "serial", bare->serial, sizeof(bare->serial));
	if (size != sizeof(bare->serial))
		mti_json_fail(&node, "serial: %zu bytes, not %zu", size,
			      sizeof(bare->serial));
	for (i = 0; i < GROUPS; i++)
		read_group(&node, &groups[i], &bare->cpu);
	read_segments(&node, &bare->cpu);
	read_table(&node, "gdt", &bare->cpu.gdt);
	read_table(&node, "idt", &bare->cpu.idt);
	bare->cpu.vector_size = (uint32_t)read_bytes(
		&node, "vector", bare->cpu.vector, sizeof(bare->cpu.vector));
	mti_json_only(&node, bare_keys);
}

/* ------------------------------------------------------------ checking */

static void check_hole(const struct mti_json_node *root,
		       const struct mti_config *config)
{
	const struct mti_layout *layout = &config->layout;
	uint32_t i;

	if (!mti_is_aligned_u64(layout->hole | layout->hole_end,
				MOTE_PAGE_SIZE) ||
	    layout->hole == 0 || layout->hole >= layout->hole_end ||
	    layout->hole_end >= layout->memory_size)
		mti_json_fail(root,
			      "bare.hole: 0x%" PRIx64 " to 0x%" PRIx64
			      " is not inside memory",
			      layout->hole, layout->hole_end);
	for (i = 0; i < config->extent_count; i++) {
		const struct mti_extent *extent = &config->extents[i];

		if (extent->gpa < layout->hole_end &&
		    layout->hole < extent->gpa + extent->size)
			mti_json_fail(root,
				      "memory.extents[%" PRIu32
				      "]: lies in the hole",
				      i);
	}
}

void mti_config_check_bare(const struct mti_json_node *root,
			   const struct mti_config *config)
{
	const struct mti_layout *layout = &config->layout;
	const struct mti_bare_state *state = &config->bare.cpu;
	const char *wrong;
	uint64_t value;

	if (layout->memory_size != MOTE_BARE_SCRATCH_END)
		mti_json_fail(root, "memory.size: %" PRIu64 " is not %" PRIu64,
			      layout->memory_size,
			      (uint64_t)MOTE_BARE_SCRATCH_END);
	check_hole(root, config);
	wrong = mti_bare_wrong(state, &value);
	if (wrong)
		mti_json_fail(root,
			      "bare.%s: 0x%" PRIx64
			      ": no CPU can be in this state",
			      wrong, value);
}

/* ------------------------------------------------------------- writing */

/* As in config.c, NULL is passed on: jansson refuses it. */
static int set(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value);
}

static int set_hex(json_t *object, const char *key, uint64_t value)
{
	return set(object, key, mti_json_hex_new(value));
}

static json_t *new_group(const struct group *group,
			 const struct mti_bare_state *state, int *bad)
{
	json_t *object = json_object();
	uint64_t value;
	size_t i;

	for (i = 0; i < group->count; i++) {
		memcpy(&value,
		       (const uint8_t *)state + group->fields[i].offset,
		       sizeof(value));
		*bad |= set_hex(object, group->fields[i].name, value);
	}
	return object;
}

static json_t *new_table(const struct mti_bare_segment *table, int *bad)
{
	json_t *object = json_object();

	*bad |= set_hex(object, "base", table->base);
	*bad |= set_hex(object, "limit", table->limit);
	return object;
}

static json_t *new_segments(const struct mti_bare_state *state, int *bad)
{
	json_t *object = json_object();
	int i;

	for (i = 0; i < MTI_BARE_SEGMENTS; i++) {
		const struct mti_bare_segment *segment = &state->segments[i];
		json_t *item = new_table(segment, bad);

		*bad |= set_hex(item, "selector", segment->selector);
		*bad |= set_hex(item, "attributes", segment->attributes);
		*bad |= set(item, "unusable",
			    json_boolean(segment->unusable));
		*bad |= set(object, segment_names[i], item);
	}
	return object;
}

static json_t *new_bytes(const uint8_t *bytes, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	char text[2 * sizeof(((struct mti_bare_state *)NULL)->vector)];
	size_t i;

	for (i = 0; i < size; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	return json_stringn(text, 2 * size);
}

/* Components that are not used end an area as zeros. */
static json_t *new_vector(const struct mti_bare_state *state)
{
	size_t size = state->vector_size;

	while (size > VECTOR_MIN && state->vector[size - 1] == 0)
		size--;
	return new_bytes(state->vector, size);
}

int mti_config_add_bare(json_t *root, const struct mti_snap *snap)
{
	const struct mti_layout *layout = &snap->layout;
	const struct mti_bare_state *state = &snap->bare.cpu;
	json_t *object = json_object();
	json_t *hole = json_object();
	int bad = 0;
	size_t i;

	bad |= set_hex(hole, "gpa", layout->hole);
	bad |= set(hole, "size",
		   json_integer((json_int_t)(layout->hole_end -
					     layout->hole)));
	bad |= set(object, "hole", hole);
	bad |= set(object, "generation", json_integer(snap->bare.generation));
	bad |= set(object, "serial",
		   new_bytes(snap->bare.serial, sizeof(snap->bare.serial)));
	for (i = 0; i < GROUPS; i++)
		bad |= set(object, groups[i].name,
			   new_group(&groups[i], state, &bad));
	bad |= set(object, "segments", new_segments(state, &bad));
	bad |= set(object, "gdt", new_table(&state->gdt, &bad));
	bad |= set(object, "idt", new_table(&state->idt, &bad));
	bad |= set(object, "vector", new_vector(state));
	bad |= set(root, KEY, object);
	return bad;
}
