/*
 * Stores: what is mapped, put back and frozen, against a copy of memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "harness/random.h"
#include "harness/unit.h"
#include "mem/check.h"
#include "mem/freeze.h"
#include "os/os.h"

#define PAGE UINT64_C(4096)
#define PAGES 1024
#define IMAGE_PAGES 200

static uint64_t seed;
static struct random_source source;
static mote_error err = MOTE_ERROR_INIT;

/* PAGEMAP_SCAN as on a kernel that has none. */
static bool old_kernel;

int __real_mti_os_scan_private(const void *address, size_t size, size_t *from,
			       struct mti_os_range *runs, size_t most);
int __wrap_mti_os_scan_private(const void *address, size_t size, size_t *from,
			       struct mti_os_range *runs, size_t most);
int __wrap_mti_os_scan_private(const void *address, size_t size, size_t *from,
			       struct mti_os_range *runs, size_t most)
{
	return old_kernel ? -ENOTTY :
			    __real_mti_os_scan_private(address, size, from,
						       runs, most);
}

static void good(mote_status status)
{
	if (status != MOTE_OK)
		fail_msg("%s: %s", mote_status_name(status), err.text);
}

/* A store as a template makes it: one extent, random pages, some zero. */
static struct mti_store *make_image(void)
{
	struct mti_store *store;
	unsigned char page[PAGE];
	size_t i;
	int fd;

	fd = mti_os_memfd("test", IMAGE_PAGES * PAGE);
	assert_true(fd >= 0);
	for (i = 0; i < IMAGE_PAGES; i++) {
		memset(page, i % 7 ? (int)i : 0, sizeof(page));
		assert_int_equal(mti_os_pwrite(fd, page, PAGE, i * PAGE), 0);
	}
	assert_int_equal(mti_os_memfd_seal(fd), 0);
	store = mti_store_new(&mti_allocator_libc, PAGES * PAGE);
	assert_non_null(store);
	good(mti_backing_new(&mti_allocator_libc, fd, IMAGE_PAGES * PAGE,
			     &store->files[0], &err));
	store->extent_count = 1;
	store->extents[0].size = IMAGE_PAGES * PAGE;
	assert_true(mti_store_valid(store));
	return store;
}

/* Memory is exactly what the copy says. */
static void expect_bytes(const struct mti_memory *memory,
			 const unsigned char *model)
{
	size_t i;

	for (i = 0; i < PAGES; i++)
		if (memcmp(memory->base + i * PAGE, model + i * PAGE, PAGE))
			fail_msg("page %zu", i);
}

/* And so is what the store says of it. */
static void expect_store(const struct mti_store *store,
			 const unsigned char *model)
{
	static const unsigned char zero[PAGE];
	size_t i;

	assert_true(mti_store_valid(store));
	assert_true(store->extent_count <= MTI_STORE_EXTENTS_MAX);
	for (i = 0; i < PAGES; i++) {
		const uint8_t *page = mti_store_page(store, i * PAGE);

		if (memcmp(page ? page : zero, model + i * PAGE, PAGE))
			fail_msg("page %zu", i);
	}
}

static uint64_t size_of(const struct mti_store *store, uint32_t file)
{
	return store->files[file] ? store->files[file]->size : 0;
}

/* Writes to random pages of memory and model, and notes them. */
static void scribble(struct mti_memory *memory, unsigned char *model,
		     size_t writes)
{
	while (writes-- > 0) {
		size_t page = random_below(&source, PAGES);
		int value = (int)random_below(&source, 3);

		memset(memory->base + page * PAGE, value, PAGE);
		memset(model + page * PAGE, value, PAGE);
		mti_dirty_add(&memory->dirty, page * PAGE, 1);
	}
}

static struct mti_store *freeze(struct mti_memory *memory,
				struct mti_store *base)
{
	struct mti_freeze freeze = {
		.allocator = &mti_allocator_libc,
		.memory = memory,
		.base = base,
	};
	struct mti_store *store = NULL;

	good(mti_store_freeze(&freeze, &store, &err));
	return store;
}

