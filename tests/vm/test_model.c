/*
 * Random sequences of calls, snapshots, restores, clones, mappings, crashes,
 * pools and files, compared with a model that is nothing but arrays. The seed
 * is printed; --seed N has the same run again.
 */
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mote/snapshot.h>

#include "harness/random.h"
#include "harness/unit.h"
#include "harness/vm.h"
#include "vm/guests/model.h"

#define BOXES 5
#define SNAPSHOTS 5
#define MAPS 4
#define POOLS 2
#define POOL_MAX 2
#define FILES 3
#define STEPS 4000
#define PAGE 4096u
#define MAP_PAGES 3
#define MAP_STRIDE (UINT64_C(1) << 20)
#define SPIN_NS 3000000
#define PATIENCE_NS UINT64_C(20000000000)

/* What is at one of the addresses where the host maps. */
enum map_kind {
	MAP_NONE,
	MAP_SHARED_FILE, /* read-only, the file itself */
	MAP_PRIVATE_FILE,
	MAP_HOST_MEMORY,
	MAP_FROZEN, /* it was mapped when the snapshot was taken */
};

struct model_map {
	enum map_kind kind;
	bool writable;
	uint64_t value; /* the first word of the guest's view */
};

struct model {
	uint64_t cells[MODEL_CELLS];
	struct model_map maps[MAPS];
};

struct box {
	mote_sandbox *box;
	struct model model;
	bool poisoned;
	mote_pool *pool; /* it is from, or NULL; may be freed already */
};

struct pool {
	mote_pool *pool;
	struct model model; /* of its sandboxes when they are acquired */
};

/* A snapshot in the layout, by a tag of its own. */
struct file {
	bool saved;
	struct model model;
};

struct snapshot {
	mote_snapshot *snapshot;
	struct model model;
};

struct world {
	struct vm vm;
	struct random_source random;
	struct box boxes[BOXES];
	struct snapshot snapshots[SNAPSHOTS];
	struct pool pools[POOLS];
	struct file files[FILES];
	char layout[64];
	bool layout_made;
	uint64_t *memory; /* MAP_HOST_MEMORY: MAPS pages */
	int file;	  /* MAP_PAGES pages; the first word is FILE_VALUE */
	unsigned int step;
	unsigned int done[32];
};

#define FILE_VALUE UINT64_C(0x1122334455667788)

static uint64_t seed;

static size_t below(struct world *world, size_t limit)
{
	return random_below(&world->random, limit);
}

static uint64_t map_address(size_t index)
{
	return MOTE_MAP_ADDRESS_FIRST + index * MAP_STRIDE;
}

static mote_status call(struct world *world, const struct box *box,
			const char *name, const mote_value *args, size_t count,
			mote_value *result)
{
	return mote_call(box->box, name, args, count, result, &world->vm.err);
}

#define expect(world, status, wanted)                              \
	do {                                                       \
		mote_status status_ = (status);                    \
								   \
		if (status_ != (wanted))                           \
			print_error("step %u\n", (world)->step);   \
		vm_expect(status_, wanted, &(world)->vm.err);      \
	} while (0)

static void write_cell(struct world *world, struct box *box)
{
	uint32_t index = (uint32_t)below(world, MODEL_CELLS);
	/* Zeros, so that a page becomes what it was. */
	uint64_t value = below(world, 4) ? random_u64(&world->random) : 0;
	const mote_value args[] = { MOTE_U32(index), MOTE_U64(value) };

	if (box->poisoned) {
		expect(world, call(world, box, "Write", args, 2, NULL),
		       MOTE_E_POISONED);
		return;
	}
	expect(world, call(world, box, "Write", args, 2, NULL), MOTE_OK);
	box->model.cells[index] = value;
}

static uint64_t read_word(struct world *world, const struct box *box,
			  const char *name, const mote_value *arg)
{
	mote_value result;

	expect(world, call(world, box, name, arg, 1, &result), MOTE_OK);
	return result.as.u64;
}

