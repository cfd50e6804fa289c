/*
 * Snapshots of bare guests in files: they go on where they were, on this
 * backend and on others, and nothing that a file may say harms the host.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/bare_builder.h"
#include "harness/layout_files.h"
#include "harness/random.h"
#include "harness/unit.h"
#include "vm/bare_host.h"

#define ROUNDS 150
#define DEADLINE_NS UINT64_C(20000000)

static const char *const files[] = { GUEST_bare_cases, GUEST_bare_cases64 };
#define FILES (sizeof(files) / sizeof(files[0]))

static struct vm vm;
static struct bare_output output;
static struct random_source source;
static char folder[64];
static char *layout;

static int set_up(void **state)
{
	(void)state;
	files_temporary(folder, sizeof(folder));
	layout = files_path(folder, "layout");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	free(layout);
	files_delete(folder);
	return 0;
}

static void save(mote_sandbox *box, const char *tag)
{
	mote_snapshot *snapshot;

	vm_expect(mote_snapshot_take(box, &snapshot, &vm.err), MOTE_OK,
		  &vm.err);
	vm_expect(mote_snapshot_save(snapshot, layout, tag, NULL, NULL, NULL,
				     &vm.err),
		  MOTE_OK, &vm.err);
	mote_snapshot_unref(snapshot);
}

static mote_snapshot *load(const char *tag, uint32_t flags)
{
	mote_snapshot *snapshot = NULL;

	vm_expect(mote_snapshot_load(vm.engine, layout, tag, flags, &snapshot,
				     &vm.err),
		  MOTE_OK, &vm.err);
	return snapshot;
}

static void refused(const char *tag, mote_status status, const char *text)
{
	size_t live = atomic_load(&vm.allocator.live);
	mote_snapshot *snapshot = NULL;

	vm_expect(mote_snapshot_load(vm.engine, layout, tag, 0, &snapshot,
				     &vm.err),
		  status, &vm.err);
	vm_expect_text(&vm.err, text);
	assert_null(snapshot);
	assert_int_equal(atomic_load(&vm.allocator.live), live);
}

static void alter(const char *tag, const char *path, const char *value)
{
	struct documents documents;

	documents_open(&documents, layout, tag);
	documents_edit(documents.config, path, value);
	documents_write(&documents);
	documents_close(&documents);
}

static mote_sandbox *make_clone(mote_snapshot *snapshot)
{
	mote_sandbox_options options = bare_options(&output);
	mote_sandbox *box;

	vm_expect(mote_sandbox_from_snapshot(snapshot, &options, &box, &vm.err),
		  MOTE_OK, &vm.err);
	return box;
}

static mote_sandbox *open_case(const char *file, enum bare_case which)
{
	mote_sandbox_options options = bare_options(&output);
	mote_image *image;
	mote_sandbox *box;

	vm_open(&vm, NULL);
	image = bare_case_image(&vm, file, which);
	vm_expect(mote_sandbox_new(image, &options, &box, &vm.err), MOTE_OK,
		  &vm.err);
	mote_image_unref(image);
	return box;
}

static void expect_line(mote_sandbox *box, const char *line)
{
	output.used = 0;
	(void)bare_run(box, MOTE_RUN_SNAPSHOT);
	assert_string_equal(output.text, line);
}

/* ------------------------------------------------------------ going on */

static void test_round_trip(void **state)
{
	static const uint32_t modes[] = { 0, MOTE_LOAD_VERIFY, MOTE_LOAD_COPY };
	mote_snapshot *snapshot;
	mote_sandbox *box;
	mote_sandbox *a;
	mote_sandbox *b;
	size_t i;
	size_t j;

	(void)state;
	for (i = 0; i < FILES; i++) {
		box = open_case(files[i], CASE_SNAPSHOT);
		(void)bare_run(box, MOTE_RUN_SNAPSHOT);
		expect_line(box, "00010100\n");
		save(box, "tag");
		expect_line(box, "00020200\n");
		for (j = 0; j < sizeof(modes) / sizeof(modes[0]); j++) {
			snapshot = load("tag", modes[j]);
			a = make_clone(snapshot);
			b = make_clone(snapshot);
			expect_line(a, "00020201\n");
			expect_line(b, "00020201\n");
			expect_line(a, "00030301\n");
			vm_expect(mote_sandbox_restore(box, snapshot, &vm.err),
				  MOTE_OK, &vm.err);
			expect_line(box, "00020201\n");
			mote_snapshot_unref(snapshot);
			expect_line(b, "00030301\n");
			mote_sandbox_free(a);
			mote_sandbox_free(b);
		}
		mote_sandbox_free(box);
		vm_close(&vm);
	}
}

