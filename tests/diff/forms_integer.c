#include "forms.h"

#include "case.h"

#define CF DIFF_CF
#define PF DIFF_PF
#define AF DIFF_AF
#define ZF DIFF_ZF
#define SF DIFF_SF
#define OF DIFF_OF
#define ALL DIFF_ALL

#define B (DIFF_BYTE | DIFF_MODRM)
#define V (DIFF_SIZED | DIFF_MODRM)
#define LK DIFF_LOCK
#define KEEP DIFF_KEEPS

/* The eight operations that share a pattern; n: which. */
#define ALU(name, n, lock, keep, reads, undef)                                \
	{ name, 0, 0, 8 * (n), -1, B | (lock) | (keep), 0, reads,             \
	  ALL & ~(undef), undef },                                        \
	{ name, 0, 0, 8 * (n) + 1, -1, V | (lock) | (keep), 0, reads,         \
	  ALL & ~(undef), undef },                                        \
	{ name, 0, 0, 8 * (n) + 2, -1, B | (keep), 0, reads,                  \
	  ALL & ~(undef), undef },                                        \
	{ name, 0, 0, 8 * (n) + 3, -1, V | (keep), 0, reads,                  \
	  ALL & ~(undef), undef },                                        \
	{ name, 0, 0, 8 * (n) + 4, -1, DIFF_BYTE, DIFF_IMM_8, reads,          \
	  ALL & ~(undef), undef },                                        \
	{ name, 0, 0, 8 * (n) + 5, -1, DIFF_SIZED, DIFF_IMM_SIZED, reads,     \
	  ALL & ~(undef), undef },                                        \
	{ name, 0, 0, 0x80, n, B | (lock) | (keep), DIFF_IMM_8, reads,        \
	  ALL & ~(undef), undef },                                        \
	{ name, 0, 0, 0x81, n, V | (lock) | (keep), DIFF_IMM_SIZED, reads,    \
	  ALL & ~(undef), undef },                                        \
	{ name, 0, 0, 0x83, n, V | (lock) | (keep), DIFF_IMM_8, reads,        \
	  ALL & ~(undef), undef }

/*
 * By one, an immediate, CL. More than one leaves OF undefined, more than the
 * operand's bits CF too; none leaves all as they were.
 */
#define SHIFT(name, n, reads, defines, undef)                                 \
	{ name, 0, 0, 0xd0, n, B, 0, reads, (defines) & ~(undef), undef },    \
	{ name, 0, 0, 0xd1, n, V, 0, reads, (defines) & ~(undef), undef },    \
	{ name, 0, 0, 0xc0, n, B, DIFF_IMM_8, reads, 0, (undef) | OF | CF },  \
	{ name, 0, 0, 0xc1, n, V, DIFF_IMM_8, reads, 0, (undef) | OF | CF },  \
	{ name, 0, 0, 0xc1, n, V | DIFF_SMALL, DIFF_IMM_8, reads, 0,          \
	  (undef) | OF },                                                     \
	{ name, 0, 0, 0xd2, n, B, 0, reads, 0, (undef) | OF | CF },           \
	{ name, 0, 0, 0xd3, n, V, 0, reads, 0, (undef) | OF | CF }

/* CF is what went round last, however often. */
#define ROTATE(name, n, reads)                                                \
	{ name, 0, 0, 0xd0, n, B, 0, reads, CF | OF, 0 },                     \
	{ name, 0, 0, 0xd1, n, V, 0, reads, CF | OF, 0 },                     \
	{ name, 0, 0, 0xc0, n, B, DIFF_IMM_8, reads, 0, OF },                 \
	{ name, 0, 0, 0xc1, n, V, DIFF_IMM_8, reads, 0, OF },                 \
	{ name, 0, 0, 0xd2, n, B, 0, reads, 0, OF },                          \
	{ name, 0, 0, 0xd3, n, V, 0, reads, 0, OF }

