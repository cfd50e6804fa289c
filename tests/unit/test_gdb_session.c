/*
 * A session of the gdb protocol against a target that checks its caller:
 * each command, its replies and errors, what happens when, and clients that
 * do not keep to the protocol.
 */
#include <stdlib.h>
#include <string.h>

#include "harness/gdb_target.h"
#include "harness/unit.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct gdb_target target;
static struct mti_gdb_session session;
/* The last packet that came, and all that came since the last question. */
static struct mti_gdb_parser last;
static char said[64];

static const struct mti_gdb_stop at_start = {
	.kind = MTI_GDB_STOPPED,
	.number = MTI_GDB_SIGTRAP,
};

static int begin(void **state)
{
	(void)state;
	gdb_target_init(&target, true);
	memset(&last, 0, sizeof(last));
	mti_gdb_session_init(&session, &target.ops, &target.program,
			     &at_start);
	return 0;
}

/* Takes the output: '+', '-', 'P' for a packet. */
static void hear(void)
{
	static const char letters[] = ".PDL+-^";
	const uint8_t *out;
	size_t used = 0;
	size_t size;
	size_t i;

	out = mti_gdb_session_output(&session, &size);
	for (i = 0; i < size; i++) {
		enum mti_gdb_event event = mti_gdb_parse(&last, out[i]);

		if (event != MTI_GDB_NOTHING && used < sizeof(said) - 1)
			said[used++] = letters[event];
	}
	said[used] = '\0';
	mti_gdb_session_sent(&session, size);
	assert_null(mti_gdb_session_output(&session, &size));
}

static size_t say(const void *bytes, size_t size)
{
	size_t done = mti_gdb_session_feed(&session, bytes, size);

	hear();
	return done;
}

static void ask(const char *payload)
{
	static char frame[MTI_GDB_FRAME_MAX];
	size_t size = mti_gdb_frame(payload, strlen(payload), frame,
				    sizeof(frame));

	last.size = 0;
	last.data[0] = '\0';
	assert_int_equal(say(frame, size), size);
}

struct dialogue {
	const char *question;
	const char *answer;
};

static void converse(const struct dialogue *lines, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		ask(lines[i].question);
		if (strcmp(said, "+P") != 0 ||
		    strcmp(last.data, lines[i].answer) != 0)
			fail_msg("%s: %s \"%s\", not \"%s\"",
				 lines[i].question, said, last.data,
				 lines[i].answer);
	}
}

static void test_questions(void **state)
{
	static const struct dialogue lines[] = {
		{ "qSupported:multiprocess+;xmlRegisters=i386;swbreak+",
		  "PacketSize=4000;QStartNoAckMode+;qXfer:features:read+;"
		  "qXfer:auxv:read+;swbreak+;vContSupported+;error-message+" },
		{ "vMustReplyEmpty", "" },
		{ "vUnheardOf", "" },
		{ "", "" },
		{ "!", "" },
		{ "qSymbol::", "" },
		{ "qTStatus", "" },
		{ "QNonStop:1", "" },
		{ "Z3,400000,8", "" },
		{ "Z4,400000,8", "" },
		{ "qAttached", "1" },
		{ "qC", "QC1" },
		{ "qCRC:0,1", "" },
		{ "qfThreadInfo", "m1" },
		{ "qsThreadInfo", "l" },
		{ "vCont?", "vCont;c;C;s;S;r" },
		{ "Hg0", "OK" },
		{ "Hc-1", "OK" },
		{ "Hg1", "OK" },
		{ "Hgp1.1", "OK" },
		{ "Hgp0.0", "OK" },
		{ "Hg2", "E01" },
		{ "Hgx", "E01" },
		{ "H", "E01" },
		{ "T1", "OK" },
		{ "T2", "E01" },
		{ "T", "E01" },
		{ "?", "T0506:0610000000000000;07:0710000000000000;"
		       "10:1010000000000000;thread:1;" },
	};

	(void)state;
	converse(lines, COUNT(lines));
}

