/* What a C program expects of its libc. Each test returns "" or what failed. */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#include <mote_guest.h>

#define STRING(x) STRING_2(x)
#define STRING_2(x) #x
#define CHECK(x)                                              \
	do                                                    \
		if (!(x))                                     \
			return __FILE__ ":" STRING(__LINE__) ": " #x; \
	while (0)

static int constructed;
static _Thread_local int in_tls = 41;
static _Thread_local char tls_zero[3000];

__attribute__((constructor)) static void construct(void)
{
	constructed = 7;
	in_tls++;
}

MOTE_EXPORT(string, Start, void)
{
	CHECK(constructed == 7);
	CHECK(in_tls == 42);
	CHECK(tls_zero[0] == 0 && tls_zero[2999] == 0);
	CHECK(environ != NULL && environ[0] == NULL);
	CHECK(getenv("PATH") == NULL);
	CHECK(setenv("PATH", "here", 1) == 0);
	CHECK(strcmp(getenv("PATH"), "here") == 0);
	CHECK(unsetenv("PATH") == 0);
	CHECK(getpid() == 1 && getuid() == 1000 && geteuid() == getuid());
	CHECK(sysconf(_SC_PAGESIZE) == 4096);
	CHECK(sysconf(_SC_NPROCESSORS_ONLN) == 1);
	return "";
}

MOTE_EXPORT(string, Format, void)
{
	char text[200];
	char word[20];
	double number;
	int integer;

	snprintf(text, sizeof(text), "%d %5.2f %-4s| %x %" PRIu64 " %p %g",
		 -3, 3.14159, "ab", 255, UINT64_MAX, (void *)16, 1e100);
	CHECK(strcmp(text, "-3  3.14 ab  | ff 18446744073709551615 0x10 "
			   "1e+100") == 0);
	CHECK(sscanf("12 abc 2.5", "%d %19s %lf", &integer, word, &number) ==
	      3);
	CHECK(integer == 12 && strcmp(word, "abc") == 0 && number == 2.5);
	CHECK(strtod("0x1p-3", NULL) == 0.125);
	CHECK(strtoll("-9223372036854775808", NULL, 10) == LLONG_MIN);
	CHECK(fabs(sin(1.0) * sin(1.0) + cos(1.0) * cos(1.0) - 1) < 1e-15);
	CHECK(setlocale(LC_ALL, "C.UTF-8") != NULL);
	CHECK(mbstowcs(NULL, "\xc3\xa4", 0) == 1);
	return "";
}

static int compare(const void *a, const void *b)
{
	int x = *(const int *)a;
	int y = *(const int *)b;

	return x < y ? -1 : x > y;
}

static jmp_buf jump;

static void throw(int value)
{
	longjmp(jump, value);
}

MOTE_EXPORT(string, Control, void)
{
	static int numbers[1000];
	volatile int passes = 0;
	unsigned i;

	for (i = 0; i < 1000; i++)
		numbers[i] = (int)(i * 7919 % 1000);
	qsort(numbers, 1000, sizeof(*numbers), compare);
	for (i = 0; i < 1000; i++)
		CHECK(numbers[i] == (int)i);
	passes++;
	if (setjmp(jump) == 0)
		throw(5);
	else
		passes++;
	CHECK(passes == 2);
	return "";
}

/* Fills the heap, frees it, and can fill it again as far. */
static size_t fill(size_t size)
{
	struct block {
		struct block *next;
	} *first = NULL;
	size_t count = 0;
	struct block *block;

	while ((block = malloc(size)) != NULL) {
		memset(block, 0x5a, size);
		block->next = first;
		first = block;
		count++;
	}
	while (first != NULL) {
		block = first->next;
		free(first);
		first = block;
	}
	return count;
}

MOTE_EXPORT(string, Exhaust, (u64, heap))
{
	static const size_t sizes[] = { 100, 4000, 70000, 1000000 };
	size_t count[4];
	volatile size_t huge = SIZE_MAX / 2;
	unsigned i;
	unsigned round;

	for (round = 0; round < 3; round++)
		for (i = 0; i < 4; i++) {
			size_t now = fill(sizes[i]);

			/* Half of the heap must be usable at the least. */
			CHECK(now * sizes[i] > heap / 2 ||
			      sizes[i] > heap / 4);
			CHECK(round < 2 || now >= count[i] * 9 / 10);
			count[i] = now;
		}
	CHECK(malloc(heap + 1) == NULL && errno == ENOMEM);
	CHECK(malloc(huge) == NULL);
	CHECK(calloc(huge, 4) == NULL);
	return "";
}