/* Frozen again and again, from many small changes to few large ones. */
static void test_chain(void **state)
{
	struct mti_store *store = make_image();
	unsigned char *model = calloc(PAGES, PAGE);
	unsigned char *frozen = malloc(PAGES * PAGE);
	struct mti_memory memory;
	struct mti_memory clone;
	int round;

	(void)state;
	assert_non_null(model);
	assert_non_null(frozen);
	memcpy(model, store->files[0]->view, IMAGE_PAGES * PAGE);
	good(mti_memory_init(&memory, &mti_allocator_libc, store, NULL, &err));
	expect_bytes(&memory, model);
	for (round = 0; round < 60; round++) {
		struct mti_store *next;

		scribble(&memory, model, random_below(&source, 120));
		next = freeze(&memory, store);
		expect_store(next, model);
		mti_store_unref(store);
		store = next;
		memcpy(frozen, model, PAGES * PAGE);
		/* It goes back to it, without having been mapped anew. */
		scribble(&memory, model, random_below(&source, 120));
		mti_memory_restore(&memory, store);
		memcpy(model, frozen, PAGES * PAGE);
		expect_bytes(&memory, model);
		good(mti_memory_init(&clone, &mti_allocator_libc, store, NULL,
				     &err));
		expect_bytes(&clone, model);
		if (random_below(&source, 3) == 0) {
			mti_memory_fini(&memory);
			memory = clone;
		} else {
			scribble(&clone, frozen, 50);
			good(mti_memory_remap(&clone, store, &err));
			assert_int_equal(clone.dirty.count, 0);
			expect_bytes(&clone, model);
			mti_memory_fini(&clone);
		}
	}
	mti_memory_fini(&memory);
	mti_store_unref(store);
	free(model);
	free(frozen);
}

static void write_page(struct mti_memory *memory, size_t page, int value)
{
	memset(memory->base + page * PAGE, value, PAGE);
	mti_dirty_add(&memory->dirty, page * PAGE, 1);
}

/* What is stored: the pages that differ, once. */
static void test_delta(void **state)
{
	struct mti_store *image = make_image();
	struct mti_memory memory;
	struct mti_store *first;
	struct mti_store *second;
	struct mti_store *third;

	(void)state;
	good(mti_memory_init(&memory, &mti_allocator_libc, image, NULL, &err));
	write_page(&memory, 10, 10);  /* as it was */
	write_page(&memory, 11, 77);  /* in the image */
	write_page(&memory, 13, 0);   /* no longer anything */
	write_page(&memory, 500, 5);  /* in what was zero */
	write_page(&memory, 501, 0);  /* still zero */
	first = freeze(&memory, image);
	assert_ptr_equal(first->files[0], image->files[0]);
	assert_int_equal(size_of(first, 1), 2 * PAGE);
	assert_null(mti_store_page(first, 13 * PAGE));
	assert_int_equal(mti_store_page(first, 11 * PAGE)[4095], 77);
	/* The same again: nothing new, but the base is still shared. */
	second = freeze(&memory, first);
	assert_ptr_equal(second->files[0], image->files[0]);
	assert_int_equal(size_of(second, 1), 2 * PAGE);
	write_page(&memory, 502, 6);
	assert_ptr_equal(second->files[1], first->files[1]);
	/* One page more is one page. */
	third = freeze(&memory, second);
	assert_ptr_equal(third->files[0], image->files[0]);
	assert_ptr_equal(third->files[1], first->files[1]);
	assert_int_equal(size_of(third, 2), PAGE);
	assert_int_equal(mti_store_page(third, 502 * PAGE)[0], 6);
	mti_store_unref(first);
	mti_store_unref(second);
	mti_store_unref(third);
	/* More than there was: one file with everything. */
	for (size_t i = 300; i < 1000; i++)
		write_page(&memory, i, 9);
	third = freeze(&memory, image);
	assert_null(third->files[1]);
	assert_ptr_not_equal(third->files[0], image->files[0]);
	/* The image is whole in it; pages that became zero are not. */
	assert_int_equal(size_of(third, 0), (IMAGE_PAGES - 1 + 700) * PAGE);
	mti_store_unref(third);
	mti_memory_fini(&memory);
	mti_store_unref(image);
}

/* Freezes, lets go of what was before, and takes what is there as the base. */
static void freeze_next(struct mti_memory *memory, struct mti_store **store)
{
	struct mti_store *next = freeze(memory, *store);

	assert_true(mti_store_valid(next));
	assert_true(mti_store_file_count(next) > 0);
	mti_store_unref(*store);
	*store = next;
}

/* Of the file that the last one added. */
static uint64_t own_size(const struct mti_store *store)
{
	return size_of(store, mti_store_file_count(store) - 1);
}

