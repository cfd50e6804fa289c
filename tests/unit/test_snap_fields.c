/*
 * Every field of config, manifest and index, wrong in every way that it can
 * be, with digests and sizes that are right: the error names the field.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/layout_files.h"
#include "harness/snap_sample.h"
#include "harness/unit.h"

enum document { INDEX, MANIFEST, CONFIG };

struct row {
	enum document document;
	const char *path;
	const char *json; /* NULL: the field is taken away */
	const char *text; /* of the error; NULL: it loads all the same */
};

static struct snap_sample sample;

static int set_up(void **state)
{
	(void)state;
	snap_sample_open(&sample);
	snap_sample_set_delta(&sample, 0xd0);
	snap_sample_saved(&sample, "tag");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	snap_sample_close(&sample);
	return 0;
}

static void try_row(const struct row *row)
{
	struct documents documents;
	json_t *root;

	snap_sample_saved(&sample, "tag");
	documents_open(&documents, sample.layout, "tag");
	root = row->document == INDEX	 ? documents.index :
	       row->document == MANIFEST ? documents.manifest :
					   documents.config;
	documents_edit(root, row->path, row->json);
	documents_write(&documents);
	documents_close(&documents);
	if (row->text)
		snap_sample_refused(&sample, "tag", MOTE_E_SNAPSHOT, row->text);
	else
		snap_sample_expect(&sample, "tag");
}

static void try_rows(const struct row *rows, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		print_message("%s = %s\n", rows[i].path,
			      rows[i].json ? rows[i].json : "(gone)");
		try_row(&rows[i]);
	}
}

#define ROWS(rows) rows, sizeof(rows) / sizeof(rows[0])

static void test_config_head(void **state)
{
	static const struct row rows[] = {
		{ CONFIG, "format", "2", "format: 2; this library reads 1" },
		{ CONFIG, "format", "0", "format: 0; this" },
		{ CONFIG, "format", "\"1\"", "format: is a string" },
		{ CONFIG, "format", "1.0", "format: is a real number" },
		{ CONFIG, "format", NULL, "format: is missing" },
		{ CONFIG, "mote", NULL, "mote: is missing" },
		{ CONFIG, "mote", "\"99.0.0\"", NULL },
		{ CONFIG, "arch", "\"riscv64\"",
		  "arch: \"riscv64\" is none that this library has" },
		{ CONFIG, "arch", "\"aarch64\"",
		  "state.tpidr_el0: is missing" },
		{ CONFIG, "arch", NULL, "arch: is missing" },
		{ CONFIG, "abi", "2", "abi: 2; this library has 1" },
		{ CONFIG, "abi", "-1", "abi: -1 is not from 0" },
		{ CONFIG, "backend", "\"\"", "backend: \"\" is no name" },
		{ CONFIG, "backend", "[]", "backend: is an array" },
		{ CONFIG, "page_size", "16384", "page_size: 16384 is not" },
		{ CONFIG, "cpu", NULL, "cpu: is missing" },
		{ CONFIG, "cpu.vendor", "1", "\"vendor\" is not a known" },
		{ CONFIG, "cpu.features/7.ebx", "\"0x10020\"",
		  "cpu.features: the CPU of backend \"kvm\" lacks AVX512F" },
		{ CONFIG, "cpu.features/1.ecx", "\"0x10100201\"",
		  "lacks SSE4.2, AVX" },
		{ CONFIG, "cpu.features/7.edx", "\"0x80000000\"",
		  "lacks 7.edx bit 31" },
		{ CONFIG, "cpu.features/xcr0", "\"0xe7\"",
		  "lacks AVX-512 masks, AVX-512 upper, AVX-512 more" },
		{ CONFIG, "cpu.features/1.ecx", "\"0xffffffffffffffff\"",
		  ", ..." },
		{ CONFIG, "cpu.features/xcr0", NULL,
		  "cpu.features.xcr0: is missing" },
		{ CONFIG, "cpu.features/7.1.eax", "\"0x30\"",
		  "lacks AVX-VNNI, AVX512_BF16" },
		{ CONFIG, "cpu.features/7.1.edx", "\"0x100010\"",
		  "lacks AVX-VNNI-INT8, 7.1.edx bit 20" },
		{ CONFIG, "cpu.features/d.1.eax", "\"0x7\"",
		  "lacks XSAVEOPT, XSAVEC, XGETBV1" },
		{ CONFIG, "cpu.features/80000008.ebx", "\"0x11\"",
		  "lacks CLZERO, RDPRU" },
		{ CONFIG, "cpu.features/7.1.eax", "48",
		  "cpu.features.7.1.eax: is an integer" },
		/* As in the first files of the format. */
		{ CONFIG, "cpu.features/7.1.eax", NULL, NULL },
		{ CONFIG, "cpu.features/80000008.ebx", NULL, NULL },
		{ CONFIG, "cpu.features/1.eax", "\"0x0\"",
		  "cpu.features: \"1.eax\" is not a known field" },
		{ CONFIG, "program", NULL, "program: is missing" },
		{ CONFIG, "program", "\"sha256:12\"", "program: is not" },
		{ CONFIG, "program",
		  "\"sha256:0123456789abcdef0123456789abcdef0123456789abcdef"
		  "0123456789abcdef\"",
		  "program: is not the manifest's" },
		{ CONFIG, "msrs", "{}", "\"msrs\" is not a known field" },
	};

	(void)state;
	try_rows(ROWS(rows));
}