/* All of the CPU: vector registers, a debug register, MSRs. */
static void test_registers(void **state)
{
	mote_snapshot *snapshot;
	mote_sandbox *box;
	size_t i;

	(void)state;
	for (i = 0; i < FILES; i++) {
		box = open_case(files[i], CASE_VECTOR);
		(void)bare_run(box, MOTE_RUN_SNAPSHOT);
		save(box, "vector");
		mote_sandbox_free(box);
		snapshot = load("vector", 0);
		box = make_clone(snapshot);
		assert_int_equal(bare_run(box, MOTE_RUN_EXITED), 2);
		mote_sandbox_free(box);
		mote_snapshot_unref(snapshot);
		vm_close(&vm);
	}
}

/* Before it ran. */
static void test_start(void **state)
{
	mote_snapshot *snapshot;
	mote_sandbox *box;

	(void)state;
	box = open_case(files[0], CASE_EXIT);
	save(box, "start");
	mote_sandbox_free(box);
	snapshot = load("start", MOTE_LOAD_VERIFY);
	box = make_clone(snapshot);
	assert_int_equal(bare_run(box, MOTE_RUN_EXITED), 42);
	mote_sandbox_free(box);
	mote_snapshot_unref(snapshot);
	vm_close(&vm);
}

/* An image that has not a byte in its file: a layout wants some memory. */
static void test_zeros(void **state)
{
	mote_sandbox_options options = bare_options(&output);
	mote_snapshot *snapshot;
	struct bare_image32 file;
	mote_image *image;
	mote_sandbox *box;

	(void)state;
	bare_image32_init(&file, MOTE_BARE_PROTECTED);
	file.programs[BARE_PROGRAM_CODE].p_filesz = 0;
	vm_open(&vm, NULL);
	vm_expect(mote_image_from_memory(vm.engine, &file, sizeof(file), &image,
					 &vm.err),
		  MOTE_OK, &vm.err);
	vm_expect(mote_sandbox_new(image, &options, &box, &vm.err), MOTE_OK,
		  &vm.err);
	mote_image_unref(image);
	save(box, "zeros");
	mote_sandbox_free(box);
	snapshot = load("zeros", MOTE_LOAD_VERIFY);
	mote_sandbox_free(make_clone(snapshot));
	mote_snapshot_unref(snapshot);
	vm_close(&vm);
}

/* SECURITY: a file that says that all memory is zero, saved again. */
static void test_no_memory(void **state)
{
	mote_snapshot *snapshot;
	mote_sandbox *box;

	(void)state;
	box = open_case(files[0], CASE_EXIT);
	save(box, "none");
	mote_sandbox_free(box);
	alter("none", "memory.extents", "[]");
	snapshot = load("none", 0);
	box = make_clone(snapshot);
	save(box, "again");
	mote_sandbox_free(box);
	mote_snapshot_unref(snapshot);
	snapshot = load("again", MOTE_LOAD_VERIFY);
	mote_snapshot_unref(snapshot);
	vm_close(&vm);
}

static const char *const kernels[] = {
	GUEST_bare_kernel, GUEST_bare_kernel_pae,
	GUEST_bare_kernel_paged, GUEST_bare_kernel_paged_pae,
};
#define KERNELS (sizeof(kernels) / sizeof(kernels[0]))

static bool has_paging(void)
{
	mote_sandbox *box = NULL;
	mote_status status;

	vm_open(&vm, GUEST_bare_kernel_paged);
	status = mote_sandbox_new(vm.image, NULL, &box, &vm.err);
	if (status != MOTE_OK)
		vm_expect(status, MOTE_E_UNSUPPORTED, &vm.err);
	mote_sandbox_free(box);
	vm_close(&vm);
	return status == MOTE_OK;
}

/* It goes on in the second process, and the page that both have is one. */
static void expect_rest(mote_sandbox *box)
{
	mote_run_result result = MOTE_RUN_RESULT_INIT;

	output.used = 0;
	do
		vm_expect(mote_run(box, &result, &vm.err), MOTE_OK, &vm.err);
	while (result.end == MOTE_RUN_SNAPSHOT);
	assert_int_equal(result.status, 10);
	assert_string_equal(output.text,
			    "A2c B2d A3e B3f A4g B4h A5i B5j \n");
}