/* Each delta has a file, until there are too many. */
static void test_files(void **state)
{
	struct mti_store *store = make_image();
	struct mti_backing *image = store->files[0];
	struct mti_memory memory;
	uint32_t i;

	(void)state;
	good(mti_memory_init(&memory, &mti_allocator_libc, store, NULL, &err));
	for (i = 0; i < 20; i++)
		write_page(&memory, 300 + i, 1);
	freeze_next(&memory, &store);
	assert_int_equal(own_size(store), 20 * PAGE);
	for (i = 2; i < MTI_STORE_FILES; i++) {
		write_page(&memory, 400 + i, 2);
		freeze_next(&memory, &store);
		assert_int_equal(mti_store_file_count(store), i + 1);
		assert_int_equal(own_size(store), PAGE);
	}
	/* All is written already: nothing is given up for nothing. */
	freeze_next(&memory, &store);
	assert_int_equal(mti_store_file_count(store), MTI_STORE_FILES);
	/* The six of one page each become one, the large ones stay. */
	write_page(&memory, 500, 3);
	freeze_next(&memory, &store);
	assert_int_equal(mti_store_file_count(store), 3);
	assert_ptr_equal(store->files[0], image);
	assert_int_equal(size_of(store, 1), 20 * PAGE);
	assert_int_equal(own_size(store), 7 * PAGE);
	/* Of a file of which nothing is used any more nothing is kept. */
	for (i = 0; i < 20; i++)
		write_page(&memory, 300 + i, 0);
	freeze_next(&memory, &store);
	assert_int_equal(mti_store_file_count(store), 2);
	assert_ptr_equal(store->files[0], image);
	assert_int_equal(own_size(store), 7 * PAGE);
	for (i = 0; i < PAGES; i++)
		write_page(&memory, i, 0);
	freeze_next(&memory, &store);
	assert_int_equal(store->extent_count, 0);
	assert_int_equal(mti_store_file_count(store), 1);
	mti_store_unref(store);
	mti_memory_fini(&memory);
}

/* What is kept of files although it is not used has a limit. */
static void test_unused(void **state)
{
	struct mti_store *store = make_image();
	struct mti_memory memory;
	size_t first;
	size_t i;
	int round;

	(void)state;
	good(mti_memory_init(&memory, &mti_allocator_libc, store, NULL, &err));
	/* Two thirds, again and again, without the same third. */
	for (round = 0; round < 12; round++) {
		uint64_t sum = 0;

		first = (size_t)round * 330 % 990;
		for (i = 0; i < 400; i++)
			write_page(&memory, (first + i) % PAGES, round + 1);
		freeze_next(&memory, &store);
		for (i = 0; i < MTI_STORE_FILES; i++)
			sum += size_of(store, (uint32_t)i);
		assert_true(sum <= 2 * PAGES * PAGE);
	}
	mti_store_unref(store);
	mti_memory_fini(&memory);
}

/* No extent over what a layout may have none over. */
static void test_apart(void **state)
{
	const struct mti_region messages = { .gpa = 450 * PAGE, .size = PAGE };
	const struct mti_region *regions[] = { &messages };
	struct mti_store *image = make_image();
	struct mti_memory memory;
	struct mti_store *store = NULL;
	struct mti_freeze freeze = {
		.allocator = &mti_allocator_libc,
		.memory = &memory,
		.base = image,
		.transient = regions,
		.transient_count = 1,
		.hole = 550 * PAGE,
		.hole_end = 551 * PAGE,
	};
	const struct mti_extent *extent;
	size_t i;

	(void)state;
	good(mti_memory_init(&memory, &mti_allocator_libc, image, NULL, &err));
	for (i = 301; i < 700; i++)
		if ((i - 1) % 5 == 0 && i != 551)
			write_page(&memory, i, 1);
	write_page(&memory, 449, 1);
	write_page(&memory, 450, 1);
	write_page(&memory, 549, 1);
	good(mti_store_freeze(&freeze, &store, &err));
	assert_int_equal(store->extent_count, MTI_STORE_EXTENTS_MAX);
	extent = mti_store_find(store, messages.gpa);
	assert_true(extent->gpa > messages.gpa);
	extent = mti_store_find(store, freeze.hole);
	assert_true(extent->gpa > freeze.hole);
	mti_store_unref(store);
	mti_memory_fini(&memory);
	mti_store_unref(image);
}