static void check_all(struct world *world, struct box *box)
{
	uint32_t index;
	size_t i;

	if (box->poisoned)
		return;
	for (index = 0; index < MODEL_CELLS; index++) {
		const mote_value arg = MOTE_U32(index);

		if (read_word(world, box, "Read", &arg) ==
		    box->model.cells[index])
			continue;
		fail_msg("step %u: cell %u of box %td", world->step, index,
			 box - world->boxes);
	}
	for (i = 0; i < MAPS; i++) {
		const mote_value arg = MOTE_U64(map_address(i));

		if (box->model.maps[i].kind != MAP_NONE &&
		    read_word(world, box, "ReadAt", &arg) !=
			    box->model.maps[i].value)
			fail_msg("step %u: mapping %zu", world->step, i);
	}
}

static void take(struct world *world, struct box *box)
{
	struct snapshot *slot = &world->snapshots[below(world, SNAPSHOTS)];
	mote_snapshot *taken = NULL;
	size_t i;

	if (box->poisoned) {
		expect(world,
		       mote_snapshot_take(box->box, &taken, &world->vm.err),
		       MOTE_E_POISONED);
		return;
	}
	expect(world, mote_snapshot_take(box->box, &taken, &world->vm.err),
	       MOTE_OK);
	mote_snapshot_unref(slot->snapshot);
	slot->snapshot = taken;
	slot->model = box->model;
	for (i = 0; i < MAPS; i++)
		if (slot->model.maps[i].kind != MAP_NONE)
			slot->model.maps[i].kind = MAP_FROZEN;
}

static void restore(struct world *world, struct box *box)
{
	struct snapshot *from = &world->snapshots[below(world, SNAPSHOTS)];

	if (!from->snapshot)
		return;
	expect(world,
	       mote_sandbox_restore(box->box, from->snapshot, &world->vm.err),
	       MOTE_OK);
	box->model = from->model;
	box->poisoned = false;
}

/* In either way, if it is from a pool. */
static void drop_box(struct world *world, struct box *box)
{
	if (box->pool && below(world, 2))
		mote_pool_release(box->pool, box->box);
	else
		mote_sandbox_free(box->box);
	memset(box, 0, sizeof(*box));
}

static void clone_box(struct world *world, struct box *box)
{
	struct snapshot *from = &world->snapshots[below(world, SNAPSHOTS)];
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;
	mote_sandbox *made;

	options.deadline_ns = PATIENCE_NS;
	if (!from->snapshot)
		return;
	expect(world,
	       mote_sandbox_from_snapshot(from->snapshot, &options, &made,
					  &world->vm.err),
	       MOTE_OK);
	drop_box(world, box);
	box->box = made;
	box->model = from->model;
}

static mote_status map_kind(struct world *world, struct box *box, size_t index,
			    enum map_kind kind)
{
	uint64_t address = map_address(index);

	if (kind == MAP_HOST_MEMORY)
		return mote_map_memory(box->box,
				       (uint8_t *)world->memory + index * PAGE,
				       PAGE, &address, &world->vm.err);
	return mote_map_file(box->box, world->file, 0, MAP_PAGES * PAGE,
			     kind == MAP_PRIVATE_FILE ? MOTE_MAP_PRIVATE : 0,
			     &address, &world->vm.err);
}

static void map_something(struct world *world, struct box *box)
{
	size_t index = below(world, MAPS);
	struct model_map *map = &box->model.maps[index];
	enum map_kind kind = (enum map_kind)(MAP_SHARED_FILE +
					     below(world, 3));
	mote_status status = map_kind(world, box, index, kind);

	if (box->poisoned) {
		expect(world, status, MOTE_E_POISONED);
	} else if (map->kind != MAP_NONE) {
		expect(world, status, MOTE_E_INVALID);
	} else {
		expect(world, status, MOTE_OK);
		map->kind = kind;
		map->writable = kind == MAP_PRIVATE_FILE;
		map->value = kind == MAP_HOST_MEMORY ?
				     world->memory[index * PAGE / 8] :
				     FILE_VALUE;
	}
}

