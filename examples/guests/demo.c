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

/* Believes that the list is as long as it is told. */
__attribute__((noipa)) static int sum(const struct node *node, int length)
{
	int total = 0;

	for (int i = 0; i < length; i++) {
		total += node->value;
		node = node->next;
	}
	return total;
}

MOTE_EXPORT(i32, SumList, (i32, length))
{
	struct node *const volatile none = NULL;
	struct node node = { none, 1 };

	return sum(&node, length) + (node.next != NULL);
}

MOTE_EXPORT(void, LoopForever, void)
{
	for (;;)
		__asm__ volatile("");
}

MOTE_EXPORT(void, Nothing, void)
{
}