static void test_memory(void **state)
{
	static const struct dialogue lines[] = {
		{ "m400001,4", "01020304" },
		{ "m400100,2", "0100" },
		{ "m40fffe,1000", "0100" },
		{ "m400000,0", "" },
		{ "m3fffff,4", "E01" },
		{ "m0,ffffffffffffffff", "E01" },
		{ "mffffffffffffffff,ffffffffffffffff", "E01" },
		{ "m400000", "E01" },
		{ "m400000,", "E01" },
		{ "m,4", "E01" },
		{ "m400000,4x", "E01" },
		{ "m10000000000400000,4", "E01" },
		{ "M400010,4:deadbeef", "OK" },
		{ "m400010,5", "deadbeef14" },
		{ "M400010,0:", "OK" },
		{ "M400010,4:deadbe", "E01" },
		{ "M400010,4:deadbeef00", "E01" },
		{ "M400010,4:deadbeeg", "E01" },
		{ "M400010,ffffffffffffffff:00", "E01" },
		{ "M40ffff,2:0000", "E01" },
		{ "m40ffff,1", "00" },
		{ "M0,1:00", "E01" },
		{ "X400020,3:a#b", "OK" },
		{ "m400020,3", "612362" },
		{ "X400020,0:", "OK" },
		{ "X400020,2:a", "E01" },
		{ "X400020,40000000:a", "E01" },
	};

	(void)state;
	converse(lines, COUNT(lines));
}

/* The longest answer that a packet holds, not more. */
static void test_memory_bounds(void **state)
{
	(void)state;
	ask("m400000,40000000");
	assert_int_equal(last.size, MTI_GDB_PACKET_MAX);
}

static void test_registers(void **state)
{
	static const struct dialogue lines[] = {
		{ "p0", "0010000000000000" },
		{ "p10", "1010000000000000" },
		{ "p11", "02020000" },
		{ "p12", "23000000" },
		{ "p94", "E01" },
		{ "pffffffffffffffff", "E01" },
		{ "p", "E01" },
		{ "p0x", "E01" },
		{ "P0=efbeadde00000000", "OK" },
		{ "p0", "efbeadde00000000" },
		{ "P0=efbeadde000000", "E01" },
		{ "P0=efbeadde0000000000", "E01" },
		{ "P0", "E01" },
		{ "P94=00", "E01" },
		{ "P10=ffffffffffffffff", "E01" },
		{ "p10", "1010000000000000" },
		{ "P28=000102030405060708090a0b0c0d0e0f", "OK" },
		{ "p28", "000102030405060708090a0b0c0d0e0f" },
		{ "G00", "E01" },
		{ "G", "E01" },
	};

	(void)state;
	converse(lines, COUNT(lines));
}

/* g gives what G takes; one bad value and none is written. */
static void test_all_registers(void **state)
{
	static char all[MTI_GDB_PACKET_MAX + 2];
	char *rip;

	(void)state;
	ask("g");
	assert_true(last.size == 2 * 2416);
	all[0] = 'G';
	memcpy(all + 1, last.data, last.size + 1);
	memcpy(all + 1, "ff", 2);
	ask(all);
	assert_string_equal(last.data, "OK");
	assert_int_equal(target.registers.general[0], 0x10ff);
	memcpy(all + 1, "ee", 2);
	rip = all + 1 + (size_t)2 * 8 * 16;
	memcpy(rip, "ffffffffffffffff", 16);
	ask(all);
	assert_string_equal(last.data, "E01");
	assert_int_equal(target.registers.general[0], 0x10ff);
}

static void test_no_registers(void **state)
{
	static const struct dialogue lines[] = {
		{ "g", "E01" },
		{ "G00", "E01" },
		{ "p0", "E01" },
		{ "P0=0000000000000000", "E01" },
		{ "?", "T05thread:1;" },
		{ "qXfer:features:read:target.xml:0,100", "E01" },
		{ "qGetTLSAddr:1,0,0", "E01" },
	};

	(void)state;
	target.no_registers = true;
	target.program.has_tls = true;
	converse(lines, COUNT(lines));
}

static void test_breakpoints(void **state)
{
	static const struct dialogue lines[] = {
		{ "Z0,400100,1", "OK" },
		{ "Z0,400100,1", "OK" },
		{ "Z0,400200,1", "OK" },
		{ "z0,400100,1", "OK" },
		{ "z0,400100,1", "OK" },
		{ "Z1,400300,1", "OK" },
		{ "z1,400300,1", "OK" },
		{ "Z1,0,1", "E01" },
		{ "Z0,0,1", "E01" },
		{ "Z0,400100,2", "E01" },
		{ "Z0,400100", "E01" },
		{ "Z0", "E01" },
		{ "Z", "" },
		{ "Z0,400100,1;X3,220027", "E01" },
	};

	(void)state;
	converse(lines, COUNT(lines));
	assert_int_equal(target.breakpoint_count, 1);
	assert_int_equal(target.breakpoints[0], 0x400200);
}

