/*
 * The process as libc sees it: one thread, no signals but those that it
 * raises itself, an exit to the host.
 */
#include "libc/libc.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>

#include "abi/trap.h"
#include "port.h"

#define PROCESS_ID 1
#define USER_ID 1000
#define ARCH_SET_FS 0x1002
#define SIGNALS 64

#define FUTEX_WAIT 0
#define FUTEX_WAKE 1
#define FUTEX_COMMAND 0x7f

/* How the kernel sees struct sigaction on this architecture. */
struct kernel_sigaction {
	uint64_t handler;
	uint64_t flags;
	uint64_t restorer;
	uint64_t mask;
};

static uint64_t ignored_signals;
static uint64_t signal_mask;

#ifdef CPU_HAS_FS_BASE
long mote_libc_arch_prctl(const uint64_t *args)
{
	if (args[0] != ARCH_SET_FS)
		return -EINVAL;
	if ((control()->features & MOTE_FEATURE_FSGSBASE) != 0)
		cpu_set_fs_base(args[1]);
	else
		mote_rt_exit(MOTE_PORT_SERVICE, MOTE_SERVICE_SET_FS_BASE,
			     args[1]);
	return 0;
}
#else
long mote_libc_arch_prctl(const uint64_t *args)
{
	(void)args;
	return -ENOSYS;
}
#endif

long mote_libc_getpid(const uint64_t *args)
{
	(void)args;
	return PROCESS_ID;
}

long mote_libc_getuid(const uint64_t *args)
{
	(void)args;
	return USER_ID;
}

long mote_libc_exit(const uint64_t *args)
{
	mote_rt_leave(MOTE_PORT_EXIT, (uint32_t)args[0], 0);
}

static uint64_t bit_of(uint64_t number)
{
	return UINT64_C(1) << (number - 1);
}

/* Ignored signals vanish, all others end the guest: there are no handlers. */
static long raise_signal(uint64_t number)
{
	uint64_t harmless = bit_of(SIGCHLD) | bit_of(SIGCONT) | bit_of(SIGURG) |
			    bit_of(SIGWINCH);

	if (number > SIGNALS)
		return -EINVAL;
	if (number == 0 || ((ignored_signals | harmless) & bit_of(number)) != 0)
		return 0;
	mote_rt_die((int)number, NULL);
}

long mote_libc_kill(const uint64_t *args)
{
	int id = (int)args[0];

	/* 0 and -1 are everybody, which is this process. */
	if (id != PROCESS_ID && id != 0 && id != -1)
		return -ESRCH;
	return raise_signal((uint32_t)args[1]);
}

long mote_libc_tgkill(const uint64_t *args)
{
	if ((int)args[0] != PROCESS_ID)
		return -ESRCH;
	return mote_libc_kill(args + 1);
}

/* Default and ignore can be set; a handler would never be called. */
long mote_libc_rt_sigaction(const uint64_t *args)
{
	const struct kernel_sigaction *new = (const void *)args[1];
	struct kernel_sigaction *old = (void *)args[2];
	uint64_t number = (uint32_t)args[0];
	bool ignored;

	if (number == 0 || number > SIGNALS)
		return -EINVAL;
	ignored = (ignored_signals & bit_of(number)) != 0;
	if (new != NULL) {
		if (number == SIGKILL || number == SIGSTOP)
			return -EINVAL;
		if (new->handler == (uint64_t)SIG_IGN)
			ignored_signals |= bit_of(number);
		else if (new->handler == (uint64_t)SIG_DFL)
			ignored_signals &= ~bit_of(number);
		else
			return -ENOSYS;
	}
	if (old != NULL) {
		zero_bytes(old, sizeof(*old));
		old->handler = (uint64_t)(ignored ? SIG_IGN : SIG_DFL);
	}
	return 0;
}

