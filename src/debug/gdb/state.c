/*
 * Commands that look at the guest's state and change it.
 */
#include <string.h>

#include "debug/gdb/commands.h"

/* Bytes of memory that one packet carries as hex. */
#define MEMORY_MAX (MTI_GDB_PACKET_MAX / 2)

static const char no_registers[] = "the registers cannot be read";
static const char no_memory[] = "there is no memory at that address";

static bool load(struct mti_gdb_session *session)
{
	const struct mti_gdb_target *target = session->target;

	if (target->read_registers(target->context, &session->registers))
		return true;
	mti_gdb_fail(session, no_registers);
	return false;
}

static void store(struct mti_gdb_session *session)
{
	const struct mti_gdb_target *target = session->target;

	if (target->write_registers(target->context, &session->registers))
		mti_gdb_add_text(&session->reply, "OK");
	else
		mti_gdb_fail(session, "the registers cannot be written");
}

void mti_gdb_read_all(struct mti_gdb_session *session)
{
	uint8_t value[MTI_GDB_REGISTER_MAX];
	uint32_t count;
	uint32_t i;

	if (!load(session))
		return;
	count = mti_gdb_register_count(&session->registers);
	for (i = 0; i < count; i++)
		mti_gdb_add_hex(&session->reply, value,
				mti_gdb_register_get(&session->registers, i,
						     value));
}

/* All or nothing: the target's copy is only written if all were good. */
void mti_gdb_write_all(struct mti_gdb_session *session,
		       struct mti_gdb_text *text)
{
	uint8_t value[MTI_GDB_REGISTER_MAX];
	uint32_t count;
	uint32_t i;

	if (!load(session))
		return;
	count = mti_gdb_register_count(&session->registers);
	for (i = 0; i < count; i++) {
		size_t size = mti_gdb_register_get(&session->registers, i,
						   value);

		if (!mti_gdb_take_bytes(text, value, size) ||
		    !mti_gdb_register_set(&session->registers, i, value,
					  size)) {
			mti_gdb_fail(session, "G: a value is missing or wrong");
			return;
		}
	}
	store(session);
}

void mti_gdb_read_one(struct mti_gdb_session *session,
		      struct mti_gdb_text *text)
{
	uint8_t value[MTI_GDB_REGISTER_MAX];
	uint64_t number;
	size_t size = 0;

	if (!mti_gdb_take_number(text, &number) || mti_gdb_left(text) != 0 ||
	    number > UINT32_MAX) {
		mti_gdb_fail(session, "p: a register's number is wanted");
		return;
	}
	if (!load(session))
		return;
	size = mti_gdb_register_get(&session->registers, (uint32_t)number,
				    value);
	if (size == 0)
		mti_gdb_fail(session, "p: there is no such register");
	else
		mti_gdb_add_hex(&session->reply, value, size);
}

void mti_gdb_write_one(struct mti_gdb_session *session,
		       struct mti_gdb_text *text)
{
	uint8_t value[MTI_GDB_REGISTER_MAX];
	uint64_t number;
	size_t size = 0;

	if (!mti_gdb_take_number(text, &number) || number > UINT32_MAX ||
	    !mti_gdb_take(text, '=')) {
		mti_gdb_fail(session, "P: number=value is wanted");
		return;
	}
	if (!load(session))
		return;
	size = mti_gdb_register_get(&session->registers, (uint32_t)number,
				    value);
	if (size == 0 || !mti_gdb_take_bytes(text, value, size) ||
	    mti_gdb_left(text) != 0 ||
	    !mti_gdb_register_set(&session->registers, (uint32_t)number, value,
				  size)) {
		mti_gdb_fail(session, "P: no such register or value");
		return;
	}
	store(session);
}

void mti_gdb_add_stop_registers(struct mti_gdb_session *session)
{
	const struct mti_gdb_target *target = session->target;
	uint8_t value[MTI_GDB_REGISTER_MAX];
	const uint8_t *numbers;
	size_t count;
	size_t i;

	if (!target->read_registers(target->context, &session->registers))
		return;
	count = mti_gdb_stop_registers(&session->registers, &numbers);
	for (i = 0; i < count; i++) {
		size_t size = mti_gdb_register_get(&session->registers,
						   numbers[i], value);

		mti_gdb_add_hex(&session->reply, &numbers[i], 1);
		mti_gdb_add_text(&session->reply, ":");
		mti_gdb_add_hex(&session->reply, value, size);
		mti_gdb_add_text(&session->reply, ";");
	}
}

