/* The ways in which a guest ends, and main. */
#define _GNU_SOURCE
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mote_guest.h>

static void at_exit(void)
{
	puts("at exit");
}

__attribute__((constructor)) static void construct(void)
{
	printf("constructed, no end of line");
	atexit(at_exit);
}

__attribute__((destructor)) static void destruct(void)
{
	printf("destructed");
}

MOTE_EXPORT(void, Exit, (i32, status))
{
	printf("leaving, ");
	exit(status);
}

MOTE_EXPORT(void, QuickExit, (i32, status)) { _Exit(status); }
__attribute__((noinline)) static void do_abort(void)
{
	abort();
}

__attribute__((noinline)) static void do_assert(int x)
{
	assert(x == 1);
}

MOTE_EXPORT(void, Abort, void) { do_abort(); }
MOTE_EXPORT(void, Assert, (i32, x)) { do_assert(x); }
MOTE_EXPORT(void, Raise, (i32, number)) { raise(number); }

MOTE_EXPORT(u64, AbortAddress, void)
{
	return (uint64_t)(uintptr_t)do_abort;
}

MOTE_EXPORT(u64, AssertAddress, void)
{
	return (uint64_t)(uintptr_t)do_assert;
}

MOTE_EXPORT(void, Deadlock, void)
{
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

	pthread_mutex_lock(&mutex);
	pthread_mutex_lock(&mutex);
}

MOTE_EXPORT(void, Crash, void)
{
	volatile int *nowhere = NULL;

	__asm__("" : "+r"(nowhere));
	*nowhere = 1;
}

/* The heap is not executable, program text not writable. */
MOTE_EXPORT(void, RunHeap, void)
{
	void (*code)(void);
	unsigned char *memory = malloc(16);

	memory[0] = 0xc3;
	memcpy(&code, &memory, sizeof(code));
	code();
}

MOTE_EXPORT(void, WriteText, void)
{
	volatile unsigned char *text = (unsigned char *)abort;

	__asm__("" : "+r"(text));
	*text = 0xc3;
}

int main(int argc, char **argv)
{
	int i;

	for (i = 0; i < argc; i++)
		printf("%d=%s ", i, argv[i]);
	printf("%s %s", program_invocation_short_name,
	       argv[argc] == NULL ? "ends" : "does not end");
	return argc;
}