/* Two address spaces keep what they share. */
static void test_kernels(void **state)
{
	mote_sandbox_options options = bare_options(&output);
	mote_snapshot *snapshot;
	mote_sandbox *clones[2];
	mote_sandbox *box;
	size_t i;
	size_t j;

	(void)state;
	if (!has_paging())
		skip();
	for (i = 0; i < KERNELS; i++) {
		vm_open(&vm, kernels[i]);
		box = vm_sandbox(&vm, &options);
		(void)bare_run(box, MOTE_RUN_SNAPSHOT);
		(void)bare_run(box, MOTE_RUN_SNAPSHOT);
		save(box, "kernel");
		snapshot = load("kernel", 0);
		clones[0] = make_clone(snapshot);
		clones[1] = make_clone(snapshot);
		vm_expect(mote_sandbox_restore(box, snapshot, &vm.err), MOTE_OK,
			  &vm.err);
		mote_snapshot_unref(snapshot);
		expect_rest(box);
		for (j = 0; j < 2; j++) {
			expect_rest(clones[j]);
			mote_sandbox_free(clones[j]);
		}
		mote_sandbox_free(box);
		vm_close(&vm);
	}
}

/* ------------------------------------------------------ other backends */

/* What soft has every x86 CPU of today has; the other way round it depends. */
static void test_elsewhere(void **state)
{
	const bool is_soft = vm_backend() && strcmp(vm_backend(), "soft") == 0;
	mote_engine_options options = MOTE_ENGINE_OPTIONS_INIT;
	mote_snapshot *snapshot = NULL;
	mote_engine *other = NULL;
	mote_sandbox *box;
	mote_status status;

	(void)state;
	options.backend = is_soft ? "kvm" : "soft";
	if (mote_engine_new(&options, &other, &vm.err) != MOTE_OK)
		skip();
	box = open_case(files[0], CASE_SNAPSHOT);
	(void)bare_run(box, MOTE_RUN_SNAPSHOT);
	expect_line(box, "00010100\n");
	save(box, "here");
	mote_sandbox_free(box);
	status = mote_snapshot_load(other, layout, "here", 0, &snapshot,
				    &vm.err);
	if (is_soft || status == MOTE_OK) {
		vm_expect(status, MOTE_OK, &vm.err);
		box = make_clone(snapshot);
		expect_line(box, "00020201\n");
		mote_sandbox_free(box);
		mote_snapshot_unref(snapshot);
	} else {
		vm_expect(status, MOTE_E_SNAPSHOT, &vm.err);
		vm_expect_text(&vm.err, "cpu.features: ");
	}
	vm_close(&vm);
	mote_engine_unref(other);
}

/* If the features fit, all else does: the file says that it has none. */
static void test_features_fit(void **state)
{
	static const char *const words[] = {
		"1.ecx", "1.edx",	 "7.ebx",	 "7.ecx",
		"7.edx", "80000001.ecx", "80000001.edx", "xcr0",
		"7.1.eax", "7.1.edx", "d.1.eax", "80000008.ebx",
	};
	mote_engine_options options = MOTE_ENGINE_OPTIONS_INIT;
	mote_snapshot *snapshot = NULL;
	mote_engine *other = NULL;
	struct documents documents;
	mote_sandbox *box;
	char path[64];
	size_t i;

	(void)state;
	options.backend = vm_backend() && strcmp(vm_backend(), "soft") == 0 ?
				  "kvm" : "soft";
	if (mote_engine_new(&options, &other, &vm.err) != MOTE_OK)
		skip();
	box = open_case(files[0], CASE_VECTOR);
	(void)bare_run(box, MOTE_RUN_SNAPSHOT);
	save(box, "here");
	mote_sandbox_free(box);
	documents_open(&documents, layout, "here");
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		snprintf(path, sizeof(path), "cpu.features/%s", words[i]);
		documents_edit(documents.config, path, "\"0x0\"");
	}
	documents_write(&documents);
	documents_close(&documents);
	vm_expect(mote_snapshot_load(other, layout, "here", 0, &snapshot,
				     &vm.err),
		  MOTE_OK, &vm.err);
	box = make_clone(snapshot);
	assert_int_equal(bare_run(box, MOTE_RUN_EXITED), 2);
	mote_sandbox_free(box);
	mote_snapshot_unref(snapshot);
	vm_close(&vm);
	mote_engine_unref(other);
}

