/*
 * Host functions: registration, resolution of the guest's imports, and the
 * guest's calls.
 */
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "sandbox/sandbox.h"
#include "sandbox/usage.h"

static const struct mti_host_function *
find(const mote_sandbox *box, size_t count, const char *name)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (strcmp(box->host_functions[i].name, name) == 0)
			return &box->host_functions[i];
	return NULL;
}

static mote_status copy_one(mote_sandbox *box, size_t index,
			    const mote_host_function *from, mote_error *err)
{
	static const char *const operation = "register host function";
	struct mti_host_function *to = &box->host_functions[index];
	char problem[MTI_SIGNATURE_PROBLEM_MAX];
	const char *wrong;

	if (!from->name || !from->signature || !from->fn)
		return mti_error_set(err, MOTE_E_INVALID, operation,
				     "host function %zu: %s is NULL", index,
				     !from->name      ? "name" :
				     !from->signature ? "signature" :
							"fn");
	wrong = mti_name_check(from->name, SIZE_MAX);
	if (wrong)
		return mti_error_set(err, MOTE_E_INVALID, operation,
				     "host function %zu: name \"%.80s\": %s",
				     index, from->name, wrong);
	wrong = mti_signature_parse(from->signature, MOTE_ARGUMENTS_MAX + 8,
				    &to->signature, problem);
	if (wrong)
		return mti_error_set(err, MOTE_E_INVALID, operation,
				     "%s: signature \"%.48s\": %s", from->name,
				     from->signature, wrong);
	if (find(box, index, from->name))
		return mti_error_set(err, MOTE_E_INVALID, operation,
				     "%s is registered twice", from->name);
	memcpy(to->name, from->name, strlen(from->name) + 1);
	to->fn = from->fn;
	to->user = from->user;
	return MOTE_OK;
}

/* Whether an import of that name, so of that type, came before. */
static bool is_repeated(const struct mti_elf *elf, size_t index)
{
	size_t i;

	for (i = 0; i < index; i++)
		if (strcmp(elf->imports[i].name, elf->imports[index].name) == 0)
			return true;
	return false;
}

/* Names every import that cannot be resolved, as many as fit. */
static mote_status resolve(mote_sandbox *box, size_t count, mote_error *err)
{
	const struct mti_elf *elf = &box->image->elf;
	char missing[MOTE_ERROR_TEXT_MAX - 64] = "";
	size_t used = 0;
	size_t i;

	for (i = 0; i < elf->import_count; i++) {
		const struct mti_elf_function *import = &elf->imports[i];
		const struct mti_host_function *host =
			find(box, count, import->name);

		if (host && mti_signature_equal(&host->signature,
						&import->signature)) {
			box->resolved[i] =
				(uint32_t)(host - box->host_functions);
			continue;
		}
		if (used < sizeof(missing) && !is_repeated(elf, i))
			used += (size_t)snprintf(
				missing + used, sizeof(missing) - used,
				"%s%s %s%s", used ? ", " : "", import->name,
				import->signature_text,
				host ? " (offered with another signature)" :
				       "");
	}
	if (used > 0)
		return mti_error_set(err, MOTE_E_IMPORT, "resolve imports",
				     "the guest needs host functions: %s",
				     missing);
	return MOTE_OK;
}

mote_status mti_host_resolve(mote_sandbox *box,
			     const mote_sandbox_options *options,
			     mote_error *err)
{
	const struct mti_allocator *allocator = mti_sandbox_allocator(box);
	size_t count = options->host_function_count;
	size_t imports = box->image->elf.import_count;
	mote_status status;
	size_t i;

	if (count > 0)
		box->host_functions = mti_alloc(
			allocator, count, sizeof(*box->host_functions));
	if (imports > 0)
		box->resolved = mti_alloc(allocator, imports,
					  sizeof(*box->resolved));
	if ((count > 0 && !box->host_functions) ||
	    (imports > 0 && !box->resolved))
		return mti_error_set(err, MOTE_E_NO_MEMORY, "resolve imports",
				     "no memory for %zu host functions", count);
	for (i = 0; i < count; i++) {
		status = copy_one(box, i, &options->host_functions[i], err);
		if (status != MOTE_OK)
			return status;
	}
	return resolve(box, count, err);
}

void mti_host_fail(mote_host_call *call, int32_t code, const char *text)
{
	call->failed = true;
	call->code = code;
	snprintf(call->text, sizeof(call->text), "%s", text);
}

void *mti_host_alloc(mote_host_call *call, size_t size)
{
	size_t offset = mti_message_data_offset(1);

	/* A string's NUL and the padding follow the data. */
	if (size > call->box->io_size - offset - 16)
		return NULL;
	mti_sandbox_mark(&call->box->reply_mark, offset + size);
	return call->box->reply + offset;
}

