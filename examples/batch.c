/*
 * Many calls in one entry into the virtual machine, which is what costs.
 * usage: batch calculator.elf
 */
#include <stdio.h>

#include <mote/mote.h>

#define COUNT 1000

static mote_value args[COUNT][2];
static mote_batch_item items[COUNT];

static void prepare(void)
{
	for (int i = 0; i < COUNT; i++) {
		args[i][0] = MOTE_I32(1000);
		args[i][1] = MOTE_I32(i % 100);
		items[i].function = "Divide";
		items[i].args = args[i];
		items[i].count = 2;
	}
}

/* Every item has a status of its own: an error does not stop the others. */
static void sum_up(void)
{
	int64_t sum = 0;
	int errors = 0;

	for (int i = 0; i < COUNT; i++) {
		if (items[i].status == MOTE_OK)
			sum += items[i].result.as.i32;
		else if (errors++ == 0)
			printf("item %d: code %d, %s\n", i, items[i].guest_code,
			       (const char *)items[i].error_text.data);
	}
	printf("sum %lld, %d errors\n", (long long)sum, errors);
}

static uint64_t entries(const mote_sandbox *box)
{
	mote_sandbox_stats stats = MOTE_SANDBOX_STATS_INIT;

	if (mote_sandbox_get_stats(box, &stats, NULL) != MOTE_OK)
		return 0;
	/* A signal may end an entry early; the guest is entered again. */
	return stats.vm_entries - stats.interrupted;
}

static mote_status run(mote_sandbox *box, mote_error *err)
{
	uint64_t before = entries(box);
	mote_status status = mote_call_batch(box, items, COUNT, err);

	if (status == MOTE_OK) {
		sum_up();
		printf("%d calls, %d entry\n", COUNT,
		       (int)(entries(box) - before));
	}
	return status;
}

int main(int argc, char **argv)
{
	mote_error err = MOTE_ERROR_INIT;
	mote_engine *engine = NULL;
	mote_image *image = NULL;
	mote_sandbox *box = NULL;
	mote_status status;

	prepare();
	status = mote_engine_new(NULL, &engine, &err);
	if (status == MOTE_OK)
		status = mote_image_open(engine,
					 argc > 1 ? argv[1] : "calculator.elf",
					 &image, &err);
	if (status == MOTE_OK)
		status = mote_sandbox_new(image, NULL, &box, &err);
	if (status == MOTE_OK)
		status = run(box, &err);
	if (status != MOTE_OK)
		fprintf(stderr, "%s\n", err.text);
	mote_sandbox_free(box);
	mote_image_unref(image);
	mote_engine_unref(engine);
	return status == MOTE_OK ? 0 : 1;
}
