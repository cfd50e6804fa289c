/*
 * The same calls on every backend that is ready here, on new sandboxes and on
 * restored ones: results, faults, limits and counts must be the same, field
 * by field. What is not, and why, is in known[].
 *
 * All exports of three guests are called, each in a sandbox of its own: those
 * of faults.S with many arguments, those of villain.S under narrow limits,
 * those of calls.c with values of all types.
 */
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/layout.h"
#include "arch/amd64/trap.h"
#include "harness/unit.h"
#include "harness/vm.h"
#include "vm/calls_host.h"
#include "vm/villain_host.h"

#define MS UINT64_C(1000000)
/* An emulated CPU on a busy machine takes its time. */
#define LONG 90
#define SOURCES_MAX 16
#define RESULT_MAX 256
#define ARGUMENTS_MAX 32
/* RF, and AF, which logical operations leave undefined. */
#define FLAGS_IGNORED 0x10010u

/* Parts of a record that are compared. */
enum part {
	STATUS = 1, /* with state and the code of a guest's error */
	TEXT = 2,
	RESULT = 4,
	FAULT = 8, /* kind, vector, error code, address */
	PC = 16,
	REGISTERS = 32,
	COUNTS = 64,
	OUTPUT = 128,
};

static const struct {
	enum part part;
	const char *name;
} parts[] = {
	{ STATUS, "status" },	      { TEXT, "text" },
	{ RESULT, "result" },	      { FAULT, "fault" },
	{ PC, "pc" },		      { REGISTERS, "registers" },
	{ COUNTS, "counts" },	      { OUTPUT, "output" },
};

#define EVERYTHING 255u

/* What one call came to. */
struct record {
	mote_status status;
	int32_t guest_code;
	uint32_t state;
	char text[MOTE_ERROR_TEXT_MAX];
	uint32_t type;
	uint64_t size;
	uint8_t result[RESULT_MAX];
	mote_fault fault;
	mote_sandbox_stats stats;
	size_t posts;
	char output[4096];
};

/* A backend and where its sandboxes come from. */
struct source {
	char name[32];
	const char *backend;
	const char *origin; /* see harness/origin.c */
	mote_engine *engine;
	mote_image *image;
};

struct known {
	const char *backend;  /* one of the two, NULL: any */
	const char *function; /* a pattern */
	uint64_t from;	      /* the least argument */
	unsigned int parts;
	const char *reason;
	unsigned long count;
};

#define NO_ADDRESS UINT64_C(0x7fffffffffff)
#define UPPER_HALF UINT64_C(0x8000000000000000)

