/*
 * Writes the inputs that fuzzing starts from: valid images, messages and
 * documents of snapshots. No binary is kept in the repository for them.
 *
 *	make-corpus FOLDER		FOLDER/elf/..., FOLDER/message/..., ...
 */
#include <elf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/layout.h"
#include "arch/arch.h"
#include "call/codec.h"
#include "debug/core.h"
#include "debug/gdb/packet.h"
#include "harness/bare_builder.h"
#include "harness/elf_builder.h"
#include "snap/config.h"
#include "snap/index.h"

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

static void make_bare(const char *folder)
{
	struct bare_image64 wide;
	struct bare_image32 image;
	uint32_t mode;
	char name[16];

	for (mode = MOTE_BARE_REAL; mode < MOTE_BARE_LONG; mode++) {
		bare_image32_init(&image, mode);
		snprintf(name, sizeof(name), "mode%u", mode);
		write_file(folder, "bare", name, &image, sizeof(image));
	}
	bare_image64_init(&wide);
	write_file(folder, "bare", "long", &wide, sizeof(wide));
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

static void write_document(const char *folder, const char *name, json_t *root)
{
	char *text = json_dumps(root, JSON_COMPACT);

	if (!text) {
		fprintf(stderr, "%s: no memory\n", name);
		exit(1);
	}
	write_file(folder, "snapshot", name, text, strlen(text));
	free(text);
	json_decref(root);
}

static void make_config(const char *folder, const struct mti_digest *digest)
{
	static const struct mti_part parts[] = {
		{ 0x400000, 0x2000, 0x2000, MTI_PT_USER | MTI_PT_EXECUTE },
		{ 0x500100, 0x3000, 0x10, MTI_PT_USER | MTI_PT_WRITE },
	};
	static const struct mti_layout_sizes sizes = { 1 << 20, 65536, 65536 };
	static const struct mti_snap_function function = { "Add", "i(ii)",
							   true };
	const struct mti_snap_tables tables = { &function, 1, &function, 1 };
	static struct mti_store store = { .extent_count = 2 };
	struct mti_snap snap = { .store = &store };
	mote_error err = MOTE_ERROR_INIT;
	json_t *config = NULL;

	store.extents[0] = (struct mti_extent){ 0, 0x8000, 0, 0 };
	store.extents[1] = (struct mti_extent){ 0x10000, 0x2000, 0, 1 };
	if (!mti_layout_plan(parts, 2, &sizes, &snap.layout))
		exit(1);
	snap.origin.machine = EM_X86_64;
	snap.origin.abi_version = MOTE_ABI_VERSION;
	memcpy(snap.origin.backend, "kvm", 4);
	snap.origin.features[0] = 0x201;
	snap.cpu.state.fs_base = 0x501000;
	snap.cpu.state.mxcsr = 0x1f80;
	snap.cpu.state.x87_control = 0x37f;
	snap.cpu.dispatch_pc = 0x400100;
	snap.cpu.dispatch_sp = MOTE_GVA_STACK_TOP;
	if (mti_config_new(&snap, digest, &tables, &config, &err) != MOTE_OK) {
		fprintf(stderr, "config: %s\n", err.text);
		exit(1);
	}
	write_document(folder, "config", config);
}

static void make_bare_config(const char *folder,
			     const struct mti_digest *digest)
{
	static const struct mti_layout_sizes sizes = { 1 << 20, 65536, 65536 };
	static const struct mti_bare_plan plan = { .mode = MOTE_BARE_LONG,
						   .size = 0x110000,
						   .end = 0x110000 };
	const struct mti_snap_tables tables = { .export_count = 0 };
	static struct mti_store store = { .extent_count = 1 };
	static struct mti_snap snap = { .store = &store };
	struct mti_bare_start start = { .mode = MOTE_BARE_LONG,
					.entry = 0x100000 };
	mote_error err = MOTE_ERROR_INIT;
	json_t *config = NULL;

	store.extents[0] = (struct mti_extent){ 0x100000, 0x8000, 0, 0 };
	if (!mti_layout_plan_bare(&plan, &sizes, &snap.layout))
		exit(1);
	start.page_table = snap.layout.page_table_gpa;
	mti_bare_start(&start, &snap.bare.cpu);
	snap.bare.cpu.vector_size = 576;
	snap.origin.machine = EM_X86_64;
	snap.origin.abi_version = MOTE_BARE_VERSION;
	memcpy(snap.origin.backend, "kvm", 4);
	if (mti_config_new(&snap, digest, &tables, &config, &err) != MOTE_OK) {
		fprintf(stderr, "bare config: %s\n", err.text);
		exit(1);
	}
	write_document(folder, "bare-config", config);
}

static void make_snapshots(const char *folder)
{
	struct mti_manifest manifest = { .memory_count = 2 };
	struct mti_index index = { NULL };
	struct mti_descriptor *blob = &manifest.config;

	if (!mti_digest_of("", 0, &blob->digest) || !mti_index_init(&index))
		exit(1);
	blob->size = 4096;
	manifest.program = *blob;
	manifest.memory[0] = *blob;
	manifest.memory[1] = *blob;
	write_document(folder, "manifest", mti_manifest_new(&manifest));
	if (!mti_index_set(&index, "tag", blob) ||
	    !mti_index_set(&index, "other", blob))
		exit(1);
	write_document(folder, "index", index.root);
	make_config(folder, &blob->digest);
	make_bare_config(folder, &blob->digest);
}

/* Few pages, most of them zero. */
static void make_core(const char *folder)
{
	static uint8_t memory[64 * 4096];
	const struct mti_core_region regions[] = {
		{ 0x400000, 0x1000, MTI_CORE_READ | MTI_CORE_EXECUTE, memory,
		  false },
		{ 0x500000, sizeof(memory), MTI_CORE_READ | MTI_CORE_WRITE,
		  memory, false },
		{ 0x600000, 0x1000, MTI_CORE_READ, NULL, false },
	};
	const uint64_t general[MOTE_FAULT_REGISTERS_MAX] = { 1, 2, 3 };
	struct mti_core core = {
		.arch = &mti_arch_amd64,
		.general = general,
		.signal = 11,
		.note = { .version = MTI_CORE_VERSION,
			  .size = sizeof(core.note),
			  .status = MOTE_E_GUEST_FAULT,
			  .function = "f" },
		.entry = 0x400000,
		.headers = 0x400040,
		.header_count = 3,
		.path = "/guest.elf",
		.files = { { 0x400000, 0x401000, 0 } },
		.file_count = 1,
		.regions = regions,
		.region_count = 3,
	};
	char path[4096];
	int fd;

	memory[0] = 1;
	memory[40 * 4096 + 5] = 2;
	write_file(folder, "core", "small", "", 0);
	snprintf(path, sizeof(path), "%s/core/small", folder);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || mti_core_write(&core, fd, &mti_allocator_libc, NULL) !=
			      MOTE_OK) {
		perror(path);
		exit(1);
	}
	close(fd);
}