/* A feature that the machine has, and one without a name in our table. */
static void test_features_present(void **state)
{
	mote_error err = MOTE_ERROR_INIT;
	struct documents documents;
	struct mti_loaded loaded;

	(void)state;
	snap_sample_saved(&sample, "tag");
	documents_open(&documents, sample.layout, "tag");
	documents_edit(documents.config, "cpu.features/7.ebx", "\"0x20\"");
	documents_write(&documents);
	documents_close(&documents);
	assert_int_equal(snap_sample_load(&sample, "tag", true, false, &loaded,
					  &err),
			 MOTE_OK);
	assert_int_equal(loaded.snap.origin.features[2], 0x20);
	mti_loaded_fini(&loaded);
}

static void test_config_memory(void **state)
{
	static const struct row rows[] = {
		{ CONFIG, "sizes.heap", "0", "sizes.heap: 0 is not" },
		{ CONFIG, "sizes.heap", "1048577", "sizes.heap: 1048577" },
		{ CONFIG, "sizes.heap", "140737488355328",
		  "sizes.heap: 140737488355328 is not a multiple" },
		{ CONFIG, "sizes.heap", "281474976710656",
		  "sizes.heap: 281474976710656 is not from 0" },
		{ CONFIG, "sizes.heap", "2097152", "regions[9] (heap)" },
		{ CONFIG, "sizes.stack", "4096", "regions[8] (stack)" },
		{ CONFIG, "sizes.stack", "2147483648", "sizes.stack: 2147483" },
		{ CONFIG, "sizes.io", "2147483648", "sizes.io: 2147483648" },
		{ CONFIG, "sizes.io", "\"0x1000\"", "sizes.io: is a string" },
		{ CONFIG, "sizes", "[]", "sizes: is an array" },
		{ CONFIG, "sizes.code", "4096", "\"code\" is not a known" },
		{ CONFIG, "memory.size", "0",
		  "memory.size: 0 is not a multiple of a page" },
		{ CONFIG, "memory.size", "4095", "memory.size: 4095" },
		{ CONFIG, "memory.size", "65536", "memory" },
		{ CONFIG, "memory.size", "1236950585344",
		  "memory.size: 1236950585344 is more than 1236950581248" },
		{ CONFIG, "memory.size", "8796093018112", "memory.size: 87960" },
		{ CONFIG, "memory.size", "-4096", "memory.size: -4096" },
		{ CONFIG, "memory.size", NULL, "memory.size: is missing" },
		{ CONFIG, "memory.page_tables.gpa", "\"0x0\"",
		  "regions[0] (supervisor): overlaps the page tables" },
		{ CONFIG, "memory.page_tables.gpa", "\"0x1001\"",
		  "memory.page_tables" },
		{ CONFIG, "memory.page_tables.gpa", "\"0x7ffffffff000\"",
		  "memory.page_tables" },
		{ CONFIG, "memory.page_tables.gpa", "\"0xfffffffffffff000\"",
		  "memory.page_tables.gpa: 0xfffffffffffff000 is more" },
		{ CONFIG, "memory.page_tables.gpa", "4096",
		  "memory.page_tables.gpa: is an integer" },
		{ CONFIG, "memory.page_tables.size", "0",
		  "memory.page_tables" },
		{ CONFIG, "memory.page_tables.size", "140737488351232",
		  "memory.page_tables" },
		{ CONFIG, "memory.page_tables.root", "1", "\"root\" is not" },
		{ CONFIG, "memory.page_tables", NULL,
		  "memory.page_tables: is missing" },
		{ CONFIG, "memory.more", "1", "memory: \"more\" is not" },
	};

	(void)state;
	try_rows(ROWS(rows));
}

