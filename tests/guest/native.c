#include "guest/native.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "abi/call.h"
#include "abi/trap.h"

#define STACK_SIZE (UINT64_C(1) << 20)
#define OUT_INSTRUCTION 0xEF
#define SYSCALL_STOP (SIGTRAP | 0x80)
/* What a real `syscall` may leave in rcx and r11: anything. */
#define GARBAGE UINT64_C(0xdeadbeefdeadbeef)

/* Areas that both sides map, in the order of the file. */
enum { CONTROL, CALL, REPLY, OUT, POST, AREAS };

static size_t area_size(const struct native *native, unsigned area)
{
	switch (area) {
	case CONTROL:
		return MOTE_PAGE_SIZE;
	case POST:
		return native->options.post_size;
	default:
		return native->options.io_size;
	}
}

static size_t area_offset(const struct native *native, unsigned area)
{
	size_t offset = 0;
	unsigned i;

	for (i = 0; i < area; i++)
		offset += area_size(native, i);
	return offset;
}

static void *area_at(const struct native *native, unsigned area)
{
	return native->memory + area_offset(native, area);
}

static struct mote_abi_control *control_of(const struct native *native)
{
	return area_at(native, CONTROL);
}

/* The child has no test to fail. */
static void child_die(const char *what)
{
	perror(what);
	_exit(1);
}

static void child_map(uint64_t address, size_t size, int protection, int fd,
		      off_t offset)
{
	int flags = MAP_FIXED_NOREPLACE;
	void *got;

	flags |= fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	got = mmap((void *)address, size, protection, flags, fd, offset);
	if (got != (void *)address)
		child_die("mapping a window of the guest");
}

static void child_load(const struct native *native)
{
	size_t i;

	for (i = 0; i < native->elf.segment_count; i++) {
		const struct mti_elf_segment *segment =
			&native->elf.segments[i];
		uint64_t first = segment->address & ~UINT64_C(4095);
		uint64_t end = segment->address + segment->memory_size;
		int protection = 0;

		child_map(first, end - first, PROT_READ | PROT_WRITE, -1, 0);
		memcpy((void *)segment->address,
		       (const char *)native->file + segment->file_offset,
		       segment->file_size);
		if (segment->protection & MTI_PROT_READ)
			protection |= PROT_READ;
		if (segment->protection & MTI_PROT_WRITE)
			protection |= PROT_WRITE;
		if (segment->protection & MTI_PROT_EXECUTE)
			protection |= PROT_EXEC;
		if (mprotect((void *)first, end - first, protection) != 0)
			child_die("mprotect");
	}
}

static void child_main(const struct native *native)
{
	static const uint64_t addresses[AREAS] = {
		MOTE_GVA_CONTROL, MOTE_GVA_CALL, MOTE_GVA_REPLY,
		MOTE_GVA_OUT,	  MOTE_GVA_POST,
	};
	unsigned i;

	for (i = 0; i < AREAS; i++)
		child_map(addresses[i], area_size(native, i),
			  i == CALL || i == REPLY ? PROT_READ
						  : PROT_READ | PROT_WRITE,
			  native->areas, (off_t)area_offset(native, i));
	child_map(MOTE_GVA_HEAP, native->options.heap_size,
		  PROT_READ | PROT_WRITE, native->heap, 0);
	child_map(MOTE_GVA_STACK_TOP - STACK_SIZE, STACK_SIZE,
		  PROT_READ | PROT_WRITE, -1, 0);
	child_load(native);
	if (ptrace(PTRACE_TRACEME, 0, 0, 0) != 0)
		child_die("PTRACE_TRACEME");
	raise(SIGSTOP);
	_exit(1);
}

void native_output(struct native *native, int stream, const void *data,
		   size_t size)
{
	assert_true(native->output_size[stream] + size < NATIVE_OUTPUT_MAX);
	memcpy(native->output[stream] + native->output_size[stream], data,
	       size);
	native->output_size[stream] += size;
	native->output[stream][native->output_size[stream]] = '\0';
}

