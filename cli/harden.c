/*
 * See harden.h.
 */
#include "harden.h"

#include <errno.h>
#include <sys/prctl.h>

#ifdef MOTE_SECCOMP
#include <seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

void cli_harden_start(void)
{
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

#ifdef MOTE_SECCOMP

/* The type byte of the ioctls of <linux/kvm.h>, KVMIO. */
#define IOCTL_TYPE_MASK 0xff00u
#define IOCTL_TYPE_KVM 0xae00u

static const int allowed[] = {
	/* A new sandbox: the sealed file that holds its image. */
	SCMP_SYS(memfd_create),
	SCMP_SYS(ftruncate),
	SCMP_SYS(pwrite64),
	SCMP_SYS(fcntl),
	/* A call: entering the VM is an ioctl, see below. */
	SCMP_SYS(timer_create),
	SCMP_SYS(timer_settime),
	SCMP_SYS(timer_gettime),
	SCMP_SYS(timer_getoverrun),
	SCMP_SYS(timer_delete),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_getres),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigtimedwait),
	SCMP_SYS(rt_sigpending),
	SCMP_SYS(tgkill),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(sched_yield),
	SCMP_SYS(futex),
	SCMP_SYS(gettid),
	SCMP_SYS(getpid),
	SCMP_SYS(getrandom),
	/* Memory. mmap only without PROT_EXEC, see below. */
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(brk),
	/* Output, and the end. */
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(poll),
	SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(close),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
};

/* What the library's connection to gdb takes, and cli_gdb_close. */
static const int debugger_allowed[] = {
	SCMP_SYS(socket),
	SCMP_SYS(setsockopt),
	SCMP_SYS(fchmod),
	SCMP_SYS(bind),
	SCMP_SYS(listen),
	SCMP_SYS(getsockname),
	SCMP_SYS(accept4),
	SCMP_SYS(recvfrom),
	SCMP_SYS(sendto),
	SCMP_SYS(unlink),
	SCMP_SYS(rmdir),
};

/* What it generates it executes; memory of the host is looked at first. */
static const int emulator_allowed[] = {
	SCMP_SYS(mmap),
	SCMP_SYS(mprotect),
	SCMP_SYS(process_vm_readv),
};

static int allow(scmp_filter_ctx filter, const int *calls, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int error =
			seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);

		if (error)
			return error;
	}
	return 0;
}

static int add_rules(scmp_filter_ctx filter, bool debugger, bool emulator)
{
	int error = allow(filter, allowed, sizeof(allowed) / sizeof(int));

	if (error == 0 && debugger)
		error = allow(filter, debugger_allowed,
			      sizeof(debugger_allowed) / sizeof(int));
	if (error == 0 && emulator)
		error = allow(filter, emulator_allowed,
			      sizeof(emulator_allowed) / sizeof(int));
	if (error)
		return error;
	if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
			     SCMP_A1(SCMP_CMP_MASKED_EQ, IOCTL_TYPE_MASK,
				     IOCTL_TYPE_KVM)))
		return -EINVAL;
	if (emulator)
		return 0;
	if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
			     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)))
		return -EINVAL;
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
}

int cli_harden_run(bool debugger, bool emulator)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int error;

	if (!filter)
		return ENOMEM;
	error = -add_rules(filter, debugger, emulator);
	errno = 0;
	/* What it returns is ECANCELED or EFAULT, whatever the kernel said. */
	if (error == 0 && seccomp_load(filter) != 0)
		error = errno ? errno : ECANCELED;
	seccomp_release(filter);
	return error;
}

/* Exit status: an errno. */
static void try_here(void)
{
	int error = cli_harden_run(false, false);

	/* A call that is not in the list. */
	if (error == 0 && syscall(SYS_getppid) >= 0)
		error = ENOSYS;
	_exit(error);
}

int cli_harden_try(void)
{
	pid_t child = fork();
	int status;

	if (child < 0)
		return errno;
	if (child == 0)
		try_here();
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : ECANCELED;
}

#else

int cli_harden_run(bool debugger, bool emulator)
{
	(void)debugger;
	(void)emulator;
	return 0;
}

int cli_harden_try(void)
{
	return ENOTSUP;
}

#endif
