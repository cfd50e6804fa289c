#include "elf_cases.h"

#include "harness/elf_builder.h"

#define FIELD_(type, field, base, number)                                      \
	{                                                                      \
		(base) + offsetof(type, field), sizeof(((type *)0)->field),    \
			(uint64_t)(number), NULL                               \
	}
#define TEXT_(type, field, base, string)                                       \
	{                                                                      \
		(base) + offsetof(type, field), sizeof(string), 0, string      \
	}
#define ROW_AT(table, row) ((table) + (row) * sizeof(struct mote_abi_function))

#define IDENT(index, value)                                                    \
	{                                                                      \
		(index), 1, (value), NULL                                      \
	}
#define HEADER(field, value) FIELD_(Elf64_Ehdr, field, 0, value)
#define PROGRAM(number, field, value)                                          \
	FIELD_(Elf64_Phdr, field,                                              \
	       ELF_AT_PROGRAM + (number) * sizeof(Elf64_Phdr), value)
#define NOTE_HEADER(field, value) FIELD_(Elf64_Nhdr, field, ELF_AT_NOTE, value)
#define NOTE(field, value)                                                     \
	FIELD_(struct mote_abi_note, field, ELF_AT_NOTE_BODY, value)
#define DYNAMIC(number, value)                                                 \
	FIELD_(Elf64_Dyn, d_tag,                                               \
	       ELF_AT_DYNAMIC + (number) * sizeof(Elf64_Dyn), value)
#define EXPORT(row, field, value)                                              \
	FIELD_(struct mote_abi_function, field, ROW_AT(ELF_AT_EXPORTS, row),   \
	       value)
#define IMPORT(row, field, value)                                              \
	FIELD_(struct mote_abi_function, field, ROW_AT(ELF_AT_IMPORTS, row),   \
	       value)
#define EXPORT_TEXT(row, field, string)                                        \
	TEXT_(struct mote_abi_function, field, ROW_AT(ELF_AT_EXPORTS, row),    \
	      string)
#define IMPORT_TEXT(row, field, string)                                        \
	TEXT_(struct mote_abi_function, field, ROW_AT(ELF_AT_IMPORTS, row),    \
	      string)

/* The distance from a field of the note to an address. */
#define TO(field, address)                                                     \
	NOTE(field, (address) - (ELF_BASE + ELF_AT_NOTE_BODY +                 \
				 offsetof(struct mote_abi_note, field)))

/* A program header of its own: number is ELF_SPARE or more. */
#define LOAD(number, vaddr, memsz)                                             \
	PROGRAM(number, p_type, PT_LOAD), PROGRAM(number, p_flags, PF_R),      \
		PROGRAM(number, p_vaddr, vaddr),                               \
		PROGRAM(number, p_memsz, memsz)

#define X8 "xxxxxxxx"
#define X64 X8 X8 X8 X8 X8 X8 X8 X8

#define BAD(which, name, text, ...)                                            \
	{                                                                      \
		name, text, ELF_##which,                                       \
		{                                                              \
			__VA_ARGS__                                            \
		}                                                              \
	}
#define GOOD(which, name, ...) BAD(which, name, NULL, __VA_ARGS__)