static struct known known[] = {
	{ NULL, "Random", 0, RESULT, "it is random", 0 },
	{ NULL, "SpinHeap", 0, TEXT | COUNTS, "how far it came unnoticed", 0 },
	{ NULL, "Spin*", 0, COUNTS, "how far it came in its time", 0 },
	{ NULL, "Count", 0, COUNTS, "how far it came in its time", 0 },
	{ NULL, "HostThenCount", 0, COUNTS, "how far it came in its time", 0 },
	{ NULL, "JumpAnywhere", NO_ADDRESS, TEXT | PC | REGISTERS,
	  "before or behind a jump to what is no address", 0 },
	{ NULL, "Jump", NO_ADDRESS, TEXT | PC | REGISTERS,
	  "before or behind a jump to what is no address", 0 },
	{ NULL, "Call", NO_ADDRESS, TEXT | PC | REGISTERS,
	  "before or behind a jump to what is no address", 0 },
	{ "kvm", "Syscall*", 0, REGISTERS,
	  "kvm-pvm enters the syscall page with other selectors and IF", 0 },
	{ NULL, "SyscallTo", NO_ADDRESS, TEXT | PC,
	  "before or behind a jump to what is no address", 0 },
	{ "kvm", "Int[0-9]*", 0, TEXT | FAULT | PC,
	  "kvm-pvm: INT n is #UD, INT 4 a trap", 0 },
	{ "kvm", "*", UPPER_HALF, FAULT,
	  "kvm-pvm: error codes of kernel addresses", 0 },
	{ "soft", "In[0-9]*", 0, REGISTERS, "flags of I/O instructions", 0 },
	{ "soft", "InImmediate*", 0, REGISTERS, "flags of I/O instructions",
	  0 },
	{ "soft", "Ins[0-9]*", 0, REGISTERS, "flags of I/O instructions", 0 },
	{ "soft", "Out*", 0, REGISTERS, "flags of I/O instructions", 0 },
	{ "soft", "Rep*", 0, REGISTERS, "flags of I/O instructions", 0 },
	{ "soft", "PopfThenOut", 0, REGISTERS, "flags of I/O instructions",
	  0 },
	{ "soft", "FsBase", 0, REGISTERS, "flags of I/O instructions", 0 },
	{ "soft", "Abort", 0, REGISTERS, "flags of I/O instructions", 0 },
	{ "soft", "Set[FG]sBase", 0, EVERYTHING, "no WRFSBASE", 0 },
	{ "soft", "ReadThroughFs", 0, EVERYTHING, "no WRFSBASE", 0 },
	{ "soft", "JumpToStub", 0, TEXT | PC | FAULT | REGISTERS,
	  "SYSRET is #UD", 0 },
	{ "soft", "Sysret", 0, TEXT | FAULT, "#UD, not #GP", 0 },
	{ "soft", "Sysexit", 0, TEXT | FAULT, "#UD, not #GP", 0 },
	{ "soft", "Xsetbv", 0, TEXT | FAULT, "#UD, not #GP", 0 },
	{ "soft", "Rdpmc", 0, TEXT | FAULT, "#UD, not #GP", 0 },
	{ "soft", "Monitor", 0, TEXT | FAULT, "#UD, not #GP", 0 },
	{ "soft", "Mwait", 0, TEXT | FAULT, "#UD, not #GP", 0 },
	{ "soft", "Icebp", 0, TEXT | FAULT | PC, "#UD, not #DB", 0 },
	{ "soft", "Vm*", 0, EVERYTHING, "neither SVM nor VMX", 0 },
	{ "soft", "SpinVmmcall", 0, EVERYTHING, "neither SVM nor VMX", 0 },
	{ "soft", "Xbegin", 0, EVERYTHING, "TSX", 0 },
	{ "soft", "S[igmt][drs][tw]", 0, EVERYTHING, "no UMIP", 0 },
	{ "soft", "Str", 0, EVERYTHING, "no UMIP", 0 },
	{ "soft", "SseException", 0, EVERYTHING, "no #XM", 0 },
	{ "soft", "ReservedMxcsr", 0, EVERYTHING, "LDMXCSR takes all bits",
	  0 },
	{ "soft", "AlignmentCheck", 0, EVERYTHING, "no #AC", 0 },
	{ "soft", "MisalignedVector", 0, EVERYTHING,
	  "no #GP for a misaligned operand", 0 },
	{ "soft", "PushWithStack", NO_ADDRESS, TEXT | FAULT | REGISTERS,
	  "#GP, not #SS; SP after it", 0 },
	{ "soft", "PushWithStack", 0, REGISTERS, "SP after it", 0 },
};

static struct source sources[SOURCES_MAX];
static size_t source_count;
static struct calls_host host;
static mote_error err = MOTE_ERROR_INIT;
static unsigned int differences;
static unsigned int compared;
/* By the first argument: no other function. */
static const char *only;

static mote_engine *new_engine(const char *backend)
{
	mote_engine_options options = MOTE_ENGINE_OPTIONS_INIT;
	mote_engine *engine = NULL;

	options.backend = backend;
	vm_expect(mote_engine_new(&options, &engine, &err), MOTE_OK, &err);
	return engine;
}

static void find_sources(void)
{
	static const char *const origins[] = { "", "memory", "file" };
	size_t i;
	size_t k;

	for (i = 0; i < mote_backend_count(); i++) {
		mote_backend_info info = MOTE_BACKEND_INFO_INIT;

		vm_expect(mote_backend_probe(i, &info, &err), MOTE_OK, &err);
		if (info.reason != MOTE_BACKEND_READY) {
			print_message("without %s: %s\n", info.name,
				      info.text);
			continue;
		}
		for (k = 0; k < sizeof(origins) / sizeof(origins[0]); k++) {
			struct source *source = &sources[source_count++];

			assert_true(source_count <= SOURCES_MAX);
			source->backend = info.name;
			source->origin = origins[k];
			snprintf(source->name, sizeof(source->name), "%s%s%s",
				 info.name, *origins[k] ? "." : "",
				 origins[k]);
		}
	}
}

static void open_sources(const char *path)
{
	size_t i;

	for (i = 0; i < source_count; i++) {
		sources[i].engine = new_engine(sources[i].backend);
		vm_expect(mote_image_open(sources[i].engine, path,
					  &sources[i].image, &err),
			  MOTE_OK, &err);
	}
}

