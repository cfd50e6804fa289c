#include "harness/snap_sample.h"

#include <dirent.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "abi/layout.h"
#include "arch/arch.h"
#include "harness/layout_files.h"
#include "harness/unit.h"

static const struct mti_snap_function exports[] = {
	{ "Add", "i(ii)", false },
	{ "SayHello", "s(s)", false },
};
static const struct mti_snap_function imports[] = {
	{ "GetWeekday", "s()", false },
	{ "Log", "v(s)", true },
};

static struct mti_backing *new_file(struct snap_sample *sample, size_t pages,
				    uint8_t first)
{
	size_t size = pages * MOTE_PAGE_SIZE;
	int fd = memfd_create("mote-sample", MFD_CLOEXEC);
	struct mti_backing *backing = NULL;
	uint8_t page[MOTE_PAGE_SIZE];
	size_t i;

	assert_true(fd >= 0);
	for (i = 0; i < pages; i++) {
		memset(page, (int)(first + i), sizeof(page));
		assert_int_equal(write(fd, page, sizeof(page)), sizeof(page));
	}
	assert_int_equal(mti_backing_new(&sample->memory.allocator, fd, size,
					 &backing, NULL),
			 MOTE_OK);
	return backing;
}

static void plan(struct snap_sample *sample)
{
	static const struct mti_part parts[] = {
		{ 0x400000, 0x2000, 0x2000, MTI_PT_USER | MTI_PT_EXECUTE },
		{ 0x500100, 0x3000, 0x10, MTI_PT_USER | MTI_PT_WRITE },
	};
	static const struct mti_layout_sizes sizes = {
		.heap = 1 << 20, .stack = 65536, .io = 65536
	};

	assert_true(mti_layout_plan(parts, 2, &sizes, &sample->snap.layout));
}

static void describe(struct snap_sample *sample)
{
	struct mti_snap_origin *origin = &sample->snap.origin;
	struct mti_snap_cpu *cpu = &sample->snap.cpu;

	origin->machine = EM_X86_64;
	origin->abi_version = MOTE_ABI_VERSION;
	memcpy(origin->backend, "kvm", 4);
	origin->features[0] = 0x201; /* SSE3, SSSE3 */
	origin->features[7] = 7;
	sample->here = *origin;
	sample->here.features[2] = 1 << 5; /* AVX2: one more */
	cpu->state.fs_base = 0x501000;
	cpu->state.gs_base = UINT64_C(0xffff800000000000);
	cpu->state.mxcsr = 0x1f80;
	cpu->state.x87_control = 0x37f;
	cpu->dispatch_pc = 0x400100;
	cpu->dispatch_sp = MOTE_GVA_STACK_TOP - 0x100;
}

/* The base lies over all of the image, but for a hole of zeros. */
static void fill_store(struct snap_sample *sample)
{
	struct mti_store *store =
		mti_store_new(&sample->memory.allocator,
			      sample->snap.layout.memory_size);

	assert_non_null(store);
	store->files[0] = new_file(sample, SAMPLE_BASE_PAGES, 1);
	store->extents[0] = (struct mti_extent){
		0, 4 * MOTE_PAGE_SIZE, 0, 0
	};
	store->extents[1] = (struct mti_extent){
		8 * MOTE_PAGE_SIZE, (SAMPLE_BASE_PAGES - 8) * MOTE_PAGE_SIZE,
		8 * MOTE_PAGE_SIZE, 0
	};
	store->extent_count = 2;
	assert_true(mti_store_valid(store));
	sample->snap.store = store;
}

void snap_sample_open(struct snap_sample *sample)
{
	size_t i;

	memset(sample, 0, sizeof(*sample));
	failing_allocator_init(&sample->memory, 0, false);
	sample->descriptors = snap_descriptors();
	files_temporary(sample->folder, sizeof(sample->folder));
	snprintf(sample->layout, sizeof(sample->layout), "%s/layout",
		 sample->folder);
	plan(sample);
	describe(sample);
	fill_store(sample);
	for (i = 0; i < SAMPLE_PROGRAM_BYTES; i++)
		sample->program_bytes[i] = (uint8_t)(i * 7);
	sample->program.data = sample->program_bytes;
	sample->program.size = SAMPLE_PROGRAM_BYTES;
	sample->tables = (struct mti_snap_tables){ exports, 2, imports, 2 };
}

void snap_sample_close(struct snap_sample *sample)
{
	mti_store_unref(sample->snap.store);
	files_delete(sample->folder);
	assert_int_equal(sample->memory.live, 0);
	assert_int_equal(snap_descriptors(), sample->descriptors);
	assert_int_equal(snap_mappings(), 0);
}

void snap_sample_set_delta(struct snap_sample *sample, uint8_t byte)
{
	struct mti_store *store = sample->snap.store;

	mti_backing_unref(store->files[1]);
	store->files[1] = new_file(sample, SAMPLE_DELTA_PAGES, byte);
	store->extents[2] = (struct mti_extent){
		64 * MOTE_PAGE_SIZE, SAMPLE_DELTA_PAGES * MOTE_PAGE_SIZE, 0, 1
	};
	store->extent_count = 3;
	assert_true(mti_store_valid(store));
}

