/*
 * Logs and traces of all kinds.
 */
#define MOTE_LOG_MODULE "watched"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mote_guest.h>

MOTE_IMPORT(i32, Host, (i32, value));

void log_elsewhere(void);

static int evaluated;

static int touch(void)
{
	return ++evaluated;
}

MOTE_EXPORT(void, LogLevels, void)
{
	MOTE_LOG_ERROR("one %d", 1);
	MOTE_LOG_WARN("two %s", "2");
	MOTE_LOG_INFO("three %c%%", '3');
	MOTE_LOG_DEBUG("four");
	MOTE_LOG_TRACE("five");
}

MOTE_EXPORT(void, LogElsewhere, void)
{
	log_elsewhere();
}

/* What the arguments of the debug messages were evaluated. */
MOTE_EXPORT(i32, LogMany, (i32, count))
{
	evaluated = 0;
	for (int i = 0; i < count; i++)
		MOTE_LOG_DEBUG("number %d", touch());
	return evaluated;
}

MOTE_EXPORT(void, LogSized, (i32, count), (i32, size))
{
	char text[8192];

	memset(text, 'x', sizeof(text));
	text[size] = '\0';
	for (int i = 0; i < count; i++)
		MOTE_LOG_INFO("%s", text);
}

MOTE_EXPORT(void, LogMixed, void)
{
	printf("a\n");
	MOTE_LOG_INFO("b");
	fprintf(stderr, "c\n");
	MOTE_LOG_INFO("d");
	printf("e\n");
	fflush(stdout);
}

MOTE_EXPORT(void, LogAndCrash, void)
{
	MOTE_SPAN("crashing");
	MOTE_LOG_INFO("last words");
	*(volatile int *)0 = 1;
}

MOTE_EXPORT(void, LogAndSpin, void)
{
	MOTE_SPAN_BEGIN("spinning");
	MOTE_LOG_INFO("round and round");
	for (;;)
		;
}

MOTE_EXPORT(void, HostAndSpin, void)
{
	Host(1);
	for (;;)
		;
}

MOTE_EXPORT(void, Fail, void)
{
	mote_fail(3, "no");
}

MOTE_EXPORT(void, Exit, void)
{
	exit(1);
}

MOTE_EXPORT(void, Nothing, void)
{
}

MOTE_EXPORT(i32, CallHost, (i32, count))
{
	int sum = 0;

	for (int i = 0; i < count; i++)
		sum += Host(i);
	return sum;
}

static void step(int i)
{
	MOTE_SPAN("step");

	MOTE_COUNTER("count", i);
	if (i % 2)
		return;
	MOTE_EVENT("even");
}

MOTE_EXPORT(void, Spans, (i32, count))
{
	MOTE_SPAN("outer");

	for (int i = 0; i < count; i++)
		step(i);
	{
		MOTE_SPAN("block");
		MOTE_SPAN("block within");
	}
	MOTE_EVENT("end");
}

MOTE_EXPORT(void, SpansAroundHost, void)
{
	MOTE_SPAN("around");

	MOTE_EVENT("before");
	Host(1);
	MOTE_EVENT("between");
	Host(2);
	MOTE_EVENT("behind");
}

MOTE_EXPORT(void, Unbalanced, void)
{
	MOTE_SPAN_END();
	MOTE_SPAN_BEGIN("open 1");
	MOTE_SPAN_BEGIN("open 2");
}

MOTE_EXPORT(void, LongName, (string, name))
{
	MOTE_EVENT(name);
}