/* Apart from all else, and larger than the tables of such memory can be. */
static void test_config_tables_size(void **state)
{
	struct documents documents;

	(void)state;
	snap_sample_saved(&sample, "tag");
	documents_open(&documents, sample.layout, "tag");
	documents_edit(documents.config, "memory.size", "68719476736");
	documents_edit(documents.config, "memory.page_tables.gpa",
		       "\"0x800000000\"");
	documents_edit(documents.config, "memory.page_tables.size",
		       "34359738368");
	documents_write(&documents);
	documents_close(&documents);
	snap_sample_refused(&sample, "tag", MOTE_E_SNAPSHOT,
			    "memory.page_tables.size: 34359738368 is too");
}

/* An area behind all others, and memory that nothing lies in. */
static void test_config_places(void **state)
{
	const struct mti_layout *layout = &sample.snap.layout;
	const uint64_t large = UINT64_C(2) << 20;
	struct documents documents;
	char size[32];
	char gpa[32];

	(void)state;
	snap_sample_saved(&sample, "tag");
	assert_true(layout->regions[MTI_AREA_REPLY].size <= large);
	snprintf(size, sizeof(size), "%" PRIu64, layout->memory_size + large);
	snprintf(gpa, sizeof(gpa), "\"0x%" PRIx64 "\"", layout->memory_size);
	documents_open(&documents, sample.layout, "tag");
	documents_edit(documents.config, "memory.size", size);
	documents_write(&documents);
	snap_sample_refused(&sample, "tag", MOTE_E_SNAPSHOT,
			    "is more than its regions need");
	documents_edit(documents.config, "regions[6].gpa", gpa);
	documents_write(&documents);
	documents_close(&documents);
	snap_sample_refused(&sample, "tag", MOTE_E_SNAPSHOT,
			    "regions: the first 10 are not around");
}

static void test_config_extents(void **state)
{
	static const struct row rows[] = {
		{ CONFIG, "memory.extents", "{}", "extents: is an object" },
		{ CONFIG, "memory.extents[0]", "7", "extents[0]: is an int" },
		{ CONFIG, "memory.extents[0].gpa", "\"0x800\"",
		  "extents[0]: is not made of pages" },
		{ CONFIG, "memory.extents[0].size", "0",
		  "extents[0]: is not made of pages" },
		{ CONFIG, "memory.extents[0].size", "100",
		  "extents[0]: is not made of pages" },
		{ CONFIG, "memory.extents[0].offset", "100",
		  "extents[0]: is not made of pages" },
		{ CONFIG, "memory.extents[0].gpa", "\"0x7ffffffff000\"",
		  "extents[0]: lies outside of memory" },
		{ CONFIG, "memory.extents[0].size", "140737488351232",
		  "extents[0]: lies outside of memory" },
		{ CONFIG, "memory.extents[1].gpa", "\"0x3000\"",
		  "extents[1]: does not come after" },
		{ CONFIG, "memory.extents[1].gpa", "\"0x0\"",
		  "extents[1]: does not come after" },
		{ CONFIG, "memory.extents[0].layer", "0",
		  "extents[0]: layer 0 is not one of memory" },
		{ CONFIG, "memory.extents[0].layer", "3",
		  "extents[0]: there is no such layer" },
		{ CONFIG, "memory.extents[0].layer", "8",
		  "extents[0]: there is no such layer" },
		{ CONFIG, "memory.extents[0].layer", "9",
		  "extents[0].layer: 9 is not from 0 to 8" },
		{ CONFIG, "memory.extents[0].offset", "98304",
		  "extents[0]: ends beyond its layer" },
		{ CONFIG, "memory.extents[0].layer", "2",
		  "extents[0]: ends beyond its layer" },
		{ CONFIG, "memory.extents[0].file", "0", "\"file\" is not" },
		{ CONFIG, "memory.extents[2].layer", NULL,
		  "extents[2].layer: is missing" },
	};

	(void)state;
	try_rows(ROWS(rows));
}