/* ----------------------------------------------------------- bad files */

struct row {
	const char *path;
	const char *value; /* NULL: it is not there */
	const char *text;
};

static const struct row rows[] = {
	{ "bare", NULL, "arch: \"i686\" is none" },
	{ "bare", "[]", "bare: is an array" },
	{ "bare.more", "1", "\"more\" is not a known field" },
	{ "state", "{}", "\"state\" is not a known field" },
	{ "regions", "[]", "\"regions\" is not a known field" },
	{ "arch", "\"aarch64\"", "arch: \"aarch64\"" },
	{ "arch", "\"amd64\"", "it is not of this program's machine" },
	{ "abi", "77", "abi: 77" },
	{ "backend", "\"\"", "backend: \"\" is no name" },
	{ "backend", "\"sixteen letters!\"", "backend: \"sixteen" },
	{ "cpu.features/7.edx", "\"0xffffffffffffffff\"",
	  "cpu.features: " },
	{ "sizes.heap", "0", "sizes.heap: 0" },
	{ "sizes.heap", "4294967296", "no room" },
	{ "sizes.heap", "1048576", "bare.hole: is not where" },
	{ "memory.size", "4294967296", "memory.size: 4294967296 is not" },
	{ "memory.page_tables.gpa", "\"0x1000\"", "memory.page_tables: are" },
	{ "memory.page_tables.size", "4096", "memory.page_tables: are" },
	{ "bare.hole.gpa", "\"0x0\"", "bare.hole: 0x0" },
	{ "bare.hole.gpa", "\"0x1001\"", "bare.hole: 0x1001" },
	{ "bare.hole.gpa", "\"0x1000\"", "lies in the hole" },
	{ "bare.hole.size", "4096", "bare.hole: is not where" },
	{ "bare.hole.size", "4275044352", "bare.hole: 0x" },
	{ "bare.hole.size", "281474976710656", "bare.hole.size: 28147" },
	{ "bare.hole.more", "1", "bare.hole: \"more\"" },
	{ "memory.extents[0].gpa", "\"0x40000000\"", "memory.extents[" },
	{ "bare.generation", "-1", "bare.generation: -1" },
	{ "bare.generation", "4294967296", "bare.generation: 4294967296" },
	{ "bare.serial", "\"00\"", "serial: 1 bytes, not 8" },
	{ "bare.serial", "\"000000000000000000\"", "bare.serial: 18 digits" },
	{ "bare.serial", "\"00000000000000g0\"", "0-9 a-f" },
	{ "bare.registers", NULL, "bare.registers: is missing" },
	{ "bare.registers.rax", NULL, "bare.registers.rax: is missing" },
	{ "bare.registers.rax", "1", "bare.registers.rax: is an integer" },
	{ "bare.registers.r16", "\"0x0\"", "\"r16\" is not a known" },
	{ "bare.registers.rip", "\"0x100000000\"", "bare.registers.rip: 0x1" },
	{ "bare.registers.rflags", "\"0x400002\"", "bare.registers.rflags" },
	{ "bare.control.cr0", "\"0x80000000\"", "bare.control.cr0" },
	{ "bare.control.cr0", "\"0x20000011\"", "bare.control.cr0" },
	{ "bare.control.cr0", "\"0x100000011\"", "bare.control.cr0" },
	{ "bare.control.cr3", "\"0x8000000000000000\"", "bare.control.cr3" },
	{ "bare.control.cr4", "\"0x2000\"", "bare.control.cr4" },
	{ "bare.control.cr4", "\"0x20000\"", "bare.control.cr4" },
	{ "bare.control.efer", "\"0x400\"", "bare.control" },
	{ "bare.control.efer", "\"0x1000\"", "bare.control.efer" },
	{ "bare.control.cr8", "\"0x10\"", "bare.control.cr8" },
	{ "bare.control.xcr0", "\"0x2\"", "bare.control.xcr0" },
	{ "bare.control.xcr0", "\"0x5\"", "bare.control.xcr0" },
	{ "bare.control.xcr0", "\"0x67\"", "bare.control.xcr0" },
	{ "bare.control.xcr0", "\"0x60007\"", "bare.control.xcr0" },
	{ "bare.debug.dr6", "\"0x100000000\"", "bare.debug.dr6" },
	{ "bare.debug.dr7", "\"0x100000400\"", "bare.debug.dr7" },
	{ "bare.msrs.lstar", "\"0x100000000000000\"", "bare.msrs.lstar" },
	{ "bare.msrs.kernel_gs_base", "\"0x100000000000000\"",
	  "bare.msrs.kernel_gs_base" },
	{ "bare.msrs.sysenter_eip", "\"0x100000000000000\"",
	  "bare.msrs.sysenter_eip" },
	{ "bare.msrs.pat", "\"0x7040600070402\"", "bare.msrs.pat" },
	{ "bare.msrs.pat", "\"0x7040600070408\"", "bare.msrs.pat" },
	{ "bare.segments.cs", NULL, "bare.segments.cs: is missing" },
	{ "bare.segments.cs.base", "\"0x100000000\"", "bare.segments" },
	{ "bare.segments.ds.base", "\"0x100000000\"", "bare.segments" },
	{ "bare.segments.fs.base", "\"0x100000000000000\"", "bare.segments" },
	{ "bare.segments.cs.limit", "\"0x100000000\"", "limit" },
	{ "bare.segments.cs.selector", "\"0x10000\"", "selector" },
	{ "bare.segments.cs.attributes", "\"0xff9b\"", "bare.segments" },
	{ "bare.segments.cs.unusable", "\"0x0\"", "unusable: is a string" },
	{ "bare.segments.hs", "{}", "\"hs\" is not a known" },
	{ "bare.gdt.base", "\"0x100000000000000\"", "bare.gdt.base" },
	{ "bare.gdt.limit", "\"0x10000\"", "bare.gdt.limit" },
	{ "bare.idt.limit", "\"0x10000\"", "bare.idt.limit" },
	{ "bare.idt.selector", "\"0x8\"", "\"selector\" is not a known" },
	{ "bare.vector", "\"00\"", "bare.vector: 0x1" },
	{ "bare.vector", "\"0\"", "bare.vector: 1 digits" },
	{ "bare.vector", "1", "bare.vector: is an integer" },
};

