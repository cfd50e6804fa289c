/*
 * mote_guest.h - what a program needs to be a Mote guest.
 *
 *	#include <stdio.h>
 *	#include <mote_guest.h>
 *
 *	MOTE_IMPORT(string, GetWeekday, void);
 *
 *	MOTE_EXPORT(string, SayHello, (string, name))
 *	{
 *		printf("greeting %s\n", name);
 *		return mote_format("Hello %s, it is %s", name, GetWeekday());
 *	}
 *
 * Build it with `mote-cc -O2 hello.c -o hello.elf`; call SayHello from the
 * host with mote_call(), or from the shell with `mote run hello.elf SayHello
 * World`. C99 and later, with gcc or clang; C++11 and later as a language,
 * without its standard library.
 *
 * A guest is an ordinary C program with a libc (musl) and no kernel: memory,
 * time, output and random numbers work, files, sockets, threads and signals
 * do not (docs/GUEST-LIBC.md has the list). It runs when the host calls one
 * of its exported functions, and keeps its memory between calls.
 * Constructors run once, before the first call. exit(), abort(), a failed
 * assert() and every crash end the sandbox.
 *
 *
 * TYPES
 *
 * The types of parameters and results, and what they are in C:
 *
 *	void      no result, or in place of the parameters: none
 *	i32 u32   int32_t, uint32_t
 *	i64 u64   int64_t, uint64_t
 *	f32 f64   float, double
 *	bool      bool
 *	string    const char *, NUL-terminated
 *	bytes     mote_bytes, a pointer and a size
 *
 *
 * WHO OWNS WHAT
 *
 * Strings and bytes are borrowed in both directions; nobody frees what
 * crosses the border.
 *
 * - A parameter of an exported function may be read until that function
 *   returns. It must not be written to.
 * - The result of an exported function is copied when the function returns.
 *   It may point to a constant, to static memory, to memory of malloc that
 *   the guest keeps, or to call memory (below), but not to the function's own
 *   variables. A NULL string is sent as the empty string.
 * - An argument of an imported function is copied before the call returns.
 * - A string or bytes result of an imported function is in call memory.
 *
 * Call memory is what mote_alloc(), mote_format() and the results of imported
 * functions are in. All of it is freed at once when the exported function
 * that runs now has returned and its result has been copied. What is made
 * before the first call (in constructors) lives until the end of the first
 * call; what main() makes, until it exits.
 */
#ifndef MOTE_GUEST_H
#define MOTE_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A run of bytes. data may be NULL if size is 0. */
typedef struct mote_bytes {
	const void *data;
	size_t size;
} mote_bytes;

/* A function that is to be seen in backtraces is not to be inlined. */
#if defined(__has_attribute) && __has_attribute(noipa)
#define MOTE_SEEN_ __attribute__((noipa))
#else
#define MOTE_SEEN_ __attribute__((noinline))
#endif

/*
 * MOTE_EXPORT(type, name, parameters...) { body }
 *
 * Defines a function that the host can call:
 *
 *	MOTE_EXPORT(i32, Add, (i32, a), (i32, b)) { return a + b; }
 *	MOTE_EXPORT(void, Reset, void) { counter = 0; }
 *
 * At most 32 parameters; a name of at most 63 bytes; at most 127 bytes for
 * all parameter names with a comma between two. Inside the file it is an
 * ordinary static function. Two exports of one name do not link.
 *
 *
 * MOTE_IMPORT(type, name, parameters...);
 *
 * Declares a function of the host, which the guest then calls by its name:
 *
 *	MOTE_IMPORT(i64, ReadTemperature, (string, sensor));
 *
 * The host refuses to load the guest if it does not offer a function of that
 * name and type. The declaration may be in a header that several files
 * include. If the call fails, it returns 0, false, NULL or empty bytes, and
 * mote_host_error() tells why.
 *
 *
 * MOTE_POST(name, parameters...);
 *
 * The same for a function without result whose call need not happen now: the
 * calls are queued, in order with printf and the like, and the host runs them
 * at the next occasion, which is no later than the end of the current call.
 * This costs no exit to the host.
 *
 *	MOTE_POST(Log, (i32, level), (string, text));
 */