static void test_too_many_extents(void **state)
{
	struct documents documents;
	json_t *extents;
	int i;

	(void)state;
	snap_sample_saved(&sample, "tag");
	documents_open(&documents, sample.layout, "tag");
	extents = documents_at(documents.config, "memory.extents");
	json_array_clear(extents);
	for (i = 0; i < MTI_STORE_EXTENTS_MAX + 1; i++)
		json_array_append_new(
			extents, json_pack("{s:s, s:i, s:i, s:i}", "gpa", "0x0",
					   "size", 4096, "layer", 1, "offset",
					   0));
	documents_write(&documents);
	documents_close(&documents);
	snap_sample_refused(&sample, "tag", MOTE_E_SNAPSHOT,
			    "memory.extents: 65 are more than 64");
}

static void test_config_regions(void **state)
{
	static const struct row rows[] = {
		{ CONFIG, "regions", "[]", "regions: 0 are too few" },
		{ CONFIG, "regions[2].gva", "\"0x700000004000\"",
		  "regions[2] (control): is not at 0x700000000000" },
		{ CONFIG, "regions[2].size", "8192", "regions[2]" },
		{ CONFIG, "regions[2].flags", "\"uwx\"", "regions[2]" },
		{ CONFIG, "regions[0].flags", "\"ux\"", "regions[0]" },
		{ CONFIG, "regions[0].flags", "\"xu\"",
		  "regions[0].flags: \"xu\" is not \"uwx\"" },
		{ CONFIG, "regions[0].flags", "\"r\"",
		  "regions[0].flags: \"r\" is not" },
		{ CONFIG, "regions[2].gpa", "\"0x1000\"",
		  "overlaps" },
		{ CONFIG, "regions[2].gpa", "\"0x1\"",
		  "regions[2] (control): is not made of pages" },
		{ CONFIG, "regions[2].gpa", "\"0x7ffffffff000\"",
		  "regions[2] (control): lies outside of memory" },
		{ CONFIG, "regions[9].size", "140737488351232",
		  "regions[9] (heap): lies outside of memory" },
		{ CONFIG, "regions[10].gva", "\"0x1000\"",
		  "regions[10] (program): lies outside of the window" },
		{ CONFIG, "regions[10].gva", "\"0x700100000000\"",
		  "regions[10] (program): lies outside of the window" },
		{ CONFIG, "regions[10].gva", "\"0x500000\"",
		  "regions[11] (program) overlaps regions[10] (program)" },
		{ CONFIG, "regions[10].size", "0",
		  "regions[10] (program): is not made of pages" },
		{ CONFIG, "regions[10].flags", "\"uwx\"",
		  "regions[10] (program): has flags that no program has" },
		{ CONFIG, "regions[10].flags", "\"x\"",
		  "regions[10] (program): has flags that no program has" },
		{ CONFIG, "regions[10].name", "\"mapped\"",
		  "regions[10].name: is \"mapped\", not \"program\"" },
		{ CONFIG, "regions[0].name", "\"heap\"",
		  "regions[0].name: is \"heap\", not \"supervisor\"" },
		{ CONFIG, "regions[0].hva", "\"0x0\"", "\"hva\" is not" },
	};

	(void)state;
	try_rows(ROWS(rows));
}

static void test_config_state(void **state)
{
	static const struct row rows[] = {
		{ CONFIG, "state", NULL, "state: is missing" },
		{ CONFIG, "state.fs_base", "\"0x800000000000\"",
		  "state.fs_base: 0x800000000000 is no address" },
		{ CONFIG, "state.gs_base", "\"0x7fff000000000000\"",
		  "state.gs_base: 0x7fff000000000000 is no address" },
		{ CONFIG, "state.gs_base", NULL, "state.gs_base: is missing" },
		{ CONFIG, "state.mxcsr", "\"0x11f80\"",
		  "state.mxcsr: 0x11f80 has bits" },
		{ CONFIG, "state.mxcsr", "\"0x100001f80\"",
		  "state.mxcsr: 0x100001f80 is more than" },
		{ CONFIG, "state.x87_control", "\"0x1037f\"",
		  "state.x87_control: 0x1037f has bits" },
		{ CONFIG, "state.dispatch_pc", "\"0xffffffff80000000\"",
		  "state.dispatch_pc: 0xffffffff80000000 is not" },
		{ CONFIG, "state.dispatch_sp", "\"0x800000000000\"",
		  "state.dispatch_sp: 0x800000000000 is not" },
		{ CONFIG, "state.cr3", "\"0x0\"", "\"cr3\" is not a known" },
	};

	(void)state;
	try_rows(ROWS(rows));
}