static void unmap_something(struct world *world, struct box *box)
{
	size_t index = below(world, MAPS);
	struct model_map *map = &box->model.maps[index];
	mote_status status =
		mote_unmap(box->box, map_address(index), &world->vm.err);

	/* Whoever lent memory wants it back, whatever became of the guest. */
	if (map->kind == MAP_NONE || map->kind == MAP_FROZEN) {
		expect(world, status, MOTE_E_INVALID);
	} else {
		expect(world, status, MOTE_OK);
		memset(map, 0, sizeof(*map));
	}
}

/* To a private mapping, or one that must not be written. */
static void write_mapping(struct world *world, struct box *box)
{
	size_t index = below(world, MAPS);
	struct model_map *map = &box->model.maps[index];
	uint64_t value = random_u64(&world->random);
	const mote_value args[] = { MOTE_U64(map_address(index)),
				    MOTE_U64(value) };

	if (box->poisoned)
		return;
	if (map->kind != MAP_NONE && map->writable) {
		expect(world, call(world, box, "WriteAt", args, 2, NULL),
		       MOTE_OK);
		map->value = value;
		return;
	}
	expect(world, call(world, box, "WriteAt", args, 2, NULL),
	       MOTE_E_GUEST_FAULT);
	assert_int_equal(world->vm.err.fault.address, map_address(index));
	box->poisoned = true;
}

static void poison(struct world *world, struct box *box)
{
	const mote_value nowhere = MOTE_U64(map_address(MAPS));
	size_t how = below(world, 3);

	if (box->poisoned)
		return;
	box->poisoned = true;
	if (how == 0) {
		expect(world, call(world, box, "ReadAt", &nowhere, 1, NULL),
		       MOTE_E_GUEST_FAULT);
	} else if (how == 1) {
		expect(world, call(world, box, "Exit", NULL, 0, NULL),
		       MOTE_E_GUEST_EXIT);
	} else {
		expect(world,
		       mote_sandbox_set_deadline(box->box, SPIN_NS,
						 &world->vm.err),
		       MOTE_OK);
		expect(world, call(world, box, "Spin", NULL, 0, NULL),
		       MOTE_E_DEADLINE);
		expect(world,
		       mote_sandbox_set_deadline(box->box, PATIENCE_NS,
						 &world->vm.err),
		       MOTE_OK);
	}
}

static void drop_snapshot(struct world *world, struct box *box)
{
	struct snapshot *slot = &world->snapshots[below(world, SNAPSHOTS)];

	(void)box;
	mote_snapshot_unref(slot->snapshot);
	slot->snapshot = NULL;
}

/* The host changes its own memory: guests that have it mapped see it. */
static void write_memory(struct world *world, struct box *box)
{
	size_t index = below(world, MAPS);
	size_t i;

	(void)box;
	world->memory[index * PAGE / 8] = random_u64(&world->random);
	for (i = 0; i < BOXES; i++) {
		struct model_map *map = &world->boxes[i].model.maps[index];

		if (map->kind == MAP_HOST_MEMORY)
			map->value = world->memory[index * PAGE / 8];
	}
}

static void fresh_box(struct world *world, struct box *box)
{
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;

	options.deadline_ns = PATIENCE_NS;
	drop_box(world, box);
	box->box = vm_sandbox(&world->vm, &options);
}

/* ----------------------------------------------------------------- pools */

/* What a pool maps into each of its sandboxes, where nothing is yet. */
static void choose_mapping(struct world *world, struct model *model,
			   mote_mapping *mapping)
{
	size_t index = below(world, MAPS);
	struct model_map *map = &model->maps[index];

	if (map->kind != MAP_NONE)
		return;
	mapping->fd = world->file;
	mapping->address = map_address(index);
	mapping->flags = below(world, 2) ? MOTE_MAP_PRIVATE : 0;
	map->kind = mapping->flags ? MAP_PRIVATE_FILE : MAP_SHARED_FILE;
	map->writable = mapping->flags != 0;
	map->value = FILE_VALUE;
}