static void test_watchpoints(void **state)
{
	static const struct dialogue lines[] = {
		{ "Z2,400100,4", "OK" },
		{ "Z2,400200,100", "OK" },
		{ "z2,400100,4", "OK" },
		{ "Z2,400100,0", "E01" },
		{ "z2,400100,0", "E01" },
		{ "Z2,40fffd,4", "E01" },
		{ "Z2,400000,ffffffffffffffff", "E01" },
		{ "Z2,400000", "E01" },
		{ "Z2,400000,4;", "E01" },
		{ "Z22,400000,4", "E01" },
	};
	const struct mti_gdb_stop stop = {
		.number = MTI_GDB_SIGTRAP,
		.watchpoint = true,
		.address = 0x400200,
	};

	(void)state;
	converse(lines, COUNT(lines));
	assert_int_equal(target.watched, 0x100);
	ask("c");
	gdb_target_stop(&target);
	mti_gdb_session_stop(&session, &stop);
	hear();
	assert_non_null(strstr(last.data, ";thread:1;watch:400200;"));
}

static void test_transfer(void **state)
{
	static const struct dialogue lines[] = {
		{ "qXfer:auxv:read::0,4", "mabcd" },
		{ "qXfer:auxv:read::4,4", "lef" },
		{ "qXfer:auxv:read::0,6", "mabcdef" },
		{ "qXfer:auxv:read::6,1", "l" },
		{ "qXfer:auxv:read::ffffffffffffffff,1000", "l" },
		{ "qXfer:auxv:read::0,ffffffffffffffff", "labcdef" },
		{ "qXfer:auxv:read::0,0", "E01" },
		{ "qXfer:auxv:read::0", "E01" },
		{ "qXfer:auxv:read:x:0,4", "" },
		{ "qXfer:auxv:write::0:00", "" },
		{ "qXfer:features:read:other.xml:0,4", "" },
		{ "qXfer:features:read:target.xml:0,5", "m<?xml" },
		{ "qXfer:features:read:target.xml:10000,5", "l" },
		{ "qXfer:features:read:target.xml:x", "E01" },
	};

	(void)state;
	memcpy(target.program.auxv, "abcdef", 6);
	target.program.auxv_size = 6;
	converse(lines, COUNT(lines));
}

static void test_tls(void **state)
{
	static const struct dialogue lines[] = {
		{ "qGetTLSAddr:1,10,0", "7eff90" },
		{ "qGetTLSAddr:p1.1,0,0", "7eff80" },
		{ "qGetTLSAddr:1", "E01" },
		{ "qGetTLSAddr:1,", "E01" },
		{ "qGetTLSAddr:", "E01" },
	};

	(void)state;
	ask("qGetTLSAddr:1,10,0");
	assert_string_equal(last.data, "E01");
	target.program.has_tls = true;
	target.program.tls_below = 0x80;
	converse(lines, COUNT(lines));
}

struct resume_case {
	const char *packet;
	struct mti_gdb_resume how;
};

static const struct resume_case resume_cases[] = {
	{ "c", { false, 0, 0, 0 } },
	{ "s", { true, 0, 0, 0 } },
	{ "C0b", { false, 0, 0, 11 } },
	{ "S05", { true, 0, 0, 5 } },
	{ "vCont;c", { false, 0, 0, 0 } },
	{ "vCont;c:1", { false, 0, 0, 0 } },
	{ "vCont;s:1;c", { true, 0, 0, 0 } },
	{ "vCont;s:p1.1;c:p1.-1", { true, 0, 0, 0 } },
	{ "vCont;c;s:1", { false, 0, 0, 0 } },
	{ "vCont;C06", { false, 0, 0, 6 } },
	{ "vCont;S0b:-1", { true, 0, 0, 11 } },
	{ "vCont;r400000,400010:1", { true, 0x400000, 0x400010, 0 } },
};

