/*
 * Requests of many threads, each in a sandbox that nobody has used before it:
 * a pool makes them once and puts them back. usage: pool calculator.elf
 */
#include <pthread.h>
#include <stdio.h>

#include <mote/snapshot.h>

#define THREADS 6
#define REQUESTS 20
#define SECOND UINT64_C(1000000000)

struct worker {
	pthread_t thread;
	mote_pool *pool;
	int done;
	int crashed;
	int dirty;
	mote_error err;
};

/* One request: the guest counts, and one in five crashes. */
static mote_status serve(struct worker *self, int number)
{
	mote_sandbox *box = NULL;
	mote_value result;
	mote_status status;

	status = mote_pool_acquire(self->pool, 10 * SECOND, &box, &self->err);
	if (status != MOTE_OK)
		return status;
	status = mote_call(box, "Count", NULL, 0, &result, &self->err);
	/* 1, for the counter of the last request is gone. */
	if (status == MOTE_OK)
		self->dirty += result.as.u64 != 1;
	if (number % 5 == 0 && mote_call(box, "Crash", NULL, 0, NULL, NULL) ==
				       MOTE_E_GUEST_FAULT)
		self->crashed++;
	/* In whatever state it is. */
	mote_pool_release(self->pool, box);
	return status;
}

static void *work(void *argument)
{
	struct worker *self = argument;

	for (int i = 0; i < REQUESTS; i++)
		self->done += serve(self, i) == MOTE_OK;
	return NULL;
}

static void serve_all(mote_pool *pool)
{
	struct worker workers[THREADS];
	mote_pool_stats stats = MOTE_POOL_STATS_INIT;
	int done = 0;
	int crashed = 0;
	int dirty = 0;
	int started;

	for (started = 0; started < THREADS; started++) {
		workers[started] = (struct worker){ .pool = pool,
						    .err = MOTE_ERROR_INIT };
		if (pthread_create(&workers[started].thread, NULL, work,
				   &workers[started]) != 0)
			break;
	}
	for (int i = 0; i < started; i++) {
		pthread_join(workers[i].thread, NULL);
		done += workers[i].done;
		crashed += workers[i].crashed;
		dirty += workers[i].dirty;
	}
	printf("%d requests, %d crashed, %d saw another's data\n", done,
	       crashed, dirty);
	if (mote_pool_get_stats(pool, &stats, NULL) == MOTE_OK)
		printf("%d acquired, %d restored, at most 3 sandboxes: %s\n",
		       (int)stats.acquired, (int)stats.restored,
		       stats.created <= 3 ? "yes" : "no");
}

int main(int argc, char **argv)
{
	mote_pool_options options = MOTE_POOL_OPTIONS_INIT;
	mote_error err = MOTE_ERROR_INIT;
	mote_engine *engine = NULL;
	mote_image *image = NULL;
	mote_sandbox *box = NULL;
	mote_snapshot *snapshot = NULL;
	mote_pool *pool = NULL;
	int failed = 1;

	options.min = 1;
	options.max = 3;
	if (mote_engine_new(NULL, &engine, &err) == MOTE_OK &&
	    mote_image_open(engine, argc > 1 ? argv[1] : "calculator.elf",
			    &image, &err) == MOTE_OK &&
	    mote_sandbox_new(image, NULL, &box, &err) == MOTE_OK &&
	    mote_snapshot_take(box, &snapshot, &err) == MOTE_OK &&
	    mote_pool_new(snapshot, &options, &pool, &err) == MOTE_OK) {
		serve_all(pool);
		failed = 0;
	} else {
		fprintf(stderr, "%s\n", err.text);
	}
	mote_pool_free(pool);
	mote_snapshot_unref(snapshot);
	mote_sandbox_free(box);
	mote_image_unref(image);
	mote_engine_unref(engine);
	return failed;
}
