#include "harness/bare_builder.h"

#include <string.h>

#include "abi/note.h"

static void init_note(struct bare_note *note, uint32_t mode)
{
	note->head.n_namesz = sizeof(MOTE_NOTE_NAME);
	note->head.n_descsz = sizeof(note->fields);
	note->head.n_type = MOTE_NOTE_BARE;
	memcpy(note->name, MOTE_NOTE_NAME, sizeof(MOTE_NOTE_NAME));
	note->fields.version = MOTE_BARE_VERSION;
	note->fields.mode = mode;
}

/* The same for both sizes. */
#define INIT(image, class, number)                                          \
	do {                                                                \
		memset((image), 0, sizeof(*(image)));                       \
		memcpy((image)->header.e_ident, ELFMAG, SELFMAG);           \
		(image)->header.e_ident[EI_CLASS] = (class);                \
		(image)->header.e_ident[EI_DATA] = ELFDATA2LSB;             \
		(image)->header.e_ident[EI_VERSION] = EV_CURRENT;           \
		(image)->header.e_type = ET_EXEC;                           \
		(image)->header.e_machine = (number);                       \
		(image)->header.e_version = EV_CURRENT;                     \
		(image)->header.e_entry = BARE_CODE + 4;                    \
		(image)->header.e_phoff = sizeof((image)->header);          \
		(image)->header.e_ehsize = sizeof((image)->header);         \
		(image)->header.e_phentsize = sizeof((image)->programs[0]); \
		(image)->header.e_phnum = BARE_PROGRAMS;                    \
		PROGRAMS(image);                                            \
	} while (0)

#define PROGRAMS(image)                                                       \
	do {                                                                  \
		(image)->programs[BARE_PROGRAM_CODE].p_type = PT_LOAD;        \
		(image)->programs[BARE_PROGRAM_CODE].p_flags = PF_R | PF_X;   \
		(image)->programs[BARE_PROGRAM_CODE].p_offset =               \
			offsetof(__typeof__(*(image)), code);                 \
		(image)->programs[BARE_PROGRAM_CODE].p_vaddr = BARE_CODE;     \
		(image)->programs[BARE_PROGRAM_CODE].p_paddr = BARE_CODE;     \
		(image)->programs[BARE_PROGRAM_CODE].p_filesz = BARE_BYTES;   \
		(image)->programs[BARE_PROGRAM_CODE].p_memsz = BARE_BYTES;    \
		(image)->programs[BARE_PROGRAM_DATA].p_type = PT_LOAD;        \
		(image)->programs[BARE_PROGRAM_DATA].p_flags = PF_R | PF_W;   \
		(image)->programs[BARE_PROGRAM_DATA].p_vaddr = BARE_DATA;     \
		(image)->programs[BARE_PROGRAM_DATA].p_paddr = BARE_DATA;     \
		(image)->programs[BARE_PROGRAM_DATA].p_memsz =                \
			BARE_DATA_BYTES;                                      \
		(image)->programs[BARE_PROGRAM_NOTE].p_type = PT_NOTE;        \
		(image)->programs[BARE_PROGRAM_NOTE].p_offset =               \
			offsetof(__typeof__(*(image)), note);                 \
		(image)->programs[BARE_PROGRAM_NOTE].p_filesz =               \
			sizeof((image)->note);                                \
		(image)->programs[BARE_PROGRAM_NOTE].p_align = 4;             \
	} while (0)

void bare_image32_init(struct bare_image32 *image, uint32_t mode)
{
	INIT(image, ELFCLASS32, EM_386);
	init_note(&image->note, mode);
}

void bare_image64_init(struct bare_image64 *image)
{
	INIT(image, ELFCLASS64, EM_X86_64);
	init_note(&image->note, MOTE_BARE_LONG);
}