static void close_sources(void)
{
	size_t i;

	for (i = 0; i < source_count; i++) {
		mote_image_unref(sources[i].image);
		mote_engine_unref(sources[i].engine);
	}
}

/* The arguments that a signature wants: those that are given, then others. */
static size_t arguments(const char *signature, uint64_t first,
			mote_value *values)
{
	static const char text[] = "a text";
	const char *at = strchr(signature, '(') + 1;
	size_t count = 0;

	for (; *at != ')'; at++, count++) {
		mote_value *value = &values[count];

		assert_true(count < ARGUMENTS_MAX);
		memset(value, 0, sizeof(*value));
		switch (*at) {
		case 'i':
			*value = MOTE_I32((int32_t)first);
			break;
		case 'u':
			*value = MOTE_U32((uint32_t)first);
			break;
		case 'I':
			*value = MOTE_I64((int64_t)first);
			break;
		case 'U':
			*value = MOTE_U64(count == 0 ? first :
					  count == 1 ? 0x1b :
						       0x202);
			break;
		case 'f':
			*value = MOTE_F32(1.5f);
			break;
		case 'd':
			*value = MOTE_F64(-2.25);
			break;
		case 'b':
			*value = MOTE_BOOL(true);
			break;
		case 's':
			*value = MOTE_STRING(text);
			break;
		default:
			*value = MOTE_BYTES(text, sizeof(text));
			break;
		}
	}
	return count;
}

/* Of a number; what is behind a short one in the union is nobody's. */
static size_t number_bytes(const mote_value *value)
{
	switch (value->type) {
	case MOTE_TYPE_VOID:
		return 0;
	case MOTE_TYPE_I64:
	case MOTE_TYPE_U64:
	case MOTE_TYPE_F64:
		return 8;
	case MOTE_TYPE_BOOL:
		return sizeof(value->as.boolean);
	default:
		return 4;
	}
}

static void keep_result(const mote_value *value, struct record *record)
{
	record->type = value->type;
	if (value->type == MOTE_TYPE_STRING || value->type == MOTE_TYPE_BYTES) {
		record->size = value->as.bytes.size;
		memcpy(record->result, value->as.bytes.data,
		       record->size < RESULT_MAX ? record->size : RESULT_MAX);
	} else {
		memcpy(record->result, &value->as, number_bytes(value));
	}
}

static void call(const struct source *source,
		 const mote_sandbox_options *options,
		 const mote_function *function, uint64_t argument,
		 struct record *record)
{
	mote_value values[ARGUMENTS_MAX];
	mote_value result = { 0 };
	size_t count = arguments(function->signature, argument, values);
	mote_sandbox_stats before;
	mote_sandbox *box = NULL;

	memset(record, 0, sizeof(*record));
	setenv("MOTE_TEST_ORIGIN", source->origin, 1);
	vm_expect(mote_sandbox_new(source->image, options, &box, &err),
		  MOTE_OK, &err);
	before = vm_stats(box);
	host.used = 0;
	host.log[0] = '\0';
	host.posts = 0;
	record->status = mote_call(box, function->name, values, count, &result,
				   &err);
	record->state = (uint32_t)mote_sandbox_state(box);
	if (record->status == MOTE_OK) {
		keep_result(&result, record);
	} else {
		record->guest_code = err.guest_code;
		memcpy(record->text, err.text, sizeof(record->text));
		record->fault = err.fault;
	}
	record->stats = vm_stats(box);
	record->stats.calls -= before.calls;
	record->stats.vm_entries -= before.vm_entries;
	record->stats.vm_entries -=
		record->stats.interrupted - before.interrupted;
	record->stats.host_calls -= before.host_calls;
	record->stats.output_bytes -= before.output_bytes;
	record->stats.interrupted = 0;
	record->posts = host.posts;
	memcpy(record->output, host.log, sizeof(record->output));
	mote_sandbox_free(box);
}

static bool same_registers(const mote_fault *a, const mote_fault *b)
{
	size_t i;

	for (i = 0; i < MTI_RIP; i++)
		if (a->registers[i] != b->registers[i])
			return false;
	return ((a->registers[MTI_RFLAGS] ^ b->registers[MTI_RFLAGS]) &
		~(uint64_t)FLAGS_IGNORED) == 0 &&
	       a->registers[MTI_FS_BASE] == b->registers[MTI_FS_BASE] &&
	       a->registers[MTI_GS_BASE] == b->registers[MTI_GS_BASE];
}