/* ---------------------------------------------------------- page tables */

/* What fuzz_pt.c reads: five words, then memory from address 0. */
static struct {
	uint64_t header[5];
	uint64_t pages[12][512];
	size_t used;
} tables;

static bool read_table(void *context, uint64_t gpa, uint64_t *entry)
{
	(void)context;
	*entry = tables.pages[gpa / 4096][gpa % 4096 / 8];
	return true;
}

static bool write_table(void *context, uint64_t gpa, uint64_t entry)
{
	(void)context;
	tables.pages[gpa / 4096][gpa % 4096 / 8] = entry;
	return true;
}

static bool alloc_table(void *context, uint64_t *gpa)
{
	(void)context;
	*gpa = tables.used++ * 4096;
	return true;
}

static void write_tables(const char *folder, const struct mti_pt *pt,
			 const char *what, uint64_t gva, uint64_t edit)
{
	char name[64];

	tables.header[2] = gva;
	tables.header[3] = gva + 9000;
	tables.header[4] = edit;
	snprintf(name, sizeof(name), "%s-%s", pt->name, what);
	write_file(folder, "pt", name, &tables,
		   sizeof(tables.header) + tables.used * 4096);
}

/* How fuzz_pt.c edits: flags, and the number of pages. */
#define EDIT(flags, pages) ((uint64_t)(flags) << 32 | (pages))

/*
 * Two spaces that share a table, in each format: what is mapped is replaced,
 * something new is mapped and unmapped, a large page is marked.
 */
static void make_tables(const char *folder)
{
	static const struct mti_pt *const formats[] = {
		&mti_pt_amd64,	    &mti_pt_i686,
		&mti_pt_i686_pse,   &mti_pt_i686_pae,
		&mti_pt_i686_pae_nx, &mti_pt_aarch64,
		&mti_pt_aarch64_upper,
	};
	const struct mti_pt_ops ops = {
		.read = read_table,
		.write = write_table,
		.alloc = alloc_table,
	};
	struct mti_pt_mapping mapping = {
		.gpa = UINT64_C(12) << 20,
		.size = (UINT64_C(4) << 20) + 4096,
		.flags = MTI_PT_WRITE | MTI_PT_LARGE,
	};
	size_t i;

	for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		memset(&tables, 0, sizeof(tables));
		tables.used = 2;
		mapping.gva = formats[i]->high_if == 0 ? formats[i]->high : 0;
		mapping.gva += UINT64_C(8) << 20;
		(void)mti_pt_map(formats[i], &ops, 0, &mapping);
		/* The second root is the first, but for one entry. */
		memcpy(tables.pages[1], tables.pages[0], 4096);
		tables.pages[1][5] = 0;
		tables.header[0] = i;
		write_tables(folder, formats[i], "replace", mapping.gva + 4096,
			     EDIT(MTI_PT_WRITE, 3));
		write_tables(folder, formats[i], "new",
			     mapping.gva + (UINT64_C(64) << 20),
			     EDIT(MTI_PT_NEW | MTI_PT_USER | MTI_PT_WRITE, 3));
		write_tables(folder, formats[i], "large", mapping.gva,
			     EDIT(MTI_PT_LARGE | MTI_PT_COW, 0x200));
	}
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
	make_bare(argv[1]);
	make_messages(argv[1]);
	make_snapshots(argv[1]);
	make_core(argv[1]);
	make_tables(argv[1]);
	make_sessions(argv[1]);
	return 0;
}
