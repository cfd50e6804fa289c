/*
 * One engine, one image, a sandbox for each thread. usage: threads
 * calculator.elf
 */
#include <pthread.h>
#include <stdio.h>

#include <mote/mote.h>

#define THREADS 4

struct job {
	mote_image *image;
	uint32_t limit;
	uint32_t primes;
	mote_error err;
	mote_status status;
};

/* Engine and image are shared freely; a sandbox is one thread's at a time. */
static void *work(void *argument)
{
	struct job *job = argument;
	const mote_value args[] = { MOTE_U32(job->limit) };
	mote_sandbox *box = NULL;
	mote_value result;

	job->status = mote_sandbox_new(job->image, NULL, &box, &job->err);
	if (job->status == MOTE_OK)
		job->status =
			mote_call(box, "Primes", args, 1, &result, &job->err);
	if (job->status == MOTE_OK)
		job->primes = result.as.u32;
	mote_sandbox_free(box);
	return NULL;
}

static int run(mote_image *image)
{
	struct job jobs[THREADS];
	pthread_t threads[THREADS];
	int failed = 0;
	int started;

	for (started = 0; started < THREADS; started++) {
		jobs[started] = (struct job){
			.image = image,
			.limit = 1000u * (uint32_t)(started + 1),
			.err = MOTE_ERROR_INIT,
		};
		if (pthread_create(&threads[started], NULL, work,
				   &jobs[started]) != 0)
			break;
	}
	for (int i = 0; i < started; i++) {
		pthread_join(threads[i], NULL);
		if (jobs[i].status == MOTE_OK)
			printf("%u primes below %u\n", jobs[i].primes,
			       jobs[i].limit);
		else
			printf("thread %d: %s\n", i, jobs[i].err.text);
		failed += jobs[i].status != MOTE_OK;
	}
	return failed > 0 || started < THREADS;
}

int main(int argc, char **argv)
{
	mote_error err = MOTE_ERROR_INIT;
	mote_engine *engine = NULL;
	mote_image *image = NULL;
	int failed = 1;

	if (mote_engine_new(NULL, &engine, &err) == MOTE_OK &&
	    mote_image_open(engine, argc > 1 ? argv[1] : "calculator.elf",
			    &image, &err) == MOTE_OK)
		failed = run(image);
	else
		fprintf(stderr, "%s\n", err.text);
	/* Images and sandboxes hold references: any order will do. */
	mote_engine_unref(engine);
	mote_image_unref(image);
	return failed;
}