static void test_fields(void **state)
{
	mote_sandbox *box = open_case(files[0], CASE_SNAPSHOT);
	size_t i;

	(void)state;
	(void)bare_run(box, MOTE_RUN_SNAPSHOT);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		save(box, "tag");
		alter("tag", rows[i].path, rows[i].value);
		refused("tag", MOTE_E_SNAPSHOT, rows[i].text);
	}
	mote_sandbox_free(box);
	vm_close(&vm);
}

/* In digits: a byte of the area becomes another. */
static void alter_vector(size_t at, uint8_t byte)
{
	struct documents documents;
	char digits[3];
	char *text;
	size_t size;
	char *json;

	documents_open(&documents, layout, "tag");
	text = strdup(json_string_value(documents_at(documents.config,
						     "bare.vector")));
	assert_non_null(text);
	assert_true(2 * at + 2 <= strlen(text));
	snprintf(digits, sizeof(digits), "%02x", byte);
	memcpy(text + 2 * at, digits, 2);
	size = strlen(text) + 3;
	json = malloc(size);
	assert_non_null(json);
	snprintf(json, size, "\"%s\"", text);
	documents_edit(documents.config, "bare.vector", json);
	documents_write(&documents);
	documents_close(&documents);
	free(json);
	free(text);
}

/* MXCSR, XSTATE_BV, XCOMP_BV and what is reserved behind it. */
static void test_vector_fields(void **state)
{
	static const size_t places[] = { 26, 513, 520, 575 };
	mote_sandbox *box = open_case(files[0], CASE_VECTOR);
	size_t i;

	(void)state;
	(void)bare_run(box, MOTE_RUN_SNAPSHOT);
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		save(box, "tag");
		alter_vector(places[i], 0x80);
		refused("tag", MOTE_E_SNAPSHOT, "bare.vector: 0x");
	}
	mote_sandbox_free(box);
	vm_close(&vm);
}

/* ------------------------------------------------------- evil, but valid */