static const struct mti_elf_function *import_of(const struct native *native,
						uint32_t index)
{
	size_t i;

	for (i = 0; i < native->elf.import_count; i++)
		if (native->elf.imports[i].index == index)
			return &native->elf.imports[i];
	fail_msg("the guest calls import %u of %zu", index,
		 native->elf.import_count);
	return NULL;
}

static void decode(const void *data, size_t size, struct mti_message *message)
{
	mote_error err = MOTE_ERROR_INIT;

	if (mti_message_decode(data, size, message, &err) != MOTE_OK)
		fail_msg("%s", err.text);
}

static int32_t call_host(struct native *native, const void *data, size_t size,
			 bool posted, uint64_t *id, mote_value *result,
			 const char **text)
{
	const struct mti_elf_function *import;
	mote_error err = MOTE_ERROR_INIT;
	struct mti_message message;

	decode(data, size, &message);
	assert_int_equal(message.head.kind, MOTE_MESSAGE_HOST_CALL);
	import = import_of(native, message.head.function);
	if (mti_message_match(&message, import->name, &import->signature,
			      &err) != MOTE_OK)
		fail_msg("%s", err.text);
	*id = message.head.id;
	memset(result, 0, sizeof(*result));
	result->type = import->signature.result;
	assert_non_null(native->host);
	return native->host(native, import->name, posted, message.values,
			    message.count, result, text);
}

/* As the host does at every exit. */
static void drain(struct native *native)
{
	const unsigned char *area = area_at(native, POST);
	size_t used = control_of(native)->post_used;
	size_t at = 0;

	assert_true(used <= native->options.post_size);
	while (at < used) {
		const struct mote_abi_post *record =
			(const struct mote_abi_post *)(area + at);
		const void *body = record + 1;
		mote_value result;
		const char *text;
		uint64_t id;

		assert_true(used - at >= sizeof(*record));
		assert_true(record->size <= used - at - sizeof(*record));
		native->records++;
		if (record->kind == MOTE_POST_CALL)
			call_host(native, body, record->size, true, &id,
				  &result, &text);
		else if (record->kind == MOTE_POST_STDOUT)
			native_output(native, 1, body, record->size);
		else if (record->kind == MOTE_POST_STDERR)
			native_output(native, 2, body, record->size);
		else
			fail_msg("post record of kind %u", record->kind);
		at += (sizeof(*record) + record->size + 7) & ~(size_t)7;
	}
	assert_int_equal(at, used);
	control_of(native)->post_used = 0;
}

static void serve_host_call(struct native *native, uint32_t offset)
{
	size_t size = native->options.io_size;
	const unsigned char *out = area_at(native, OUT);
	struct mti_message_head head = { .kind = MOTE_MESSAGE_HOST_RESULT };
	mote_error err = MOTE_ERROR_INIT;
	mote_value result;
	const char *text = "";

	assert_true(offset < size && offset % 8 == 0);
	head.code = call_host(native, out + offset, size - offset, false,
			      &head.id, &result, &text);
	if (head.code != 0) {
		head.kind = MOTE_MESSAGE_HOST_ERROR;
		result = (mote_value){ .type = MOTE_TYPE_STRING };
		result.as.string.data = text;
		result.as.string.size = strlen(text);
	}
	if (mti_message_encode(area_at(native, REPLY), size, &head, &result, 1,
			       &size, &err) != MOTE_OK)
		fail_msg("%s", err.text);
}

static void serve(struct native *native, struct user_regs_struct *regs)
{
	unsigned char *reply = area_at(native, REPLY);
	uint64_t i;

	switch (regs->rax & UINT32_MAX) {
	case MOTE_SERVICE_SET_FS_BASE:
		assert_false(native->options.features & MOTE_FEATURE_FSGSBASE);
		regs->fs_base = regs->rdi;
		return;
	case MOTE_SERVICE_RANDOM:
		assert_true(regs->rdi <= MOTE_RANDOM_MAX);
		for (i = 0; i < regs->rdi; i++)
			reply[i] = (unsigned char)rand();
		return;
	default:
		fail_msg("service %llu", regs->rax);
	}
}