/* Those that are out of the one that it replaces go on. */
static void new_pool(struct world *world, struct box *box)
{
	struct snapshot *from = &world->snapshots[below(world, SNAPSHOTS)];
	struct pool *slot = &world->pools[below(world, POOLS)];
	mote_sandbox_options sandbox = MOTE_SANDBOX_OPTIONS_INIT;
	mote_pool_options options = MOTE_POOL_OPTIONS_INIT;
	mote_mapping mapping = { 0 };

	(void)box;
	if (!from->snapshot)
		return;
	mote_pool_free(slot->pool);
	slot->pool = NULL;
	slot->model = from->model;
	if (below(world, 2))
		choose_mapping(world, &slot->model, &mapping);
	sandbox.deadline_ns = PATIENCE_NS;
	sandbox.mappings = &mapping;
	sandbox.mapping_count = mapping.address != 0;
	options.sandbox = &sandbox;
	options.min = (uint32_t)below(world, 2);
	options.max = POOL_MAX;
	expect(world,
	       mote_pool_new(from->snapshot, &options, &slot->pool,
			     &world->vm.err),
	       MOTE_OK);
}

static size_t count_out(const struct world *world, const mote_pool *pool)
{
	size_t out = 0;
	size_t i;

	for (i = 0; i < BOXES; i++)
		out += world->boxes[i].pool == pool;
	return out;
}

static void acquire(struct world *world, struct box *box)
{
	struct pool *from = &world->pools[below(world, POOLS)];
	mote_sandbox *made = NULL;
	mote_status status;

	if (!from->pool)
		return;
	status = mote_pool_acquire(from->pool, 0, &made, &world->vm.err);
	if (count_out(world, from->pool) == POOL_MAX) {
		expect(world, status, MOTE_E_TIMEOUT);
		return;
	}
	expect(world, status, MOTE_OK);
	drop_box(world, box);
	box->box = made;
	box->pool = from->pool;
	box->model = from->model;
	check_all(world, box);
}

/* ----------------------------------------------------------------- files */

static void tag_of(char *tag, size_t size, size_t index)
{
	snprintf(tag, size, "tag-%zu", index);
}

static void save(struct world *world, struct box *box)
{
	struct snapshot *from = &world->snapshots[below(world, SNAPSHOTS)];
	size_t index = below(world, FILES);
	char tag[16];

	(void)box;
	if (!from->snapshot)
		return;
	tag_of(tag, sizeof(tag), index);
	expect(world,
	       mote_snapshot_save(from->snapshot, world->layout, tag, NULL,
				  NULL, NULL, &world->vm.err),
	       MOTE_OK);
	world->layout_made = true;
	world->files[index].saved = true;
	world->files[index].model = from->model;
}

static void load(struct world *world, struct box *box)
{
	static const uint32_t flags[] = { 0, MOTE_LOAD_VERIFY, MOTE_LOAD_COPY };
	struct snapshot *slot = &world->snapshots[below(world, SNAPSHOTS)];
	size_t index = below(world, FILES);
	mote_snapshot *loaded = NULL;
	mote_status status;
	char tag[16];

	(void)box;
	tag_of(tag, sizeof(tag), index);
	status = mote_snapshot_load(world->vm.engine, world->layout, tag,
				    flags[below(world, 3)], &loaded,
				    &world->vm.err);
	if (!world->files[index].saved) {
		/* Before the first one there is no layout. */
		expect(world, status,
		       world->layout_made ? MOTE_E_NOT_FOUND : MOTE_E_SNAPSHOT);
		return;
	}
	expect(world, status, MOTE_OK);
	mote_snapshot_unref(slot->snapshot);
	slot->snapshot = loaded;
	slot->model = world->files[index].model;
}

/* What was loaded from it stays. */
static void remove_file(struct world *world, struct box *box)
{
	size_t index = below(world, FILES);
	char tag[16];

	(void)box;
	if (!world->files[index].saved)
		return;
	tag_of(tag, sizeof(tag), index);
	expect(world,
	       mote_snapshot_remove(world->layout, tag, &world->vm.err),
	       MOTE_OK);
	world->files[index].saved = false;
}