/* More runs than extents: the nearest are joined. */
static void test_many_runs(void **state)
{
	struct mti_store *image = make_image();
	struct mti_memory memory;
	struct mti_store *store;
	size_t i;

	(void)state;
	good(mti_memory_init(&memory, &mti_allocator_libc, image, NULL, &err));
	for (i = 0; i < 60; i++)
		write_page(&memory, 200 + 2 * i, 1);
	for (i = 0; i < 40; i++)
		write_page(&memory, 400 + 10 * i, 2);
	store = freeze(&memory, image);
	assert_int_equal(store->extent_count, MTI_STORE_EXTENTS_MAX);
	assert_true(mti_store_valid(store));
	/* 101 runs: the 37 gaps that had to go are of one page each. */
	assert_int_equal(size_of(store, 1), (100 + 37) * PAGE);
	for (i = 0; i < 40; i++)
		assert_int_equal(*mti_store_page(store, (400 + 10 * i) * PAGE),
				 2);
	mti_store_unref(store);
	mti_memory_fini(&memory);
	mti_store_unref(image);
}

/* Gaps, more than there may be extents. */
static int many_value(size_t page)
{
	return page % 8 == 7 ? 0 : (int)(page % 250 + 1);
}

/* Enough changes for a file of its own that begins as memory. */
static struct mti_store *freeze_many(struct mti_memory *memory,
				     struct mti_store *image)
{
	struct mti_store *store;
	size_t i;

	good(mti_memory_init(memory, &mti_allocator_libc, image, NULL, &err));
	for (i = 300; i < 900; i++)
		write_page(memory, i, many_value(i));
	store = freeze(memory, image);
	assert_true(size_of(store, 0) > 520 * PAGE);
	assert_null(store->files[1]);
	return store;
}

static void expect_many(const struct mti_memory *memory)
{
	size_t i;

	for (i = 300; i < 900; i++) {
		assert_int_equal(memory->base[i * PAGE], many_value(i));
		assert_int_equal(memory->base[i * PAGE + PAGE - 1],
				 many_value(i));
	}
	for (i = 0; i < IMAGE_PAGES; i++)
		assert_int_equal(memory->base[i * PAGE],
				 i % 7 ? (int)(unsigned char)i : 0);
}

/* Whether what is at an address is a snapshot's file. */
static bool is_file(const void *address)
{
	unsigned long wanted = (unsigned long)(uintptr_t)address;
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long start;
	unsigned long end;
	char line[512];
	bool found = false;

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx", &start, &end) == 2 &&
		    start <= wanted && wanted < end)
			found = strstr(line, "mote-snapshot") != NULL;
	fclose(maps);
	return found;
}

/* There is a file once somebody maps it, not before, and only one. */
static void test_staged(void **state)
{
	struct mti_store *image = make_image();
	struct mti_memory memory;
	struct mti_memory clone;
	struct mti_store *store = freeze_many(&memory, image);
	struct mti_backing *backing = store->files[0];
	uint8_t bytes[16];
	struct stat st;
	int fd;

	(void)state;
	write_page(&memory, 400, 1);
	mti_memory_restore(&memory, store);
	expect_many(&memory);
	assert_int_equal(mti_backing_read(backing, bytes, 16, 5 * PAGE), 16);
	assert_memory_equal(bytes, backing->view + 5 * PAGE, 16);
	assert_int_equal(backing->fd, -1);
	assert_false(is_file(backing->view));

	fd = mti_backing_file(backing);
	assert_true(fd >= 0);
	assert_true(is_file(backing->view));
	assert_true(is_file(backing->view + backing->size - 1));
	assert_int_equal(fcntl(fd, F_GET_SEALS) & (F_SEAL_WRITE | F_SEAL_GROW |
						   F_SEAL_SHRINK),
			 F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK);
	/* Pages of zeros between others take no room. */
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, backing->size);
	assert_true((uint64_t)st.st_blocks * 512 < backing->size);
	good(mti_memory_init(&clone, &mti_allocator_libc, store, NULL, &err));
	expect_many(&clone);
	assert_int_equal(backing->fd, fd);
	mti_memory_fini(&clone);
	/* What was seen through memory is now seen through the file. */
	write_page(&memory, 400, 1);
	mti_memory_restore(&memory, store);
	expect_many(&memory);
	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(mti_backing_read(backing, bytes, 16, 5 * PAGE), 16);
	assert_memory_equal(bytes, backing->view + 5 * PAGE, 16);
	mti_memory_fini(&memory);
	mti_store_unref(store);
	mti_store_unref(image);
}