static void test_config_tables(void **state)
{
	static const struct row rows[] = {
		{ CONFIG, "exports", NULL, "exports: is missing" },
		{ CONFIG, "exports", "{}", "exports: is an object" },
		{ CONFIG, "exports", "[]", "exports: 0 functions; the program "
					   "has 2" },
		{ CONFIG, "exports[1].name", "\"SayBye\"",
		  "exports[1].name: is \"SayBye\", not \"SayHello\"" },
		{ CONFIG, "exports[1].signature", "\"s()\"",
		  "exports[1].signature: is \"s()\", not \"s(s)\"" },
		{ CONFIG, "exports[1].signature", "5", "is an integer" },
		{ CONFIG, "exports[1].posted", "false", "\"posted\" is not" },
		{ CONFIG, "exports[2]",
		  "{\"name\":\"x\",\"signature\":\"v()\"}",
		  "exports: 3 functions; the program has 2" },
		{ CONFIG, "imports[0]", NULL, "imports: 1 functions" },
		{ CONFIG, "imports[1].posted", "false",
		  "imports[1].posted: is not as in the program" },
		{ CONFIG, "imports[1].posted", NULL, "posted: is missing" },
		{ CONFIG, "imports[1].posted", "1", "posted: is an integer" },
		{ CONFIG, "imports[0].name", "\"getWeekday\"",
		  "imports[0].name: is \"getWeekday\"" },
	};

	(void)state;
	try_rows(ROWS(rows));
}

#define SOME_DIGEST                                                      \
	"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456" \
	"789abcdef"

static void test_manifest(void **state)
{
	static const struct row rows[] = {
		{ MANIFEST, "schemaVersion", "1", "schemaVersion is not 2" },
		{ MANIFEST, "schemaVersion", NULL, "schemaVersion: is miss" },
		{ MANIFEST, "schemaVersion", "\"2\"", "schemaVersion: is a" },
		{ MANIFEST, "mediaType", NULL, NULL },
		{ MANIFEST, "mediaType", "\"text/plain\"",
		  "mediaType: is \"text/plain\"" },
		{ MANIFEST, "mediaType", "5", "mediaType: is an integer" },
		{ MANIFEST, "artifactType", NULL, "artifactType: is missing" },
		{ MANIFEST, "artifactType", "\"text/plain\"",
		  "artifactType: is \"text/plain\"" },
		{ MANIFEST, "annotations", "{\"com.example\":\"x\"}", NULL },
		{ MANIFEST, "subject", "{\"digest\":\"" SOME_DIGEST "\"}",
		  NULL },
		{ MANIFEST, "config", NULL, "config: is missing" },
		{ MANIFEST, "layers", NULL, "layers: is missing" },
		{ MANIFEST, "layers", "[]", "layers: 0 of them" },
		{ MANIFEST, "layers", "{}", "layers: is an object" },
		{ MANIFEST, "layers[2]", NULL, "extents[2]: there is no such" },
		{ MANIFEST, "layers[3]", "{}",
		  "layers[3].mediaType: is missing" },
		{ MANIFEST, "layers", "[0,0,0,0,0,0,0,0,0,0]",
		  "layers: 10 of them; a snapshot has 2 to 9" },
		{ MANIFEST, "layers[0]", "\"x\"", "layers[0]: is a string" },
		{ MANIFEST, "layers[0].mediaType", "\"application/x-elf\"",
		  "layers[0].mediaType: is \"application/x-elf\"" },
		{ MANIFEST, "layers[1].mediaType",
		  "\"application/vnd.mote.guest.v1.elf\"",
		  "layers[1].mediaType: is" },
		{ MANIFEST, "layers[2].mediaType", NULL,
		  "layers[2].mediaType: is missing" },
		{ MANIFEST, "layers[1].size", "98303",
		  "extents[1]: ends beyond its layer" },
		{ MANIFEST, "layers[1].size", "98305",
		  "98305 bytes are not made of pages" },
		{ MANIFEST, "layers[1].size", "102400",
		  "has 98304 bytes, its descriptor says 102400" },
		{ MANIFEST, "layers[1].size", "0", "ends beyond its layer" },
		{ MANIFEST, "layers[1].size", "1099511627776",
		  "1099511627776 bytes, more than the memory, " },
		{ MANIFEST, "layers[1].size", "-1", "layers[1].size: -1" },
		{ MANIFEST, "layers[1].size", "9007199254740992",
		  "layers[1].size: 9007199254740992" },
		{ MANIFEST, "layers[1].size", "98304.0",
		  "layers[1].size: is a real" },
		{ MANIFEST, "layers[0].size", "4999",
		  "has 5000 bytes, its descriptor says 4999" },
		{ MANIFEST, "layers[0].size", "1073741825",
		  "1073741825 bytes, more than 1073741824" },
		{ MANIFEST, "layers[0].digest", NULL, "digest: is missing" },
		{ MANIFEST, "layers[0].digest", "\"" SOME_DIGEST "\"",
		  "program: is not the manifest's" },
		{ MANIFEST, "layers[1].digest", "\"" SOME_DIGEST "\"",
		  "memory blob " SOME_DIGEST ": is missing" },
		{ MANIFEST, "layers[1].digest", "\"sha256:../../../etc/passwd\"",
		  "layers[1].digest: \"sha256:../../../etc/passwd\" is not" },
		{ MANIFEST, "layers[1].digest", "\"md5:12\"",
		  "layers[1].digest: \"md5:12\" is not" },
		{ MANIFEST, "layers[1].annotations", "{\"a\":\"b\"}", NULL },
		{ MANIFEST, "layers[1].urls", "[\"https://example.com\"]",
		  NULL },
	};

	(void)state;
	try_rows(ROWS(rows));
}

