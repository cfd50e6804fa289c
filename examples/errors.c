/*
 * What can go wrong in a call, and what is left of the sandbox after it.
 * usage: errors calculator.elf
 */
#include <stdio.h>

#include <mote/mote.h>

static mote_image *image;

static mote_sandbox *new_sandbox(void)
{
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;
	mote_error err = MOTE_ERROR_INIT;
	mote_sandbox *box = NULL;

	options.deadline_ns = 50 * 1000 * 1000;
	if (mote_sandbox_new(image, &options, &box, &err) != MOTE_OK)
		fprintf(stderr, "%s\n", err.text);
	return box;
}

/* Calls, and says how it went. */
static void try(mote_sandbox *box, const char *function, const mote_value *args,
		size_t count)
{
	mote_error err = MOTE_ERROR_INIT;
	mote_value result;
	mote_status status;

	status = mote_call(box, function, args, count, &result, &err);
	printf("%-12s %s", function, mote_status_name(status));
	switch (status) {
	case MOTE_OK:
		if (result.type == MOTE_TYPE_I32)
			printf(": %d", result.as.i32);
		break;
	case MOTE_E_GUEST_ERROR: /* the function said no; nothing is broken */
		printf(": code %d, %s", err.guest_code, err.text);
		break;
	case MOTE_E_GUEST_FAULT: /* err.fault has registers and addresses */
		printf(": %s",
		       mote_fault_text((mote_fault_kind)err.fault.kind));
		break;
	default:
		printf(": %s", err.text);
		break;
	}
	printf("\n");
}

int main(int argc, char **argv)
{
	const mote_value good[] = { MOTE_I32(42), MOTE_I32(6) };
	const mote_value zero[] = { MOTE_I32(42), MOTE_I32(0) };
	const mote_value wrong[] = { MOTE_I32(42), MOTE_F64(6) };
	mote_error err = MOTE_ERROR_INIT;
	mote_engine *engine = NULL;
	mote_sandbox *box;

	if (mote_engine_new(NULL, &engine, &err) != MOTE_OK ||
	    mote_image_open(engine, argc > 1 ? argv[1] : "calculator.elf",
			    &image, &err) != MOTE_OK) {
		fprintf(stderr, "%s\n", err.text);
		mote_engine_unref(engine);
		return 1;
	}
	box = new_sandbox();
	if (box) {
		/* These leave the sandbox as it was. */
		try(box, "Divide", good, 2);
		try(box, "Divide", zero, 2);
		try(box, "Divide", wrong, 2);
		try(box, "Multiply", good, 2);
		try(box, "Divide", good, 2);

		/* This one does not: there is nothing to go on with. */
		try(box, "Crash", NULL, 0);
		try(box, "Divide", good, 2);
		mote_sandbox_free(box);
	}
	box = new_sandbox();
	if (box) {
		try(box, "Divide", good, 2);
		try(box, "LoopForever", NULL, 0);
		printf("poisoned: %s\n",
		       mote_sandbox_state(box) == MOTE_SANDBOX_POISONED ? "yes"
									: "no");
		mote_sandbox_free(box);
	}
	mote_image_unref(image);
	mote_engine_unref(engine);
	return 0;
}