/* calloc and mmap give zeros also where something was before. */
MOTE_EXPORT(string, Zeros, void)
{
	size_t size = 3 << 20;
	unsigned round;

	for (round = 0; round < 4; round++) {
		unsigned char *memory = calloc(1, size);
		size_t i;

		CHECK(memory != NULL);
		for (i = 0; i < size; i++)
			CHECK(memory[i] == 0);
		memset(memory, 0xff, size);
		free(memory);
	}
	return "";
}

MOTE_EXPORT(string, Grow, void)
{
	size_t size = 1000;
	unsigned char *memory = malloc(size);
	size_t i;

	CHECK(memory != NULL);
	memset(memory, 1, size);
	while (size < 3000000) {
		memory = realloc(memory, size * 3 / 2);
		CHECK(memory != NULL);
		for (i = 0; i < size; i++)
			CHECK(memory[i] == 1);
		size = size * 3 / 2;
		memset(memory, 1, size);
	}
	memory = realloc(memory, 10000);
	for (i = 0; i < 10000; i++)
		CHECK(memory[i] == 1);
	free(memory);
	memory = aligned_alloc(65536, 65536);
	CHECK(memory != NULL && (uintptr_t)memory % 65536 == 0);
	free(memory);
	return "";
}

#define MAP(size, prot, flags) \
	mmap(NULL, size, prot, MAP_PRIVATE | MAP_ANONYMOUS | (flags), -1, 0)

MOTE_EXPORT(string, Map, void)
{
	int rw = PROT_READ | PROT_WRITE;
	char *a = MAP(8192, rw, 0);
	char *b;
	char *c;

	CHECK(a != MAP_FAILED && (uintptr_t)a % 4096 == 0);
	memset(a, 1, 8192);
	CHECK(madvise(a, 4096, MADV_DONTNEED) == 0);
	CHECK(a[0] == 0 && a[4095] == 0 && a[4096] == 1);
	CHECK(mprotect(a, 4096, PROT_READ) == 0);
	CHECK(mprotect(a, 4096, PROT_NONE) == 0);
	CHECK(mprotect(a, 4096, PROT_EXEC) == -1 && errno == EACCES);
	CHECK(MAP(4096, PROT_READ | PROT_EXEC, 0) == MAP_FAILED &&
	      errno == EACCES);
	CHECK(MAP(0, rw, 0) == MAP_FAILED && errno == EINVAL);
	CHECK(mmap(a, 4096, rw, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		   0) == MAP_FAILED && errno == EINVAL);
	CHECK(mmap(NULL, 4096, rw, MAP_PRIVATE, 1, 0) == MAP_FAILED &&
	      errno == EBADF);
	b = mremap(a, 8192, 40960, MREMAP_MAYMOVE);
	CHECK(b != MAP_FAILED && b[0] == 0 && b[4096] == 1 && b[8192] == 0);
	CHECK(mremap(b, 40960, 4096, 0) == b);
	CHECK(mremap((void *)0x1000, 4096, 8192, 0) == MAP_FAILED &&
	      errno == EFAULT);
	CHECK(munmap(b, 4096) == 0);
	/* Neighbours: one cannot grow in place, and takes its bytes along. */
	a = MAP(8192, rw, 0);
	b = MAP(8192, rw, 0);
	memset(a, 2, 8192);
	memset(b, 3, 8192);
	CHECK(b == a + 8192);
	CHECK(mremap(a, 8192, 16384, 0) == MAP_FAILED && errno == ENOMEM);
	c = mremap(a, 8192, 16384, MREMAP_MAYMOVE);
	CHECK(c != MAP_FAILED && c != a);
	CHECK(b[0] == 3 && b[8191] == 3 && c[0] == 2 && c[8191] == 2);
	CHECK(c[8192] == 0 && c[16383] == 0);
	CHECK(munmap(b, 8192) == 0 && munmap(c, 16384) == 0);
	CHECK(munmap((void *)0x1000, 4096) == -1 && errno == EINVAL);
	CHECK(munmap(b + 1, 4096) == -1 && errno == EINVAL);
	CHECK(sbrk(4096) == (void *)-1);
	return "";
}

