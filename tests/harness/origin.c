/*
 * Makes a program's sandboxes come from somewhere else: the linker sends its
 * mote_sandbox_new() and mote_sandbox_free() here. MOTE_TEST_ORIGIN is
 *
 *	(unset)	 a new sandbox, as asked for
 *	memory	 a sandbox of a snapshot of it, restored once more
 *	file	 a sandbox of that snapshot saved and loaded
 *	pool	 a sandbox from a pool of that snapshot, used and given back
 *
 * so that a whole suite shows that these are all the same.
 */
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mote/snapshot.h>

#include "sandbox/types.h"

#define POOLED_MAX 1024

mote_status __real_mote_sandbox_new(mote_image *image,
				    const mote_sandbox_options *options,
				    mote_sandbox **box, mote_error *err);
void __real_mote_sandbox_free(mote_sandbox *box);
mote_status __wrap_mote_sandbox_new(mote_image *image,
				    const mote_sandbox_options *options,
				    mote_sandbox **box, mote_error *err);
void __wrap_mote_sandbox_free(mote_sandbox *box);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct pooled {
	mote_sandbox *box;
	mote_pool *pool;
} pooled[POOLED_MAX];

static void fail(const char *what, const mote_error *err)
{
	fprintf(stderr, "origin: %s: %s\n", what, err ? err->text : "");
	abort();
}

static void from_memory(mote_snapshot *snapshot,
			const mote_sandbox_options *options, mote_sandbox **box)
{
	mote_error err = MOTE_ERROR_INIT;

	if (mote_sandbox_from_snapshot(snapshot, options, box, &err) !=
		    MOTE_OK ||
	    mote_sandbox_restore(*box, snapshot, &err) != MOTE_OK)
		fail("from memory", &err);
}

static int remove_entry(const char *path, const struct stat *st, int type,
			struct FTW *walk)
{
	(void)st;
	(void)type;
	(void)walk;
	return remove(path);
}

static void from_file(mote_engine *engine, mote_snapshot *snapshot,
		      const mote_sandbox_options *options, mote_sandbox **box)
{
	/* Nothing here has to outlive a crash: not to the disk. */
	char directory[] = "/dev/shm/mote-origin.XXXXXX";
	mote_error err = MOTE_ERROR_INIT;
	mote_snapshot *loaded = NULL;

	if (!mkdtemp(directory))
		fail("mkdtemp", NULL);
	if (mote_snapshot_save(snapshot, directory, "origin", NULL, NULL, NULL,
			       &err) != MOTE_OK ||
	    mote_snapshot_load(engine, directory, "origin", MOTE_LOAD_VERIFY,
			       &loaded, &err) != MOTE_OK ||
	    mote_sandbox_from_snapshot(loaded, options, box, &err) != MOTE_OK)
		fail("from file", &err);
	mote_snapshot_unref(loaded);
	/* What is mapped stays. */
	nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void remember(mote_sandbox *box, mote_pool *pool)
{
	size_t i = 0;

	pthread_mutex_lock(&lock);
	while (i < POOLED_MAX && pooled[i].box)
		i++;
	if (i == POOLED_MAX)
		fail("too many sandboxes", NULL);
	pooled[i].box = box;
	pooled[i].pool = pool;
	pthread_mutex_unlock(&lock);
}

static void from_pool(mote_snapshot *snapshot,
		      const mote_sandbox_options *options, mote_sandbox **box)
{
	mote_pool_options pool_options = MOTE_POOL_OPTIONS_INIT;
	mote_error err = MOTE_ERROR_INIT;
	mote_pool *pool = NULL;

	pool_options.max = 1;
	pool_options.sandbox = options;
	if (mote_pool_new(snapshot, &pool_options, &pool, &err) != MOTE_OK ||
	    mote_pool_acquire(pool, 0, box, &err) != MOTE_OK)
		fail("from pool", &err);
	/* One that has been out already. */
	mote_pool_release(pool, *box);
	if (mote_pool_acquire(pool, 0, box, &err) != MOTE_OK)
		fail("from pool again", &err);
	remember(*box, pool);
}

/* Another engine with the backend of that image's. */
static mote_engine *engine_of(const mote_image *image)
{
	mote_engine_options options = MOTE_ENGINE_OPTIONS_INIT;
	mote_error err = MOTE_ERROR_INIT;
	mote_engine *engine = NULL;

	options.backend = image->engine->ops->name;
	if (mote_engine_new(&options, &engine, &err) != MOTE_OK)
		fail("engine", &err);
	return engine;
}

mote_status __wrap_mote_sandbox_new(mote_image *image,
				    const mote_sandbox_options *options,
				    mote_sandbox **box, mote_error *err)
{
	const char *origin = getenv("MOTE_TEST_ORIGIN");
	mote_status status = __real_mote_sandbox_new(image, options, box, err);
	mote_error own = MOTE_ERROR_INIT;
	mote_snapshot *snapshot = NULL;
	mote_engine *engine;

	if (status != MOTE_OK || !origin || !*origin)
		return status;
	if (mote_snapshot_take(*box, &snapshot, &own) != MOTE_OK)
		fail("take", &own);
	__real_mote_sandbox_free(*box);
	if (strcmp(origin, "memory") == 0) {
		from_memory(snapshot, options, box);
	} else if (strcmp(origin, "file") == 0) {
		engine = engine_of(image);
		from_file(engine, snapshot, options, box);
		mote_engine_unref(engine);
	} else if (strcmp(origin, "pool") == 0) {
		from_pool(snapshot, options, box);
	} else {
		fail(origin, NULL);
	}
	mote_snapshot_unref(snapshot);
	return MOTE_OK;
}

void __wrap_mote_sandbox_free(mote_sandbox *box)
{
	mote_pool *pool = NULL;
	size_t i;

	pthread_mutex_lock(&lock);
	for (i = 0; box && i < POOLED_MAX; i++)
		if (pooled[i].box == box) {
			pool = pooled[i].pool;
			memset(&pooled[i], 0, sizeof(pooled[i]));
			break;
		}
	pthread_mutex_unlock(&lock);
	if (!pool) {
		__real_mote_sandbox_free(box);
		return;
	}
	mote_pool_release(pool, box);
	mote_pool_free(pool);
}
