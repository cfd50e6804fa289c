#include <stdio.h>

#include <mote/mote.h>

static mote_status get_weekday(void *user, mote_host_call *call,
			       const mote_value *args, size_t count,
			       mote_value *result)
{
	(void)user;
	(void)call;
	(void)args;
	(void)count;
	*result = MOTE_STRING("Friday");
	return MOTE_OK;
}

int main(void)
{
	const mote_host_function host[] = {
		{ "GetWeekday", "s()", get_weekday, NULL },
	};
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;
	mote_value args[] = { MOTE_STRING("World") };
	mote_error err = MOTE_ERROR_INIT;
	mote_engine *engine = NULL;
	mote_image *image = NULL;
	mote_sandbox *box = NULL;
	mote_value result;
	mote_status status;

	options.host_functions = host;
	options.host_function_count = 1;
	status = mote_engine_new(NULL, &engine, &err);
	if (status == MOTE_OK)
		status = mote_image_open(engine, "hello.elf", &image, &err);
	if (status == MOTE_OK)
		status = mote_sandbox_new(image, &options, &box, &err);
	if (status == MOTE_OK)
		status = mote_call(box, "SayHello", args, 1, &result, &err);
	if (status == MOTE_OK)
		puts(result.as.string.data);
	else
		fprintf(stderr, "%s\n", err.text);
	mote_sandbox_free(box);
	mote_image_unref(image);
	mote_engine_unref(engine);
	return status == MOTE_OK ? 0 : 1;
}
