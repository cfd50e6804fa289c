/*
 * The guests here end at once: bare ones by their exit port, user-mode ones,
 * which have no runtime, with a crash: all that counts is that it was theirs.
 */
#include "personality.h"

#include <elf.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <mote/bare.h>

#define BASE 0x100000u
#define STATUS 42u
#define NOTE_USER 1u
#define NOTE_BARE 2u
#define CODE_BYTES 8

struct note {
	uint32_t sizes[3];
	char name[8];
	uint32_t words[8];
};

#define PROGRAMS 2

struct file32 {
	Elf32_Ehdr header;
	Elf32_Phdr programs[PROGRAMS];
	struct note note;
	uint8_t code[CODE_BYTES];
};

struct file64 {
	Elf64_Ehdr header;
	Elf64_Phdr programs[PROGRAMS];
	struct note note;
	uint8_t code[CODE_BYTES];
};

union file {
	struct file32 narrow;
	struct file64 wide;
};

static const struct kind {
	const char *name;
	uint8_t class;
	uint16_t machine;
	uint32_t mode; /* 0: user mode */
	uint8_t code[CODE_BYTES];
} kinds[CLI_PERSONALITIES] = {
	[CLI_USER_AMD64] = { "user amd64", ELFCLASS64, EM_X86_64, 0,
			     { 0x0f, 0x0b } },
	[CLI_USER_AARCH64] = { "user aarch64", ELFCLASS64, EM_AARCH64, 0,
			       { 0 } },
	/* mov $42, %eax; out %eax, $0xd0 */
	[CLI_BARE_UNPAGED] = { "bare unpaged", ELFCLASS32, EM_386,
			       MOTE_BARE_MODE_PROTECTED,
			       { 0xb8, STATUS, 0, 0, 0, 0xe7, 0xd0, 0xf4 } },
	[CLI_BARE_PAGED] = { "bare 32-bit paged", ELFCLASS32, EM_386,
			     MOTE_BARE_MODE_PAGED,
			     { 0xb8, STATUS, 0, 0, 0, 0xe7, 0xd0, 0xf4 } },
	[CLI_BARE_LONG] = { "bare 64-bit", ELFCLASS64, EM_X86_64,
			    MOTE_BARE_MODE_LONG,
			    { 0xb8, STATUS, 0, 0, 0, 0xe7, 0xd0, 0xf4 } },
};

const char *cli_personality_name(size_t which)
{
	return kinds[which].name;
}

static void make_note(const struct kind *kind, struct note *note)
{
	note->sizes[0] = 5;
	note->sizes[1] = sizeof(note->words);
	note->sizes[2] = kind->mode ? NOTE_BARE : NOTE_USER;
	memcpy(note->name, "Mote", 5);
	note->words[0] = 1; /* version; the user's tables are empty */
	if (kind->mode)
		note->words[1] = kind->mode;
	else
		note->words[3] = note->words[5] = (uint32_t)-4;
}

/* One for both sizes of ELF. */
#define MAKE(file, kind)                                                   \
	do {                                                               \
		memcpy((file)->header.e_ident, ELFMAG, SELFMAG);           \
		(file)->header.e_ident[EI_CLASS] = (kind)->class;          \
		(file)->header.e_ident[EI_DATA] = ELFDATA2LSB;             \
		(file)->header.e_ident[EI_VERSION] = EV_CURRENT;           \
		(file)->header.e_type = ET_EXEC;                           \
		(file)->header.e_machine = (kind)->machine;                \
		(file)->header.e_version = EV_CURRENT;                     \
		(file)->header.e_ehsize = sizeof((file)->header);          \
		(file)->header.e_phoff = sizeof((file)->header);           \
		(file)->header.e_phentsize = sizeof((file)->programs[0]);  \
		(file)->header.e_phnum = PROGRAMS;                         \
		(file)->header.e_entry =                                   \
			BASE + offsetof(__typeof__(*(file)), code);        \
		(file)->programs[0].p_type = PT_LOAD;                      \
		(file)->programs[0].p_flags = PF_R | PF_X;                 \
		(file)->programs[0].p_vaddr = BASE;                        \
		(file)->programs[0].p_paddr = BASE;                        \
		(file)->programs[0].p_filesz = sizeof(*(file));            \
		(file)->programs[0].p_memsz = sizeof(*(file));             \
		(file)->programs[0].p_align = 4096;                        \
		(file)->programs[1].p_type = PT_NOTE;                      \
		(file)->programs[1].p_flags = PF_R;                        \
		(file)->programs[1].p_offset =                             \
			offsetof(__typeof__(*(file)), note);               \
		(file)->programs[1].p_vaddr =                              \
			BASE + offsetof(__typeof__(*(file)), note);        \
		(file)->programs[1].p_filesz = sizeof((file)->note);       \
		(file)->programs[1].p_memsz = sizeof((file)->note);        \
		(file)->programs[1].p_align = 4;                           \
		memcpy((file)->code, (kind)->code, sizeof((file)->code));  \
		make_note((kind), &(file)->note);                          \
	} while (0)

/* It has come so far that a guest's own code ran. */
static bool ends(const struct kind *kind, mote_image *image)
{
	mote_run_result result = MOTE_RUN_RESULT_INIT;
	mote_sandbox *box = NULL;
	mote_status status = mote_sandbox_new(image, NULL, &box, NULL);

	if (kind->mode == 0) {
		mote_sandbox_free(box);
		return status == MOTE_E_GUEST_FAULT;
	}
	if (status == MOTE_OK)
		status = mote_run(box, &result, NULL);
	mote_sandbox_free(box);
	return status == MOTE_OK && result.end == MOTE_RUN_EXITED &&
	       result.status == STATUS;
}

static bool runs_here(mote_engine *engine, const struct kind *kind)
{
	mote_image *image = NULL;
	union file file;
	size_t size;
	bool good;

	memset(&file, 0, sizeof(file));
	if (kind->class == ELFCLASS64) {
		MAKE(&file.wide, kind);
		size = sizeof(file.wide);
	} else {
		MAKE(&file.narrow, kind);
		size = sizeof(file.narrow);
	}
	if (mote_image_from_memory(engine, &file, size, &image, NULL) !=
	    MOTE_OK)
		return false;
	good = ends(kind, image);
	mote_image_unref(image);
	return good;
}

void cli_personalities(const char *backend, bool runs[CLI_PERSONALITIES])
{
	mote_engine_options options = MOTE_ENGINE_OPTIONS_INIT;
	mote_engine *engine = NULL;
	size_t i;

	memset(runs, 0, CLI_PERSONALITIES * sizeof(*runs));
	options.backend = backend;
	if (mote_engine_new(&options, &engine, NULL) != MOTE_OK)
		return;
	for (i = 0; i < CLI_PERSONALITIES; i++)
		runs[i] = runs_here(engine, &kinds[i]);
	mote_engine_unref(engine);
}
