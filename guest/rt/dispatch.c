/*
 * Serving the host's messages: calls of exports, and main.
 */
#include "rt/rt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "abi/note.h"
#include "abi/trap.h"

_Static_assert(sizeof(struct mote_function_) ==
		       sizeof(struct mote_abi_function),
	       "row");
_Static_assert(offsetof(struct mote_function_, signature) ==
		       offsetof(struct mote_abi_function, signature),
	       "row");
_Static_assert(offsetof(struct mote_function_, parameters) ==
		       offsetof(struct mote_abi_function, parameters),
	       "row");
_Static_assert(offsetof(struct mote_function_, flags) ==
		       offsetof(struct mote_abi_function, flags),
	       "row");
_Static_assert(offsetof(struct mote_function_, invoke) ==
		       offsetof(struct mote_abi_function, invoke),
	       "row");
_Static_assert(MOTE_POSTED_ == MOTE_FUNCTION_POSTED, "row");

HIDDEN extern const struct mote_function_ __start_mote_exports[]
	__attribute__((weak));
HIDDEN extern const struct mote_function_ __stop_mote_exports[]
	__attribute__((weak));

extern int main(int argc, char **argv, char **envp) __attribute__((weak));

/* Programs that do not print do not get libc's stdout linked in for this. */
#undef stdout
extern FILE *const stdout __attribute__((weak));

struct mote_rt_failure mote_rt_failure;

void mote_rt_flush_stdout(void)
{
	if (&stdout != NULL)
		fflush(stdout);
}

static const struct mote_abi_message *after(const struct mote_abi_message *m)
{
	return (const void *)((const char *)m + m->size);
}

static const struct mote_abi_slot *slots_of(const struct mote_abi_message *m)
{
	return (const struct mote_abi_slot *)(m + 1);
}

/* Writes the failure that is set, with as much of its text as fits. */
static size_t encode_failure(void *buffer, size_t capacity, uint64_t id)
{
	const struct mote_rt_head head = {
		.kind = MOTE_MESSAGE_ERROR,
		.id = id,
		.code = mote_rt_failure.code,
	};
	struct mote_slot_ text = { (uintptr_t)mote_rt_failure.text, 0 };
	size_t room = capacity - MOTE_ANSWER_BYTES + 7;
	char *copy;

	if (strlen(mote_rt_failure.text) > room) {
		copy = mote_alloc(room + 1);
		if (copy != NULL) {
			memcpy(copy, mote_rt_failure.text, room);
			copy[room] = '\0';
		}
		text.value = (uintptr_t)copy;
	}
	return mote_rt_encode(buffer, capacity, &head, "s", &text);
}

static void fail(int32_t code, const char *text)
{
	mote_rt_failure.set = true;
	mote_rt_failure.code = code;
	mote_rt_failure.text = text;
}

/* Runs one call and writes its result. later: calls of the batch after it. */
static void serve_call(const struct mote_abi_message *message, uint64_t later)
{
	const struct mote_function_ *function =
		__start_mote_exports + message->function;
	unsigned char *out = (unsigned char *)MOTE_GVA_OUT + mote_rt_out_used;
	uint64_t kept = mote_rt_out_used + later * MOTE_ANSWER_BYTES;
	uint64_t size = control()->io_size;
	const struct mote_rt_head head = {
		.kind = MOTE_MESSAGE_RESULT,
		.id = message->id,
	};
	struct mote_slot_ result = { 0, 0 };
	char letter[2] = "v";
	size_t written = 0;

	/* The host sees to this when it makes a batch. */
	if (kept + MOTE_ANSWER_BYTES > size)
		abort();
	size -= kept;
	mote_rt_failure.set = false;
	if (message->kind != MOTE_MESSAGE_CALL ||
	    message->function >=
		    (size_t)(__stop_mote_exports - __start_mote_exports)) {
		fail(MOTE_CODE_BAD_MESSAGE, "no such function in the guest");
	} else {
		function->invoke(message, &result);
		letter[0] = function->signature[0];
	}
	if (!mote_rt_failure.set) {
		written = mote_rt_encode(out, size, &head, letter, &result);
		if (written == 0)
			fail(MOTE_CODE_RESULT_TOO_LARGE,
			     "the result does not fit the I/O area");
	}
	if (written == 0)
		written = encode_failure(out, size, message->id);
	mote_rt_out_used += (uint32_t)written;
	mote_rt_arena_reset();
}

/* Not an exit: the status would look like main's own. */
static NORETURN void no_heap_for_main(void)
{
	fputs("mote: no heap left for the arguments of main\n", stderr);
	abort();
}

static NORETURN void run_main(const struct mote_abi_message *message)
{
	const struct mote_abi_slot *slot = slots_of(message);
	uint32_t count = message->count;
	char **argv = calloc(count + (size_t)1, sizeof(*argv));
	uint32_t i;

	/* The host knows from the note that there is one. */
	if (main == NULL)
		abort();
	if (argv == NULL)
		no_heap_for_main();
	for (i = 0; i < count; i++) {
		argv[i] = strdup((const char *)message + slot[i].value);
		if (argv[i] == NULL)
			no_heap_for_main();
	}
	if (count > 0) {
		char *slash = strrchr(argv[0], '/');

		program_invocation_name = argv[0];
		program_invocation_short_name =
			slash != NULL ? slash + 1 : argv[0];
	}
	exit(main((int)count, argv, environ));
}

void mote_rt_dispatch(const struct mote_abi_message *message, uint64_t count)
{
	mote_rt_clock_enter();
	if (control()->reseed != 0)
		mote_rt_reseed();
	mote_rt_out_used = 0;
	if (message->kind == MOTE_MESSAGE_MAIN)
		run_main(message);
	for (; count > 0; count--) {
		serve_call(message, count - 1);
		message = after(message);
	}
	mote_rt_flush_stdout();
	mote_rt_leave(MOTE_PORT_RETURN, 0, 0);
}
