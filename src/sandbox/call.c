/*
 * Calls of guest functions: one, many in one entry, and main.
 */
#include <string.h>

#include "abi/call.h"
#include "base/checked.h"
#include "base/error.h"
#include "sandbox/sandbox.h"
#include "sandbox/usage.h"

/* Looks the function up and checks the arguments; the caller's errors. */
static mote_status check_call(const mote_sandbox *box, const char *name,
			      const mote_value *args, size_t count,
			      const struct mti_elf_function **function,
			      mote_error *err)
{
	*function = mti_elf_find_export(&box->image->elf, name);
	if (!*function)
		return mti_error_set(err, MOTE_E_NOT_FOUND, "call",
				     "the guest exports no function \"%.80s\"",
				     name);
	return mti_values_check(name, (*function)->parameters,
				&(*function)->signature, args, count, err);
}

static struct mti_entry dispatch_entry(const mote_sandbox *box, size_t count)
{
	return (struct mti_entry){
		.pc = box->dispatch_pc,
		.sp = box->dispatch_sp,
		.argument0 = MOTE_GVA_CALL,
		.argument1 = count,
	};
}

/* name lives as long as the image. */
static void set_called(mote_sandbox *box, const char *name, size_t more)
{
	box->last.function = name;
	box->last.more = more;
}

static mote_status encode_call(mote_sandbox *box, size_t offset,
			       const struct mti_elf_function *function,
			       const mote_value *args, size_t count,
			       size_t *size, mote_error *err)
{
	const struct mti_message_head head = {
		.kind = MOTE_MESSAGE_CALL,
		.function = function->index,
		.id = box->next_id++,
	};
	mote_status status;

	status = mti_message_encode(box->call + offset, box->io_size - offset,
				    &head, args, count, size, err);
	if (status == MOTE_OK)
		mti_sandbox_mark(&box->call_mark, offset + *size);
	return status;
}

/*
 * Decodes the guest's answer to a call at *offset of the out area and moves
 * it on. MOTE_OK for a result and for an error of the function.
 */
static mote_status decode_answer(mote_sandbox *box, uint64_t *offset,
				 const struct mti_elf_function *function,
				 uint64_t id, struct mti_message *message,
				 mote_error *err)
{
	mote_status status;

	if (*offset > box->io_size || *offset % 8 != 0)
		return mti_error_set(err, MOTE_E_PROTOCOL, "call result",
				     "message offset 0x%llx",
				     (unsigned long long)*offset);
	status = mti_message_decode(box->out + *offset, box->io_size - *offset,
				    message, err);
	if (status != MOTE_OK)
		return status;
	if (message->head.id != id)
		return mti_error_set(err, MOTE_E_PROTOCOL, "call result",
				     "an answer to call %llu, not to %llu",
				     (unsigned long long)message->head.id,
				     (unsigned long long)id);
	if (message->count != 1 || (message->head.kind != MOTE_MESSAGE_RESULT &&
				    message->head.kind != MOTE_MESSAGE_ERROR))
		return mti_error_set(err, MOTE_E_PROTOCOL, "call result",
				     "message kind %u with %zu values",
				     message->head.kind, message->count);
	if (message->values[0].type != (message->head.kind == MOTE_MESSAGE_ERROR
						? MOTE_TYPE_STRING
						: function->signature.result))
		return mti_error_set(
			err, MOTE_E_PROTOCOL, "call result", "%s returned %s",
			function->name,
			mote_type_name((mote_type)message->values[0].type));
	*offset += message->size;
	return MOTE_OK;
}

/* The guest ran to its end, but its answer is not one. */
static void poison(mote_sandbox *box, mote_status status,
		   const mote_error *err)
{
	mti_usage_correct(box, status);
	/* A shorter record of the caller's may lack the text. */
	if (err && err->struct_size >= sizeof(*err))
		mti_error_copy(&box->last.error, err);
	box->last.error.code = (int32_t)status;
	atomic_store_explicit(&box->state, MOTE_SANDBOX_POISONED,
			      memory_order_relaxed);
	mti_observe_failed(box, status, err);
}

mote_status mti_sandbox_call(mote_sandbox *box, const char *name,
			     const mote_value *args, size_t count,
			     mote_value *result, mote_error *err)
{
	const struct mti_elf_function *function = NULL;
	uint64_t id = box->next_id;
	struct mti_message message;
	struct mti_entry entry;
	mote_status status;
	uint64_t offset;
	size_t size;

	status = check_call(box, name, args, count, &function, err);
	if (status == MOTE_OK)
		status = encode_call(box, 0, function, args, count, &size, err);
	if (status != MOTE_OK)
		return status;
	entry = dispatch_entry(box, 1);
	box->observe.name = function->name;
	set_called(box, function->name, 0);
	status = mti_sandbox_run(box, MTI_PHASE_CALL, &entry, err);
	if (status != MOTE_OK)
		return status;
	offset = box->result_offset;
	status = decode_answer(box, &offset, function, id, &message, err);
	if (status != MOTE_OK) {
		poison(box, status, err);
		return status;
	}
	if (message.head.kind == MOTE_MESSAGE_ERROR) {
		mti_metric_count(&box->observe, MTI_METRIC_GUEST_ERRORS, 1);
		mti_usage_correct(box, MOTE_E_GUEST_ERROR);
		status = mti_error_guest(&box->last.error, MOTE_E_GUEST_ERROR,
					 message.head.code,
					 message.values[0].as.string.data,
					 message.values[0].as.string.size);
		mti_error_copy(err, &box->last.error);
		return status;
	}
	if (result)
		*result = message.values[0];
	return MOTE_OK;
}

