/*
 * nofilter PROGRAM [ARG...]: runs it where no filter of system calls can be
 * made, as some containers are. By a filter, which it keeps.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Both kinds of machines that this is run on are little-endian. */
#define LOAD(field)                       \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, \
		 (unsigned int)offsetof(struct seccomp_data, field))
#define SKIP_UNLESS(value, count) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)(value), 0, (count))
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, (unsigned int)(value))

int main(int argc, char **argv)
{
	struct sock_filter code[] = {
		LOAD(nr),
		SKIP_UNLESS(SYS_seccomp, 1),
		RETURN(SECCOMP_RET_ERRNO | EPERM),
		SKIP_UNLESS(SYS_prctl, 3),
		LOAD(args[0]),
		SKIP_UNLESS(PR_SET_SECCOMP, 1),
		RETURN(SECCOMP_RET_ERRNO | EPERM),
		RETURN(SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {
		.len = sizeof(code) / sizeof(code[0]),
		.filter = code,
	};

	if (argc < 2)
		return 2;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0) {
		fprintf(stderr, "nofilter: %s\n", strerror(errno));
		return 125;
	}
	execv(argv[1], argv + 1);
	fprintf(stderr, "nofilter: %s: %s\n", argv[1], strerror(errno));
	return 126;
}
