/*
 * The session: bytes to commands, commands that run the guest, replies.
 */
#include "debug/gdb/session.h"

#include <string.h>

#include "debug/gdb/commands.h"

void mti_gdb_session_init(struct mti_gdb_session *session,
			  const struct mti_gdb_target *target,
			  const struct mti_gdb_program *program,
			  const struct mti_gdb_stop *stop)
{
	memset(session, 0, sizeof(*session));
	session->target = target;
	session->program = program;
	session->stop = *stop;
}

void mti_gdb_fail(struct mti_gdb_session *session, const char *text)
{
	session->reply.size = 0;
	session->reply.overflow = false;
	if (session->error_texts) {
		mti_gdb_add_text(&session->reply, "E.");
		mti_gdb_add_text(&session->reply, text);
	} else {
		mti_gdb_add_text(&session->reply, "E01");
	}
}

/* Puts the reply into a packet behind what is there. */
static void send(struct mti_gdb_session *session)
{
	if (session->reply.overflow)
		mti_gdb_fail(session, "the reply does not fit a packet");
	session->out_size += mti_gdb_frame(
		session->reply.data, session->reply.size,
		session->out + session->out_size,
		sizeof(session->out) - session->out_size);
	session->unacknowledged = !session->no_ack;
}

static void begin_reply(struct mti_gdb_session *session)
{
	session->reply.size = 0;
	session->reply.overflow = false;
}

static void add_byte(struct mti_gdb_reply *reply, uint8_t byte)
{
	mti_gdb_add_hex(reply, &byte, 1);
}

static void add_stop(struct mti_gdb_session *session)
{
	struct mti_gdb_reply *reply = &session->reply;
	const struct mti_gdb_stop *stop = &session->stop;

	switch (stop->kind) {
	case MTI_GDB_EXITED:
		mti_gdb_add_text(reply, "W");
		add_byte(reply, stop->number);
		break;
	case MTI_GDB_KILLED:
		mti_gdb_add_text(reply, "X");
		add_byte(reply, stop->number);
		break;
	case MTI_GDB_STOPPED:
	default:
		mti_gdb_add_text(reply, "T");
		add_byte(reply, stop->number);
		mti_gdb_add_stop_registers(session);
		mti_gdb_add_text(reply, "thread:1;");
		if (stop->breakpoint && session->swbreak)
			mti_gdb_add_text(reply, "swbreak:;");
		if (stop->watchpoint) {
			mti_gdb_add_text(reply, "watch:");
			mti_gdb_add_number(reply, stop->address);
			mti_gdb_add_text(reply, ";");
		}
		break;
	}
}

static void resume(struct mti_gdb_session *session,
		   const struct mti_gdb_resume *how)
{
	session->state = MTI_GDB_RUNNING;
	session->target->resume(session->target->context, how);
}

/* c, s: an address may follow, where to go on; gdb never sends one. */
static bool plain_resume(struct mti_gdb_session *session,
			 struct mti_gdb_text *text, bool step)
{
	const struct mti_gdb_resume how = { .step = step };

	if (mti_gdb_left(text) != 0) {
		mti_gdb_fail(session, "resuming elsewhere: set the pc first");
		return true;
	}
	resume(session, &how);
	return false;
}

/* C, S: the signal is one that the guest has just got, or none. */
static bool take_signal(struct mti_gdb_text *text, uint8_t *signal)
{
	return mti_gdb_take_bytes(text, signal, 1);
}

static bool signal_resume(struct mti_gdb_session *session,
			  struct mti_gdb_text *text, bool step)
{
	struct mti_gdb_resume how = { .step = step };

	if (!take_signal(text, &how.signal) || mti_gdb_left(text) != 0) {
		mti_gdb_fail(session, "a signal of two hex digits is wanted");
		return true;
	}
	resume(session, &how);
	return false;
}