/* Which parts differ. */
static unsigned int compare(const struct record *a, const struct record *b)
{
	unsigned int found = 0;

	if (a->status != b->status || a->guest_code != b->guest_code ||
	    a->state != b->state)
		found |= STATUS;
	if (strcmp(a->text, b->text) != 0)
		found |= TEXT;
	if (a->type != b->type || a->size != b->size ||
	    memcmp(a->result, b->result, RESULT_MAX) != 0)
		found |= RESULT;
	if (a->fault.kind != b->fault.kind ||
	    a->fault.vector != b->fault.vector ||
	    a->fault.error_code != b->fault.error_code ||
	    a->fault.address != b->fault.address ||
	    a->fault.register_count != b->fault.register_count ||
	    a->fault.machine != b->fault.machine)
		found |= FAULT;
	if (a->fault.pc != b->fault.pc ||
	    a->fault.registers[MTI_RIP] != b->fault.registers[MTI_RIP])
		found |= PC;
	if (!same_registers(&a->fault, &b->fault))
		found |= REGISTERS;
	if (memcmp(&a->stats, &b->stats, sizeof(a->stats)) != 0)
		found |= COUNTS;
	if (a->posts != b->posts || strcmp(a->output, b->output) != 0)
		found |= OUTPUT;
	return found;
}

/* Of what differs, that for which there is no reason. */
static unsigned int explain(const struct source *a, const struct source *b,
			    const char *function, uint64_t argument,
			    unsigned int found)
{
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		struct known *row = &known[i];

		if (!(found & row->parts) || argument < row->from ||
		    fnmatch(row->function, function, 0) != 0)
			continue;
		if (row->backend && strcmp(row->backend, a->backend) != 0 &&
		    strcmp(row->backend, b->backend) != 0)
			continue;
		row->count++;
		found &= ~row->parts;
	}
	return found;
}

static void print_record(const char *name, const struct record *record)
{
	const mote_fault *fault = &record->fault;
	size_t i;

	print_message("  %s: %s, state %u, %d: \"%s\"\n", name,
		      mote_status_name(record->status), record->state,
		      record->guest_code, record->text);
	print_message("    result type %u, %zu bytes, 0x%02x%02x%02x%02x\n",
		      record->type, (size_t)record->size, record->result[0],
		      record->result[1], record->result[2], record->result[3]);
	print_message("    calls %zu, entries %zu, host calls %zu, output "
		      "%zu, posts %zu\n",
		      (size_t)record->stats.calls,
		      (size_t)record->stats.vm_entries,
		      (size_t)record->stats.host_calls,
		      (size_t)record->stats.output_bytes, record->posts);
	if (!fault->kind)
		return;
	print_message("    fault %u, vector %u, code 0x%zx, at 0x%zx, pc "
		      "0x%zx\n   ",
		      fault->kind, fault->vector, (size_t)fault->error_code,
		      (size_t)fault->address, (size_t)fault->pc);
	for (i = 0; i < fault->register_count; i++)
		print_message(" %zx", (size_t)fault->registers[i]);
	print_message("\n");
}

static void report(const struct source *source, const char *function,
		   uint64_t argument, unsigned int found,
		   const struct record *a, const struct record *b)
{
	size_t i;

	differences++;
	print_message("%s(0x%zx) differs in", function, (size_t)argument);
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (found & (unsigned int)parts[i].part)
			print_message(" %s", parts[i].name);
	print_message("\n");
	print_record(sources[0].name, a);
	print_record(source->name, b);
}

/* One call everywhere. */
static void everywhere(const mote_sandbox_options *options,
		       const mote_function *function, uint64_t argument,
		       unsigned int looked_at)
{
	static struct record first;
	static struct record other;
	unsigned int found;
	size_t i;

	if (only && strcmp(only, function->name) != 0)
		return;
	call(&sources[0], options, function, argument, &first);
	for (i = 1; i < source_count; i++) {
		call(&sources[i], options, function, argument, &other);
		compared++;
		found = compare(&first, &other) & looked_at;
		found = explain(&sources[0], &sources[i], function->name,
				argument, found);
		if (found)
			report(&sources[i], function->name, argument, found,
			       &first, &other);
	}
}