static const struct action {
	const char *name;
	unsigned int weight;
	void (*act)(struct world *world, struct box *box);
} actions[] = {
	{ "write", 40, write_cell },	   { "check", 4, check_all },
	{ "take", 5, take },		   { "restore", 20, restore },
	{ "clone", 6, clone_box },	   { "map", 6, map_something },
	{ "unmap", 3, unmap_something },   { "write a mapping", 5, write_mapping },
	{ "poison", 4, poison },	   { "drop", 1, drop_snapshot },
	{ "write memory", 3, write_memory }, { "new", 1, fresh_box },
	{ "new pool", 2, new_pool },	   { "acquire", 8, acquire },
	{ "save", 2, save },		   { "load", 3, load },
	{ "remove", 1, remove_file },
};

#define ACTIONS (sizeof(actions) / sizeof(actions[0]))

static void one_step(struct world *world)
{
	struct box *box = &world->boxes[below(world, BOXES)];
	unsigned int total = 0;
	size_t pick;
	size_t i;

	for (i = 0; i < ACTIONS; i++)
		total += actions[i].weight;
	pick = below(world, total);
	for (i = 0; pick >= actions[i].weight; i++)
		pick -= actions[i].weight;
	actions[i].act(world, box);
	world->done[i]++;
}

_Static_assert(ACTIONS <= 32, "done has room");

static int remove_entry(const char *path, const struct stat *st, int type,
			struct FTW *walk)
{
	(void)st;
	(void)type;
	(void)walk;
	return remove(path);
}

static void open_world(struct world *world)
{
	const uint64_t value = FILE_VALUE;
	void *memory;
	size_t i;

	memset(world, 0, sizeof(*world));
	world->random.state = seed;
	world->file = memfd_create("model", MFD_CLOEXEC);
	assert_true(world->file >= 0);
	assert_int_equal(ftruncate(world->file, MAP_PAGES * PAGE), 0);
	assert_int_equal(pwrite(world->file, &value, sizeof(value), 0),
			 sizeof(value));
	memory = mmap(NULL, MAPS * PAGE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(memory, MAP_FAILED);
	world->memory = memory;
	snprintf(world->layout, sizeof(world->layout), "/tmp/mote-model.XXXXXX");
	assert_non_null(mkdtemp(world->layout));
	vm_open(&world->vm, GUEST_vm_model);
	for (i = 0; i < BOXES; i++)
		fresh_box(world, &world->boxes[i]);
}

static void close_world(struct world *world)
{
	uint64_t value = 0;
	size_t i;

	mote_pool_free(world->pools[0].pool);
	for (i = 0; i < BOXES; i++)
		drop_box(world, &world->boxes[i]);
	for (i = 1; i < POOLS; i++)
		mote_pool_free(world->pools[i].pool);
	for (i = 0; i < SNAPSHOTS; i++)
		mote_snapshot_unref(world->snapshots[i].snapshot);
	vm_close(&world->vm);
	nftw(world->layout, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	/* What guests wrote to private mappings never reached the file. */
	assert_int_equal(pread(world->file, &value, sizeof(value), 0),
			 sizeof(value));
	assert_int_equal(value, FILE_VALUE);
	close(world->file);
	munmap(world->memory, MAPS * PAGE);
}

static void test_model(void **state)
{
	static struct world world;
	size_t i;

	(void)state;
	open_world(&world);
	for (world.step = 0; world.step < STEPS; world.step++)
		one_step(&world);
	for (i = 0; i < BOXES; i++)
		check_all(&world, &world.boxes[i]);
	close_world(&world);
	for (i = 0; i < ACTIONS; i++)
		print_message("%-16s %u\n", actions[i].name, world.done[i]);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),
	};
	int skip = vm_require();

	if (skip)
		return skip;
	vm_watchdog(100);
	seed = random_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