#define MOTE_EXPORT(type, name, ...)                                       \
	MOTE_CHECK_TYPES_(type, __VA_ARGS__)                               \
	MOTE_CHECK_(type, name, "export", __VA_ARGS__)                     \
	MOTE_SEEN_ static mote_type_##type name(                           \
		MOTE_PARAMETERS_(__VA_ARGS__));                            \
	static void mote_invoke_##name(const void *message_,               \
				       struct mote_slot_ *result_)         \
	{                                                                  \
		const unsigned count_ = MOTE_NUMBER_(__VA_ARGS__);         \
		(void)message_;                                            \
		(void)count_;                                              \
		*result_ = MOTE_PUT_RESULT_(                               \
			type, name(MOTE_GET_ALL_(__VA_ARGS__)));           \
	}                                                                  \
	MOTE_EXTERN_ const struct mote_function_ mote_export_##name;       \
	const struct mote_function_ mote_export_##name MOTE_ROW_(          \
		"mote_exports") = { #name,                                 \
				    MOTE_SIGNATURE_(type, __VA_ARGS__),    \
				    MOTE_NAMES_(__VA_ARGS__),              \
				    0,                                     \
				    0,                                     \
				    mote_invoke_##name,                    \
				    0 };                                   \
	static mote_type_##type name(MOTE_PARAMETERS_(__VA_ARGS__))

#define MOTE_IMPORT(type, name, ...)                                       \
	MOTE_CHECK_TYPES_(type, __VA_ARGS__)                               \
	static const struct mote_function_ mote_import_##name MOTE_ROW_(   \
		"mote_imports") = { #name,                                 \
				    MOTE_SIGNATURE_(type, __VA_ARGS__),    \
				    MOTE_NAMES_(__VA_ARGS__),              \
				    0,                                     \
				    0,                                     \
				    0,                                     \
				    0 };                                   \
	__attribute__((unused)) static mote_type_##type name(              \
		MOTE_PARAMETERS_(__VA_ARGS__))                             \
	{                                                                  \
		const struct mote_slot_ arguments_[] = { MOTE_PUT_ALL_(    \
			__VA_ARGS__) mote_put_nothing_() };                \
		struct mote_slot_ result_;                                 \
		mote_import_call_(&mote_import_##name, arguments_,         \
				  &result_);                               \
		MOTE_TAKE_RESULT_(type, result_);                          \
	}                                                                  \
	MOTE_CHECK_(type, name, "import", __VA_ARGS__)                     \
	MOTE_END_