/* At each entry; a system call does not leave the guest. */
static void set_clock(struct native *native)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	control_of(native)->clock_monotonic_ns =
		(uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	clock_gettime(CLOCK_REALTIME, &now);
	control_of(native)->clock_realtime_ns =
		(uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void handle_port(struct native *native, struct user_regs_struct *regs)
{
	uint32_t port = regs->rdx & UINT16_MAX;
	uint32_t value = (uint32_t)regs->rax;

	assert_in_range(port, MOTE_PORT_FIRST, MOTE_PORT_LAST);
	native->exits[port - MOTE_PORT_FIRST]++;
	drain(native);
	set_clock(native);
	switch (port) {
	case MOTE_PORT_READY:
		assert_int_equal(value, 0);
		native->dispatch = regs->rdi;
		native->stack = regs->rsi;
		native->end = NATIVE_READY;
		break;
	case MOTE_PORT_RETURN:
		assert_int_equal(value, 0);
		native->end = NATIVE_RETURNED;
		break;
	case MOTE_PORT_HOST_CALL:
		serve_host_call(native, value);
		break;
	case MOTE_PORT_FLUSH:
		assert_int_equal(value, 0);
		break;
	case MOTE_PORT_EXIT:
		native->status = value;
		native->end = NATIVE_EXITED;
		break;
	case MOTE_PORT_ABORT:
		native->status = value;
		native->pc = regs->rdi;
		native->end = NATIVE_ABORTED;
		break;
	case MOTE_PORT_SERVICE:
		serve(native, regs);
		break;
	default:
		fail_msg("the guest uses port 0x%x", port);
	}
}

/* What the stub in the syscall page does. */
static void redirect_syscall(struct native *native,
			     struct user_regs_struct *regs)
{
	struct mote_abi_control *control = control_of(native);

	native->syscalls++;
	assert_true(control->syscall_handler != 0);
	control->syscall_return = regs->rip;
	regs->rip = control->syscall_handler;
	regs->rax = regs->orig_rax;
	regs->rcx = GARBAGE;
	regs->r11 = GARBAGE;
}

static void handle_stop(struct native *native, int signal,
			struct user_regs_struct *regs)
{
	long code = 0;

	if (signal == SYSCALL_STOP) {
		redirect_syscall(native, regs);
		return;
	}
	if (signal == SIGSEGV) {
		errno = 0;
		code = ptrace(PTRACE_PEEKTEXT, native->pid, regs->rip, 0);
	}
	if (signal == SIGSEGV && errno == 0 &&
	    (code & 0xff) == OUT_INSTRUCTION) {
		handle_port(native, regs);
		regs->rip += 1;
		return;
	}
	native->end = NATIVE_FAULTED;
	native->status = (uint32_t)signal;
	native->pc = regs->rip;
}

static void resume(struct native *native, struct user_regs_struct *regs)
{
	int status;

	native->end = NATIVE_RUNNING;
	set_clock(native);
	while (native->end == NATIVE_RUNNING) {
		/* No system call is to be finished or restarted. */
		regs->orig_rax = UINT64_MAX;
		assert_int_equal(ptrace(PTRACE_SETREGS, native->pid, 0, regs),
				 0);
		assert_int_equal(ptrace(PTRACE_SYSEMU, native->pid, 0, 0), 0);
		assert_int_equal(waitpid(native->pid, &status, 0), native->pid);
		if (!WIFSTOPPED(status))
			fail_msg("the guest's process is gone: 0x%x", status);
		assert_int_equal(ptrace(PTRACE_GETREGS, native->pid, 0, regs),
				 0);
		handle_stop(native, WSTOPSIG(status), regs);
	}
}

/* General registers as at every entry; segments stay Linux's. */
static void enter(struct native *native, uint64_t pc, uint64_t stack,
		  uint64_t first, uint64_t second, bool keep_fs)
{
	struct user_regs_struct now;
	struct user_regs_struct regs = { 0 };

	assert_int_equal(ptrace(PTRACE_GETREGS, native->pid, 0, &now), 0);
	regs.cs = now.cs;
	regs.ss = now.ss;
	regs.ds = now.ds;
	regs.es = now.es;
	regs.fs = now.fs;
	regs.gs = now.gs;
	regs.gs_base = now.gs_base;
	regs.fs_base = keep_fs ? now.fs_base : 0;
	regs.eflags = 2;
	regs.rip = pc;
	regs.rsp = stack;
	regs.rdi = first;
	regs.rsi = second;
	resume(native, &regs);
}

static uint64_t measure_tick_ns(void)
{
	static uint64_t result;
	struct timespec start;
	struct timespec now;
	uint64_t ticks;
	uint64_t ns;

	if (result != 0)
		return result;
	clock_gettime(CLOCK_MONOTONIC, &start);
	ticks = __builtin_ia32_rdtsc();
	do {
		clock_gettime(CLOCK_MONOTONIC, &now);
		ns = (uint64_t)(now.tv_sec - start.tv_sec) * 1000000000 +
		     (uint64_t)now.tv_nsec - (uint64_t)start.tv_nsec;
	} while (ns < 20000000);
	ticks = __builtin_ia32_rdtsc() - ticks;
	result = (ns << 32) / ticks;
	return result;
}

static void read_program(struct native *native, const char *path)
{
	mote_error err = MOTE_ERROR_INIT;
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &status) != 0)
		fail_msg("%s: %s", path, strerror(errno));
	native->file = malloc((size_t)status.st_size);
	assert_non_null(native->file);
	assert_int_equal(read(fd, native->file, (size_t)status.st_size),
			 status.st_size);
	close(fd);
	if (mti_elf_parse(native->file, (size_t)status.st_size,
			  &mti_allocator_libc, &native->elf, &err) != MOTE_OK)
		fail_msg("%s: %s", path, err.text);
}

