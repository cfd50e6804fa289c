/*
 * Writes the inputs that fuzzing starts from: valid images and messages. No
 * binary is kept in the repository for them.
 *
 *	make-corpus FOLDER		FOLDER/elf/..., FOLDER/message/...
 *					FOLDER/gdb-packet/...
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "call/codec.h"
#include "debug/gdb/packet.h"
#include "harness/elf_builder.h"

static void write_file(const char *folder, const char *part, const char *name,
		       const void *data, size_t size)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, part);
	mkdir(path, 0777);
	snprintf(path, sizeof(path), "%s/%s/%s", folder, part, name);
	file = fopen(path, "wb");
	if (!file || fwrite(data, 1, size, file) != size || fclose(file) != 0) {
		perror(path);
		exit(1);
	}
}

static void make_images(const char *folder)
{
	struct elf_image image = elf_image_new(false, 0);

	write_file(folder, "elf", "fixed", image.bytes, image.size);
	elf_image_move_exports(&image, 0, 0);
	elf_image_move_imports(&image, 0, 0);
	image.header->e_phnum = ELF_DYNAMIC;
	write_file(folder, "elf", "no-tables", image.bytes, image.size);
	elf_image_free(&image);
	image = elf_image_new(true, 0);
	write_file(folder, "elf", "static-pie", image.bytes, image.size);
	elf_image_free(&image);
}

static void make_message(const char *folder, const char *name, uint16_t kind,
			 const mote_value *values, size_t count)
{
	const struct mti_message_head head = { .kind = kind, .id = 1 };
	uint64_t buffer[128];
	mote_error err = MOTE_ERROR_INIT;
	size_t size;

	if (mti_message_encode(buffer, sizeof(buffer), &head, values, count,
			       &size, &err) != MOTE_OK) {
		fprintf(stderr, "%s: %s\n", name, err.text);
		exit(1);
	}
	write_file(folder, "message", name, buffer, size);
}

static void make_messages(const char *folder)
{
	static const mote_value all[] = {
		{ .type = MOTE_TYPE_I32, .as.i32 = -1 },
		{ .type = MOTE_TYPE_U32, .as.u32 = 1 },
		{ .type = MOTE_TYPE_I64, .as.i64 = -1 },
		{ .type = MOTE_TYPE_U64, .as.u64 = 1 },
		{ .type = MOTE_TYPE_F32, .as.f32 = -0.0f },
		{ .type = MOTE_TYPE_F64, .as.f64 = 0.5 },
		{ .type = MOTE_TYPE_BOOL, .as.boolean = 1 },
		{ .type = MOTE_TYPE_STRING, .as.string = { "text", 4 } },
		{ .type = MOTE_TYPE_BYTES, .as.bytes = { "\0\1\2", 3 } },
	};
	static const mote_value nothing = { .type = MOTE_TYPE_VOID };
	mote_value strings[MOTE_ARGUMENTS_MAX];
	size_t i;

	for (i = 0; i < MOTE_ARGUMENTS_MAX; i++)
		strings[i] = all[7];
	make_message(folder, "call", MOTE_MESSAGE_CALL, all, 9);
	make_message(folder, "call-nothing", MOTE_MESSAGE_HOST_CALL, NULL, 0);
	make_message(folder, "call-strings", MOTE_MESSAGE_HOST_CALL, strings,
		     MOTE_ARGUMENTS_MAX);
	make_message(folder, "result", MOTE_MESSAGE_RESULT, &nothing, 1);
	make_message(folder, "result-bytes", MOTE_MESSAGE_RESULT, &all[8], 1);
	make_message(folder, "error", MOTE_MESSAGE_ERROR, strings, 1);
	make_message(folder, "main", MOTE_MESSAGE_MAIN, strings, 3);
}

/* What a client says, packet by packet. */
static void make_session(const char *folder, const char *name,
			 const char *const *packets, size_t count)
{
	static char bytes[65536];
	size_t size = 0;
	size_t i;

	for (i = 0; i < count; i++) {
		bytes[size++] = '+';
		size += mti_gdb_frame(packets[i], strlen(packets[i]),
				      bytes + size, sizeof(bytes) - size - 1);
	}
	write_file(folder, "gdb-packet", name, bytes, size);
}

static void make_sessions(const char *folder)
{
	static const char *const look[] = {
		"qSupported:swbreak+;error-message+;vContSupported+",
		"vMustReplyEmpty", "QStartNoAckMode", "Hg0", "Hc-1", "?",
		"qXfer:features:read:target.xml:0,ffb",
		"qXfer:auxv:read::0,1000", "qAttached", "qfThreadInfo",
		"qsThreadInfo", "qC", "g", "p10", "m400000,40",
		"qGetTLSAddr:1,10,0", "D",
	};
	static const char *const change[] = {
		"P0=efbeadde00000000", "P28=00112233445566778899aabbccddeeff",
		"M400010,4:deadbeef", "X400020,3:a*b", "G0011",
		"Z0,400100,1", "Z2,400100,8", "z0,400100,1", "k",
	};
	static const char *const run[] = {
		"vCont?", "vCont;c", "vCont;s:1;c", "vCont;r400000,400010:1",
		"vCont;C0b:p1.-1", "c", "s", "C05", "S02", "vKill;1",
	};

	make_session(folder, "look", look, sizeof(look) / sizeof(look[0]));
	make_session(folder, "change", change,
		     sizeof(change) / sizeof(change[0]));
	make_session(folder, "run", run, sizeof(run) / sizeof(run[0]));
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
		return 2;
	}
	mkdir(argv[1], 0777);
	make_images(argv[1]);
	make_messages(argv[1]);
	make_sessions(argv[1]);
	return 0;
}