#define MOTE_POST(name, ...)                                               \
	MOTE_CHECK_TYPES_(void, __VA_ARGS__)                               \
	static const struct mote_function_ mote_import_##name MOTE_ROW_(   \
		"mote_imports") = { #name,                                 \
				    MOTE_SIGNATURE_(void, __VA_ARGS__),    \
				    MOTE_NAMES_(__VA_ARGS__),              \
				    MOTE_POSTED_,                          \
				    0,                                     \
				    0,                                     \
				    0 };                                   \
	__attribute__((unused)) static void name(                          \
		MOTE_PARAMETERS_(__VA_ARGS__))                             \
	{                                                                  \
		const struct mote_slot_ arguments_[] = { MOTE_PUT_ALL_(    \
			__VA_ARGS__) mote_put_nothing_() };                \
		mote_post_call_(&mote_import_##name, arguments_);          \
	}                                                                  \
	MOTE_CHECK_(void, name, "import", __VA_ARGS__)                     \
	MOTE_END_

/*
 * Makes the exported function that runs now fail: when it returns, the host
 * gets an error with this code and text in place of its result. mote_fail
 * comes back: return after it. This is no crash; the guest goes on to live.
 *
 *	MOTE_EXPORT(i32, Divide, (i32, a), (i32, b))
 *	{
 *		if (b == 0) {
 *			mote_fail(1, "division of %d by zero", a);
 *			return 0;
 *		}
 *		return a / b;
 *	}
 *
 * The last of several wins. Negative codes are for Mote. Outside of a call it
 * does nothing. A text that does not fit the I/O area is cut.
 */
void mote_fail(int32_t code, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Codes that the runtime uses where user code uses mote_fail's. */
enum {
	/* The result of an export does not fit the I/O area. */
	MOTE_CODE_RESULT_TOO_LARGE = -1,
	/* The arguments of an import do not fit the I/O area. */
	MOTE_CODE_ARGUMENTS_TOO_LARGE = -2,
	/* No heap left for the result of an import, or for an error's text. */
	MOTE_CODE_NO_MEMORY = -3,
	/* A message of the host is not what the tables say. */
	MOTE_CODE_BAD_MESSAGE = -4
};

/* Why a host function failed. */
typedef struct mote_host_failure {
	int32_t code;     /* the host function's own, or a MOTE_CODE_ */
	const char *text; /* never NULL; call memory */
} mote_host_failure;

/*
 * NULL if the last call of an imported function succeeded or there was none
 * yet, else why it failed; valid until the next such call. Posted calls are
 * not reported: nobody waits for them.
 */
const mote_host_failure *mote_host_error(void);

/*
 * size bytes of call memory, aligned for any type, not cleared. NULL if there
 * is no memory. Cheaper than malloc(): it is never freed one by one.
 */
void *mote_alloc(size_t size) __attribute__((malloc, alloc_size(1)));

/* As sprintf, into call memory of the right size. NULL if there is none. */
char *mote_format(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

/* bytes from a pointer and a size, as an expression. */
static inline mote_bytes mote_make_bytes(const void *data, size_t size)
{
	mote_bytes bytes;

	bytes.data = data;
	bytes.size = size;
	return bytes;
}

/*
 * Log messages for the host, with arguments as for printf:
 *
 *	MOTE_LOG_WARN("%s: %u retries", name, count);
 *
 * The host chooses which levels of which modules it wants. The choice is
 * known in the guest: what is not wanted is not formatted and costs a compare
 * (its arguments may not even be evaluated), what is wanted is queued like
 * MOTE_POST. A text ends after 4096 bytes. The module is the name of the
 * source file without folder and suffix, or MOTE_LOG_MODULE, a string, if that
 * is defined before this header is included.
 */
#define MOTE_LOG_ERROR(...) MOTE_LOG_(1, __VA_ARGS__)
#define MOTE_LOG_WARN(...) MOTE_LOG_(2, __VA_ARGS__)
#define MOTE_LOG_INFO(...) MOTE_LOG_(3, __VA_ARGS__)
#define MOTE_LOG_DEBUG(...) MOTE_LOG_(4, __VA_ARGS__)
#define MOTE_LOG_TRACE(...) MOTE_LOG_(5, __VA_ARGS__)

/*
 * Traces, for a host that records one; else each costs a load and a branch.
 *
 *	MOTE_SPAN("parse");              from here to the end of the block
 *	MOTE_SPAN_BEGIN("parse");        the same in two statements; spans
 *	MOTE_SPAN_END();                 nest, this ends the innermost
 *	MOTE_EVENT("cache miss");        a moment
 *	MOTE_COUNTER("queued", length);  an int64_t, drawn as a curve
 *
 * A name is a string, copied up to 128 bytes. Spans that are open when the
 * call ends, end with it.
 */
#define MOTE_SPAN(name)                                            \
	__attribute__((cleanup(mote_span_close_), unused))         \
	const bool MOTE_CAT_(mote_span_, __LINE__) =               \
		mote_trace_(MOTE_TRACE_BEGIN_, (name), 0)
#define MOTE_SPAN_BEGIN(name) \
	((void)mote_trace_(MOTE_TRACE_BEGIN_, (name), 0))
#define MOTE_SPAN_END() ((void)mote_trace_(MOTE_TRACE_END_, 0, 0))
#define MOTE_EVENT(name) ((void)mote_trace_(MOTE_TRACE_EVENT_, (name), 0))
#define MOTE_COUNTER(name, value) \
	((void)mote_trace_(MOTE_TRACE_COUNTER_, (name), (value)))

/*
 * The rest is how the macros do it. Nothing below is for use by programs.
 */

/* Two numbers of the control page, which the host writes; abi/layout.h. */
#define MOTE_CONTROL_AT_ 0x700000000000
#define MOTE_CONTROL_TRACE_ 140
#define MOTE_CONTROL_LOG_MOST_ 160

static inline uint32_t mote_control_(unsigned offset)
{
	return *(const volatile uint32_t *)(MOTE_CONTROL_AT_ + offset);
}

#ifdef MOTE_LOG_MODULE
#define MOTE_LOG_MODULE_ MOTE_LOG_MODULE
#else
#define MOTE_LOG_MODULE_ 0
#endif

#define MOTE_LOG_(level, ...)                                          \
	do {                                                           \
		if (mote_control_(MOTE_CONTROL_LOG_MOST_) >= (level))  \
			mote_log_(level, MOTE_LOG_MODULE_, __FILE__,   \
				  __LINE__, __VA_ARGS__);              \
	} while (0)

void mote_log_(unsigned level, const char *module, const char *file,
	       unsigned line, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

#define MOTE_TRACE_BEGIN_ 1u
#define MOTE_TRACE_END_ 2u
#define MOTE_TRACE_EVENT_ 3u
#define MOTE_TRACE_COUNTER_ 4u

void mote_trace_record_(unsigned kind, const char *name, int64_t value);

static inline bool mote_trace_(unsigned kind, const char *name, int64_t value)
{
	if (__builtin_expect(mote_control_(MOTE_CONTROL_TRACE_) == 0, 1))
		return false;
	mote_trace_record_(kind, name, value);
	return true;
}

static inline void mote_span_close_(const bool *open)
{
	if (*open)
		mote_trace_record_(MOTE_TRACE_END_, 0, 0);
}

#define MOTE_POSTED_ 1u

/* One argument or result: a number's bits, or an address and a size. */
struct mote_slot_ {
	uint64_t value;
	uint64_t size;
};

/* A row of the tables that `mote inspect` shows; abi/note.h of the host. */
struct mote_function_ {
	char name[64];
	char signature[40];
	char parameters[128];
	uint32_t flags;
	uint32_t reserved;
	void (*invoke)(const void *message, struct mote_slot_ *result);
	uint64_t reserved2;
};

void mote_import_call_(const struct mote_function_ *function,
		       const struct mote_slot_ *arguments,
		       struct mote_slot_ *result);
void mote_post_call_(const struct mote_function_ *function,
		     const struct mote_slot_ *arguments);

#define MOTE_CAT_(a, b) MOTE_CAT_2_(a, b)
#define MOTE_CAT_2_(a, b) a##b
#define MOTE_CAT3_(a, b, c) MOTE_CAT3_2_(a, b, c)
#define MOTE_CAT3_2_(a, b, c) a##b##c
#define MOTE_FIRST_(...) MOTE_FIRST_2_(__VA_ARGS__, ~)
#define MOTE_FIRST_2_(a, ...) a
#define MOTE_SECOND_(...) MOTE_SECOND_2_(__VA_ARGS__)
#define MOTE_SECOND_2_(a, b, ...) b
#define MOTE_NOTHING_()
#define MOTE_COMMA_() ,
#define MOTE_COMMA_TEXT_() ","

/* 1 if x is in parentheses, else 0. */
#define MOTE_IS_PAIR_(x) MOTE_SECOND_(MOTE_IS_PAIR_2_ x, 0, ~)
#define MOTE_IS_PAIR_2_(...) ~, 1

/* 1 if x is the word void, else 0. */
#define MOTE_IS_VOID_(x) MOTE_SECOND_(MOTE_CAT_(MOTE_IS_VOID_2_, x), 0, ~)
#define MOTE_IS_VOID_2_void ~, 1

/* 1 if x can begin a list of parameters. */
#define MOTE_IS_LIST_(x) MOTE_CAT3_(MOTE_IS_LIST_, MOTE_IS_PAIR_(x), _)(x)
#define MOTE_IS_LIST_0_(x) MOTE_IS_VOID_(x)
#define MOTE_IS_LIST_1_(x) 1

/* 1 if x is one of the types that a parameter can have, else 0. */
#define MOTE_IS_VALUE_(x) MOTE_SECOND_(MOTE_CAT_(MOTE_IS_VALUE_2_, x), 0, ~)
#define MOTE_IS_VALUE_2_i32 ~, 1
#define MOTE_IS_VALUE_2_u32 ~, 1
#define MOTE_IS_VALUE_2_i64 ~, 1
#define MOTE_IS_VALUE_2_u64 ~, 1
#define MOTE_IS_VALUE_2_f32 ~, 1
#define MOTE_IS_VALUE_2_f64 ~, 1
#define MOTE_IS_VALUE_2_bool ~, 1
#define MOTE_IS_VALUE_2__Bool ~, 1
#define MOTE_IS_VALUE_2_string ~, 1
#define MOTE_IS_VALUE_2_bytes ~, 1

#define MOTE_IS_TOO_MANY_(x) \
	MOTE_SECOND_(MOTE_CAT_(MOTE_IS_TOO_MANY_2_, x), 0, ~)
#define MOTE_IS_TOO_MANY_2_TOO_MANY ~, 1

/* How many parameters: 0 to 32, or TOO_MANY. */
#define MOTE_HOW_MANY_(...) \
	MOTE_CAT3_(MOTE_HOW_MANY_, MOTE_IS_PAIR_(MOTE_FIRST_(__VA_ARGS__)), _) \
	(__VA_ARGS__)
#define MOTE_HOW_MANY_0_(...) 0
#define MOTE_HOW_MANY_1_(...) MOTE_COUNT_(__VA_ARGS__)
#define MOTE_NUMBER_(...) \
	MOTE_CAT3_(MOTE_NUMBER_, \
		   MOTE_IS_TOO_MANY_(MOTE_HOW_MANY_(__VA_ARGS__)), _) \
	(__VA_ARGS__)
#define MOTE_NUMBER_0_(...) MOTE_HOW_MANY_(__VA_ARGS__)
#define MOTE_NUMBER_1_(...) 0

/* m(k, pair) for each parameter, k counting down to 1, s() between them. */
#define MOTE_EACH_(m, s, ...) \
	MOTE_CAT3_(MOTE_EACH_, MOTE_HOW_MANY_(__VA_ARGS__), _) \
	(m, s, __VA_ARGS__)

/*
 * What takes a pair apart also takes what is none, (), (i32) or (i32, a, b):
 * the preprocessor's complaint would come before MOTE_CHECK_TYPES_'s.
 */

/* "void" or "type name, type name". */
#define MOTE_PARAMETERS_(...) \
	MOTE_CAT3_(MOTE_PARAMETERS_, \
		   MOTE_IS_PAIR_(MOTE_FIRST_(__VA_ARGS__)), _) \
	(__VA_ARGS__)
#define MOTE_PARAMETERS_0_(...) void
#define MOTE_PARAMETERS_1_(...) \
	MOTE_EACH_(MOTE_DECLARE_, MOTE_COMMA_, __VA_ARGS__)
#define MOTE_DECLARE_(k, pair) MOTE_DECLARE_2_ pair
#define MOTE_DECLARE_2_(type, ...) mote_type_##type __VA_ARGS__

/* "s(si)" */
#define MOTE_SIGNATURE_(type, ...) \
	MOTE_CAT_(MOTE_LETTER_, type) \
	"(" MOTE_EACH_(MOTE_LETTER_OF_, MOTE_NOTHING_, __VA_ARGS__) ")"
#define MOTE_LETTER_OF_(k, pair) MOTE_LETTER_OF_2_ pair
#define MOTE_LETTER_OF_2_(type, ...) MOTE_LETTER_##type

/* "name,count" */
#define MOTE_NAMES_(...) \
	"" MOTE_EACH_(MOTE_NAME_OF_, MOTE_COMMA_TEXT_, __VA_ARGS__)
#define MOTE_NAME_OF_(k, pair) MOTE_NAME_OF_2_ pair
#define MOTE_NAME_OF_2_(type, ...) #__VA_ARGS__

#define MOTE_TYPE_OF_(type, ...) type
#define MOTE_VALUE_OF_(type, ...) __VA_ARGS__

/* From the message of a call to the arguments of the function. */
#define MOTE_GET_ALL_(...) MOTE_EACH_(MOTE_GET_, MOTE_COMMA_, __VA_ARGS__)
#define MOTE_GET_(k, pair) \
	MOTE_CAT_(mote_get_, MOTE_TYPE_OF_ pair)(message_, count_ - k)

/* From the parameters of an import to slots, each with a comma after it. */
#define MOTE_PUT_ALL_(...) MOTE_EACH_(MOTE_PUT_, MOTE_NOTHING_, __VA_ARGS__)
#define MOTE_PUT_(k, pair) \
	MOTE_CAT_(mote_put_, MOTE_TYPE_OF_ pair)(MOTE_VALUE_OF_ pair),

#define MOTE_PUT_RESULT_(type, call) \
	MOTE_CAT3_(MOTE_PUT_RESULT_, MOTE_IS_VOID_(type), _)(type, call)
#define MOTE_PUT_RESULT_0_(type, call) MOTE_CAT_(mote_put_, type)(call)
#define MOTE_PUT_RESULT_1_(type, call) (call, mote_put_nothing_())

#define MOTE_TAKE_RESULT_(type, slot) \
	MOTE_CAT3_(MOTE_TAKE_RESULT_, MOTE_IS_VOID_(type), _)(type, slot)
#define MOTE_TAKE_RESULT_0_(type, slot) \
	return MOTE_CAT_(mote_take_, type)(slot)
#define MOTE_TAKE_RESULT_1_(type, slot) (void)slot

#if defined(__has_attribute)
#if __has_attribute(retain)
#define MOTE_RETAIN_ retain,
#endif
#endif
#ifndef MOTE_RETAIN_
#define MOTE_RETAIN_
#endif

/* Rows follow each other without gaps: 256 is a multiple of the alignment. */
#define MOTE_ROW_(table) \
	__attribute__((used, MOTE_RETAIN_ section(table), aligned(8)))

#ifdef __cplusplus
#define MOTE_ASSERT_(condition, text) static_assert(condition, text);
#define MOTE_EXTERN_ extern "C"
#else
#define MOTE_ASSERT_(condition, text) \
	__extension__ _Static_assert(condition, text);
#define MOTE_EXTERN_ extern
#endif

/* Stands before all that a wrong type would break in ways hard to read. */
#define MOTE_CHECK_TYPES_(type, ...)                                        \
	MOTE_ASSERT_(MOTE_IS_VALUE_(type) || MOTE_IS_VOID_(type),           \
		     "(" #type ") is not a type of Mote results: void "     \
		     "i32 u32 i64 u64 f32 f64 bool string bytes")           \
	MOTE_EACH_(MOTE_CHECK_PAIR_, MOTE_NOTHING_, __VA_ARGS__)
#define MOTE_CHECK_PAIR_(k, pair) MOTE_CHECK_PAIR_2_ pair
#define MOTE_CHECK_PAIR_2_(type, ...)                                       \
	MOTE_ASSERT_(MOTE_IS_VALUE_(type),                                  \
		     "(" #type ") is not a type of Mote parameters: i32 "   \
		     "u32 i64 u64 f32 f64 bool string bytes; or void in "   \
		     "place of all parameters")                             \
	MOTE_ASSERT_(sizeof(#__VA_ARGS__) > 1 &&                            \
			     MOTE_COUNT_(__VA_ARGS__) == 1,                 \
		     "a Mote parameter is written (type, name)")

#define MOTE_CHECK_(type, name, what, ...)                                  \
	MOTE_ASSERT_(sizeof(#name) <= 64,                                   \
		     "the name of a Mote " what " is longer than 63 bytes") \
	MOTE_ASSERT_(!MOTE_IS_TOO_MANY_(MOTE_HOW_MANY_(__VA_ARGS__)),       \
		     "a Mote " what " has more than 32 parameters")         \
	MOTE_ASSERT_(MOTE_IS_LIST_(MOTE_FIRST_(__VA_ARGS__)),               \
		     "the parameters of a Mote " what                       \
		     " are (type, name) pairs, or void")                    \
	MOTE_ASSERT_(sizeof(MOTE_NAMES_(__VA_ARGS__)) <= 128,               \
		     "the parameter names of a Mote " what                  \
		     " are longer than 127 bytes together")

/* Takes the semicolon that the user writes. */
#define MOTE_END_ struct mote_slot_

#define MOTE_LETTER_void "v"
#define MOTE_LETTER_i32 "i"
#define MOTE_LETTER_u32 "u"
#define MOTE_LETTER_i64 "I"
#define MOTE_LETTER_u64 "U"
#define MOTE_LETTER_f32 "f"
#define MOTE_LETTER_f64 "d"
#define MOTE_LETTER_bool "b"
#define MOTE_LETTER_string "s"
#define MOTE_LETTER_bytes "y"

typedef void mote_type_void;
typedef int32_t mote_type_i32;
typedef uint32_t mote_type_u32;
typedef int64_t mote_type_i64;
typedef uint64_t mote_type_u64;
typedef float mote_type_f32;
typedef double mote_type_f64;
typedef bool mote_type_bool;
typedef const char *mote_type_string;
typedef mote_bytes mote_type_bytes;

#ifndef __cplusplus
/* Before C23 `bool` is a macro for _Bool. */
#define MOTE_LETTER__Bool "b"
#define mote_type__Bool mote_type_bool
#define mote_get__Bool mote_get_bool
#define mote_put__Bool mote_put_bool
#define mote_take__Bool mote_take_bool
#endif

static inline struct mote_slot_ mote_slot_of_(uint64_t value, uint64_t size)
{
	struct mote_slot_ slot;

	slot.value = value;
	slot.size = size;
	return slot;
}

static inline struct mote_slot_ mote_put_nothing_(void)
{
	return mote_slot_of_(0, 0);
}

/* Slot `index` of a message: the value at 8 and the length at 4 of 16. */
static inline struct mote_slot_ mote_slot_at_(const void *message,
					      unsigned index)
{
	const unsigned char *at =
		(const unsigned char *)message + 32 + 16 * (size_t)index;

	return mote_slot_of_(*(const uint64_t *)(const void *)(at + 8),
			     *(const uint32_t *)(const void *)(at + 4));
}

#define MOTE_INTEGER_(type, number, bits)                                   \
	static inline struct mote_slot_ mote_put_##type(number value)       \
	{                                                                   \
		return mote_slot_of_((bits)value, 0);                       \
	}                                                                   \
	static inline number mote_take_##type(struct mote_slot_ slot)       \
	{                                                                   \
		return (number)(bits)slot.value;                            \
	}                                                                   \
	static inline number mote_get_##type(const void *message,           \
						unsigned index)             \
	{                                                                   \
		return mote_take_##type(mote_slot_at_(message, index));     \
	}

MOTE_INTEGER_(i32, int32_t, uint32_t)
MOTE_INTEGER_(u32, uint32_t, uint32_t)
MOTE_INTEGER_(i64, int64_t, uint64_t)
MOTE_INTEGER_(u64, uint64_t, uint64_t)

#define MOTE_REAL_(type, number, bits)                                      \
	static inline struct mote_slot_ mote_put_##type(number value)       \
	{                                                                   \
		union {                                                     \
			number number_;                                     \
			bits bits_;                                         \
		} both;                                                     \
		both.number_ = value;                                       \
		return mote_slot_of_(both.bits_, 0);                        \
	}                                                                   \
	static inline number mote_take_##type(struct mote_slot_ slot)       \
	{                                                                   \
		union {                                                     \
			number number_;                                     \
			bits bits_;                                         \
		} both;                                                     \
		both.bits_ = (bits)slot.value;                              \
		return both.number_;                                        \
	}                                                                   \
	static inline number mote_get_##type(const void *message,           \
						unsigned index)             \
	{                                                                   \
		return mote_take_##type(mote_slot_at_(message, index));     \
	}

MOTE_REAL_(f32, float, uint32_t)
MOTE_REAL_(f64, double, uint64_t)

static inline struct mote_slot_ mote_put_bool(bool value)
{
	return mote_slot_of_(value ? 1 : 0, 0);
}

static inline bool mote_take_bool(struct mote_slot_ slot)
{
	return slot.value != 0;
}

static inline bool mote_get_bool(const void *message, unsigned index)
{
	return mote_take_bool(mote_slot_at_(message, index));
}

static inline struct mote_slot_ mote_put_string(const char *value)
{
	return mote_slot_of_((uint64_t)(uintptr_t)value, 0);
}

static inline const char *mote_take_string(struct mote_slot_ slot)
{
	return (const char *)(uintptr_t)slot.value;
}

static inline const char *mote_get_string(const void *message, unsigned index)
{
	return (const char *)message + mote_slot_at_(message, index).value;
}

static inline struct mote_slot_ mote_put_bytes(mote_bytes value)
{
	return mote_slot_of_((uint64_t)(uintptr_t)value.data, value.size);
}

static inline mote_bytes mote_take_bytes(struct mote_slot_ slot)
{
	return mote_make_bytes((const void *)(uintptr_t)slot.value,
			       (size_t)slot.size);
}

static inline mote_bytes mote_get_bytes(const void *message, unsigned index)
{
	struct mote_slot_ slot = mote_slot_at_(message, index);

	return mote_make_bytes((const char *)message + slot.value,
			       (size_t)slot.size);
}

#define MOTE_PICK_( \
	a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, \
	a15, a16, a17, a18, a19, a20, a21, a22, a23, a24, a25, a26, \
	a27, a28, a29, a30, a31, a32, a33, a34, a35, a36, a37, a38, \
	a39, a40, a41, a42, a43, a44, a45, a46, a47, a48, a49, a50, \
	a51, a52, a53, a54, a55, a56, a57, a58, a59, a60, a61, a62, \
	a63, a64, n, ...) \
	n
#define MOTE_COUNT_(...) \
	MOTE_PICK_( \
		__VA_ARGS__, TOO_MANY, TOO_MANY, TOO_MANY, TOO_MANY, \
		TOO_MANY, TOO_MANY, TOO_MANY, TOO_MANY, TOO_MANY, \
		TOO_MANY, TOO_MANY, TOO_MANY, TOO_MANY, TOO_MANY, \
		TOO_MANY, TOO_MANY, TOO_MANY, TOO_MANY, TOO_MANY, \
		TOO_MANY, TOO_MANY, TOO_MANY, TOO_MANY, TOO_MANY, \
		TOO_MANY, TOO_MANY, TOO_MANY, TOO_MANY, TOO_MANY, \
		TOO_MANY, TOO_MANY, TOO_MANY, 32, 31, 30, 29, 28, 27, \
		26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, \
		13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)

#define MOTE_EACH_0_(m, s, ...)
#define MOTE_EACH_TOO_MANY_(m, s, ...)
#define MOTE_EACH_1_(m, s, p) m(1, p)
#define MOTE_EACH_2_(m, s, p, ...) \
	m(2, p) s() MOTE_EACH_1_(m, s, __VA_ARGS__)
#define MOTE_EACH_3_(m, s, p, ...) \
	m(3, p) s() MOTE_EACH_2_(m, s, __VA_ARGS__)
#define MOTE_EACH_4_(m, s, p, ...) \
	m(4, p) s() MOTE_EACH_3_(m, s, __VA_ARGS__)
#define MOTE_EACH_5_(m, s, p, ...) \
	m(5, p) s() MOTE_EACH_4_(m, s, __VA_ARGS__)
#define MOTE_EACH_6_(m, s, p, ...) \
	m(6, p) s() MOTE_EACH_5_(m, s, __VA_ARGS__)
#define MOTE_EACH_7_(m, s, p, ...) \
	m(7, p) s() MOTE_EACH_6_(m, s, __VA_ARGS__)
#define MOTE_EACH_8_(m, s, p, ...) \
	m(8, p) s() MOTE_EACH_7_(m, s, __VA_ARGS__)
#define MOTE_EACH_9_(m, s, p, ...) \
	m(9, p) s() MOTE_EACH_8_(m, s, __VA_ARGS__)
#define MOTE_EACH_10_(m, s, p, ...) \
	m(10, p) s() MOTE_EACH_9_(m, s, __VA_ARGS__)
#define MOTE_EACH_11_(m, s, p, ...) \
	m(11, p) s() MOTE_EACH_10_(m, s, __VA_ARGS__)
#define MOTE_EACH_12_(m, s, p, ...) \
	m(12, p) s() MOTE_EACH_11_(m, s, __VA_ARGS__)
#define MOTE_EACH_13_(m, s, p, ...) \
	m(13, p) s() MOTE_EACH_12_(m, s, __VA_ARGS__)
#define MOTE_EACH_14_(m, s, p, ...) \
	m(14, p) s() MOTE_EACH_13_(m, s, __VA_ARGS__)
#define MOTE_EACH_15_(m, s, p, ...) \
	m(15, p) s() MOTE_EACH_14_(m, s, __VA_ARGS__)
#define MOTE_EACH_16_(m, s, p, ...) \
	m(16, p) s() MOTE_EACH_15_(m, s, __VA_ARGS__)
#define MOTE_EACH_17_(m, s, p, ...) \
	m(17, p) s() MOTE_EACH_16_(m, s, __VA_ARGS__)
#define MOTE_EACH_18_(m, s, p, ...) \
	m(18, p) s() MOTE_EACH_17_(m, s, __VA_ARGS__)
#define MOTE_EACH_19_(m, s, p, ...) \
	m(19, p) s() MOTE_EACH_18_(m, s, __VA_ARGS__)
#define MOTE_EACH_20_(m, s, p, ...) \
	m(20, p) s() MOTE_EACH_19_(m, s, __VA_ARGS__)
#define MOTE_EACH_21_(m, s, p, ...) \
	m(21, p) s() MOTE_EACH_20_(m, s, __VA_ARGS__)
#define MOTE_EACH_22_(m, s, p, ...) \
	m(22, p) s() MOTE_EACH_21_(m, s, __VA_ARGS__)
#define MOTE_EACH_23_(m, s, p, ...) \
	m(23, p) s() MOTE_EACH_22_(m, s, __VA_ARGS__)
#define MOTE_EACH_24_(m, s, p, ...) \
	m(24, p) s() MOTE_EACH_23_(m, s, __VA_ARGS__)
#define MOTE_EACH_25_(m, s, p, ...) \
	m(25, p) s() MOTE_EACH_24_(m, s, __VA_ARGS__)
#define MOTE_EACH_26_(m, s, p, ...) \
	m(26, p) s() MOTE_EACH_25_(m, s, __VA_ARGS__)
#define MOTE_EACH_27_(m, s, p, ...) \
	m(27, p) s() MOTE_EACH_26_(m, s, __VA_ARGS__)
#define MOTE_EACH_28_(m, s, p, ...) \
	m(28, p) s() MOTE_EACH_27_(m, s, __VA_ARGS__)
#define MOTE_EACH_29_(m, s, p, ...) \
	m(29, p) s() MOTE_EACH_28_(m, s, __VA_ARGS__)
#define MOTE_EACH_30_(m, s, p, ...) \
	m(30, p) s() MOTE_EACH_29_(m, s, __VA_ARGS__)
#define MOTE_EACH_31_(m, s, p, ...) \
	m(31, p) s() MOTE_EACH_30_(m, s, __VA_ARGS__)
#define MOTE_EACH_32_(m, s, p, ...) \
	m(32, p) s() MOTE_EACH_31_(m, s, __VA_ARGS__)

#ifdef __cplusplus
}
#endif

#endif