static const char *const spoilt[] = {
	"bare.registers.rip",	     "bare.registers.rsp",
	"bare.registers.rflags",     "bare.control.cr0",
	"bare.control.cr3",	     "bare.control.cr4",
	"bare.control.efer",	     "bare.control.xcr0",
	"bare.debug.dr0",	     "bare.debug.dr7",
	"bare.msrs.star",	     "bare.msrs.sfmask",
	"bare.msrs.sysenter_cs",     "bare.segments.cs.base",
	"bare.segments.cs.limit",    "bare.segments.cs.selector",
	"bare.segments.cs.attributes", "bare.segments.ss.attributes",
	"bare.segments.ss.selector", "bare.segments.ds.attributes",
	"bare.segments.ldt.attributes", "bare.segments.tr.attributes",
	"bare.segments.tr.base",     "bare.gdt.base",
	"bare.gdt.limit",	     "bare.idt.base",
	"bare.idt.limit",
};
#define SPOILT (sizeof(spoilt) / sizeof(spoilt[0]))

static void spoil(const char *path, struct documents *documents)
{
	json_t *value = documents_at(documents->config, path);
	uint64_t number = strtoull(json_string_value(value), NULL, 0);
	char text[32];

	/* A bit more or less is most often still a CPU. */
	if (random_below(&source, 4) == 0)
		number = random_any_width(&source);
	else
		number ^= UINT64_C(1) << random_below(&source, 32);
	snprintf(text, sizeof(text), "\"0x%llx\"", (unsigned long long)number);
	documents_edit(documents->config, path, text);
}

static bool is_named(mote_status status)
{
	switch (status) {
	case MOTE_OK:
	case MOTE_E_INVALID:	 /* this CPU cannot be in that state */
	case MOTE_E_UNSUPPORTED: /* nor has it such page tables */
	case MOTE_E_HYPERVISOR:
	case MOTE_E_GUEST_FAULT:
	case MOTE_E_PROTOCOL:
	case MOTE_E_OUTPUT:
	case MOTE_E_DEADLINE:
		return true;
	default:
		return false;
	}
}

static void run_spoilt(mote_snapshot *snapshot)
{
	mote_sandbox_options options = bare_options(&output);
	mote_sandbox *box = NULL;
	mote_status status;

	options.deadline_ns = DEADLINE_NS;
	options.max_output_bytes = 1 << 16;
	status = mote_sandbox_from_snapshot(snapshot, &options, &box, &vm.err);
	if (status == MOTE_OK)
		status = mote_run(box, NULL, &vm.err);
	if (!is_named(status))
		fail_msg("%s: %s", mote_status_name(status), vm.err.text);
	mote_sandbox_free(box);
}

/* SECURITY: a state that nobody has been in is an error or a fault. */
static void test_evil_state(void **state)
{
	mote_snapshot *snapshot;
	mote_snapshot *good;
	mote_sandbox *box;
	struct documents documents;
	size_t accepted = 0;
	mote_status status;
	size_t round;
	size_t i;

	(void)state;
	for (i = 0; i < FILES; i++) {
		box = open_case(files[i], CASE_SNAPSHOT);
		(void)bare_run(box, MOTE_RUN_SNAPSHOT);
		save(box, "good");
		good = load("good", 0);
		for (round = 0; round < ROUNDS / FILES; round++) {
			size_t count = 1 + random_below(&source, 2);

			save(box, "spoilt");
			documents_open(&documents, layout, "spoilt");
			while (count-- > 0)
				spoil(spoilt[random_below(&source, SPOILT)],
				      &documents);
			documents_write(&documents);
			documents_close(&documents);
			status = mote_snapshot_load(vm.engine, layout, "spoilt",
						    0, &snapshot, &vm.err);
			if (status != MOTE_OK) {
				vm_expect(status, MOTE_E_SNAPSHOT, &vm.err);
				continue;
			}
			accepted++;
			run_spoilt(snapshot);
			mote_snapshot_unref(snapshot);
		}
		mote_sandbox_free(box);
		box = make_clone(good);
		expect_line(box, "00010101\n");
		mote_sandbox_free(box);
		mote_snapshot_unref(good);
		vm_close(&vm);
	}
	assert_true(accepted > ROUNDS / 8);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round_trip, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_registers, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_start, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_zeros, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_memory, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_kernels, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_elsewhere, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_features_fit, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_fields, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_vector_fields, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_evil_state, set_up,
						tear_down),
	};
	int skip = vm_require();

	if (skip)
		return skip;
	source.state = random_seed(argc, argv);
	vm_watchdog(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