/* One action of vCont; false if it is none that was offered. */
static bool take_action(struct mti_gdb_text *text, struct mti_gdb_resume *how)
{
	memset(how, 0, sizeof(*how));
	if (mti_gdb_take(text, 'c'))
		return true;
	how->step = true;
	if (mti_gdb_take(text, 's'))
		return true;
	if (mti_gdb_take(text, 'r'))
		return mti_gdb_take_number(text, &how->first) &&
		       mti_gdb_take(text, ',') &&
		       mti_gdb_take_number(text, &how->end);
	if (mti_gdb_take(text, 'S'))
		return take_signal(text, &how->signal);
	how->step = false;
	return mti_gdb_take(text, 'C') && take_signal(text, &how->signal);
}

/* 1, p1, p1.1, -1 and so on: there is one thread of one process. */
static bool take_thread(struct mti_gdb_text *text)
{
	uint64_t number;

	(void)mti_gdb_take(text, 'p');
	do {
		if (!mti_gdb_take_word(text, "-1") &&
		    (!mti_gdb_take_number(text, &number) || number > 1))
			return false;
	} while (mti_gdb_take(text, '.'));
	return true;
}

/* vCont;action[:thread]...: the first that is for our thread counts. */
static bool vcont(struct mti_gdb_session *session, struct mti_gdb_text *text)
{
	struct mti_gdb_resume first = { 0 };
	struct mti_gdb_resume how;
	bool found = false;

	while (mti_gdb_take(text, ';')) {
		if (!take_action(text, &how) ||
		    (mti_gdb_take(text, ':') && !take_thread(text)))
			break;
		if (!found)
			first = how;
		found = true;
	}
	if (!found || mti_gdb_left(text) != 0) {
		mti_gdb_fail(session, "vCont: not an action that was offered");
		return true;
	}
	resume(session, &first);
	return false;
}

static bool end(struct mti_gdb_session *session, void (*how)(void *context))
{
	session->state = MTI_GDB_OVER;
	how(session->target->context);
	return true;
}

static bool v_command(struct mti_gdb_session *session,
		      struct mti_gdb_text *text)
{
	if (mti_gdb_take_word(text, "Cont?")) {
		mti_gdb_add_text(&session->reply, "vCont;c;C;s;S;r");
		return true;
	}
	if (mti_gdb_take_word(text, "Cont"))
		return vcont(session, text);
	if (mti_gdb_take_word(text, "Kill")) {
		mti_gdb_add_text(&session->reply, "OK");
		return end(session, session->target->kill);
	}
	/* Among them vMustReplyEmpty. */
	return true;
}

static bool thread_command(struct mti_gdb_session *session,
			   struct mti_gdb_text *text)
{
	if (take_thread(text) && mti_gdb_left(text) == 0)
		mti_gdb_add_text(&session->reply, "OK");
	else
		mti_gdb_fail(session, "there is only thread 1");
	return true;
}

/* Commands that neither resume nor end. */
static void look(struct mti_gdb_session *session, char letter,
		 struct mti_gdb_text *text)
{
	switch (letter) {
	case '?':
		add_stop(session);
		break;
	case 'g':
		mti_gdb_read_all(session);
		break;
	case 'G':
		mti_gdb_write_all(session, text);
		break;
	case 'p':
		mti_gdb_read_one(session, text);
		break;
	case 'P':
		mti_gdb_write_one(session, text);
		break;
	case 'm':
		mti_gdb_read_memory(session, text);
		break;
	case 'M':
	case 'X':
		mti_gdb_write_memory(session, text, letter == 'X');
		break;
	case 'Z':
	case 'z':
		mti_gdb_breakpoint(session, text, letter == 'Z');
		break;
	case 'q':
		mti_gdb_query(session, text);
		break;
	case 'Q':
		mti_gdb_set(session, text);
		break;
	default: /* the empty reply: no such command here */
		break;
	}
}

