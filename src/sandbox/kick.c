#include "sandbox/kick.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/error.h"
#include "os/os.h"

#define DEFAULT_SIGNAL (SIGRTMIN + 6)

/*
 * How much later than promised the limit of CPU time may hit: so often, and
 * not at each call, is the CPU clock read, which is a system call.
 */
#define CPU_SLACK_PART 32
/* Looking costs an exit: not more often than this. */
#define CPU_STEP_NS UINT64_C(100000)

/* The signal of this process, 0 before the first engine. */
static _Atomic int kick_signal;
static pthread_mutex_t install_lock = PTHREAD_MUTEX_INITIALIZER;

struct thread_kick {
	struct mti_kick *volatile call; /* the innermost; NULL: none runs */
	/* When the timer expires; 0: nobody knows that it runs. */
	volatile uint64_t armed_ns;
	bool ready; /* this and what follows */
	int32_t thread;
	timer_t timer;
	/* What the CPU clock said and when, 0: never read. */
	uint64_t cpu_ns;
	uint64_t cpu_at_ns;
};

/* initial-exec: a signal handler must not allocate it. */
static __thread struct thread_kick self
	__attribute__((tls_model("initial-exec")));

static pthread_key_t cleanup_key;
static pthread_once_t cleanup_once = PTHREAD_ONCE_INIT;
static bool cleanup_ready;

static void handler(int signal)
{
	struct mti_kick *call = self.call;

	(void)signal;
	self.armed_ns = 0;
	atomic_signal_fence(memory_order_seq_cst);
	if (call)
		call->ops->kick(call->vm, true);
}

void mti_kick_thread(int32_t thread)
{
	/*
	 * A thread that is gone, or whose queue is full of signals, needs no
	 * further one.
	 */
	(void)mti_os_thread_signal(thread, kick_signal);
}

void mti_kick_before_fork(void)
{
	pthread_mutex_lock(&install_lock);
}

void mti_kick_after_fork(bool child)
{
	/* A child inherits no timer (timer_create(2)), only what we noted. */
	if (child) {
		self.call = NULL;
		self.ready = false;
	}
	pthread_mutex_unlock(&install_lock);
}

static mote_status install(int signal, mote_error *err)
{
	static const char *const operation = "install the kick signal";
	int os = mti_os_signal_install(signal, handler);

	if (os == -EBUSY)
		return mti_error_set(err, MOTE_E_STATE, operation,
				     "the program handles signal %d itself; "
				     "choose another with kick_signal",
				     signal);
	if (os < 0)
		return mti_error_os(err, MOTE_E_INVALID, operation, -os,
				    "kick_signal %d", signal);
	kick_signal = signal;
	return MOTE_OK;
}

mote_status mti_kick_install(int signal, mote_error *err)
{
	mote_status status = MOTE_OK;

	pthread_mutex_lock(&install_lock);
	if (!kick_signal)
		status = install(signal ? signal : DEFAULT_SIGNAL, err);
	else if (signal && kick_signal != signal)
		status = mti_error_set(err, MOTE_E_STATE,
				       "install the kick signal",
				       "this process already uses signal %d, "
				       "not %d",
				       kick_signal, signal);
	pthread_mutex_unlock(&install_lock);
	return status;
}

static void free_timer(void *unused)
{
	(void)unused;
	if (self.ready)
		mti_os_timer_free(self.timer);
	self.ready = false;
}

static void make_cleanup_key(void)
{
	cleanup_ready = pthread_key_create(&cleanup_key, free_timer) == 0;
}

/* Once per thread. */
static mote_status prepare_thread(mote_error *err)
{
	int os = mti_os_timer_new(kick_signal, &self.timer);

	if (os < 0)
		return mti_error_os(err, MOTE_E_OS, "arm deadline", -os,
				    "timer_create");
	self.thread = mti_os_thread_id();
	self.armed_ns = 0;
	self.cpu_at_ns = 0;
	self.ready = true;
	pthread_once(&cleanup_once, make_cleanup_key);
	if (cleanup_ready)
		pthread_setspecific(cleanup_key, &self);
	return MOTE_OK;
}

static uint64_t read_cpu_clock(uint64_t now_ns)
{
	self.cpu_ns = mti_os_thread_cpu_ns();
	self.cpu_at_ns = now_ns;
	return self.cpu_ns;
}

/* What the CPU clock says now, or up to slack_ns more. */
static uint64_t guess_cpu_clock(uint64_t now_ns, uint64_t slack_ns)
{
	if (self.cpu_at_ns == 0 || now_ns - self.cpu_at_ns > slack_ns)
		return read_cpu_clock(now_ns);
	return self.cpu_ns + (now_ns - self.cpu_at_ns);
}