const struct elf_case elf_cases[] = {
	/* ------------------------------------------------ e_ident, e_* */
	BAD(BOTH, "no magic", "no magic number", IDENT(0, 0x7e)),
	BAD(BOTH, "last byte of the magic", "no magic number", IDENT(3, 'G')),
	BAD(BOTH, "32-bit", "e_machine is 62", IDENT(EI_CLASS, 1)),
	BAD(BOTH, "no class", "EI_CLASS is 0", IDENT(EI_CLASS, 0)),
	BAD(BOTH, "big endian", "EI_DATA is 2", IDENT(EI_DATA, 2)),
	BAD(BOTH, "ident version", "EI_VERSION is 2", IDENT(EI_VERSION, 2)),
	BAD(BOTH, "FreeBSD", "EI_OSABI is 9",
	    IDENT(EI_OSABI, ELFOSABI_FREEBSD)),
	GOOD(BOTH, "GNU", IDENT(EI_OSABI, ELFOSABI_GNU)),
	BAD(BOTH, "relocatable", "e_type is 1", HEADER(e_type, ET_REL)),
	BAD(BOTH, "core", "e_type is 4", HEADER(e_type, ET_CORE)),
	BAD(BOTH, "RISC-V", "e_machine is 243, not 62 (x86-64) or 183 (AArch64)",
	    HEADER(e_machine, EM_RISCV)),
	GOOD(BOTH, "AArch64", HEADER(e_machine, EM_AARCH64)),
	BAD(BOTH, "version", "e_version is 0,", HEADER(e_version, 0)),
	BAD(BOTH, "ehsize", "e_ehsize is 63", HEADER(e_ehsize, 63)),
	BAD(BOTH, "phentsize", "e_phentsize is 32", HEADER(e_phentsize, 32)),
	BAD(BOTH, "no headers", "e_phnum is 0: there", HEADER(e_phnum, 0)),
	BAD(BOTH, "PN_XNUM", "e_phnum is 65535", HEADER(e_phnum, PN_XNUM)),
	BAD(BOTH, "phoff beyond the file", "e_phoff 0xcc1",
	    HEADER(e_phoff, 0xcc1)),
	BAD(BOTH, "headers end beyond the file", "e_phoff 0x781:",
	    HEADER(e_phoff, ELF_AT_END - ELF_HEADERS * 56 + 1)),
	BAD(BOTH, "phoff wraps", "e_phoff 0xffffffffffffffff",
	    HEADER(e_phoff, UINT64_MAX)),
	GOOD(BOTH, "sections are not read", HEADER(e_shoff, UINT64_MAX),
	     HEADER(e_shnum, 9)),
	BAD(BOTH, "entry 0", "e_entry 0x0 is not in an executable",
	    HEADER(e_entry, 0)),
	BAD(EXEC, "entry in data", "e_entry 0x402c80",
	    HEADER(e_entry, ELF_ADDRESS_DATA)),
	BAD(EXEC, "entry at the end of text", "e_entry 0x401c80",
	    HEADER(e_entry, ELF_ADDRESS_TEXT + ELF_TEXT_SIZE)),
	BAD(BOTH, "entry wraps", "e_entry 0xffffffffffffffff",
	    HEADER(e_entry, UINT64_MAX)),

	/* ------------------------------------------------------ segments */
	BAD(BOTH, "nothing to load", "no header is a PT_LOAD",
	    PROGRAM(ELF_LOAD_TABLES, p_type, PT_NULL),
	    PROGRAM(ELF_LOAD_TEXT, p_type, PT_NULL),
	    PROGRAM(ELF_LOAD_DATA, p_type, PT_NULL)),
	BAD(EXEC, "file bytes of two segments",
	    "program header 6: p_filesz 0x1 makes 0xcc1 bytes, more than the "
	    "file has (0xcc0)",
	    LOAD(ELF_SPARE, 0x500000, 0x1000), PROGRAM(ELF_SPARE, p_filesz, 1)),
	BAD(BOTH, "offset beyond the file",
	    "program header 2: p_offset 0xcc1 lies beyond the file (0xcc0 "
	    "bytes)",
	    PROGRAM(ELF_LOAD_DATA, p_offset, ELF_AT_END + 1)),
	BAD(BOTH, "offset is huge",
	    "program header 2: p_offset 0xffffffffffffffff",
	    PROGRAM(ELF_LOAD_DATA, p_offset, UINT64_MAX)),
	BAD(BOTH, "ends beyond the file",
	    "program header 2: p_filesz 0x41 ends beyond the file (0xcc0 "
	    "bytes)",
	    PROGRAM(ELF_LOAD_DATA, p_filesz, ELF_DATA_SIZE + 1)),
	BAD(BOTH, "filesz wraps",
	    "program header 2: p_filesz 0xffffffffffffffff",
	    PROGRAM(ELF_LOAD_DATA, p_filesz, UINT64_MAX)),
	BAD(BOTH, "less memory than file",
	    "program header 2: p_memsz 0x3f is less than p_filesz 0x40",
	    PROGRAM(ELF_LOAD_DATA, p_memsz, ELF_DATA_SIZE - 1)),
	BAD(BOTH, "no memory but file", "program header 2: p_memsz 0x0 is less",
	    PROGRAM(ELF_LOAD_DATA, p_memsz, 0)),
	GOOD(BOTH, "empty segment is ignored", LOAD(ELF_SPARE, 0, 0),
	     PROGRAM(ELF_SPARE, p_flags, 7)),
	GOOD(BOTH, "BSS only", LOAD(ELF_SPARE, 0x700123, 0x1000)),
	GOOD(BOTH, "BSS only, at the end of the file",
	     LOAD(ELF_SPARE, 0x700000, 0x1000),
	     PROGRAM(ELF_SPARE, p_offset, ELF_AT_END)),
	GOOD(BOTH, "BSS only, offset not congruent",
	     LOAD(ELF_SPARE, 0x700123, 0x1000),
	     PROGRAM(ELF_SPARE, p_offset, 0x10)),
	BAD(BOTH, "alignment is no power of two",
	    "program header 1: p_align 0x1800 is not a power of two",
	    PROGRAM(ELF_LOAD_TEXT, p_align, 0x1800)),
	GOOD(BOTH, "alignment 0", PROGRAM(ELF_LOAD_TEXT, p_align, 0)),
	GOOD(BOTH, "alignment 1", PROGRAM(ELF_LOAD_TEXT, p_align, 1)),
	GOOD(BOTH, "alignment of the load address",
	     PROGRAM(ELF_LOAD_TEXT, p_align, 0x400000)),
	BAD(DYN, "alignment above the load address",
	    "program header 1: p_align 0x800000 is more than the load address "
	    "0x400000",
	    PROGRAM(ELF_LOAD_TEXT, p_align, 0x800000)),
	GOOD(EXEC, "large alignment",
	     PROGRAM(ELF_LOAD_TEXT, p_align, UINT64_C(1) << 63)),
	BAD(BOTH, "not congruent", "p_offset 0xc40 differ modulo the page size",
	    PROGRAM(ELF_LOAD_TEXT, p_vaddr, 0x401c48)),
	BAD(BOTH, "unknown flags",
	    "program header 2: p_flags 0x100006 has unknown",
	    PROGRAM(ELF_LOAD_DATA, p_flags, 0x100006)),
	BAD(BOTH, "writable and executable",
	    "program header 2: p_flags 0x7 is both writable and executable",
	    PROGRAM(ELF_LOAD_DATA, p_flags, PF_R | PF_W | PF_X)),
	BAD(BOTH, "write and execute only",
	    "program header 2: p_flags 0x3 is both",
	    PROGRAM(ELF_LOAD_DATA, p_flags, PF_W | PF_X)),
	BAD(BOTH, "no read", "program header 2: p_flags 0x2 is not readable",
	    PROGRAM(ELF_LOAD_DATA, p_flags, PF_W)),
	BAD(BOTH, "execute only",
	    "program header 1: p_flags 0x1 is not readable",
	    PROGRAM(ELF_LOAD_TEXT, p_flags, PF_X)),
	BAD(BOTH, "text is not executable", "e_entry 0x",
	    PROGRAM(ELF_LOAD_TEXT, p_flags, PF_R)),
	BAD(EXEC, "below the window",
	    "program header 0: p_vaddr 0xf000 + 0x0 (load address) with "
	    "p_memsz "
	    "0xc40 lies outside 0x10000 to 0x700000000000",
	    PROGRAM(ELF_LOAD_TABLES, p_vaddr, 0xf000)),
	BAD(EXEC, "first page of the window, but the note moved",
	    "Mote note: p_vaddr puts it at 0x400594",
	    PROGRAM(ELF_LOAD_TABLES, p_vaddr, 0x10000)),
	GOOD(EXEC, "last page of the window",
	     LOAD(ELF_SPARE, UINT64_C(0x6ffffffff000), 0x1000)),
	BAD(EXEC, "one byte beyond the window",
	    "program header 6: p_vaddr 0x6ffffff",
	    LOAD(ELF_SPARE, UINT64_C(0x6ffffffff000), 0x1001)),
	BAD(DYN, "moved out of the window",
	    "program header 6: p_vaddr 0x6ffffffff000",
	    LOAD(ELF_SPARE, UINT64_C(0x6ffffffff000), 0x1000)),
	BAD(BOTH, "address wraps with the load address",
	    "program header 6: p_vaddr 0xfffffffffffff000",
	    LOAD(ELF_SPARE, UINT64_C(0xfffffffffffff000), 0x100)),
	BAD(BOTH, "end wraps", "p_memsz 0xffffffffffffffff lies outside",
	    LOAD(ELF_SPARE, 0x500000, UINT64_MAX)),
	BAD(EXEC, "page of the end wraps",
	    "p_memsz 0xffffffffffaffff0 lies outside",
	    LOAD(ELF_SPARE, 0x500000, UINT64_MAX - 0x50000f)),
	BAD(EXEC, "a page is shared",
	    "program header 6: p_vaddr 0x404fff is in a page of the segment",
	    LOAD(ELF_SPARE, 0x404fff, 0x10)),
	BAD(EXEC, "the same address",
	    "program header 6: p_vaddr 0x402c80 is in a page of the segment",
	    LOAD(ELF_SPARE, ELF_ADDRESS_DATA, 0x10)),
	BAD(EXEC, "a page of which one byte is used",
	    "program header 6: p_vaddr 0x404800 is in a page of the segment",
	    PROGRAM(ELF_LOAD_DATA, p_memsz, 0x404001 - ELF_ADDRESS_DATA),
	    LOAD(ELF_SPARE, 0x404800, 0x10)),
	GOOD(EXEC, "a page of which no byte is used",
	     PROGRAM(ELF_LOAD_DATA, p_memsz, 0x404000 - ELF_ADDRESS_DATA),
	     LOAD(ELF_SPARE, 0x404800, 0x10)),
	GOOD(EXEC, "the next page", LOAD(ELF_SPARE, 0x405000, 0x10)),
	BAD(EXEC, "inside the one before",
	    "program header 6: p_vaddr 0x403000 is in a page of the segment",
	    LOAD(ELF_SPARE, 0x403000, 0x10)),
	BAD(EXEC, "not in order",
	    "program header 6: p_vaddr 0x300000 is lower than that of the "
	    "segment before",
	    LOAD(ELF_SPARE, 0x300000, 0x10)),
	GOOD(BOTH, "all the memory there may be",
	     LOAD(ELF_SPARE, 0x500000, 0x40000000 - 0x5000)),
	BAD(BOTH, "a page too much",
	    "program header 6: p_memsz 0x3fffb001 makes 0x40001000 bytes",
	    LOAD(ELF_SPARE, 0x500000, 0x40000000 - 0x5000 + 1)),

	/* ------------------------------------------------ other headers */
	BAD(BOTH, "interpreter",
	    "program header 6: PT_INTERP: the program is dynamic",
	    PROGRAM(ELF_SPARE, p_type, PT_INTERP)),
	BAD(BOTH, "needs a library",
	    "program header 5: DT_NEEDED: the program is dyn",
	    PROGRAM(ELF_DYNAMIC, p_type, PT_DYNAMIC),
	    PROGRAM(ELF_DYNAMIC, p_offset, ELF_AT_DYNAMIC),
	    PROGRAM(ELF_DYNAMIC, p_filesz, 32), DYNAMIC(0, DT_RELA),
	    DYNAMIC(1, DT_NEEDED)),
	GOOD(DYN, "after the end of the dynamic section", DYNAMIC(1, DT_NULL),
	     DYNAMIC(2, DT_NEEDED)),
	GOOD(DYN, "dynamic section without its end",
	     PROGRAM(ELF_DYNAMIC, p_filesz, 31), DYNAMIC(1, DT_NEEDED)),
	BAD(DYN, "dynamic section beyond the file",
	    "program header 5: p_offset 0xcc1 lies beyond",
	    PROGRAM(ELF_DYNAMIC, p_offset, ELF_AT_END + 1)),
	BAD(DYN, "long dynamic section",
	    "program header 5: p_filesz 0x10001 is more than 0x10000",
	    PROGRAM(ELF_DYNAMIC, p_filesz, 0x10001)),
	BAD(DYN, "longest dynamic section",
	    "program header 5: p_filesz 0x10000 ends beyond the file",
	    PROGRAM(ELF_DYNAMIC, p_filesz, 0x10000)),
	BAD(BOTH, "executable stack", "PT_GNU_STACK p_flags 0x7 asks for",
	    PROGRAM(ELF_STACK, p_flags, 7)),
	GOOD(BOTH, "other types are ignored",
	     PROGRAM(ELF_SPARE, p_type, PT_TLS),
	     PROGRAM(ELF_SPARE + 1, p_type, PT_GNU_RELRO),
	     PROGRAM(ELF_SPARE + 2, p_type, 0x6fffffff)),

	/* ----------------------------------------------------- the note */
	BAD(BOTH, "no note", "has no Mote note: build it with mote-cc, or give it the "
			   "note of a bare guest",
	    PROGRAM(ELF_NOTE, p_type, PT_NULL)),
	BAD(BOTH, "other owner", "has no Mote note",
	    { ELF_AT_NOTE_NAME, 5, 0, "Moto" }),
	BAD(BOTH, "owner's name is longer", "has no Mote note",
	    NOTE_HEADER(n_namesz, 6)),
	BAD(BOTH, "owner's name is shorter", "has no Mote note",
	    NOTE_HEADER(n_namesz, 4), NOTE_HEADER(n_descsz, 36)),
	BAD(BOTH, "other type", "has no Mote note", NOTE_HEADER(n_type, 3)),
	BAD(BOTH, "empty notes", "has no Mote note",
	    PROGRAM(ELF_NOTE, p_filesz, 0)),
	BAD(BOTH, "header is truncated",
	    "program header 3: the note at 0x0 is trunc",
	    PROGRAM(ELF_NOTE, p_filesz, 11)),
	BAD(BOTH, "a note that is but a header", "has no Mote note",
	    NOTE_HEADER(n_namesz, 0), NOTE_HEADER(n_descsz, 0),
	    PROGRAM(ELF_NOTE, p_filesz, 12)),
	BAD(BOTH, "trailing bytes",
	    "program header 3: the note at 0x34 is truncated",
	    PROGRAM(ELF_NOTE, p_filesz, 52 + 11)),
	BAD(BOTH, "body is truncated",
	    "n_namesz 5 and n_descsz 32 is truncated",
	    PROGRAM(ELF_NOTE, p_filesz, 51)),
	BAD(BOTH, "name size is huge", "n_namesz 4294967295 and n_descsz 32 is",
	    NOTE_HEADER(n_namesz, UINT32_MAX)),
	BAD(BOTH, "body size is huge", "n_descsz 4294967295 is truncated",
	    NOTE_HEADER(n_descsz, UINT32_MAX)),
	BAD(BOTH, "both are huge",
	    "n_namesz 4294967295 and n_descsz 4294967295",
	    NOTE_HEADER(n_namesz, UINT32_MAX),
	    NOTE_HEADER(n_descsz, UINT32_MAX)),
	BAD(BOTH, "notes beyond the file",
	    "program header 3: p_filesz 0x741 ends",
	    PROGRAM(ELF_NOTE, p_filesz, ELF_AT_END - ELF_AT_NOTE + 1)),
	BAD(BOTH, "long notes",
	    "program header 3: p_filesz 0x10001 is more than",
	    PROGRAM(ELF_NOTE, p_filesz, 0x10001)),
	BAD(BOTH, "two headers for one note",
	    "program header 6: there is a second Mote note",
	    PROGRAM(ELF_SPARE, p_type, PT_NOTE),
	    PROGRAM(ELF_SPARE, p_offset, ELF_AT_NOTE),
	    PROGRAM(ELF_SPARE, p_filesz, 52)),
	BAD(BOTH, "newer version", "abi_version is 2, this library runs 1",
	    NOTE(abi_version, 2)),
	BAD(BOTH, "newer version, longer note",
	    "abi_version is 2, this library runs 1", NOTE(abi_version, 2),
	    NOTE_HEADER(n_descsz, 40), PROGRAM(ELF_NOTE, p_filesz, 60)),
	BAD(BOTH, "newer version, nothing else",
	    "abi_version is 2, this library runs 1", NOTE(abi_version, 2),
	    NOTE_HEADER(n_descsz, 4), PROGRAM(ELF_NOTE, p_filesz, 24)),
	BAD(BOTH, "no version", "n_descsz is 3, it is truncated",
	    NOTE_HEADER(n_descsz, 3), PROGRAM(ELF_NOTE, p_filesz, 24)),
	BAD(BOTH, "half a note", "n_descsz is 28, not 32: it is truncated",
	    NOTE_HEADER(n_descsz, 28), PROGRAM(ELF_NOTE, p_filesz, 48)),
	BAD(BOTH, "longer note", "n_descsz is 36, not 32",
	    NOTE_HEADER(n_descsz, 36), PROGRAM(ELF_NOTE, p_filesz, 56)),
	BAD(BOTH, "flags", "Mote note: flags 0x1 are not 0", NOTE(flags, 1)),
	BAD(BOTH, "reserved", "Mote note: reserved 0x80000000 is not 0",
	    NOTE(reserved, 0x80000000)),
	BAD(EXEC, "note is not loaded where it says",
	    "p_vaddr puts it at 0x400590",
	    PROGRAM(ELF_NOTE, p_vaddr, ELF_BASE + ELF_AT_NOTE - 4)),
	BAD(BOTH, "note is loaded nowhere", "where its bytes are not loaded",
	    PROGRAM(ELF_NOTE, p_vaddr, UINT64_MAX)),

	/* --------------------------------------------------------- main */
	BAD(BOTH, "main in data",
	    "Mote note: main 0x402c80 is not in an executable",
	    TO(main, ELF_ADDRESS_DATA)),
	BAD(BOTH, "main behind the text",
	    "Mote note: main 0x401c80 is not in an exec",
	    TO(main, ELF_ADDRESS_TEXT + ELF_TEXT_SIZE)),
	BAD(BOTH, "main wraps", "Mote note: main 0xffffffff",
	    NOTE(main, INT32_MIN)),
	GOOD(EXEC, "no main", TO(main, 0)),
	GOOD(DYN, "no main", TO(main, ELF_BASE)),

	/* ------------------------------------------------------- tables */
	BAD(BOTH, "exports end first",
	    "exports_end 0x400640 is lower than exports_begin 0x400740",
	    TO(exports_begin, ELF_BASE + ELF_AT_EXPORTS + 256),
	    TO(exports_end, ELF_BASE + ELF_AT_EXPORTS)),
	BAD(BOTH, "imports end first",
	    "imports_end 0x400940 is lower than imports_b",
	    TO(imports_begin, ELF_BASE + ELF_AT_IMPORTS + 256),
	    TO(imports_end, ELF_BASE + ELF_AT_IMPORTS)),
	BAD(BOTH, "part of an export",
	    "the exports have 0x2ff bytes, not a multiple",
	    TO(exports_end, ELF_BASE + ELF_AT_IMPORTS - 1)),
	BAD(BOTH, "part of an import",
	    "the imports have 0x301 bytes, not a multiple",
	    TO(imports_end, ELF_BASE + ELF_AT_TEXT + 1)),
	BAD(BOTH, "exports in no segment",
	    "the exports at 0x700000 to 0x700100 are not in the loaded bytes",
	    TO(exports_begin, 0x700000), TO(exports_end, 0x700100)),
	BAD(BOTH, "imports in the BSS",
	    "the imports at 0x402cc0 to 0x402dc0 are not",
	    TO(imports_begin, ELF_ADDRESS_DATA + ELF_DATA_SIZE),
	    TO(imports_end, ELF_ADDRESS_DATA + ELF_DATA_SIZE + 256)),
	BAD(BOTH, "imports end outside",
	    "the imports at 0x400b41 to 0x400c41 are not",
	    TO(imports_begin, ELF_BASE + ELF_AT_TEXT - 255),
	    TO(imports_end, ELF_BASE + ELF_AT_TEXT + 1)),
	BAD(BOTH, "exports at an odd address", "export 0: name:",
	    TO(exports_begin, ELF_BASE + ELF_AT_EXPORTS + 15),
	    TO(exports_end, ELF_BASE + ELF_AT_EXPORTS + 15 + 256)),
	GOOD(BOTH, "one table for both",
	     TO(imports_begin, ELF_BASE + ELF_AT_EXPORTS),
	     TO(imports_end, ELF_BASE + ELF_AT_IMPORTS)),

	/* --------------------------------------------------------- rows */
	BAD(BOTH, "no name", "export 1: name: it is empty",
	    EXPORT_TEXT(1, name, "")),
	BAD(BOTH, "digit first",
	    "export 1: name: it does not start with a letter",
	    EXPORT_TEXT(1, name, "9lives")),
	BAD(BOTH, "space in a name",
	    "import 1: name: it has a character other than",
	    IMPORT_TEXT(1, name, "a b")),
	BAD(BOTH, "endless name", "import 2: name: it is longer than 63 bytes",
	    { ROW_AT(ELF_AT_IMPORTS, 2), 64, 0, X64 }),
	GOOD(BOTH, "longest name",
	     EXPORT_TEXT(0, name, X8 X8 X8 X8 X8 X8 X8 "1234567")),
	BAD(BOTH, "no signature",
	    "export 2 (mid.dle): signature: it is not RESULT(",
	    EXPORT_TEXT(2, signature, "")),
	BAD(BOTH, "unknown type",
	    "export 0 (zeta): signature: parameter 1 is 'q', which",
	    EXPORT_TEXT(0, signature, "i(q)")),
	BAD(BOTH, "endless signature",
	    "import 1 (Now): signature: it does not end within 40",
	    { ROW_AT(ELF_AT_IMPORTS, 1) + 64, 40, 0, X8 X8 X8 X8 X8 }),
	BAD(BOTH, "33 parameters", "signature: it has more than 32 parameters",
	    EXPORT_TEXT(0, signature, "i(iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii)")),
	GOOD(BOTH, "32 parameters",
	     EXPORT_TEXT(0, signature, "i(iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii)")),
	BAD(BOTH, "endless parameters",
	    "export 0 (zeta): parameters: they are not NUL",
	    { ROW_AT(ELF_AT_EXPORTS, 0) + 104, 128, 0, X64 X64 }),
	GOOD(BOTH, "longest parameters",
	     { ROW_AT(ELF_AT_EXPORTS, 0) + 104, 127, 0, X64 X64 }),
	BAD(BOTH, "escape in parameters",
	    "import 1 (Now): parameters: they are not pr",
	    IMPORT_TEXT(1, parameters, "a\033")),
	BAD(BOTH, "DEL in parameters",
	    "export 1 (alpha): parameters: they are not pr",
	    EXPORT_TEXT(1, parameters, "a\177")),
	BAD(BOTH, "high bit in parameters",
	    "export 1 (alpha): parameters: they are no",
	    EXPORT_TEXT(1, parameters, "\xc3\xa9")),
	GOOD(BOTH, "all printable parameters",
	     EXPORT_TEXT(1, parameters, " ~,")),
	BAD(BOTH, "posted export",
	    "export 2 (mid.dle): flags 0x1 are not known", EXPORT(2, flags, 1)),
	BAD(BOTH, "unknown flags of an import",
	    "import 0 (log): flags 0x3 are not kn", IMPORT(0, flags, 3)),
	BAD(BOTH, "posted with a result",
	    "import 1 (Now): flags 0x1 make it posted",
	    IMPORT(1, flags, MOTE_FUNCTION_POSTED)),
	BAD(BOTH, "reserved of a row",
	    "export 1 (alpha): reserved 0x1 is not 0", EXPORT(1, reserved, 1)),
	BAD(BOTH, "reserved2 of a row",
	    "import 1 (Now): reserved2 0x8000000000000000 is not 0",
	    IMPORT(1, reserved2, UINT64_C(1) << 63)),
	GOOD(BOTH, "invoke is the guest's", EXPORT(1, invoke, UINT64_MAX),
	     IMPORT(1, invoke, 1)),
	BAD(BOTH, "two exports of a name", "two exports with name alpha",
	    EXPORT_TEXT(2, name, "alpha")),
	BAD(BOTH, "two signatures", "import log has two signatures, v(",
	    IMPORT_TEXT(2, signature, "v(y)")),
	BAD(BOTH, "two results", "import log has two signatures, ",
	    IMPORT_TEXT(2, signature, "i(s)"), IMPORT(2, flags, 0)),
	BAD(BOTH, "posted and not", "import log has two flags, 0x",
	    IMPORT(2, flags, 0)),
	GOOD(BOTH, "parameters of two imports may differ",
	     IMPORT_TEXT(2, parameters, "other")),
	GOOD(BOTH, "an import with an export's name",
	     IMPORT_TEXT(1, name, "alpha")),
};

const size_t elf_case_count = sizeof(elf_cases) / sizeof(elf_cases[0]);