/* Of the manifest, but of what the harness would put right. */
static void test_config_descriptor(void **state)
{
	static const struct {
		const char *path;
		const char *json;
		const char *text;
	} rows[] = {
		{ "config.mediaType", "\"application/json\"",
		  "config.mediaType: is \"application/json\"" },
		{ "config.digest", "\"" SOME_DIGEST "\"", "config blob " },
		{ "config.digest", "\"sha256:/etc/passwd\"", "config.digest" },
		{ "config.size", "1", "its descriptor says 1" },
		{ "config.size", "1048577", "more than 1048576" },
	};
	struct documents documents;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snap_sample_saved(&sample, "tag");
		documents_open(&documents, sample.layout, "tag");
		documents_edit(documents.manifest, rows[i].path, rows[i].json);
		documents_write_manifest(&documents);
		documents_close(&documents);
		snap_sample_refused(&sample, "tag", MOTE_E_SNAPSHOT,
				    rows[i].text);
	}
}

static void test_index(void **state)
{
	static const struct row rows[] = {
		{ INDEX, "schemaVersion", "3", "schemaVersion is not 2" },
		{ INDEX, "schemaVersion", NULL, "schemaVersion: is missing" },
		{ INDEX, "mediaType", NULL, NULL },
		{ INDEX, "mediaType", "\"text/plain\"", "mediaType: is" },
		{ INDEX, "annotations", "{\"com.example\":\"x\"}", NULL },
		{ INDEX, "manifests[1]", "5", "manifests[1]: is an integer" },
		{ INDEX, "manifests[0].annotations/com.example", "\"x\"",
		  NULL },
		{ INDEX, "manifests[0].platform", "{\"os\":\"none\"}", NULL },
		{ INDEX, "manifests[0].artifactType", NULL, NULL },
		{ INDEX, "manifests[0].mediaType",
		  "\"application/vnd.oci.image.index.v1+json\"",
		  "manifests[0].mediaType: is" },
		{ INDEX, "manifests[0].mediaType", NULL,
		  "manifests[0].mediaType: is missing" },
		{ INDEX, "manifests[1].annotations", "5",
		  "manifests[1].annotations: is an integer" },
	};
	size_t i;

	(void)state;
	snap_sample_saved(&sample, "tag");
	snap_sample_saved(&sample, "other");
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *path = files_path(sample.layout, "index.json");
		size_t size;
		char *text = files_read(path, &size);

		print_message("%s\n", rows[i].path);
		try_row(&rows[i]);
		files_write(path, text, size);
		free(text);
		free(path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_config_head),
		cmocka_unit_test(test_features_present),
		cmocka_unit_test(test_config_memory),
		cmocka_unit_test(test_config_tables_size),
		cmocka_unit_test(test_config_places),
		cmocka_unit_test(test_config_extents),
		cmocka_unit_test(test_too_many_extents),
		cmocka_unit_test(test_config_regions),
		cmocka_unit_test(test_config_state),
		cmocka_unit_test(test_config_tables),
		cmocka_unit_test(test_manifest),
		cmocka_unit_test(test_config_descriptor),
		cmocka_unit_test(test_index),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