void snap_sample_set_deltas(struct snap_sample *sample)
{
	struct mti_store *store = sample->snap.store;
	uint32_t i;

	snap_sample_set_delta(sample, 1);
	for (i = 2; i < MTI_STORE_FILES; i++) {
		store->files[i] = new_file(sample, i, (uint8_t)i);
		store->extents[store->extent_count++] = (struct mti_extent){
			(64 + 8 * i) * MOTE_PAGE_SIZE, i * MOTE_PAGE_SIZE, 0, i
		};
	}
	assert_true(mti_store_valid(store));
}

struct mti_save snap_sample_save_request(const struct snap_sample *sample,
					 const char *tag)
{
	return (struct mti_save){
		.allocator = &sample->memory.allocator,
		.snap = &sample->snap,
		.program = sample->program,
		.tables = sample->tables,
		.directory = sample->layout,
		.tag = tag,
	};
}

mote_status snap_sample_save(const struct snap_sample *sample, const char *tag,
			     struct mti_digest *digest, mote_error *err)
{
	const struct mti_save save = snap_sample_save_request(sample, tag);
	struct mti_digest ignored;

	return mti_snap_save(&save, digest ? digest : &ignored, err);
}

mote_status snap_sample_load(const struct snap_sample *sample,
			     const char *reference, bool verify, bool copy,
			     struct mti_loaded *loaded, mote_error *err)
{
	const struct mti_load load = {
		.allocator = &sample->memory.allocator,
		.directory = sample->layout,
		.reference = reference,
		.here = &sample->here,
		.verify = verify,
		.copy = copy,
		.max_bytes = UINT64_MAX,
	};
	mote_status status = mti_snap_load(&load, loaded, err);

	if (status == MOTE_OK) {
		status = mti_loaded_check_tables(loaded, sample->layout,
						 &sample->tables, err);
		if (status != MOTE_OK)
			mti_loaded_fini(loaded);
	}
	return status;
}

void snap_sample_saved(const struct snap_sample *sample, const char *tag)
{
	mote_error err = MOTE_ERROR_INIT;

	if (snap_sample_save(sample, tag, NULL, &err) != MOTE_OK)
		fail_msg("save %s: %s", tag, err.text);
}

static void expect_store(const struct mti_store *found,
			 const struct mti_store *expected)
{
	size_t i;

	assert_true(mti_store_valid(found));
	assert_int_equal(found->memory_size, expected->memory_size);
	assert_int_equal(found->extent_count, expected->extent_count);
	for (i = 0; i < expected->extent_count; i++) {
		assert_int_equal(found->extents[i].gpa,
				 expected->extents[i].gpa);
		assert_int_equal(found->extents[i].size,
				 expected->extents[i].size);
		assert_int_equal(found->extents[i].offset,
				 expected->extents[i].offset);
		assert_int_equal(found->extents[i].file,
				 expected->extents[i].file);
	}
	for (i = 0; i < MTI_STORE_FILES; i++) {
		if (!expected->files[i]) {
			assert_null(found->files[i]);
			continue;
		}
		assert_int_equal(found->files[i]->size,
				 expected->files[i]->size);
		assert_memory_equal(found->files[i]->view,
				    expected->files[i]->view,
				    expected->files[i]->size);
	}
}

void snap_sample_expect(const struct snap_sample *sample, const char *reference)
{
	mote_error err = MOTE_ERROR_INIT;
	struct mti_loaded loaded;
	unsigned int mode;

	for (mode = 0; mode < 4; mode++) {
		if (snap_sample_load(sample, reference, mode & 1, mode & 2,
				     &loaded, &err) != MOTE_OK)
			fail_msg("load %s: %s", reference, err.text);
		assert_memory_equal(&loaded.snap.layout, &sample->snap.layout,
				    sizeof(loaded.snap.layout));
		assert_memory_equal(&loaded.snap.cpu, &sample->snap.cpu,
				    sizeof(loaded.snap.cpu));
		assert_memory_equal(&loaded.snap.origin, &sample->snap.origin,
				    sizeof(loaded.snap.origin));
		expect_store(loaded.snap.store, sample->snap.store);
		assert_int_equal(loaded.program.size, sample->program.size);
		assert_memory_equal(loaded.program.data, sample->program.data,
				    sample->program.size);
		mti_loaded_fini(&loaded);
	}
}

void snap_sample_refused(const struct snap_sample *sample,
			 const char *reference, mote_status status,
			 const char *text)
{
	size_t descriptors = snap_descriptors();
	size_t mappings = snap_mappings();
	size_t live = sample->memory.live;
	mote_error err = MOTE_ERROR_INIT;
	struct mti_loaded loaded;
	mote_status found;

	found = snap_sample_load(sample, reference, false, false, &loaded,
				 &err);
	if (found != status)
		fail_msg("%s and not %s (\"%s\"): %s",
			 mote_status_name(found), mote_status_name(status),
			 text, found == MOTE_OK ? "" : err.text);
	if (!strstr(err.text, text))
		fail_msg("no \"%s\" in: %s", text, err.text);
	assert_int_equal(err.code, status);
	assert_int_equal(snap_descriptors(), descriptors);
	assert_int_equal(snap_mappings(), mappings);
	assert_int_equal(sample->memory.live, live);
}

size_t snap_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	size_t count = 0;

	assert_non_null(folder);
	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

size_t snap_mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512];
	size_t count = 0;

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps))
		if (strstr(line, "/sha256/") || strstr(line, "memfd:mote"))
			count++;
	fclose(maps);
	return count;
}