static void make_areas(struct native *native)
{
	size_t size = area_offset(native, AREAS);
	struct mote_abi_control *control;
	size_t i;

	native->areas = memfd_create("areas", MFD_CLOEXEC);
	native->heap = memfd_create("heap", MFD_CLOEXEC);
	assert_int_equal(ftruncate(native->areas, (off_t)size), 0);
	assert_int_equal(
		ftruncate(native->heap, (off_t)native->options.heap_size), 0);
	native->memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
			      native->areas, 0);
	assert_ptr_not_equal(native->memory, MAP_FAILED);
	control = control_of(native);
	control->magic = MOTE_CONTROL_MAGIC;
	control->abi_version = MOTE_ABI_VERSION;
	control->features = native->options.features;
	control->heap_size = native->options.heap_size;
	control->stack_size = STACK_SIZE;
	control->io_size = native->options.io_size;
	control->post_size = native->options.post_size;
	control->tick_ns = native->options.no_tsc ? 0 : measure_tick_ns();
	for (i = 0; i < sizeof(control->random); i++)
		control->random[i] = (uint8_t)rand();
}

void native_start(struct native *native, const char *path,
		  const struct native_options *options, native_host_fn host)
{
	long trace = PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD;
	int status;

	memset(native, 0, sizeof(*native));
	native->options = *options;
	native->host = host;
	if (native->options.heap_size == 0)
		native->options.heap_size = UINT64_C(16) << 20;
	if (native->options.io_size == 0)
		native->options.io_size = UINT64_C(1) << 16;
	if (native->options.post_size == 0)
		native->options.post_size = UINT64_C(1) << 16;
	/* The guest may only use what this kernel lets processes use. */
	if ((getauxval(AT_HWCAP2) & 2) == 0)
		native->options.features &= ~MOTE_FEATURE_FSGSBASE;
	read_program(native, path);
	make_areas(native);
	native->pid = fork();
	assert_true(native->pid >= 0);
	if (native->pid == 0)
		child_main(native);
	assert_int_equal(waitpid(native->pid, &status, 0), native->pid);
	assert_true(WIFSTOPPED(status));
	assert_int_equal(ptrace(PTRACE_SETOPTIONS, native->pid, 0, trace), 0);
	enter(native, native->elf.entry, MOTE_GVA_STACK_TOP, MOTE_GVA_CONTROL,
	      0, false);
}