#define MAPPERS 4

struct mapper {
	pthread_t thread;
	pthread_barrier_t *barrier;
	struct mti_store *store;
	bool maps; /* else it only looks */
	int fd;
};

static void *map_it(void *argument)
{
	struct mapper *self = argument;
	struct mti_memory memory;
	volatile uint8_t sum = 0;
	size_t i;

	pthread_barrier_wait(self->barrier);
	if (self->maps) {
		if (mti_memory_init(&memory, &mti_allocator_libc, self->store,
				    NULL, NULL) != MOTE_OK)
			abort();
		mti_memory_fini(&memory);
	}
	for (i = 300; i < 900; i++) {
		const uint8_t *page = mti_store_page(self->store, i * PAGE);

		sum = (uint8_t)(sum + (page ? *page : 0));
		if ((page ? *page : 0) != many_value(i))
			abort();
	}
	self->fd = self->store->files[0]->fd;
	return NULL;
}

/* Some map it for the first time while others read it. */
static void test_staged_threads(void **state)
{
	struct mti_store *image = make_image();
	struct mapper mappers[MAPPERS];
	pthread_barrier_t barrier;
	struct mti_memory memory;
	int unused = dup(0);
	int round;
	size_t i;

	(void)state;
	assert_true(unused >= 0);
	close(unused);
	pthread_barrier_init(&barrier, NULL, MAPPERS);
	for (round = 0; round < 10; round++) {
		struct mti_store *store = freeze_many(&memory, image);

		for (i = 0; i < MAPPERS; i++) {
			mappers[i] = (struct mapper){ .barrier = &barrier,
						      .store = store,
						      .maps = i > 0 };
			assert_int_equal(pthread_create(&mappers[i].thread,
							NULL, map_it,
							&mappers[i]),
					 0);
		}
		for (i = 0; i < MAPPERS; i++)
			pthread_join(mappers[i].thread, NULL);
		for (i = 2; i < MAPPERS; i++)
			assert_int_equal(mappers[i].fd, mappers[1].fd);
		mti_store_unref(store);
		mti_memory_fini(&memory);
	}
	/* No other file was left open. */
	assert_int_equal(dup(0), unused);
	close(unused);
	pthread_barrier_destroy(&barrier);
	mti_store_unref(image);
}

static void test_transient(void **state)
{
	const struct mti_region messages = { .gpa = 600 * PAGE,
					     .size = 2 * PAGE };
	const struct mti_region *regions[] = { &messages };
	struct mti_store *image = make_image();
	struct mti_memory memory;
	struct mti_store *store = NULL;
	struct mti_freeze freeze = {
		.allocator = &mti_allocator_libc,
		.memory = &memory,
		.base = image,
		.transient = regions,
		.transient_count = 1,
	};
	size_t i;

	(void)state;
	good(mti_memory_init(&memory, &mti_allocator_libc, image, NULL, &err));
	for (i = 599; i < 603; i++)
		write_page(&memory, i, 3);
	good(mti_store_freeze(&freeze, &store, &err));
	assert_int_equal(mti_store_page(store, 599 * PAGE)[0], 3);
	assert_null(mti_store_page(store, 600 * PAGE));
	assert_null(mti_store_page(store, 601 * PAGE));
	assert_int_equal(mti_store_page(store, 602 * PAGE)[0], 3);
	/* A restore wipes them. */
	mti_memory_restore(&memory, store);
	assert_int_equal(memory.base[600 * PAGE], 0);
	mti_store_unref(store);
	mti_memory_fini(&memory);
	mti_store_unref(image);
}

/* Every page that was written is found, also without PAGEMAP_SCAN. */
static void test_scan(void **state)
{
	struct mti_store *image = make_image();
	struct mti_memory memory;
	volatile unsigned char sum = 0;
	size_t extra = 0;
	size_t i;

	old_kernel = *(const bool *)*state;
	good(mti_memory_init(&memory, &mti_allocator_libc, image, NULL, &err));
	/* Runs enough for several rounds, reads that are no writes. */
	for (i = 0; i < PAGES; i++)
		sum = (unsigned char)(sum + memory.base[i * PAGE]);
	for (i = 0; i < PAGES; i += 3)
		memory.base[i * PAGE] = 1;
	good(mti_memory_scan(&memory, &err));
	for (i = 0; i < PAGES; i++) {
		bool has = mti_dirty_has(&memory.dirty, i * PAGE);

		if (i % 3 == 0)
			assert_true(has);
		else if (has)
			extra++;
	}
	/* pagemap cannot tell pages of zeros that were read. */
	assert_true(extra == 0 || (old_kernel && extra < PAGES));
	mti_memory_fini(&memory);
	mti_store_unref(image);
	old_kernel = false;
}

