/*
 * The first process of a machine that tools/test-qemu boots: loads KVM, runs
 * the programs of /list one after the other, says how each ended, powers off.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SECONDS_EACH 300

static void make_mount(const char *type, const char *path)
{
	mkdir(path, 0755);
	if (mount(type, path, type, 0, "") != 0)
		printf("mount %s: %s\n", path, strerror(errno));
}

static void load_module(const char *name)
{
	char path[280];
	int fd;

	snprintf(path, sizeof(path), "/modules/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || syscall(SYS_finit_module, fd, "", 0) != 0)
		printf("%s: %s\n", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

/* By the order of their names. */
static void load_modules(void)
{
	struct dirent **entries;
	int count = scandir("/modules", &entries, NULL, alphasort);
	int i;

	for (i = 0; i < count; i++)
		if (entries[i]->d_name[0] != '.')
			load_module(entries[i]->d_name);
}

/*
 * Linux patches its own code when the first VM and virtual CPU are made and
 * when the last ones go (static keys), and QEMU with several CPUs may go on
 * running the breakpoint that marked the place: then all stands still. So one
 * VM is there all the time.
 */
static void hold_vm(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int vm = ioctl(kvm, KVM_CREATE_VM, 0);

	if (vm < 0 || ioctl(vm, KVM_CREATE_VCPU, 0) < 0)
		printf("/dev/kvm: %s\n", strerror(errno));
}

static void use_console(void)
{
	int fd = open("/dev/console", O_RDWR);

	dup2(fd, STDIN_FILENO);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	setvbuf(stdout, NULL, _IOLBF, 0);
}

static void set_child_signal(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(how, &set, NULL);
}

/* The status of a child that has ended in time, or that was killed. */
static int wait_for(pid_t child)
{
	const struct timespec second = { .tv_sec = 1 };
	time_t end = time(NULL) + SECONDS_EACH;
	int status = 0;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	while (waitpid(child, &status, WNOHANG) != child)
		if (sigtimedwait(&set, NULL, &second) < 0 && time(NULL) > end)
			kill(-child, SIGKILL);
	/* What it has left behind. */
	kill(-child, SIGKILL);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	return status;
}

/* A line of /list: name, program, and the origin of sandboxes if need be. */
static void run(char *line)
{
	static const char blanks[] = " \n";
	char *rest = line;
	const char *name = strtok_r(NULL, blanks, &rest);
	const char *program = strtok_r(NULL, blanks, &rest);
	const char *origin = strtok_r(NULL, blanks, &rest);
	time_t start = time(NULL);
	pid_t child;
	int status;

	if (!program)
		return;
	printf("=== start %s\n", name);
	fflush(stdout);
	child = fork();
	if (child == 0) {
		set_child_signal(SIG_UNBLOCK);
		setpgid(0, 0);
		setenv("MOTE_REQUIRE_HV", "kvm", 1);
		setenv("MOTE_TEST_CPU", "qemu", 1);
		if (origin)
			setenv("MOTE_TEST_ORIGIN", origin, 1);
		execl(program, program, (char *)NULL);
		_exit(127);
	}
	status = wait_for(child);
	printf("=== end %s %s %d after %d s\n", name,
	       WIFSIGNALED(status) ? "signal" : "status",
	       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
	       (int)(time(NULL) - start));
	fflush(stdout);
}

int main(void)
{
	char line[512];
	FILE *list;

	make_mount("devtmpfs", "/dev");
	make_mount("proc", "/proc");
	make_mount("sysfs", "/sys");
	/* The tree under test may be below it. */
	mkdir("/tmp", 01777);
	make_mount("tmpfs", "/dev/shm");
	use_console();
	set_child_signal(SIG_BLOCK);
	load_modules();
	hold_vm();
	list = fopen("/list", "re");
	while (list && fgets(line, sizeof(line), list))
		run(line);
	printf("=== done\n");
	fflush(stdout);
	sync();
	reboot(RB_POWER_OFF);
	return 1;
}
