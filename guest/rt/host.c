/*
 * Calls of host functions, posted ones included.
 */
#include "rt/rt.h"

#include <string.h>

#include "abi/note.h"
#include "abi/trap.h"

HIDDEN extern const struct mote_function_ __start_mote_imports[]
	__attribute__((weak));

uint32_t mote_rt_out_used;

static uint64_t last_id;
static bool failed;
static mote_host_failure failure;

const mote_host_failure *mote_host_error(void)
{
	return failed ? &failure : NULL;
}

static void fail(int32_t code, const char *text)
{
	failed = true;
	failure.code = code;
	failure.text = text;
}

/* The letters of the parameters in "s(si)". */
static const char *parameters_of(const struct mote_function_ *function)
{
	return function->signature + 2;
}

static struct mote_rt_head head_of(const struct mote_function_ *function)
{
	struct mote_rt_head head = {
		.kind = MOTE_MESSAGE_HOST_CALL,
		.function = (uint32_t)(function - __start_mote_imports),
		.id = ++last_id,
	};

	return head;
}

/* Copies slot 0, which the next reply overwrites, to call memory. */
static bool keep(const struct mote_abi_message *reply,
		 struct mote_slot_ *result)
{
	const struct mote_abi_slot *slot =
		(const struct mote_abi_slot *)(reply + 1);
	char *copy = mote_alloc((size_t)slot->length + 1);

	if (copy == NULL)
		return false;
	memcpy(copy, (const char *)reply + slot->value, slot->length);
	copy[slot->length] = '\0';
	result->value = (uintptr_t)copy;
	result->size = slot->length;
	return true;
}

static void take_error(const struct mote_abi_message *reply)
{
	struct mote_slot_ text;

	if (reply->count == 1 && keep(reply, &text))
		fail(reply->code, (const char *)(uintptr_t)text.value);
	else
		fail(reply->code, "no memory for the text of this error");
}

static void take_reply(char letter, struct mote_slot_ *result)
{
	const struct mote_abi_message *reply =
		(const struct mote_abi_message *)MOTE_GVA_REPLY;
	const struct mote_abi_slot *slot =
		(const struct mote_abi_slot *)(reply + 1);

	failed = false;
	if (reply->kind == MOTE_MESSAGE_HOST_ERROR) {
		take_error(reply);
		return;
	}
	if (reply->kind != MOTE_MESSAGE_HOST_RESULT || reply->id != last_id ||
	    reply->count != 1 || slot->type != mote_rt_type_of(letter)) {
		fail(MOTE_CODE_BAD_MESSAGE,
		     "the host's reply does not belong to this call");
		return;
	}
	if (letter != 's' && letter != 'y')
		result->value = slot->value;
	else if (!keep(reply, result))
		fail(MOTE_CODE_NO_MEMORY,
		     "no memory for the result of a host function");
}

void mote_import_call_(const struct mote_function_ *function,
		       const struct mote_slot_ *arguments,
		       struct mote_slot_ *result)
{
	const struct mote_rt_head head = head_of(function);
	uint32_t offset = mote_rt_out_used;
	size_t size;

	result->value = 0;
	result->size = 0;
	size = mote_rt_encode((void *)(MOTE_GVA_OUT + offset),
			      control()->io_size - offset, &head,
			      parameters_of(function), arguments);
	if (size == 0) {
		fail(MOTE_CODE_ARGUMENTS_TOO_LARGE,
		     "the arguments do not fit the I/O area");
		return;
	}
	mote_rt_exit(MOTE_PORT_HOST_CALL, offset, 0);
	take_reply(function->signature[0], result);
}

/* False if the call does not fit what is free in the post area. */
static bool post(const struct mote_function_ *function,
		 const struct mote_slot_ *arguments)
{
	const struct mote_rt_head head = head_of(function);
	size_t space;
	void *place = mote_rt_post_begin(&space);
	size_t size = mote_rt_encode(place, space, &head,
				     parameters_of(function), arguments);

	mote_rt_post_end(MOTE_POST_CALL, size);
	return size > 0;
}

void mote_post_call_(const struct mote_function_ *function,
		     const struct mote_slot_ *arguments)
{
	const mote_host_failure before = failure;
	const bool failed_before = failed;
	struct mote_slot_ none;

	if (post(function, arguments))
		return;
	mote_rt_post_flush();
	if (post(function, arguments))
		return;
	/* Larger than the whole post area: as an ordinary call, unreported. */
	mote_import_call_(function, arguments, &none);
	failure = before;
	failed = failed_before;
}