static void test_resume(void **state)
{
	static const struct mti_gdb_stop stop = {
		.number = MTI_GDB_SIGSEGV,
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(resume_cases); i++) {
		const struct mti_gdb_resume *how = &resume_cases[i].how;

		ask(resume_cases[i].packet);
		/* The reply comes when it stops. */
		if (strcmp(said, "+") != 0 ||
		    target.state != GDB_TARGET_RUNNING)
			fail_msg("%s: %s", resume_cases[i].packet, said);
		assert_int_equal(target.how.step, how->step);
		assert_int_equal(target.how.first, how->first);
		assert_int_equal(target.how.end, how->end);
		assert_int_equal(target.how.signal, how->signal);
		gdb_target_stop(&target);
		mti_gdb_session_stop(&session, &stop);
		hear();
		assert_string_equal(said, "P");
		assert_memory_equal(last.data, "T0b06:", 6);
	}
}

static void test_bad_resume(void **state)
{
	static const struct dialogue lines[] = {
		{ "c400000", "E01" },	    { "s400000", "E01" },
		{ "C", "E01" },		    { "C0", "E01" },
		{ "Cxx", "E01" },	    { "C0b;400000", "E01" },
		{ "S", "E01" },		    { "vCont", "E01" },
		{ "vCont;", "E01" },	    { "vCont;t", "E01" },
		{ "vCont;c:2", "E01" },	    { "vCont;c:", "E01" },
		{ "vCont;cx", "E01" },	    { "vCont;C", "E01" },
		{ "vCont;r400000:1", "E01" }, { "vCont;r400000,:1", "E01" },
		{ "vCont;s:1;x", "E01" },
	};

	(void)state;
	converse(lines, COUNT(lines));
	assert_int_equal(target.state, GDB_TARGET_STOPPED);
}

static void expect_stop(enum mti_gdb_stop_kind kind, uint8_t number,
			bool breakpoint, const char *text)
{
	const struct mti_gdb_stop stop = {
		.kind = kind,
		.number = number,
		.breakpoint = breakpoint,
	};

	gdb_target_stop(&target);
	mti_gdb_session_stop(&session, &stop);
	hear();
	assert_non_null(strstr(last.data, text));
}

static void test_stops(void **state)
{
	(void)state;
	ask("c");
	/* Who has not said that it knows the reason does not get it. */
	expect_stop(MTI_GDB_STOPPED, MTI_GDB_SIGTRAP, true, "T0506:");
	assert_null(strstr(last.data, "swbreak"));
	ask("qSupported:xmlRegisters=i386;swbreak+;hwbreak+");
	ask("c");
	expect_stop(MTI_GDB_STOPPED, MTI_GDB_SIGTRAP, true,
		    "thread:1;swbreak:;");
	ask("?");
	assert_non_null(strstr(last.data, "thread:1;swbreak:;"));
	ask("c");
	expect_stop(MTI_GDB_STOPPED, MTI_GDB_SIGINT, false, "T02");
	ask("c");
	expect_stop(MTI_GDB_EXITED, 42, false, "W2a");
	assert_int_equal(session.state, MTI_GDB_OVER);
}

static void test_killed(void **state)
{
	static const struct mti_gdb_stop again = { .kind = MTI_GDB_KILLED };

	(void)state;
	ask("c");
	expect_stop(MTI_GDB_KILLED, MTI_GDB_SIGSEGV, false, "X0b");
	assert_int_equal(session.state, MTI_GDB_OVER);
	/* Nothing more is taken, nor said. */
	assert_int_equal(say("$g#67", 5), 0);
	mti_gdb_session_stop(&session, &again);
	hear();
	assert_string_equal(said, "");
}

static void expect_end(const char *packet, enum gdb_target_state how,
		       const char *heard)
{
	(void)begin(NULL);
	ask(packet);
	assert_int_equal(target.state, how);
	assert_int_equal(session.state, MTI_GDB_OVER);
	assert_string_equal(said, heard);
}

static void test_ends(void **state)
{
	(void)state;
	expect_end("k", GDB_TARGET_KILLED, "+");
	expect_end("vKill;1", GDB_TARGET_KILLED, "+P");
	expect_end("D", GDB_TARGET_DETACHED, "+P");
	expect_end("D;1", GDB_TARGET_DETACHED, "+P");
}

/* A running guest hears Ctrl-C, and nothing else. */
static void test_interrupt(void **state)
{
	(void)state;
	assert_int_equal(say("\x03", 1), 1);
	assert_int_equal(target.state, GDB_TARGET_STOPPED);
	ask("c");
	ask("g");
	assert_string_equal(said, "+");
	ask("Z0,400000,1");
	ask("k");
	assert_int_equal(target.state, GDB_TARGET_RUNNING);
	assert_int_equal(say("+-\x03", 3), 3);
	assert_int_equal(target.state, GDB_TARGET_INTERRUPTED);
	assert_int_equal(say("\x03\x03", 2), 2);
	expect_stop(MTI_GDB_STOPPED, MTI_GDB_SIGINT, false, "T02");
}

