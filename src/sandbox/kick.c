#include "sandbox/kick.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/error.h"
#include "os/os.h"

#define DEFAULT_SIGNAL (SIGRTMIN + 6)

/* The signal of this process, 0 before the first engine. */
static _Atomic int kick_signal;
static pthread_mutex_t install_lock = PTHREAD_MUTEX_INITIALIZER;

struct thread_kick {
	const struct mti_kick_target *volatile target; /* NULL: no call runs */
	volatile uint64_t deadline_ns;
	volatile uint64_t armed_ns; /* 0: the timer does not run */
	volatile bool expired;
	bool has_timer;
	timer_t timer;
};

/* initial-exec: a signal handler must not allocate it. */
static __thread struct thread_kick self
	__attribute__((tls_model("initial-exec")));

static pthread_key_t cleanup_key;
static pthread_once_t cleanup_once = PTHREAD_ONCE_INIT;
static bool cleanup_ready;

/* When the timer is to expire for a target: at the next slice, if any. */
static uint64_t next_ns(const struct mti_kick_target *target, uint64_t now_ns,
			uint64_t deadline_ns)
{
	if (target->slice_ns == 0 || deadline_ns - now_ns <= target->slice_ns)
		return deadline_ns;
	return now_ns + target->slice_ns;
}

static void handler(int signal)
{
	int saved = errno;
	uint64_t now_ns = mti_os_monotonic_ns();

	(void)signal;
	if (!self.target) {
		self.armed_ns = 0;
	} else if (now_ns >= self.deadline_ns) {
		self.armed_ns = 0;
		self.expired = true;
		self.target->kick(self.target->vm, true);
	} else {
		if (self.target->slice_ns != 0)
			self.target->kick(self.target->vm, true);
		self.armed_ns = next_ns(self.target, now_ns,
					self.deadline_ns);
		(void)mti_os_timer_arm(self.timer, self.armed_ns);
	}
	errno = saved;
}

void mti_kick_before_fork(void)
{
	pthread_mutex_lock(&install_lock);
}

void mti_kick_after_fork(bool child)
{
	/* A child inherits no timer (timer_create(2)), only what we noted. */
	if (child) {
		self.target = NULL;
		self.has_timer = false;
		self.armed_ns = 0;
		self.expired = false;
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
	if (self.has_timer)
		mti_os_timer_free(self.timer);
	self.has_timer = false;
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
	self.has_timer = true;
	self.armed_ns = 0;
	pthread_once(&cleanup_once, make_cleanup_key);
	if (cleanup_ready)
		pthread_setspecific(cleanup_key, &self);
	return MOTE_OK;
}

/*
 * Makes the handler aim at target; the timer may have to run earlier. Also
 * if it should have expired by now and has not been heard of: then the
 * program blocks the signal, which arming undoes.
 */
static int aim(const struct mti_kick_target *target, uint64_t now_ns,
	       uint64_t deadline_ns)
{
	uint64_t armed;
	uint64_t when;
	int os;

	/* The handler must never see a target with another's deadline. */
	self.target = NULL;
	atomic_signal_fence(memory_order_seq_cst);
	self.deadline_ns = deadline_ns;
	atomic_signal_fence(memory_order_seq_cst);
	self.target = target;
	atomic_signal_fence(memory_order_seq_cst);
	armed = self.armed_ns;
	if (!target)
		return 0;
	when = next_ns(target, now_ns, deadline_ns);
	if (armed > now_ns && armed <= when)
		return 0;
	os = mti_os_signal_unblock(kick_signal);
	if (os < 0)
		return os;
	self.armed_ns = when;
	atomic_signal_fence(memory_order_seq_cst);
	return mti_os_timer_arm(self.timer, when);
}

mote_status mti_kick_begin(const struct mti_kick_target *target,
			   uint64_t now_ns,
			   uint64_t deadline_ns, struct mti_kick_frame *outer,
			   mote_error *err)
{
	mote_status status;
	int os;

	if (!self.has_timer) {
		status = prepare_thread(err);
		if (status != MOTE_OK)
			return status;
	}
	outer->target = self.target;
	outer->deadline_ns = self.deadline_ns;
	outer->expired = self.expired;
	if (outer->target && outer->deadline_ns < deadline_ns)
		deadline_ns = outer->deadline_ns;
	self.expired = false;
	target->kick(target->vm, false);
	os = aim(target, now_ns, deadline_ns);
	if (os < 0) {
		self.armed_ns = 0;
		mti_kick_end(outer);
		return mti_error_os(err, MOTE_E_OS, "arm deadline", -os,
				    "timer_settime");
	}
	return MOTE_OK;
}

bool mti_kick_expired(void)
{
	return self.expired;
}

void mti_kick_again(void)
{
	self.target->kick(self.target->vm, false);
	atomic_signal_fence(memory_order_seq_cst);
	if (self.expired)
		self.target->kick(self.target->vm, true);
}

void mti_kick_change(uint64_t now_ns, uint64_t deadline_ns)
{
	self.expired = false;
	(void)aim(self.target, now_ns, deadline_ns);
	mti_kick_again();
}

void mti_kick_end(const struct mti_kick_frame *outer)
{
	self.target = NULL;
	atomic_signal_fence(memory_order_seq_cst);
	self.expired = outer->expired;
	if (outer->expired)
		outer->target->kick(outer->target->vm, true);
	if (outer->target)
		(void)aim(outer->target, mti_os_monotonic_ns(),
			  outer->deadline_ns);
}
