/*
 * The guest of the demonstration.
 */
#include <math.h>
#include <stdio.h>

#include <mote_guest.h>

MOTE_IMPORT(string, GetWeekday, void);

MOTE_EXPORT(string, SayHello, (string, name))
{
	return mote_format("Hello %s, it is %s", name, GetWeekday());
}

MOTE_EXPORT(void, Introduce, void)
{
	printf("I am a C program without a kernel.\n");
	printf("printf works: pi is about %.5f\n", acos(-1));
}

MOTE_EXPORT(f64, Hypotenuse, (f64, a), (f64, b))
{
	return hypot(a, b);
}

MOTE_EXPORT(i32, Divide, (i32, a), (i32, b))
{
	if (b == 0) {
		mote_fail(1, "division of %d by zero", a);
		return 0;
	}
	return a / b;
}

struct node {
	struct node *next;
	int value;
};

MOTE_EXPORT(i32, SumList, (i32, length))
{
	struct node node = { NULL, 1 };
	struct node *volatile at = &node;
	int sum = 0;

	/* Believes that the list is as long as the caller says. */
	for (int i = 0; i < length; i++) {
		sum += at->value;
		at = at->next;
	}
	return sum;
}

MOTE_EXPORT(void, LoopForever, void)
{
	for (;;)
		__asm__ volatile("");
}

MOTE_EXPORT(void, Nothing, void)
{
}