/* After a resume the rest is left for when its reply has been sent. */
static void test_one_at_a_time(void **state)
{
	static const char two[] = "$?#3f$qC#b4";
	static const char run[] = "$c#63\x03";

	(void)state;
	assert_int_equal(say(two, sizeof(two) - 1), 5);
	assert_int_equal(say(two + 5, sizeof(two) - 6), sizeof(two) - 6);
	assert_string_equal(last.data, "QC1");
	assert_int_equal(say(run, sizeof(run) - 1), 5);
	assert_int_equal(target.state, GDB_TARGET_RUNNING);
	assert_int_equal(say(run + 5, 1), 1);
	assert_int_equal(target.state, GDB_TARGET_INTERRUPTED);
}

static void test_acknowledgements(void **state)
{
	(void)state;
	/* Nothing has been sent: nothing to send again. */
	assert_int_equal(say("-", 1), 1);
	assert_string_equal(said, "");
	(void)say("$qC#b5", 6);
	assert_string_equal(said, "-");
	ask("qC");
	(void)say("-", 1);
	assert_string_equal(said, "+P");
	assert_string_equal(last.data, "QC1");
	(void)say("+-", 2);
	assert_string_equal(said, "");
	ask("QStartNoAckMode");
	assert_string_equal(said, "+P");
	assert_string_equal(last.data, "OK");
	ask("qC");
	assert_string_equal(said, "P");
	(void)say("-", 1);
	assert_string_equal(said, "");
	(void)say("$qC#b5", 6);
	assert_string_equal(said, "");
	ask("c");
	assert_string_equal(said, "");
}

static void test_too_long(void **state)
{
	size_t i;

	(void)state;
	(void)say("$m", 2);
	for (i = 0; i < MTI_GDB_PACKET_MAX; i++)
		assert_int_equal(mti_gdb_session_feed(
					 &session, (const uint8_t *)"0", 1),
				 1);
	/* 'm' and 16384 times '0' */
	(void)say("#6d", 3);
	assert_string_equal(said, "+P");
	assert_string_equal(last.data, "E01");
	ask("qC");
	assert_string_equal(last.data, "QC1");
}

static void test_error_texts(void **state)
{
	static const struct dialogue lines[] = {
		{ "m0,4", "E.there is no memory at that address" },
		{ "Hg7", "E.there is only thread 1" },
	};

	(void)state;
	ask("qSupported:error-message+");
	converse(lines, COUNT(lines));
}

/* A socket takes what it has room for. */
static void test_piecemeal(void **state)
{
	const uint8_t *out;
	size_t size;
	size_t rest;

	(void)state;
	assert_int_equal(mti_gdb_session_feed(
				 &session, (const uint8_t *)"$qC#b4$", 7),
			 6);
	out = mti_gdb_session_output(&session, &size);
	assert_int_equal(size, 8);
	assert_memory_equal(out, "+$QC1#", 6);
	mti_gdb_session_sent(&session, 3);
	out = mti_gdb_session_output(&session, &rest);
	assert_int_equal(rest, 5);
	assert_memory_equal(out, "C1#", 3);
	/* Not before it is out. */
	assert_int_equal(mti_gdb_session_feed(&session,
					      (const uint8_t *)"$", 1),
			 0);
	mti_gdb_session_sent(&session, SIZE_MAX);
	assert_null(mti_gdb_session_output(&session, &rest));
	assert_int_equal(rest, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, begin)
	const struct CMUnitTest tests[] = {
		TEST(test_questions),
		TEST(test_memory),
		TEST(test_memory_bounds),
		TEST(test_registers),
		TEST(test_all_registers),
		TEST(test_no_registers),
		TEST(test_breakpoints),
		TEST(test_watchpoints),
		TEST(test_transfer),
		TEST(test_tls),
		TEST(test_resume),
		TEST(test_bad_resume),
		TEST(test_stops),
		TEST(test_killed),
		TEST(test_ends),
		TEST(test_interrupt),
		TEST(test_one_at_a_time),
		TEST(test_acknowledgements),
		TEST(test_too_long),
		TEST(test_error_texts),
		TEST(test_piecemeal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
