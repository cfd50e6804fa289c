/*
 * What the scripted sessions of gdb look at. Scripts find lines by the names
 * in comments, so that this file may grow.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mote_guest.h>

/* Of amd64.c or aarch64.c, which have what is the machine's. */
void crash_illegal(void);
void crash_trap(void);

MOTE_IMPORT(i32, Twice, (i32, x));

struct point {
	int x;
	int y;
	const char *name;
};

enum colour { RED, GREEN = 5 };

static struct point origin = { 3, -4, "origin" };
static volatile int counter;
static volatile int keep_going = 1;
enum colour colour = GREEN;

__thread int tls_number = 42;
__thread char tls_text[16] = "thread-local";
__thread int tls_zero;

static int add(int a, int b)
{
	int sum = a + b; /* in add */

	return sum;
}

/* The sum of 1 to n. */
static int sum_to(int n)
{
	int total = 0;
	int i;

	for (i = 1; i <= n; i++) {
		total = add(total, i); /* in loop */
		counter++;
	}
	return total; /* after loop */
}

MOTE_EXPORT(i32, Sum, (i32, n))
{
	return sum_to(n);
}

MOTE_EXPORT(i32, Tls, (i32, n))
{
	tls_zero += n;
	tls_number += n;
	return tls_number + tls_zero; /* in Tls */
}

MOTE_EXPORT(i32, Norm, (i32, scale))
{
	struct point *p = &origin;
	struct point copy = *p;

	copy.x *= scale;
	copy.y *= scale;
	return copy.x * copy.x + copy.y * copy.y; /* in Norm */
}

MOTE_EXPORT(i32, Host, (i32, x))
{
	int before = x;
	int after = Twice(before); /* calls the host */

	return after;
}

MOTE_EXPORT(i32, Spin, void)
{
	unsigned int turns = 0;

	puts("spinning");
	fflush(stdout);
	while (keep_going)
		turns++;
	return turns != 0;
}

static void crash_read(volatile int *where)
{
	counter = *where; /* reads nowhere */
}

MOTE_EXPORT(i32, Crash, (string, how))
{
	volatile int zero = 0;

	if (strcmp(how, "read") == 0)
		crash_read((int *)0x10);
	else if (strcmp(how, "illegal") == 0)
		crash_illegal();
	else if (strcmp(how, "divide") == 0)
		counter = 7 / zero;
	else if (strcmp(how, "trap") == 0)
		crash_trap();
	else if (strcmp(how, "abort") == 0)
		abort();
	else if (strcmp(how, "exit") == 0)
		exit(9);
	return 1; /* survived */
}

int main(int argc, char **argv)
{
	printf("%s with %d\n", argv[0], argc);
	return 3;
}