/* Kept for who asks; nothing arrives that it could hold back. */
long mote_libc_rt_sigprocmask(const uint64_t *args)
{
	const uint64_t *new = (const uint64_t *)args[1];
	uint64_t *old = (uint64_t *)args[2];
	uint64_t before = signal_mask;

	if (new != NULL) {
		if ((uint32_t)args[0] == SIG_BLOCK)
			signal_mask |= *new;
		else if ((uint32_t)args[0] == SIG_UNBLOCK)
			signal_mask &= ~*new;
		else if ((uint32_t)args[0] == SIG_SETMASK)
			signal_mask = *new;
		else
			return -EINVAL;
	}
	if (old != NULL)
		*old = before;
	return 0;
}

/* Nobody could wake a waiter: it times out, or the program is deadlocked. */
long mote_libc_futex(const uint64_t *args)
{
	static const char text[] = "mote: deadlock in the guest\n";
	const volatile uint32_t *value = (const volatile uint32_t *)args[0];
	const struct timespec *timeout = (const struct timespec *)args[3];
	uint32_t command = (uint32_t)args[1] & FUTEX_COMMAND;

	if (command == FUTEX_WAKE)
		return 0;
	if (command != FUTEX_WAIT)
		return -ENOSYS;
	if (*value != (uint32_t)args[2])
		return -EAGAIN;
	if (timeout != NULL) {
		const uint64_t sleep[] = { args[3], 0 };
		long error = mote_libc_nanosleep(sleep);

		return error != 0 ? error : -ETIMEDOUT;
	}
	mote_rt_post_output(MOTE_POST_STDERR, text, sizeof(text) - 1);
	mote_rt_die(SIGABRT, NULL);
}

long mote_libc_getrandom(const uint64_t *args)
{
	char *to = (char *)args[0];
	size_t left = args[1];

	while (left > 0) {
		size_t piece = left < MOTE_RANDOM_MAX ? left : MOTE_RANDOM_MAX;

		mote_rt_exit(MOTE_PORT_SERVICE, MOTE_SERVICE_RANDOM, piece);
		copy_bytes(to, (const void *)MOTE_GVA_REPLY, piece);
		to += piece;
		left -= piece;
	}
	return (long)args[1];
}

static void get_limit(uint64_t resource, struct rlimit *limit)
{
	uint64_t value;

	switch ((uint32_t)resource) {
	case RLIMIT_STACK:
		value = control()->stack_size;
		break;
	case RLIMIT_AS:
	case RLIMIT_DATA:
		value = control()->heap_size;
		break;
	case RLIMIT_NOFILE:
		value = 3;
		break;
	case RLIMIT_NPROC:
		value = 1;
		break;
	case RLIMIT_CORE:
		value = 0;
		break;
	default:
		value = RLIM_INFINITY;
		break;
	}
	limit->rlim_cur = value;
	limit->rlim_max = value;
}

long mote_libc_getrlimit(const uint64_t *args)
{
	if ((uint32_t)args[0] >= RLIM_NLIMITS)
		return -EINVAL;
	get_limit(args[0], (struct rlimit *)args[1]);
	return 0;
}

long mote_libc_prlimit64(const uint64_t *args)
{
	int id = (int)args[0];

	if (id != 0 && id != PROCESS_ID)
		return -ESRCH;
	if ((uint32_t)args[1] >= RLIM_NLIMITS)
		return -EINVAL;
	if (args[2] != 0)
		return -EPERM;
	if (args[3] != 0)
		get_limit(args[1], (struct rlimit *)args[3]);
	return 0;
}

long mote_libc_sysinfo(const uint64_t *args)
{
	struct sysinfo *info = (struct sysinfo *)args[0];

	zero_bytes(info, sizeof(*info));
	info->uptime = (unsigned long)(mote_rt_clock_monotonic() / 1000000000);
	info->totalram = control()->heap_size;
	info->procs = 1;
	info->mem_unit = 1;
	return 0;
}

static void put_text(char *to, const char *text)
{
	do
		*to++ = *text;
	while (*text++ != '\0');
}

long mote_libc_uname(const uint64_t *args)
{
	struct utsname *name = (struct utsname *)args[0];

	zero_bytes(name, sizeof(*name));
	put_text(name->sysname, "Mote");
	put_text(name->nodename, "guest");
	put_text(name->release, "1");
	put_text(name->version, "1");
	put_text(name->machine, CPU_NAME);
	return 0;
}