static bool take_range(struct mti_gdb_text *text, uint64_t *address,
		       uint64_t *size)
{
	return mti_gdb_take_number(text, address) && mti_gdb_take(text, ',') &&
	       mti_gdb_take_number(text, size);
}

void mti_gdb_read_memory(struct mti_gdb_session *session,
			 struct mti_gdb_text *text)
{
	const struct mti_gdb_target *target = session->target;
	uint64_t address;
	uint64_t size;
	size_t done;

	if (!take_range(text, &address, &size) || mti_gdb_left(text) != 0) {
		mti_gdb_fail(session, "m: address,length is wanted");
		return;
	}
	/* A shorter answer than asked for is allowed. */
	if (size > MEMORY_MAX)
		size = MEMORY_MAX;
	done = target->read_memory(target->context, address, session->buffer,
				   (size_t)size);
	if (done == 0 && size > 0)
		mti_gdb_fail(session, no_memory);
	else
		mti_gdb_add_hex(&session->reply, session->buffer, done);
}

void mti_gdb_write_memory(struct mti_gdb_session *session,
			  struct mti_gdb_text *text, bool binary)
{
	const struct mti_gdb_target *target = session->target;
	uint8_t *buffer = session->buffer;
	uint64_t address;
	uint64_t size;
	bool good = take_range(text, &address, &size) &&
		    mti_gdb_take(text, ':') && size <= sizeof(session->buffer);

	if (good && binary) {
		good = mti_gdb_left(text) == size;
		if (good)
			memcpy(buffer, text->at, (size_t)size);
	} else if (good) {
		good = mti_gdb_take_bytes(text, buffer, (size_t)size) &&
		       mti_gdb_left(text) == 0;
	}
	if (!good)
		mti_gdb_fail(session, "address,length:data is wanted");
	else if (size > 0 && !target->write_memory(target->context, address,
						   buffer, (size_t)size))
		mti_gdb_fail(session, no_memory);
	else
		mti_gdb_add_text(&session->reply, "OK");
}

static bool change_breakpoint(const struct mti_gdb_target *target, bool insert,
			      uint64_t address, unsigned int type)
{
	return insert ? target->insert(target->context, address, type)
		      : target->remove(target->context, address, type);
}

static bool change_watchpoint(const struct mti_gdb_target *target, bool insert,
			      uint64_t address, uint64_t size)
{
	return insert ? target->watch(target->context, address, size)
		      : target->unwatch(target->context, address, size);
}

void mti_gdb_breakpoint(struct mti_gdb_session *session,
			struct mti_gdb_text *text, bool insert)
{
	const struct mti_gdb_target *target = session->target;
	bool watch = mti_gdb_take(text, '2');
	bool hardware = !watch && mti_gdb_take(text, '1');
	uint64_t address;
	uint64_t size;
	bool done;

	/*
	 * Breakpoints, the same for those that gdb calls hardware's, and
	 * watchpoints for writing. Reads are not seen by comparing memory, so
	 * that Z3 and Z4 are not offered.
	 */
	if (!watch && !hardware && !mti_gdb_take(text, '0'))
		return;
	/* Conditions and commands at its end are not offered either. */
	if (!mti_gdb_take(text, ',') || !take_range(text, &address, &size) ||
	    size == 0 || mti_gdb_left(text) != 0 ||
	    (!watch && size != session->program->breakpoint_size)) {
		mti_gdb_fail(session, "Z: type,address,size is wanted");
		return;
	}
	done = watch ? change_watchpoint(target, insert, address, size)
		     : change_breakpoint(target, insert, address, hardware);
	if (done)
		mti_gdb_add_text(&session->reply, "OK");
	else
		mti_gdb_fail(session, "that cannot be done at this address");
}
