/*
 * See cancel.h. All that handlers do is async-signal-safe, and in the list of
 * harden.c.
 */
#include "cancel.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <mote/control.h>

#include "timing.h"

#define NS_PER_MS INT64_C(1000000)
/* How long a call goes on that began just after the signal. */
#define AGAIN_NS (20 * NS_PER_MS)
/* timeout(1) sends a signal to the process, and then to its group. */
#define SAME_NS (100 * NS_PER_MS)

static const int numbers[] = { SIGINT, SIGTERM };

#define NUMBERS (sizeof(numbers) / sizeof(numbers[0]))

static _Atomic(mote_interrupt *) handle;
static volatile sig_atomic_t caught;
static _Atomic uint64_t caught_ns;
static struct sigaction before[NUMBERS];
static timer_t timer;
static bool has_timer;

/* A call may begin after it was looked whether it should: try again. */
static void cancel(int number)
{
	int saved = errno;
	mote_interrupt *it = atomic_load(&handle);

	(void)number;
	if (it)
		(void)mote_interrupt_cancel(it);
	errno = saved;
}

static void on_signal(int number)
{
	static const struct itimerspec often = {
		.it_interval = { .tv_nsec = AGAIN_NS },
		.it_value = { .tv_nsec = AGAIN_NS },
	};
	int saved = errno;

	if (caught == 0) {
		caught_ns = cli_now_ns();
		caught = number;
		cancel(number);
		if (has_timer)
			(void)timer_settime(timer, 0, &often, NULL);
	} else if (cli_now_ns() - caught_ns >= SAME_NS) {
		/* It is delivered when this handler returns. */
		(void)signal(number, SIG_DFL);
		(void)raise(number);
	}
	errno = saved;
}

void cli_catch(int number, void (*handler)(int number), struct sigaction *old)
{
	struct sigaction action = {
		.sa_handler = handler,
		.sa_flags = SA_RESTART,
	};

	if (sigaction(number, NULL, old) == 0 && old->sa_handler != SIG_IGN)
		(void)sigaction(number, &action, NULL);
}

bool cli_cancel_open(mote_sandbox *box)
{
	struct sigevent event = {
		.sigev_notify = SIGEV_SIGNAL,
		.sigev_signo = SIGALRM,
	};
	struct sigaction old;
	mote_interrupt *it;

	if (mote_interrupt_new(box, &it, NULL) != MOTE_OK)
		return false;
	atomic_store(&handle, it);
	/* It stays: see cli_cancel_close. */
	cli_catch(SIGALRM, cancel, &old);
	has_timer = timer_create(CLOCK_MONOTONIC, &event, &timer) == 0;
	for (size_t i = 0; i < NUMBERS; i++)
		cli_catch(numbers[i], on_signal, &before[i]);
	return true;
}

void cli_cancel_close(void)
{
	mote_interrupt *it = atomic_load(&handle);

	if (!it)
		return;
	for (size_t i = 0; i < NUMBERS; i++)
		(void)sigaction(numbers[i], &before[i], NULL);
	/* One that is on its way still finds the handler. */
	if (has_timer)
		(void)timer_delete(timer);
	has_timer = false;
	atomic_store(&handle, NULL);
	mote_interrupt_unref(it);
}

int cli_cancel_signal(void)
{
	return caught;
}

const char *cli_cancel_name(void)
{
	if (caught == 0)
		return "";
	return caught == SIGINT ? "SIGINT" : "SIGTERM";
}