#ifdef MOTE_CHECK_RESTORE
/* The signal that a check of this memory ends with, or 0. */
static int check_in_child(struct mti_memory *memory, struct mti_store *store,
			  size_t page)
{
	int status = 0;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		/* Guest memory is not inherited. */
		if (mti_memory_init(memory, &mti_allocator_libc, store, NULL,
				    NULL))
			_exit(3);
		memory->base[page * PAGE] ^= 1;
		if (page % 2)
			mti_dirty_add(&memory->dirty, page * PAGE, 1);
		if (page % 2)
			mti_memory_restore(memory, store);
		/* No word of it in the log of the tests. */
		close(STDERR_FILENO);
		mti_check_restores = true;
		mti_memory_check(memory, store);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

/* The check that other tests rely on sees a page that was missed. */
static void test_check(void **state)
{
	struct mti_store *image = make_image();
	struct mti_memory memory;

	(void)state;
	assert_int_equal(check_in_child(&memory, image, 11), 0);
	assert_int_equal(check_in_child(&memory, image, 701), 0);
	assert_int_equal(check_in_child(&memory, image, 10), SIGABRT);
	assert_int_equal(check_in_child(&memory, image, 700), SIGABRT);
	mti_store_unref(image);
}
#endif

static void test_invalid(void **state)
{
	static const struct mti_extent wrong[] = {
		{ 0, 0, 0, 0 },
		{ 1, PAGE, 0, 0 },
		{ 0, PAGE + 1, 0, 0 },
		{ 0, PAGE, 1, 0 },
		{ 0, PAGE, 0, 1 },
		{ 0, PAGE, 0, MTI_STORE_FILES - 1 },
		{ 0, PAGE, 0, MTI_STORE_FILES },
		{ 0, PAGE, 0, UINT32_MAX },
		{ PAGES * PAGE, PAGE, 0, 0 },
		{ 0, PAGE, IMAGE_PAGES * PAGE, 0 },
		{ 0, (IMAGE_PAGES + 1) * PAGE, 0, 0 },
		{ PAGE, UINT64_MAX - PAGE + 1, 0, 0 },
		{ UINT64_MAX - PAGE + 1, PAGE, 0, 0 },
		{ 0, PAGE, UINT64_MAX - PAGE + 1, 0 },
	};
	struct mti_store *store = make_image();
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		store->extents[0] = wrong[i];
		assert_false(mti_store_valid(store));
	}
	store->extents[0] = (struct mti_extent){ PAGE, 2 * PAGE, 0, 0 };
	assert_true(mti_store_valid(store));
	store->extents[1] = (struct mti_extent){ 2 * PAGE, PAGE, 0, 0 };
	store->extent_count = 2;
	assert_false(mti_store_valid(store));
	store->extents[1].gpa = 3 * PAGE;
	assert_true(mti_store_valid(store));
	store->extents[1].gpa = 0;
	assert_false(mti_store_valid(store));
	store->extent_count = MTI_STORE_EXTENTS_MAX + 1;
	assert_false(mti_store_valid(store));
	store->extent_count = 0;
	assert_true(mti_store_valid(store));
	store->memory_size++;
	assert_false(mti_store_valid(store));
	mti_store_unref(store);
}

int main(int argc, char **argv)
{
	static bool yes = true;
	static bool no = false;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_delta),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_unused),
		cmocka_unit_test(test_apart),
		cmocka_unit_test(test_many_runs),
		cmocka_unit_test(test_staged),
		cmocka_unit_test(test_staged_threads),
		cmocka_unit_test(test_transient),
		cmocka_unit_test_prestate(test_scan, &no),
		cmocka_unit_test_prestate(test_scan, &yes),
		cmocka_unit_test(test_invalid),
#ifdef MOTE_CHECK_RESTORE
		cmocka_unit_test(test_check),
#endif
	};

	seed = random_seed(argc, argv);
	source.state = seed;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