/* Whether a reply is due now. */
static bool command(struct mti_gdb_session *session, struct mti_gdb_text *text)
{
	char letter = *text->at++;

	switch (letter) {
	case 'c':
	case 's':
		return plain_resume(session, text, letter == 's');
	case 'C':
	case 'S':
		return signal_resume(session, text, letter == 'S');
	case 'v':
		return v_command(session, text);
	case 'D':
		mti_gdb_add_text(&session->reply, "OK");
		return end(session, session->target->detach);
	case 'k':
		(void)end(session, session->target->kill);
		return false;
	case 'H':
		/* Which operation it is for: there is one thread for all. */
		if (text->at < text->end)
			text->at++;
		return thread_command(session, text);
	case 'T':
		return thread_command(session, text);
	default:
		look(session, letter, text);
		return true;
	}
}

/* QStartNoAckMode is still acknowledged itself. */
static void acknowledge(struct mti_gdb_session *session, char sign)
{
	if (!session->no_ack)
		session->out[session->out_size++] = (uint8_t)sign;
}

static void packet(struct mti_gdb_session *session)
{
	struct mti_gdb_text text = {
		.at = session->parser.data,
		.end = session->parser.data + session->parser.size,
	};

	acknowledge(session, '+');
	session->unacknowledged = false;
	/* In all-stop mode nothing but an interrupt is for a running guest. */
	if (session->state != MTI_GDB_HALTED)
		return;
	begin_reply(session);
	if (mti_gdb_left(&text) == 0 || command(session, &text))
		send(session);
}

static void event(struct mti_gdb_session *session, enum mti_gdb_event event)
{
	switch (event) {
	case MTI_GDB_PACKET:
		packet(session);
		break;
	case MTI_GDB_TOO_LONG:
		acknowledge(session, '+');
		begin_reply(session);
		mti_gdb_fail(session, "the packet is too long");
		if (session->state == MTI_GDB_HALTED)
			send(session);
		break;
	case MTI_GDB_DAMAGED:
		acknowledge(session, '-');
		break;
	case MTI_GDB_ACK:
		session->unacknowledged = false;
		break;
	case MTI_GDB_NACK:
		/* Again, from the start; out_size still counts it. */
		if (session->unacknowledged)
			session->out_done = 0;
		break;
	case MTI_GDB_INTERRUPT:
		if (session->state == MTI_GDB_RUNNING)
			session->target->interrupt(session->target->context);
		break;
	case MTI_GDB_NOTHING:
	default:
		break;
	}
}

static bool pending(const struct mti_gdb_session *session)
{
	return session->out_done < session->out_size;
}

size_t mti_gdb_session_feed(struct mti_gdb_session *session,
			    const uint8_t *data, size_t size)
{
	enum mti_gdb_state state = session->state;
	size_t done = 0;

	while (done < size && !pending(session) &&
	       session->state == state && state != MTI_GDB_OVER) {
		enum mti_gdb_event what =
			mti_gdb_parse(&session->parser, data[done++]);

		if (what != MTI_GDB_NOTHING && what != MTI_GDB_ACK &&
		    what != MTI_GDB_NACK) {
			session->out_size = 0;
			session->out_done = 0;
		}
		event(session, what);
	}
	return done;
}

const uint8_t *mti_gdb_session_output(const struct mti_gdb_session *session,
				      size_t *size)
{
	*size = session->out_size - session->out_done;
	return pending(session) ? session->out + session->out_done : NULL;
}

void mti_gdb_session_sent(struct mti_gdb_session *session, size_t size)
{
	size_t left = session->out_size - session->out_done;

	session->out_done += size < left ? size : left;
}

void mti_gdb_session_stop(struct mti_gdb_session *session,
			  const struct mti_gdb_stop *stop)
{
	bool tell = session->state == MTI_GDB_RUNNING;

	if (session->state == MTI_GDB_OVER)
		return;
	session->stop = *stop;
	session->state = stop->kind == MTI_GDB_STOPPED ? MTI_GDB_HALTED
						       : MTI_GDB_OVER;
	if (!tell)
		return;
	session->out_size = 0;
	session->out_done = 0;
	begin_reply(session);
	add_stop(session);
	send(session);
}
