/*
 * A hostile debugger: its bytes go through the packet parser and a session
 * over a target that checks its caller. The guest stops now and then, by the
 * bytes themselves, so that later commands are reached. Packets that were
 * understood survive being framed and parsed again.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "harness/gdb_target.h"

static struct gdb_target target;
static struct mti_gdb_session session;

static void check(int holds)
{
	if (!holds)
		abort();
}

static void check_packet(const struct mti_gdb_parser *packet)
{
	static struct mti_gdb_parser again;
	static uint8_t frame[MTI_GDB_FRAME_MAX];
	size_t size = mti_gdb_frame(packet->data, packet->size, frame,
				    sizeof(frame));
	size_t i;

	check(size >= 4);
	memset(&again, 0, sizeof(again));
	for (i = 0; i + 1 < size; i++)
		check(mti_gdb_parse(&again, frame[i]) == MTI_GDB_NOTHING);
	check(mti_gdb_parse(&again, frame[i]) == MTI_GDB_PACKET);
	check(again.size == packet->size &&
	      memcmp(again.data, packet->data, packet->size) == 0);
}

static void parse_all(const uint8_t *data, size_t size)
{
	static struct mti_gdb_parser parser;
	size_t i;

	memset(&parser, 0, sizeof(parser));
	for (i = 0; i < size; i++) {
		enum mti_gdb_event event = mti_gdb_parse(&parser, data[i]);

		check(parser.size <= MTI_GDB_PACKET_MAX);
		if (event == MTI_GDB_PACKET)
			check_packet(&parser);
	}
}

/* What is sent is acknowledgements and frames, nothing else. */
static void check_output(void)
{
	static struct mti_gdb_parser parser;
	size_t size;
	const uint8_t *out = mti_gdb_session_output(&session, &size);
	size_t i;

	memset(&parser, 0, sizeof(parser));
	for (i = 0; i < size; i++) {
		enum mti_gdb_event event = mti_gdb_parse(&parser, out[i]);

		check(event != MTI_GDB_DAMAGED && event != MTI_GDB_TOO_LONG &&
		      event != MTI_GDB_INTERRUPT);
		check(parser.state != MTI_GDB_OUTSIDE ||
		      event != MTI_GDB_NOTHING);
	}
	check(parser.state == MTI_GDB_OUTSIDE);
	mti_gdb_session_sent(&session, size);
}

static void stop(uint8_t by)
{
	static const struct mti_gdb_stop stops[] = {
		{ .number = MTI_GDB_SIGTRAP, .breakpoint = true },
		{ .number = MTI_GDB_SIGSEGV },
		{ .number = MTI_GDB_SIGTRAP,
		  .watchpoint = true,
		  .address = UINT64_MAX },
		{ .kind = MTI_GDB_EXITED, .number = 7 },
	};

	gdb_target_stop(&target);
	mti_gdb_session_stop(&session, &stops[by % 4]);
	check_output();
}

static void run_session(const uint8_t *data, size_t size)
{
	static const struct mti_gdb_stop first = {
		.number = MTI_GDB_SIGTRAP,
	};

	if (size % 4 == 3)
		gdb_target_init_aarch64(&target);
	else
		gdb_target_init(&target, size % 2 == 0);
	mti_gdb_session_init(&session, &target.ops, &target.program, &first);
	while (size > 0 && session.state != MTI_GDB_OVER) {
		size_t done = mti_gdb_session_feed(&session, data, size);

		check(done > 0);
		check_output();
		if (session.state == MTI_GDB_RUNNING)
			stop(data[done - 1]);
		data += done;
		size -= done;
	}
}

/* The same with right checksums: mutations hardly ever hit one. */
static void run_mended(const uint8_t *data, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t *mended = malloc(size + 1);
	uint8_t sum = 0;
	size_t i;

	check(mended != NULL);
	for (i = 0; i < size; i++) {
		mended[i] = data[i];
		if (data[i] == '#' && size - i > 2) {
			mended[++i] = (uint8_t)digits[sum >> 4];
			mended[++i] = (uint8_t)digits[sum & 15];
		}
		sum = data[i] == '$' ? 0 : (uint8_t)(sum + data[i]);
	}
	run_session(mended, size);
	free(mended);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	parse_all(data, size);
	run_session(data, size);
	run_mended(data, size);
	return 0;
}