void native_stop(struct native *native)
{
	kill(native->pid, SIGKILL);
	waitpid(native->pid, NULL, 0);
	munmap(native->memory, area_offset(native, AREAS));
	close(native->areas);
	close(native->heap);
	mti_elf_fini(&native->elf, &mti_allocator_libc);
	free(native->file);
}

void native_forget(struct native *native)
{
	memset(native->exits, 0, sizeof(native->exits));
	native->records = 0;
	native->syscalls = 0;
	memset(native->output_size, 0, sizeof(native->output_size));
	native->output[1][0] = '\0';
	native->output[2][0] = '\0';
}

void native_queue_message(struct native *native, uint16_t kind,
			  uint32_t function, const mote_value *args,
			  size_t count)
{
	unsigned char *call = area_at(native, CALL);
	struct mti_message_head head = {
		.kind = kind,
		.function = function,
		.id = native->queued_count++,
	};
	mote_error err = MOTE_ERROR_INIT;
	size_t size;

	if (mti_message_encode(call + native->queued,
			       native->options.io_size - native->queued, &head,
			       args, count, &size, &err) != MOTE_OK)
		fail_msg("%s", err.text);
	native->queued += size;
}

void native_queue(struct native *native, const char *name,
		  const mote_value *args, size_t count)
{
	const struct mti_elf_function *function =
		mti_elf_find_export(&native->elf, name);
	mote_error err = MOTE_ERROR_INIT;

	if (function == NULL)
		fail_msg("the guest has no function %s", name);
	if (mti_values_check(name, function->parameters, &function->signature,
			     args, count, &err) != MOTE_OK)
		fail_msg("%s", err.text);
	native_queue_message(native, MOTE_MESSAGE_CALL, function->index, args,
			     count);
}

void native_run(struct native *native)
{
	size_t count = native->queued_count;

	native->queued = 0;
	native->queued_count = 0;
	enter(native, native->dispatch, native->stack, MOTE_GVA_CALL, count,
	      true);
}

void native_result(struct native *native, size_t *offset,
		   struct mti_message *message)
{
	const unsigned char *out = area_at(native, OUT);

	decode(out + *offset, native->options.io_size - *offset, message);
	*offset += message->size;
}

const struct mti_message *native_call(struct native *native, const char *name,
				      const mote_value *args, size_t count)
{
	size_t offset = 0;

	native_queue(native, name, args, count);
	native_run(native);
	if (native->end == NATIVE_FAULTED)
		fail_msg("%s: signal %u at 0x%llx\n%s", name, native->status,
			 (unsigned long long)native->pc, native->output[2]);
	if (native->end != NATIVE_RETURNED)
		fail_msg("%s: ended with %d, status %u\n%s", name,
			 (int)native->end, native->status, native->output[2]);
	native_result(native, &offset, &native->reply);
	assert_int_equal(native->reply.head.id, 0);
	if (native->reply.head.kind == MOTE_MESSAGE_RESULT)
		assert_int_equal(native->reply.values[0].type,
				 mti_elf_find_export(&native->elf, name)
					 ->signature.result);
	return &native->reply;
}

size_t native_heap_pages(const struct native *native)
{
	struct stat status;

	assert_int_equal(fstat(native->heap, &status), 0);
	return (size_t)status.st_blocks * 512 / MOTE_PAGE_SIZE;
}