static mote_status encode_item(mote_sandbox *box, size_t offset,
			       const mote_batch_item *item, size_t *size,
			       mote_error *err)
{
	const struct mti_elf_function *function = NULL;
	mote_status status;

	if (!item->function || (item->count > 0 && !item->args))
		return mti_error_set(err, MOTE_E_INVALID, "call batch",
				     "%s is NULL",
				     item->function ? "args" : "function");
	status = check_call(box, item->function, item->args, item->count,
			    &function, err);
	if (status != MOTE_OK)
		return status;
	return encode_call(box, offset, function, item->args, item->count, size,
			   err);
}

/* Encodes all calls, one behind the other. */
static mote_status encode_batch(mote_sandbox *box, const mote_batch_item *items,
				size_t count, mote_error *err)
{
	const size_t most = box->io_size / MOTE_ANSWER_BYTES;
	size_t offset = 0;
	mote_status status;
	size_t size;
	size_t i;

	if (count > most)
		return mti_error_set(err, MOTE_E_TOO_LARGE, "call batch",
				     "%zu items; the answers of at most %zu "
				     "fit the I/O area",
				     count, most);
	for (i = 0; i < count; i++) {
		status = encode_item(box, offset, &items[i], &size, err);
		if (status != MOTE_OK) {
			mti_error_prefix(err, "item %zu: ", i);
			return status;
		}
		offset += size;
	}
	return MOTE_OK;
}

/* Of a broken batch no result is to be had, not even one that came whole. */
static void fail_batch(mote_batch_item *items, size_t count, mote_status status)
{
	size_t i;

	for (i = 0; i < count; i++) {
		memset(&items[i].result, 0, sizeof(items[i].result));
		memset(&items[i].error_text, 0, sizeof(items[i].error_text));
		items[i].guest_code = 0;
		items[i].status = (int32_t)status;
	}
}

static mote_status decode_batch(mote_sandbox *box, mote_batch_item *items,
				size_t count, uint64_t first_id,
				mote_error *err)
{
	uint64_t offset = box->result_offset;
	struct mti_message message;
	mote_status status;
	size_t i;

	for (i = 0; i < count; i++) {
		mote_batch_item *item = &items[i];
		const struct mti_elf_function *function =
			mti_elf_find_export(&box->image->elf, item->function);

		status = decode_answer(box, &offset, function, first_id + i,
				       &message, err);
		if (status != MOTE_OK)
			return status;
		memset(&item->result, 0, sizeof(item->result));
		memset(&item->error_text, 0, sizeof(item->error_text));
		item->guest_code = message.head.code;
		if (message.head.kind == MOTE_MESSAGE_ERROR) {
			mti_metric_count(&box->observe,
					 MTI_METRIC_GUEST_ERRORS, 1);
			item->status = MOTE_E_GUEST_ERROR;
			item->error_text = message.values[0].as.string;
		} else {
			item->status = MOTE_OK;
			item->result = message.values[0];
		}
	}
	return MOTE_OK;
}

mote_status mti_sandbox_batch(mote_sandbox *box, mote_batch_item *items,
			      size_t count, mote_error *err)
{
	uint64_t first_id = box->next_id;
	struct mti_entry entry = dispatch_entry(box, count);
	mote_status status;

	if (count == 0)
		return MOTE_OK;
	status = encode_batch(box, items, count, err);
	if (status != MOTE_OK)
		return status;
	box->observe.name = "batch";
	set_called(box,
		   mti_elf_find_export(&box->image->elf, items[0].function)
			   ->name,
		   count - 1);
	status = mti_sandbox_run(box, MTI_PHASE_CALL, &entry, err);
	if (status == MOTE_OK) {
		status = decode_batch(box, items, count, first_id, err);
		if (status != MOTE_OK)
			poison(box, status, err);
	}
	if (status != MOTE_OK)
		fail_batch(items, count, status);
	return status;
}

mote_status mti_sandbox_main(mote_sandbox *box, size_t argc,
			     const char *const *argv, int *exit_status,
			     mote_error *err)
{
	struct mti_message_head head = { .kind = MOTE_MESSAGE_MAIN };
	mote_value args[MOTE_ARGUMENTS_MAX];
	struct mti_entry entry;
	mote_status status;
	size_t size;
	size_t i;

	if (!box->image->elf.has_main)
		return mti_error_set(err, MOTE_E_NOT_FOUND, "run main",
				     "the guest has no main");
	if (argc > MOTE_ARGUMENTS_MAX)
		return mti_error_set(err, MOTE_E_INVALID, "run main",
				     "%zu arguments, at most %d", argc,
				     MOTE_ARGUMENTS_MAX);
	for (i = 0; i < argc; i++) {
		if (!argv[i])
			return mti_error_set(err, MOTE_E_INVALID, "run main",
					     "argv[%zu] is NULL", i);
		args[i] = MOTE_STRING(argv[i]);
	}
	head.id = box->next_id++;
	status = mti_message_encode(box->call, box->io_size, &head, args, argc,
				    &size, err);
	if (status != MOTE_OK)
		return status;
	mti_sandbox_mark(&box->call_mark, size);
	entry = dispatch_entry(box, 1);
	set_called(box, "main", 0);
	status = mti_sandbox_run(box, MTI_PHASE_MAIN, &entry, err);
	if (status != MOTE_OK)
		return status;
	*exit_status = (int)box->exit_status;
	return MOTE_OK;
}