static void finish(void)
{
	unsigned int found = differences;
	size_t i;

	close_sources();
	differences = 0;
	print_message("%u comparisons; expected differences:\n", compared);
	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].count)
			print_message("%6lu %s: %s\n", known[i].count,
				      known[i].function, known[i].reason);
	assert_int_equal(found, 0);
}

static bool exported(size_t index, mote_function *function)
{
	return mote_image_export(sources[0].image, index, function, NULL) ==
	       MOTE_OK;
}

static void test_faults(void **state)
{
	static const uint64_t values[] = {
		0,
		0x10000,
		0x3ffffe,
		0x400000,
		MOTE_GVA_CONTROL,
		MOTE_GVA_SUPERVISOR,
		MOTE_GVA_STACK_TOP - 4,
		0x7fffffffffff,
		0x800000000000,
		UINT64_C(0xffff800000000000),
	};
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;
	mote_function function;
	size_t i;
	size_t k;

	(void)state;
	options.deadline_ns = LONG * vm_patience_ns();
	open_sources(GUEST_bare_faults);
	for (i = 0; exported(i, &function); i++) {
		bool varies = strcmp(function.signature, "I()") != 0;

		/* It would take as long as the number is large. */
		if (strcmp(function.name, "SyscallLoop") == 0) {
			everywhere(&options, &function, 100, EVERYTHING);
			continue;
		}
		for (k = 0; k < (varies ? sizeof(values) / 8 : 1); k++)
			everywhere(&options, &function, values[k], EVERYTHING);
	}
	finish();
}

static void test_calls(void **state)
{
	mote_sandbox_options options;
	mote_function function;
	size_t i;

	(void)state;
	calls_host_init(&host);
	options = calls_host_options(&host);
	options.deadline_ns = LONG * vm_patience_ns();
	open_sources(GUEST_vm_calls);
	for (i = 0; exported(i, &function); i++) {
		/* Registers hold what the runtime has drawn at random. */
		everywhere(&options, &function, 7, EVERYTHING - REGISTERS);
		everywhere(&options, &function, 4096, EVERYTHING - REGISTERS);
	}
	finish();
}

static void ignore_sample(void *user, const struct mote_frame *frames,
			  size_t count)
{
	(void)user;
	(void)frames;
	(void)count;
}

/* Guests that are interrupted all the time come to the same results. */
static void test_interrupted(void **state)
{
	mote_sandbox_options options;
	mote_function function;
	size_t i;

	(void)state;
	calls_host_init(&host);
	options = calls_host_options(&host);
	options.deadline_ns = LONG * vm_patience_ns();
	options.sample_ns = 500000;
	options.sample = ignore_sample;
	open_sources(GUEST_vm_calls);
	for (i = 0; exported(i, &function); i++)
		if (strcmp(function.name, "Exhaust") == 0)
			everywhere(&options, &function, 16, STATUS | RESULT);
	finish();
}

/* Whether nothing but time ends it. */
static bool is_endless(const char *function)
{
	static const char *const all[] = {
		"Spin",	       "SpinSyscall", "SpinFlush", "SpinService",
		"SpinFpu",     "SpinVmmcall", "SpinCpuid", "Count",
		"HostThenCount",
	};
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(function, all[i]) == 0)
			return true;
	return false;
}

/* Whatever a guest does, it ends at the same limit. */
static void test_limits(void **state)
{
	mote_sandbox_options options = villain_host_options(0);
	mote_function function;
	size_t i;

	(void)state;
	options.max_host_calls = 100;
	options.max_output_bytes = 1000;
	open_sources(GUEST_bare_villain);
	for (i = 0; exported(i, &function); i++) {
		bool endless = is_endless(function.name);
		bool grows = strcmp(function.name, "SpinHeap") == 0;

		options.deadline_ns = endless ? 20 * MS :
				      grows   ? vm_patience_ns() :
						LONG * vm_patience_ns();
		options.max_growth_bytes =
			endless ? 0 : UINT64_C(1) << 20;
		everywhere(&options, &function, 0, EVERYTHING);
		if (endless)
			continue;
		everywhere(&options, &function, 3, EVERYTHING);
		everywhere(&options, &function, 100000, EVERYTHING);
	}
	finish();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_interrupted),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_limits),
	};
	int skip = vm_require();

	if (skip)
		return skip;
	if (argc > 1)
		only = argv[1];
	vm_watchdog(280);
	find_sources();
	return cmocka_run_group_tests_name("conformance", tests, NULL, NULL);
}