/* Takes nearly all addresses of the heap, in one piece and in many. */
MOTE_EXPORT(string, Reserve, (u64, heap))
{
	int rw = PROT_READ | PROT_WRITE;
	size_t most = (heap - heap / 1000 - 65536) & ~(size_t)32767;
	unsigned round;
	unsigned i;

	for (round = 0; round < 2; round++) {
		char *all = MAP(most, rw, 0);
		char *piece[8];

		CHECK(all != MAP_FAILED);
		CHECK(MAP(most, rw, 0) == MAP_FAILED && errno == ENOMEM);
		all[most - 1] = 1;
		CHECK(munmap(all + most - 4096, 4096) == 0);
		CHECK(munmap(all, most - 4096) == 0);
		for (i = 0; i < 8; i++) {
			piece[i] = MAP(most / 8, rw, 0);
			CHECK(piece[i] != MAP_FAILED);
			piece[i][most / 8 - 1] = (char)i;
		}
		for (i = 0; i < 8; i++)
			CHECK(piece[i][most / 8 - 1] == (char)i);
		for (i = 0; i < 8; i++)
			CHECK(munmap(piece[i], most / 8) == 0);
	}
	return "";
}

static double seconds(clockid_t clock)
{
	struct timespec now;

	if (clock_gettime(clock, &now) != 0)
		return -1;
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

MOTE_EXPORT(string, Time, (f64, realtime), (bool, tsc))
{
	struct timespec pause = { 0, 20000000 };
	double start = seconds(CLOCK_MONOTONIC);
	double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
	double now;
	volatile int spin;

	CHECK(fabs(seconds(CLOCK_REALTIME) - realtime) < 5);
	CHECK(fabs((double)time(NULL) - realtime) < 5);
	CHECK(seconds(CLOCK_BOOTTIME) > 0);
	CHECK(seconds(CLOCK_TAI) == -1 && errno == EINVAL);
	CHECK(clock_getres(CLOCK_MONOTONIC, &pause) == 0);
	pause.tv_nsec = 20000000;
	CHECK(nanosleep(&pause, NULL) == 0);
	now = seconds(CLOCK_MONOTONIC);
	CHECK(now - start >= 0.02 && now - start < 2);
	pause.tv_nsec = 1000000000;
	CHECK(nanosleep(&pause, NULL) == -1 && errno == EINVAL);
	CHECK(usleep(1000) == 0);
	/* It goes on within one call, without any exit where it can. */
	start = seconds(CLOCK_MONOTONIC);
	for (spin = 0; spin < 100000; spin++)
		;
	CHECK(seconds(CLOCK_MONOTONIC) > start);
	if (tsc)
		CHECK(seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu >= 0.02);
	else
		CHECK(clock() == (clock_t)-1);
	return "";
}

/* The time after pause seconds of computing. */
MOTE_EXPORT(f64, Now, (f64, pause))
{
	double start = seconds(CLOCK_MONOTONIC);

	while (seconds(CLOCK_MONOTONIC) - start < pause)
		;
	return seconds(CLOCK_MONOTONIC);
}

MOTE_EXPORT(string, Random, void)
{
	unsigned char bytes[2000];
	unsigned char other[256];
	unsigned used[256] = { 0 };
	unsigned kinds = 0;
	unsigned i;

	CHECK(getrandom(bytes, sizeof(bytes), 0) == sizeof(bytes));
	for (i = 0; i < sizeof(bytes); i++)
		kinds += used[bytes[i]]++ == 0;
	CHECK(kinds > 200);
	CHECK(getentropy(other, sizeof(other)) == 0);
	CHECK(memcmp(bytes, other, sizeof(other)) != 0);
	return "";
}

MOTE_EXPORT(string, Files, void)
{
	struct stat status;
	char text[10];

	CHECK(fopen("/etc/passwd", "r") == NULL && errno == ENOENT);
	CHECK(fopen("new", "w") == NULL && errno == EROFS);
	CHECK(open("/", O_RDONLY) == -1 && errno == ENOENT);
	CHECK(stat("/", &status) == -1 && errno == ENOENT);
	CHECK(access("/", F_OK) == -1 && errno == ENOENT);
	CHECK(getcwd(text, sizeof(text)) == NULL && errno == ENOENT);
	CHECK(fstat(1, &status) == 0 && S_ISCHR(status.st_mode));
	CHECK(fstat(3, &status) == -1 && errno == EBADF);
	CHECK(getchar() == EOF && feof(stdin));
	CHECK(read(0, text, 10) == 0);
	CHECK(read(1, text, 10) == -1 && errno == EBADF);
	CHECK(write(0, "x", 1) == -1 && errno == EBADF);
	CHECK(write(3, "x", 1) == -1 && errno == EBADF);
	CHECK(isatty(1) && isatty(2) && !isatty(0));
	CHECK(lseek(1, 0, SEEK_CUR) == -1 && errno == ESPIPE);
	CHECK(fcntl(1, F_GETFL) == O_WRONLY);
	CHECK(close(0) == 0 && close(0) == -1 && errno == EBADF);
	CHECK(close(7) == -1 && errno == EBADF);
	CHECK(socket(AF_INET, SOCK_STREAM, 0) == -1 && errno == ENOSYS);
	CHECK(fork() == -1 && errno == ENOSYS);
	CHECK(tmpfile() == NULL);
	return "";
}

static void *run(void *argument)
{
	return argument;
}

static void handler(int number)
{
	(void)number;
}

MOTE_EXPORT(string, Process, void)
{
	struct timespec soon;
	struct utsname name;
	struct rlimit limit;
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	pthread_t thread;
	sigset_t set;
	sem_t sem;

	CHECK(pthread_create(&thread, NULL, run, NULL) != 0);
	CHECK(pthread_mutex_lock(&mutex) == 0);
	CHECK(pthread_mutex_trylock(&mutex) == EBUSY);
	CHECK(pthread_mutex_unlock(&mutex) == 0);
	CHECK(sem_init(&sem, 0, 0) == 0);
	CHECK(clock_gettime(CLOCK_REALTIME, &soon) == 0);
	soon.tv_nsec += 1000000;
	if (soon.tv_nsec >= 1000000000) {
		soon.tv_sec++;
		soon.tv_nsec -= 1000000000;
	}
	CHECK(sem_timedwait(&sem, &soon) == -1 && errno == ETIMEDOUT);
	CHECK(signal(SIGINT, handler) == SIG_ERR && errno == ENOSYS);
	CHECK(signal(SIGPIPE, SIG_IGN) == SIG_DFL);
	CHECK(signal(SIGPIPE, SIG_IGN) == SIG_IGN);
	CHECK(raise(SIGPIPE) == 0);
	CHECK(kill(getpid(), 0) == 0);
	CHECK(kill(55, SIGTERM) == -1 && errno == ESRCH);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	sigemptyset(&set);
	CHECK(sigprocmask(SIG_BLOCK, NULL, &set) == 0);
	CHECK(sigismember(&set, SIGUSR1) == 1);
	CHECK(uname(&name) == 0 && strcmp(name.sysname, "Mote") == 0);
	CHECK(getrlimit(RLIMIT_STACK, &limit) == 0);
	CHECK(limit.rlim_cur == 1 << 20);
	CHECK(sched_yield() == 0);
	CHECK(system("true") == -1 || WEXITSTATUS(system("true")) == 127);
	return "";
}

/* A system call changes rax, rcx and r11, and nothing else at all. */
MOTE_EXPORT(string, Registers, void)
{
	static const char text[] = "kept\n";
	static const char filler[16] = "0123456789abcdef";
	uint64_t red_zone = 0;
	uint64_t sum = 0;
	char vector[16];
	long result;

	__asm__ volatile("movdqu %[filler], %%xmm7\n\t"
			 "movq %%rsp, %%r15\n\t"
			 "movabsq $0x1122334455667788, %%r14\n\t"
			 "movq %%r14, -8(%%rsp)\n\t"
			 "movq %%r14, -64(%%rsp)\n\t"
			 "movq %%r14, -128(%%rsp)\n\t"
			 "movq $3, %%r8\n\t"
			 "movq $4, %%r9\n\t"
			 "movq $5, %%r10\n\t"
			 "movq $6, %%r12\n\t"
			 "syscall\n\t"
			 "subq %%rsp, %%r15\n\t"
			 "movq -8(%%rsp), %[red]\n\t"
			 "xorq -64(%%rsp), %[red]\n\t"
			 "xorq -128(%%rsp), %[red]\n\t"
			 "xorq %%r14, %[red]\n\t"
			 "movq %%r8, %[sum]\n\t"
			 "addq %%r9, %[sum]\n\t"
			 "addq %%r10, %[sum]\n\t"
			 "addq %%r12, %[sum]\n\t"
			 "addq %%rdi, %[sum]\n\t"
			 "addq %%rdx, %[sum]\n\t"
			 "addq %%r15, %[sum]\n\t"
			 "movdqu %%xmm7, %[vector]"
			 : "=a"(result), [red] "=&b"(red_zone),
			   [sum] "=&r"(sum), [vector] "=m"(vector)
			 : "a"(1L), "D"(1L), "S"(text),
			   "d"(sizeof(text) - 1), [filler] "m"(filler)
			 : "rcx", "r8", "r9", "r10", "r11", "r12", "r14",
			   "r15", "xmm7", "memory");
	CHECK(result == sizeof(text) - 1);
	CHECK(red_zone == 0);
	CHECK(sum == 3 + 4 + 5 + 6 + 1 + sizeof(text) - 1);
	CHECK(memcmp(vector, filler, 16) == 0);
	return "";
}
