/*
 * Questions and settings: q and Q.
 */
#include <string.h>

#include "debug/gdb/commands.h"

/* Each byte may have to be escaped; 'l' or 'm' comes first. */
#define TRANSFER_MAX (MTI_GDB_PACKET_MAX / 2)

static void supported(struct mti_gdb_session *session,
		      struct mti_gdb_text *text)
{
	/* :feature;feature;... each with +, - or =value behind it. */
	while (mti_gdb_left(text) > 0) {
		text->at++;
		if (mti_gdb_take_word(text, "swbreak+"))
			session->swbreak = true;
		else if (mti_gdb_take_word(text, "error-message+"))
			session->error_texts = true;
		while (mti_gdb_left(text) > 0 && *text->at != ';')
			text->at++;
	}
	mti_gdb_add_text(&session->reply, "PacketSize=");
	mti_gdb_add_number(&session->reply, MTI_GDB_PACKET_MAX);
	mti_gdb_add_text(&session->reply,
			 ";QStartNoAckMode+;qXfer:features:read+;"
			 "qXfer:auxv:read+;swbreak+;vContSupported+;"
			 "error-message+");
}

/* A part of an object whose reader gives at most size bytes of it. */
static void transfer(struct mti_gdb_session *session,
		     struct mti_gdb_text *text,
		     size_t (*reader)(const struct mti_gdb_session *session,
				      uint64_t offset, uint8_t *out,
				      size_t size))
{
	uint64_t offset;
	uint64_t size;
	size_t done;

	if (!mti_gdb_take_number(text, &offset) || !mti_gdb_take(text, ',') ||
	    !mti_gdb_take_number(text, &size) || mti_gdb_left(text) != 0 ||
	    size == 0) {
		mti_gdb_fail(session, "qXfer: offset,length is wanted");
		return;
	}
	if (size > TRANSFER_MAX)
		size = TRANSFER_MAX;
	done = reader(session, offset, session->buffer, (size_t)size);
	mti_gdb_add_text(&session->reply, done < size ? "l" : "m");
	mti_gdb_add(&session->reply, session->buffer, done);
}

static size_t read_features(const struct mti_gdb_session *session,
			    uint64_t offset, uint8_t *out, size_t size)
{
	return mti_gdb_description(&session->registers, offset, out, size);
}

static size_t read_auxv(const struct mti_gdb_session *session, uint64_t offset,
			uint8_t *out, size_t size)
{
	const struct mti_gdb_program *program = session->program;
	size_t left;

	if (offset >= program->auxv_size)
		return 0;
	left = program->auxv_size - (size_t)offset;
	if (left < size)
		size = left;
	memcpy(out, program->auxv + offset, size);
	return size;
}

static void features(struct mti_gdb_session *session,
		     struct mti_gdb_text *text)
{
	const struct mti_gdb_target *target = session->target;

	/* What there is depends on the CPU. */
	if (target->read_registers(target->context, &session->registers))
		transfer(session, text, read_features);
	else
		mti_gdb_fail(session, "the registers cannot be read");
}

/*
 * qGetTLSAddr:thread,offset,module: of a thread-local variable. There is one
 * module, whose block lies where the program says, from the thread pointer on
 * ("ELF Handling for Thread-Local Storage", variants I and II).
 */
static void tls_address(struct mti_gdb_session *session,
			struct mti_gdb_text *text)
{
	const struct mti_gdb_target *target = session->target;
	uint64_t offset;

	while (mti_gdb_left(text) > 0 && *text->at != ',')
		text->at++;
	if (!mti_gdb_take(text, ',') || !mti_gdb_take_number(text, &offset)) {
		mti_gdb_fail(session, "qGetTLSAddr: an offset is wanted");
		return;
	}
	if (!session->program->has_tls ||
	    !target->read_registers(target->context, &session->registers)) {
		mti_gdb_fail(session, "the program has no thread-locals");
		return;
	}
	mti_gdb_add_number(&session->reply,
			   mti_gdb_register_base(&session->registers, 0) -
				   session->program->tls_below + offset);
}

void mti_gdb_query(struct mti_gdb_session *session, struct mti_gdb_text *text)
{
	struct mti_gdb_reply *reply = &session->reply;

	if (mti_gdb_take_word(text, "Supported"))
		supported(session, text);
	else if (mti_gdb_take_word(text, "Xfer:features:read:target.xml:"))
		features(session, text);
	else if (mti_gdb_take_word(text, "Xfer:auxv:read::"))
		transfer(session, text, read_auxv);
	else if (mti_gdb_take_word(text, "GetTLSAddr:"))
		tls_address(session, text);
	else if (mti_gdb_take_word(text, "fThreadInfo"))
		mti_gdb_add_text(reply, "m1");
	else if (mti_gdb_take_word(text, "sThreadInfo"))
		mti_gdb_add_text(reply, "l");
	/* It was there before: gdb leaves it running when it quits. */
	else if (mti_gdb_take_word(text, "Attached"))
		mti_gdb_add_text(reply, "1");
	else if (mti_gdb_left(text) == 1 && mti_gdb_take(text, 'C'))
		mti_gdb_add_text(reply, "QC1");
}

void mti_gdb_set(struct mti_gdb_session *session, struct mti_gdb_text *text)
{
	if (mti_gdb_take_word(text, "StartNoAckMode") &&
	    mti_gdb_left(text) == 0) {
		session->no_ack = true;
		mti_gdb_add_text(&session->reply, "OK");
	}
}