/* Checks a message that asks for a host function. */
static mote_status accept(mote_sandbox *box, const struct mti_message *message,
			  const struct mti_elf_function **import,
			  mote_error *err)
{
	const struct mti_elf *elf = &box->image->elf;

	if (message->head.kind != MOTE_MESSAGE_HOST_CALL)
		return mti_error_set(err, MOTE_E_PROTOCOL, "host call",
				     "message kind is %u, not a host call",
				     message->head.kind);
	if (message->head.function >= elf->import_count)
		return mti_error_set(err, MOTE_E_PROTOCOL, "host call",
				     "import number %u of %zu",
				     message->head.function, elf->import_count);
	*import = &elf->imports[message->head.function];
	if (box->usage.host_calls_left == 0)
		return mti_error_set(
			err, MOTE_E_HOST_CALLS, "host call",
			"the guest made more than max_host_calls, %llu",
			(unsigned long long)box->limits.host_calls);
	box->usage.host_calls_left--;
	box->stats.host_calls++;
	return mti_message_match(message, (*import)->name,
				 &(*import)->signature, err);
}

/* Runs the host function; false with call's error set if it failed. */
static bool invoke(struct mote_host_call *call,
		   const struct mti_elf_function *import,
		   const struct mti_message *message, mote_value *result)
{
	mote_sandbox *box = call->box;
	const struct mti_host_function *host =
		&box->host_functions[box->resolved[message->head.function]];
	mote_error wrong = MOTE_ERROR_INIT;
	mote_status status;
	uint64_t observed;
	uint64_t begun_ns;

	memset(result, 0, sizeof(*result));
	begun_ns = mti_usage_host_begin(box);
	observed = mti_observe_host_begin(box, import->name);
	status = host->fn(host->user, call, message->values, message->count,
			  result);
	mti_observe_host_end(box, observed);
	mti_usage_host_end(box, begun_ns);
	if (status == MOTE_OK && !call->failed) {
		status = mti_result_check(import->name,
					  import->signature.result, result,
					  &wrong);
		if (status != MOTE_OK)
			mti_host_fail(call, (int32_t)status, wrong.text);
	} else if (!call->failed) {
		mti_host_fail(call, (int32_t)status, mote_status_text(status));
	}
	return !call->failed;
}

/* Encodes a message into the reply area. */
static mote_status send(mote_sandbox *box, const struct mti_message_head *head,
			const mote_value *value, mote_error *err)
{
	mote_status status;
	size_t size;

	status = mti_message_encode(box->reply, box->io_size, head, value, 1,
				    &size, err);
	if (status == MOTE_OK)
		mti_sandbox_mark(&box->reply_mark, size);
	return status;
}

static mote_status reply(struct mote_host_call *call,
			 const struct mti_message *message, bool good,
			 const mote_value *result, mote_error *err)
{
	mote_sandbox *box = call->box;
	struct mti_message_head head = { .kind = MOTE_MESSAGE_HOST_RESULT,
					 .id = message->head.id };
	mote_error large = MOTE_ERROR_INIT;
	mote_value text = { .type = MOTE_TYPE_STRING };

	if (good) {
		if (send(box, &head, result, &large) == MOTE_OK)
			return MOTE_OK;
		mti_host_fail(call, MOTE_E_TOO_LARGE, large.text);
	}
	head.kind = MOTE_MESSAGE_HOST_ERROR;
	head.code = call->code;
	text.as.string.data = call->text;
	text.as.string.size = strlen(call->text);
	return send(box, &head, &text, err);
}

mote_status mti_host_serve(mote_sandbox *box, uint32_t offset, mote_error *err)
{
	const struct mti_elf_function *import = NULL;
	struct mti_message message;
	struct mote_host_call call;
	mote_status status;
	mote_value result;
	bool good;

	if (offset > box->io_size || offset % 8 != 0)
		return mti_error_set(err, MOTE_E_PROTOCOL, "host call",
				     "message offset 0x%x", offset);
	status = mti_message_decode(box->out + offset, box->io_size - offset,
				    &message, err);
	if (status != MOTE_OK)
		return status;
	status = accept(box, &message, &import, err);
	if (status != MOTE_OK)
		return status;
	call.box = box;
	call.failed = false;
	good = invoke(&call, import, &message, &result);
	return reply(&call, &message, good, &result, err);
}

mote_status mti_host_post(mote_sandbox *box, const uint8_t *data, size_t size,
			  mote_error *err)
{
	const struct mti_elf_function *import = NULL;
	struct mti_message message;
	struct mote_host_call call;
	mote_status status;
	mote_value result;

	status = mti_message_decode(data, size, &message, err);
	if (status != MOTE_OK)
		return status;
	if (message.head.function < box->image->elf.import_count &&
	    !(box->image->elf.imports[message.head.function].flags &
	      MOTE_FUNCTION_POSTED))
		return mti_error_set(err, MOTE_E_PROTOCOL, "posted call",
				     "import number %u is not posted",
				     message.head.function);
	status = accept(box, &message, &import, err);
	if (status != MOTE_OK)
		return status;
	call.box = box;
	call.failed = false;
	/* Nobody waits for it: its failure is its own. */
	(void)invoke(&call, import, &message, &result);
	return MOTE_OK;
}
