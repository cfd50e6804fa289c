/*
 * Every system call that is not simply "function not implemented", in one
 * table. docs/GUEST-LIBC.md has a line for each row; a test compares them.
 *
 *	SERVED(name, handler)  does its work inside the guest
 *	NOOP(name)             returns 0: there is nothing to do in a guest
 *	REFUSED(name, error)   fails with that error, always
 *
 * All others fail with ENOSYS.
 */
#ifndef MOTE_LIBC_SYSCALLS_H
#define MOTE_LIBC_SYSCALLS_H

#define MOTE_SYSCALL_TABLE(SERVED, NOOP, REFUSED)              \
	/* memory */                                           \
	SERVED(mmap, mote_libc_mmap)                           \
	SERVED(munmap, mote_libc_munmap)                       \
	SERVED(mremap, mote_libc_mremap)                       \
	SERVED(mprotect, mote_libc_mprotect)                   \
	SERVED(madvise, mote_libc_madvise)                     \
	REFUSED(brk, ENOMEM)                                   \
	/* files: 0 is empty, 1 and 2 are output, none else */ \
	SERVED(read, mote_libc_read)                           \
	SERVED(readv, mote_libc_readv)                         \
	SERVED(write, mote_libc_write)                         \
	SERVED(writev, mote_libc_writev)                       \
	SERVED(close, mote_libc_close)                         \
	SERVED(lseek, mote_libc_lseek)                         \
	SERVED(ioctl, mote_libc_ioctl)                         \
	SERVED(fcntl, mote_libc_fcntl)                         \
	SERVED(fstat, mote_libc_fstat)                         \
	SERVED(open, mote_libc_open)                           \
	SERVED(openat, mote_libc_openat)                       \
	REFUSED(access, ENOENT)                                \
	REFUSED(chdir, ENOENT)                                 \
	REFUSED(creat, EROFS)                                  \
	REFUSED(execve, ENOENT)                                \
	REFUSED(faccessat, ENOENT)                             \
	REFUSED(getcwd, ENOENT)                                \
	REFUSED(lstat, ENOENT)                                 \
	REFUSED(mkdir, EROFS)                                  \
	REFUSED(mkdirat, EROFS)                                \
	REFUSED(newfstatat, ENOENT)                            \
	REFUSED(readlink, ENOENT)                              \
	REFUSED(readlinkat, ENOENT)                            \
	REFUSED(rename, ENOENT)                                \
	REFUSED(renameat, ENOENT)                              \
	REFUSED(rmdir, ENOENT)                                 \
	REFUSED(stat, ENOENT)                                  \
	REFUSED(unlink, ENOENT)                                \
	REFUSED(unlinkat, ENOENT)                              \
	/* time */                                             \
	SERVED(clock_gettime, mote_libc_clock_gettime)         \
	SERVED(clock_getres, mote_libc_clock_getres)           \
	SERVED(gettimeofday, mote_libc_gettimeofday)           \
	SERVED(time, mote_libc_time)                           \
	SERVED(nanosleep, mote_libc_nanosleep)                 \
	SERVED(clock_nanosleep, mote_libc_clock_nanosleep)     \
	/* the process */                                      \
	SERVED(arch_prctl, mote_libc_arch_prctl)               \
	SERVED(set_tid_address, mote_libc_getpid)              \
	SERVED(gettid, mote_libc_getpid)                       \
	SERVED(getpid, mote_libc_getpid)                       \
	SERVED(getpgid, mote_libc_getpid)                      \
	SERVED(getpgrp, mote_libc_getpid)                      \
	NOOP(getppid)                                          \
	SERVED(getuid, mote_libc_getuid)                       \
	SERVED(geteuid, mote_libc_getuid)                      \
	SERVED(getgid, mote_libc_getuid)                       \
	SERVED(getegid, mote_libc_getuid)                      \
	SERVED(exit, mote_libc_exit)                           \
	SERVED(exit_group, mote_libc_exit)                     \
	SERVED(kill, mote_libc_kill)                           \
	SERVED(tkill, mote_libc_kill)                          \
	SERVED(tgkill, mote_libc_tgkill)                       \
	SERVED(rt_sigaction, mote_libc_rt_sigaction)           \
	SERVED(rt_sigprocmask, mote_libc_rt_sigprocmask)       \
	SERVED(futex, mote_libc_futex)                         \
	SERVED(getrandom, mote_libc_getrandom)                 \
	SERVED(getrlimit, mote_libc_getrlimit)                 \
	SERVED(prlimit64, mote_libc_prlimit64)                 \
	SERVED(sysinfo, mote_libc_sysinfo)                     \
	SERVED(uname, mote_libc_uname)                         \
	NOOP(sched_yield)                                      \
	NOOP(set_robust_list)                                  \
	REFUSED(setrlimit, EPERM)

#endif