#define CONDITION(name, n, reads)                                             \
	{ "cmov" name, 0, 1, 0x40 + (n), -1, V, 0, reads, 0, 0 },             \
	{ "set" name, 0, 1, 0x90 + (n), 0, B, 0, reads, 0, 0 }

#define BIT(name, opcode, n, lock, keep)                                      \
	{ name, 0, 1, opcode, -1, V | DIFF_REG_ONLY | (keep), 0, 0, CF,       \
	  OF | SF | AF | PF },                                                \
	{ name, 0, 1, 0xba, n, V | (lock) | (keep), DIFF_IMM_8, 0, CF,        \
	  OF | SF | AF | PF }

#define BAD_MUL (SF | ZF | AF | PF)

const struct diff_form diff_integer_forms[] = {
	ALU("add", 0, LK, 0, 0, 0u),
	ALU("or", 1, LK, 0, 0, AF),
	ALU("adc", 2, LK, 0, CF, 0u),
	ALU("sbb", 3, LK, 0, CF, 0u),
	ALU("and", 4, LK, 0, 0, AF),
	ALU("sub", 5, LK, 0, 0, 0u),
	ALU("xor", 6, LK, 0, 0, AF),
	ALU("cmp", 7, 0, KEEP, 0, 0u),
	SHIFT("shl", 4, 0, ALL, AF),
	SHIFT("shr", 5, 0, ALL, AF),
	SHIFT("sar", 7, 0, ALL, AF),
	ROTATE("rol", 0, 0),
	ROTATE("ror", 1, 0),
	ROTATE("rcl", 2, CF),
	ROTATE("rcr", 3, CF),
	CONDITION("o", 0, OF),
	CONDITION("no", 1, OF),
	CONDITION("b", 2, CF),
	CONDITION("ae", 3, CF),
	CONDITION("z", 4, ZF),
	CONDITION("nz", 5, ZF),
	CONDITION("be", 6, CF | ZF),
	CONDITION("a", 7, CF | ZF),
	CONDITION("s", 8, SF),
	CONDITION("ns", 9, SF),
	CONDITION("p", 10, PF),
	CONDITION("np", 11, PF),
	CONDITION("l", 12, SF | OF),
	CONDITION("ge", 13, SF | OF),
	CONDITION("le", 14, ZF | SF | OF),
	CONDITION("g", 15, ZF | SF | OF),
	BIT("bt", 0xa3, 4, 0, KEEP),
	BIT("bts", 0xab, 5, LK, 0),
	BIT("btr", 0xb3, 6, LK, 0),
	BIT("btc", 0xbb, 7, LK, 0),
	{ "test", 0, 0, 0x84, -1, B | KEEP, 0, 0, ALL & ~AF, AF },
	{ "test", 0, 0, 0x85, -1, V | KEEP, 0, 0, ALL & ~AF, AF },
	{ "test", 0, 0, 0xf6, 0, B | KEEP, DIFF_IMM_8, 0, ALL & ~AF, AF },
	{ "test", 0, 0, 0xf7, 0, V | KEEP, DIFF_IMM_SIZED, 0, ALL & ~AF, AF },
	{ "not", 0, 0, 0xf6, 2, B | LK, 0, 0, 0, 0 },
	{ "not", 0, 0, 0xf7, 2, V | LK, 0, 0, 0, 0 },
	{ "neg", 0, 0, 0xf6, 3, B | LK, 0, 0, ALL, 0 },
	{ "neg", 0, 0, 0xf7, 3, V | LK, 0, 0, ALL, 0 },
	{ "mul", 0, 0, 0xf6, 4, B | KEEP, 0, 0, CF | OF, BAD_MUL },
	{ "mul", 0, 0, 0xf7, 4, V | KEEP, 0, 0, CF | OF, BAD_MUL },
	{ "imul", 0, 0, 0xf6, 5, B | KEEP, 0, 0, CF | OF, BAD_MUL },
	{ "imul", 0, 0, 0xf7, 5, V | KEEP, 0, 0, CF | OF, BAD_MUL },
	{ "imul", 0, 1, 0xaf, -1, V, 0, 0, CF | OF, BAD_MUL },
	{ "imul", 0, 0, 0x69, -1, V, DIFF_IMM_SIZED, 0, CF | OF, BAD_MUL },
	{ "imul", 0, 0, 0x6b, -1, V, DIFF_IMM_8, 0, CF | OF, BAD_MUL },
	{ "div", 0, 0, 0xf6, 6, B | KEEP, 0, 0, 0, ALL },
	{ "div", 0, 0, 0xf7, 6, V | KEEP, 0, 0, 0, ALL },
	{ "idiv", 0, 0, 0xf6, 7, B | KEEP, 0, 0, 0, ALL },
	{ "idiv", 0, 0, 0xf7, 7, V | KEEP, 0, 0, 0, ALL },
	{ "inc", 0, 0, 0xfe, 0, B | LK, 0, 0, ALL & ~CF, 0 },
	{ "inc", 0, 0, 0xff, 0, V | LK, 0, 0, ALL & ~CF, 0 },
	{ "dec", 0, 0, 0xfe, 1, B | LK, 0, 0, ALL & ~CF, 0 },
	{ "dec", 0, 0, 0xff, 1, V | LK, 0, 0, ALL & ~CF, 0 },
	{ "shld", 0, 1, 0xa4, -1, V | DIFF_SMALL, DIFF_IMM_8, 0, 0, AF | OF },
	{ "shrd", 0, 1, 0xac, -1, V | DIFF_SMALL, DIFF_IMM_8, 0, 0, AF | OF },
	{ "shld", 0, 1, 0xa5, -1, DIFF_WIDE | DIFF_MODRM, 0, 0, 0, AF | OF },
	{ "shrd", 0, 1, 0xad, -1, DIFF_WIDE | DIFF_MODRM, 0, 0, 0, AF | OF },
	{ "popcnt", 0xf3, 1, 0xb8, -1, DIFF_WIDE | DIFF_MODRM, 0, 0, ALL, 0 },
	{ "crc32", 0xf2, 2, 0xf0, -1, B, 0, 0, 0, 0 },
	{ "crc32", 0xf2, 2, 0xf1, -1, DIFF_WIDE | DIFF_MODRM, 0, 0, 0, 0 },
	{ "mov", 0, 0, 0x88, -1, B, 0, 0, 0, 0 },
	{ "mov", 0, 0, 0x89, -1, V, 0, 0, 0, 0 },
	{ "mov", 0, 0, 0x8a, -1, B, 0, 0, 0, 0 },
	{ "mov", 0, 0, 0x8b, -1, V, 0, 0, 0, 0 },
	{ "mov", 0, 0, 0xc6, 0, B, DIFF_IMM_8, 0, 0, 0 },
	{ "mov", 0, 0, 0xc7, 0, V, DIFF_IMM_SIZED, 0, 0, 0 },
	{ "mov", 0, 0, 0xb0, -1, DIFF_BYTE | DIFF_PLUS, DIFF_IMM_8, 0, 0, 0 },
	{ "mov", 0, 0, 0xb8, -1, DIFF_SIZED | DIFF_PLUS, DIFF_IMM_FULL, 0, 0,
	  0 },
	{ "movzx", 0, 1, 0xb6, -1, V, 0, 0, 0, 0 },
	{ "movzx", 0, 1, 0xb7, -1, V, 0, 0, 0, 0 },
	{ "movsx", 0, 1, 0xbe, -1, V, 0, 0, 0, 0 },
	{ "movsx", 0, 1, 0xbf, -1, V, 0, 0, 0, 0 },
	{ "movsxd", 0, 0, 0x63, -1, V, 0, 0, 0, 0 },
	{ "lea", 0, 0, 0x8d, -1, V | DIFF_MEM_ONLY, 0, 0, 0, 0 },
	{ "bswap", 0, 1, 0xc8, -1, DIFF_WIDE | DIFF_PLUS, 0, 0, 0, 0 },
	{ "xchg", 0, 0, 0x86, -1, B | LK, 0, 0, 0, 0 },
	{ "xchg", 0, 0, 0x87, -1, V | LK, 0, 0, 0, 0 },
	{ "xchg", 0, 0, 0x90, -1, DIFF_SIZED | DIFF_PLUS, 0, 0, 0, 0 },
	{ "cmpxchg", 0, 1, 0xb0, -1, B | LK, 0, 0, ALL, 0 },
	{ "cmpxchg", 0, 1, 0xb1, -1, V | LK, 0, 0, ALL, 0 },
	{ "xadd", 0, 1, 0xc0, -1, B | LK, 0, 0, ALL, 0 },
	{ "xadd", 0, 1, 0xc1, -1, V | LK, 0, 0, ALL, 0 },
	{ "cmpxchg8b", 0, 1, 0xc7, 1, DIFF_MODRM | DIFF_MEM_ONLY | LK, 0, 0,
	  ZF, 0 },
	{ "cbw", 0, 0, 0x98, -1, DIFF_SIZED, 0, 0, 0, 0 },
	{ "cwd", 0, 0, 0x99, -1, DIFF_SIZED, 0, 0, 0, 0 },
	{ "lahf", 0, 0, 0x9f, -1, 0, 0, CF | PF | AF | ZF | SF, 0, 0 },
	{ "sahf", 0, 0, 0x9e, -1, 0, 0, 0, CF | PF | AF | ZF | SF, 0 },
	{ "clc", 0, 0, 0xf8, -1, 0, 0, 0, CF, 0 },
	{ "stc", 0, 0, 0xf9, -1, 0, 0, 0, CF, 0 },
	{ "cmc", 0, 0, 0xf5, -1, 0, 0, CF, CF, 0 },
	{ "cld", 0, 0, 0xfc, -1, 0, 0, 0, 0, 0 },
	{ "nop", 0, 1, 0x1f, 0, V | KEEP, 0, 0, 0, 0 },
	{ "push", 0, 0, 0x50, -1, DIFF_PLUS | KEEP, 0, 0, 0, 0 },
	{ "push", 0x66, 0, 0x50, -1, DIFF_PLUS | KEEP, 0, 0, 0, 0 },
	{ "pop", 0, 0, 0x58, -1, DIFF_PLUS, 0, 0, 0, 0 },
	{ "pop", 0x66, 0, 0x58, -1, DIFF_PLUS, 0, 0, 0, 0 },
	{ "push", 0, 0, 0x6a, -1, 0, DIFF_IMM_8, 0, 0, 0 },
	{ "push", 0, 0, 0xff, 6, DIFF_MODRM | KEEP, 0, 0, 0, 0 },
	{ "pop", 0, 0, 0x8f, 0, DIFF_MODRM, 0, 0, 0, 0 },
	{ "pushf", 0, 0, 0x9c, -1, 0, 0, ALL, 0, 0 },
	{ "xlat", 0, 0, 0xd7, -1, 0, 0, 0, 0, 0 },
	{ "leave", 0, 0, 0xc9, -1, 0, 0, 0, 0, 0 },
	{ "mfence", 0, 1, 0xae, 6, DIFF_MODRM | DIFF_REG_ONLY | KEEP, 0, 0, 0,
	  0 },
	{ "prefetch", 0, 1, 0x18, 1, DIFF_MODRM | DIFF_MEM_ONLY, 0, 0, 0, 0 },
};

const size_t diff_integer_count =
	sizeof(diff_integer_forms) / sizeof(diff_integer_forms[0]);
