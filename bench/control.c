/*
 * cancel and deadline: what control over calls costs.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <mote/control.h>
#include <mote/snapshot.h>

#include "bench.h"
#include "floor.h"

#define CALLS 50 /* of a kind in a row */
#define FLOOR_SIGNAL (SIGRTMIN + 7)
/* After this a guest that was to be entered has been. */
#define SETTLE_NS 300000
#define SHORT_NS UINT64_C(50000000)
/* The longest that there is: a hundred years. */
#define NEVER_NS (UINT64_C(100) * 365 * 86400 * 1000000000)

/* -------------------------------------------------------------- cancel */

/* A thread that runs guests which never end, till somebody stops them. */
struct spinner {
	pthread_t thread;
	pid_t id;
	sem_t start;
	sem_t stopped;
	bool use_floor; /* the next one */
	bool quit;
	_Atomic bool entering;
	uint64_t stopped_ns;
	int result;

	mote_engine *engine;
	mote_image *image;
	mote_sandbox *box;
	mote_snapshot *snapshot;
	mote_interrupt *handle;
	struct floor_vm floor;
	mote_error err;
};

static void on_floor_signal(int signal)
{
	(void)signal;
}

/* The guest is entered once more when it returns, and stays. */
static mote_status entering(void *user, mote_host_call *call,
			    const mote_value *args, size_t count,
			    mote_value *result)
{
	struct spinner *self = user;

	(void)call;
	(void)args;
	(void)count;
	(void)result;
	atomic_store(&self->entering, true);
	return MOTE_OK;
}

static void spin_once(struct spinner *self)
{
	if (self->use_floor) {
		atomic_store(&self->entering, true);
		self->result = floor_spin(&self->floor);
	} else {
		self->result = mote_call(self->box, "Spin", NULL, 0, NULL,
					 &self->err) == MOTE_E_CANCELLED ?
				       0 :
				       -1;
	}
	self->stopped_ns = bench_now_ns();
}

static void wait_for(sem_t *semaphore)
{
	while (sem_wait(semaphore) < 0)
		continue;
}

