/*
 * The first process of the machine that tools/test-svm boots: loads KVM, runs
 * the programs of /list one after the other, says how each ended, powers off.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
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
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/modules/%s.ko", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || syscall(SYS_finit_module, fd, "", 0) != 0)
		printf("%s: %s\n", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

static void use_console(void)
{
	int fd = open("/dev/console", O_RDWR);

	dup2(fd, STDIN_FILENO);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	setvbuf(stdout, NULL, _IOLBF, 0);
}

/* "program" or "program argument", as in /list. */
static void run(char *line)
{
	char *argument = strchr(line, ' ');
	int status = 0;
	pid_t child;

	if (argument)
		*argument++ = '\0';
	printf("=== start %s\n", line);
	fflush(stdout);
	child = fork();
	if (child == 0) {
		setenv("MOTE_REQUIRE_HV", "kvm", 1);
		alarm(SECONDS_EACH);
		execl(line, line, argument, (char *)NULL);
		_exit(127);
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status))
		printf("=== end %s signal %d\n", line, WTERMSIG(status));
	else
		printf("=== end %s status %d\n", line, WEXITSTATUS(status));
	fflush(stdout);
}

int main(void)
{
	static const char *const modules[] = { "irqbypass", "kvm", "ccp",
					       "kvm-amd" };
	char line[512];
	FILE *list;
	size_t i;

	make_mount("devtmpfs", "/dev");
	make_mount("proc", "/proc");
	make_mount("sysfs", "/sys");
	make_mount("tmpfs", "/tmp");
	use_console();
	for (i = 0; i < sizeof(modules) / sizeof(modules[0]); i++)
		load_module(modules[i]);
	list = fopen("/list", "re");
	while (list && fgets(line, sizeof(line), list)) {
		line[strcspn(line, "\n")] = '\0';
		run(line);
	}
	printf("=== done\n");
	fflush(stdout);
	sync();
	reboot(RB_POWER_OFF);
	return 1;
}