uint64_t mti_kick_cpu_ns(const struct mti_kick *call)
{
	return call->cpu_start_ns != 0 && self.cpu_ns > call->cpu_start_ns ?
		       self.cpu_ns - call->cpu_start_ns :
		       0;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

mote_status mti_kick_stopped(struct mti_kick *call, uint64_t now_ns)
{
	uint64_t cpu_ns;
	uint64_t left_ns;

	if (mti_interrupt_cancelled(call->interrupt))
		return MOTE_E_CANCELLED;
	if (now_ns < call->check_ns)
		return MOTE_OK;
	if (now_ns >= call->deadline_ns)
		return MOTE_E_DEADLINE;
	/* Only a limit of CPU time makes the check come before the deadline. */
	cpu_ns = read_cpu_clock(now_ns);
	if (cpu_ns >= call->cpu_end_ns)
		return MOTE_E_CPU_TIME;
	left_ns = call->cpu_end_ns - cpu_ns;
	if (left_ns < CPU_STEP_NS)
		left_ns = CPU_STEP_NS;
	call->check_ns = earlier(call->deadline_ns, now_ns + left_ns);
	return MOTE_OK;
}

void mti_kick_sampled(struct mti_kick *call, uint64_t now_ns)
{
	/* Periods are bounded, so that this can be told from none. */
	call->sample_at_ns = call->sample_ns == UINT64_MAX ?
				     UINT64_MAX :
				     now_ns + call->sample_ns;
}

bool mti_kick_sample(struct mti_kick *call, uint64_t now_ns)
{
	bool due = now_ns >= call->sample_at_ns;

	if (due)
		mti_kick_sampled(call, now_ns);
	return due;
}

bool mti_kick_stray(struct mti_kick *call, uint64_t now_ns, bool interrupted)
{
	bool expected = call->expired || now_ns >= call->timer_ns;

	/* While the guest is out, the kick waits for the next entry. */
	call->expired = expected && !interrupted;
	return interrupted && !expected;
}

/* When the call has to be interrupted next, if nothing else does it. */
static uint64_t next_look(const struct mti_kick *call)
{
	return earlier(call->check_ns, call->sample_at_ns);
}

static mote_status arm(struct mti_kick *call, uint64_t now_ns,
		       mote_error *err)
{
	uint64_t armed_ns = self.armed_ns;
	uint64_t when_ns = next_look(call);
	int os;

	if (call->slice_ns > 0)
		when_ns = earlier(when_ns, now_ns + call->slice_ns);

	/* In the past: it has expired and the signal is blocked. */
	if (armed_ns > now_ns && armed_ns <= when_ns) {
		call->timer_ns = armed_ns;
		return MOTE_OK;
	}
	call->timer_ns = when_ns;
	self.armed_ns = when_ns;
	atomic_signal_fence(memory_order_seq_cst);
	os = mti_os_timer_arm(self.timer, when_ns);
	if (os == 0)
		return MOTE_OK;
	self.armed_ns = 0;
	return mti_error_os(err, MOTE_E_OS, "arm deadline", -os,
			    "timer_settime");
}

/* Else what is pending, and the thread blocks, would end each entry. */
static void take_blocked(struct mti_kick *call)
{
	sigset_t pending;

	if (mti_os_signal_take(kick_signal))
		return;
	if (!call->ops->block || mti_os_signal_pending(&pending) < 0)
		return;
	sigdelset(&pending, kick_signal);
	if (sigisemptyset(&pending))
		return;
	call->ops->block(call->vm, &pending);
	call->masked = true;
}

static void unmask(struct mti_kick *call)
{
	sigset_t none;

	if (!call->masked)
		return;
	sigemptyset(&none);
	call->ops->block(call->vm, &none);
	call->masked = false;
}

mote_status mti_kick_check(struct mti_kick *call, uint64_t now_ns,
			   bool interrupted, mote_error *err)
{
	mote_status status;

	if (interrupted) {
		/* First: a signal from here on kicks the next entry. */
		call->ops->kick(call->vm, false);
		atomic_signal_fence(memory_order_seq_cst);
		/* The handler has not run: not ours, or blocked. */
		if (self.armed_ns != 0)
			take_blocked(call);
	} else {
		unmask(call);
	}
	/* A host function may have blocked it. */
	if (!call->ops->block && mti_os_signal_unblock(kick_signal) > 0)
		call->unblocked = true;
	status = mti_kick_stopped(call, now_ns);
	if (status != MOTE_OK)
		return mti_kick_error(call, status, err);
	return arm(call, now_ns, err);
}

static void set_limits(struct mti_kick *call, uint64_t now_ns,
		       const struct mti_kick_limits *limits)
{
	const struct mti_kick *outer = call->outer;

	call->limits = *limits;
	call->own_deadline_ns = now_ns + limits->deadline_ns;
	call->deadline_ns = call->own_deadline_ns;
	call->check_ns = call->own_deadline_ns;
	call->cpu_end_ns = UINT64_MAX;
	call->cpu_start_ns = 0;
	if (limits->cpu_ns < limits->deadline_ns) {
		call->cpu_start_ns = guess_cpu_clock(
			now_ns, limits->cpu_ns / CPU_SLACK_PART);
		call->cpu_end_ns = call->cpu_start_ns + limits->cpu_ns;
		call->check_ns = now_ns + limits->cpu_ns;
	}
	if (!outer)
		return;
	/* If that of the call around it is up, it says what it used, too. */
	if (call->cpu_start_ns == 0 && outer->cpu_end_ns != UINT64_MAX)
		call->cpu_start_ns = read_cpu_clock(now_ns);
	call->deadline_ns = earlier(call->deadline_ns, outer->deadline_ns);
	call->cpu_end_ns = earlier(call->cpu_end_ns, outer->cpu_end_ns);
	call->check_ns = earlier(call->check_ns, outer->check_ns);
}

void mti_kick_time(struct mti_kick *call, uint64_t now_ns, bool on)
{
	const struct mti_kick_limits limits = call->limits;

	if (on) {
		set_limits(call, now_ns, &limits);
		return;
	}
	call->own_deadline_ns = UINT64_MAX;
	call->deadline_ns = UINT64_MAX;
	call->cpu_end_ns = UINT64_MAX;
	call->check_ns = UINT64_MAX;
}

static void set_current(struct mti_kick *call)
{
	atomic_signal_fence(memory_order_seq_cst);
	self.call = call;
	atomic_signal_fence(memory_order_seq_cst);
}

static mote_status start(struct mti_kick *call, uint64_t now_ns,
			 mote_error *err)
{
	int os;

	if (!call->ops->block) {
		os = mti_os_signal_unblock(kick_signal);
		if (os < 0)
			return mti_error_os(err, MOTE_E_OS, "arm deadline",
					    -os, "pthread_sigmask");
		call->unblocked = os > 0;
	}
	/* The time of the call around this one may be up. */
	if (mti_kick_stopped(call, now_ns) != MOTE_OK) {
		call->ops->kick(call->vm, true);
		return MOTE_OK;
	}
	return arm(call, now_ns, err);
}

mote_status mti_kick_begin(struct mti_kick *call, uint64_t now_ns,
			   const struct mti_kick_limits *limits,
			   mote_error *err)
{
	mote_status status;

	if (!self.ready) {
		status = prepare_thread(err);
		if (status != MOTE_OK)
			return status;
	}
	call->outer = self.call;
	set_limits(call, now_ns, limits);
	mti_kick_sampled(call, now_ns);
	call->timer_ns = UINT64_MAX;
	call->expired = false;
	call->ops->kick(call->vm, false);
	set_current(call);
	/* Now that a kick would not be lost. */
	mti_interrupt_begin(call->interrupt, self.thread);
	status = start(call, now_ns, err);
	if (status != MOTE_OK)
		(void)mti_kick_end(call);
	return status;
}

bool mti_kick_end(struct mti_kick *call)
{
	bool cancelled = mti_interrupt_end(call->interrupt);

	set_current(call->outer);
	unmask(call);
	if (call->unblocked)
		(void)mti_os_signal_block(kick_signal);
	call->unblocked = false;
	return cancelled;
}

static mote_status time_error(mote_status status, const char *what,
			      uint64_t limit_ns, mote_error *err)
{
	char limit[MTI_ERROR_TIME_MAX];

	return mti_error_set(err, status, "run guest", "the call %s %s", what,
			     mti_error_time(limit_ns, limit));
}

mote_status mti_kick_error(const struct mti_kick *call, mote_status status,
			   mote_error *err)
{
	/* If it is not its own limit, it is one of a call around it. */
	bool own = status == MOTE_E_DEADLINE ?
			   !call->outer ||
				   call->deadline_ns == call->own_deadline_ns :
			   !call->outer || call->cpu_end_ns !=
						   call->outer->cpu_end_ns;

	if (status == MOTE_E_CANCELLED)
		return mti_error_set(err, status, "run guest",
				     "the call was cancelled");
	if (!own)
		return mti_error_set(err, status, "run guest",
				     "the %s of the call around this one is "
				     "up",
				     status == MOTE_E_DEADLINE ? "time" :
								 "CPU time");
	if (status == MOTE_E_DEADLINE)
		return time_error(status, "ran longer than",
				  call->limits.deadline_ns, err);
	return time_error(status, "used more CPU time than",
			  call->limits.cpu_ns, err);
}