/* On another CPU than the one that all else is pinned to, if there is one. */
static void leave_cpu(void)
{
	cpu_set_t set;
	int here = sched_getcpu();

	memset(&set, 0xff, sizeof(set));
	if (here >= 0)
		CPU_CLR((size_t)here, &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
}

static void *spinner_main(void *argument)
{
	struct spinner *self = argument;

	self->id = (pid_t)syscall(SYS_gettid);
	leave_cpu();
	sem_post(&self->stopped);
	for (;;) {
		wait_for(&self->start);
		if (self->quit)
			return NULL;
		spin_once(self);
		sem_post(&self->stopped);
	}
}

static void settle(struct spinner *self)
{
	const struct timespec time = { .tv_nsec = SETTLE_NS };

	while (!atomic_load(&self->entering))
		sched_yield();
	nanosleep(&time, NULL);
}

/* Microseconds from the order to stop to the return; negative: failed. */
static double stop_once(struct spinner *self, bool use_floor)
{
	uint64_t begun_ns;

	self->use_floor = use_floor;
	atomic_store(&self->entering, false);
	sem_post(&self->start);
	settle(self);
	begun_ns = bench_now_ns();
	if (use_floor)
		syscall(SYS_tgkill, getpid(), self->id, FLOOR_SIGNAL);
	else
		(void)mote_interrupt_cancel(self->handle);
	wait_for(&self->stopped);
	if (self->result == 0 && !use_floor &&
	    mote_sandbox_restore(self->box, self->snapshot, &self->err) !=
		    MOTE_OK)
		self->result = -1;
	return self->result == 0 ?
		       (double)(self->stopped_ns - begun_ns) / 1000 :
		       -1;
}

static int measure_cancel(struct bench *bench, struct spinner *self)
{
	static struct bench_samples ratio, floor_us, cancel_us;
	size_t rounds = bench_rounds(bench, 400, 40);
	size_t round;

	for (round = 0; round < rounds + 2; round++) {
		double us[2];
		size_t i;

		for (i = 0; i < 2; i++) {
			size_t which = (i + round) % 2;

			us[which] = stop_once(self, which == 0);
			if (us[which] >= 0)
				continue;
			if (which == 0)
				return bench_fail(bench, "floor: %s: %s",
						  self->floor.failed,
						  strerror(errno));
			return bench_fail_mote(bench, "cancel", &self->err);
		}
		if (round < 2) /* cold */
			continue;
		bench_samples_add(&ratio, us[1] / us[0]);
		bench_samples_add(&floor_us, us[0]);
		bench_samples_add(&cancel_us, us[1]);
	}
	bench_ratio(bench, "cancel", 1.20,
		    "cancel to mote_call's return / signal to KVM_RUN's",
		    &ratio);
	bench_value(bench, "signal_return", "us", "the floor of cancel",
		    &floor_us);
	bench_value(bench, "cancel_return", "us",
		    "from cancel to mote_call's return", &cancel_us);
	return 0;
}

static int run_spinner(struct bench *bench, struct spinner *self)
{
	struct sigaction action = { .sa_handler = on_floor_signal };
	int status;

	sigaction(FLOOR_SIGNAL, &action, NULL);
	sem_init(&self->start, 0, 0);
	sem_init(&self->stopped, 0, 0);
	if (pthread_create(&self->thread, NULL, spinner_main, self) != 0)
		return bench_fail(bench, "no thread");
	wait_for(&self->stopped);
	status = measure_cancel(bench, self);
	self->quit = true;
	sem_post(&self->start);
	pthread_join(self->thread, NULL);
	return status;
}

static int bench_cancel(struct bench *bench)
{
	static struct spinner self;
	const mote_host_function host = { "Nothing", "v()", entering, &self };
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;
	int status = -1;

	self.err = (mote_error)MOTE_ERROR_INIT;
	options.deadline_ns = NEVER_NS;
	options.host_functions = &host;
	options.host_function_count = 1;
	if (bench_open(bench, &options, &self.engine, &self.image, &self.box) <
	    0)
		return -1;
	if (floor_open_loop(&self.floor) < 0)
		bench_fail(bench, "floor: %s: %s", self.floor.failed,
			   strerror(errno));
	else if (mote_snapshot_take(self.box, &self.snapshot, &self.err) !=
			 MOTE_OK ||
		 mote_interrupt_new(self.box, &self.handle, &self.err) !=
			 MOTE_OK)
		bench_fail_mote(bench, "cancel", &self.err);
	else
		status = run_spinner(bench, &self);
	floor_close(&self.floor);
	mote_interrupt_unref(self.handle);
	mote_snapshot_unref(self.snapshot);
	mote_sandbox_free(self.box);
	mote_image_unref(self.image);
	mote_engine_unref(self.engine);
	return status;
}

/* ------------------------------------------------------------ deadline */

enum kind { WITHOUT, DEADLINE, CPU_TIME, MEASURED, KINDS };

/* On a busy machine an empty call may well take longer than its deadline. */
#define LATE_MAX 1000

struct limited {
	mote_engine *engine;
	mote_image *image;
	mote_sandbox *boxes[KINDS];
	mote_snapshot *starts[KINDS];
	size_t late;
	mote_error err;
};

static int open_limited(struct bench *bench, struct limited *self)
{
	mote_sandbox_options options[KINDS];
	size_t i;

	for (i = 0; i < KINDS; i++) {
		options[i] = (mote_sandbox_options)MOTE_SANDBOX_OPTIONS_INIT;
		options[i].deadline_ns = NEVER_NS;
	}
	options[CPU_TIME].cpu_ns = SHORT_NS;
	options[MEASURED].flags = MOTE_SANDBOX_CALL_STATS;
	for (i = 0; i < KINDS; i++) {
		if (bench_open(bench, &options[i], &self->engine, &self->image,
			       &self->boxes[i]) < 0)
			return -1;
		/* The sandbox holds what it needs of them. */
		mote_image_unref(self->image);
		mote_engine_unref(self->engine);
		if (mote_snapshot_take(self->boxes[i], &self->starts[i],
				       &self->err) != MOTE_OK)
			return bench_fail_mote(bench, "limits", &self->err);
	}
	/* The guest's start is not measured, and may take its time. */
	if (mote_sandbox_set_deadline(self->boxes[DEADLINE], SHORT_NS,
				      &self->err) != MOTE_OK)
		return bench_fail_mote(bench, "limits", &self->err);
	return 0;
}

/* Nanoseconds of a call; negative: it failed. */
static double time_calls(struct limited *self, size_t kind)
{
	uint64_t begun_ns = bench_now_ns();
	int i;

	for (i = 0; i < CALLS; i++)
		if (mote_call(self->boxes[kind], "Empty", NULL, 0, NULL,
			      &self->err) != MOTE_OK)
			return -1;
	return (double)(bench_now_ns() - begun_ns) / CALLS;
}

/* Whether that is why the call failed; it can be made again then. */
static bool was_late(struct limited *self, size_t kind)
{
	return (self->err.code == MOTE_E_DEADLINE ||
		self->err.code == MOTE_E_CPU_TIME) &&
	       ++self->late <= LATE_MAX &&
	       mote_sandbox_restore(self->boxes[kind], self->starts[kind],
				    &self->err) == MOTE_OK;
}

/* One of each kind, in one order and the other. */
static int time_round(struct limited *self, size_t round, double ns[KINDS])
{
	size_t i;

	for (i = 0; i < KINDS; i++) {
		size_t kind = round % 2 ? KINDS - 1 - i : i;

		do
			ns[kind] = time_calls(self, kind);
		while (ns[kind] < 0 && was_late(self, kind));
		if (ns[kind] < 0)
			return -1;
	}
	return 0;
}

static int measure_limited(struct bench *bench, struct limited *self)
{
	static struct bench_samples ratio, cpu_us, measured_us;
	size_t rounds = bench_rounds(bench, 400, 20);
	double ns[KINDS];
	size_t round;

	for (round = 0; round < rounds + 2; round++) {
		if (time_round(self, round, ns) < 0)
			return bench_fail_mote(bench, "limits", &self->err);
		if (round < 2) /* cold */
			continue;
		bench_samples_add(&ratio, ns[DEADLINE] / ns[WITHOUT]);
		bench_samples_add(&cpu_us, (ns[CPU_TIME] - ns[WITHOUT]) / 1000);
		bench_samples_add(&measured_us,
				  (ns[MEASURED] - ns[WITHOUT]) / 1000);
	}
	bench_ratio(bench, "deadline", 1.03,
		    "an empty call with a deadline of 50 ms / of 100 years",
		    &ratio);
	bench_value(bench, "cpu_limit", "us",
		    "what a limit of CPU time adds to a call", &cpu_us);
	bench_value(bench, "call_stats", "us",
		    "what MOTE_SANDBOX_CALL_STATS adds to a call",
		    &measured_us);
	return 0;
}

static int bench_deadline(struct bench *bench)
{
	static struct limited self;
	int status = -1;
	size_t i;

	self.err = (mote_error)MOTE_ERROR_INIT;
	if (open_limited(bench, &self) == 0)
		status = measure_limited(bench, &self);
	for (i = 0; i < KINDS; i++) {
		mote_snapshot_unref(self.starts[i]);
		mote_sandbox_free(self.boxes[i]);
	}
	return status;
}

int bench_control(struct bench *bench)
{
	return bench_cancel(bench) < 0 ? -1 : bench_deadline(bench);
}
