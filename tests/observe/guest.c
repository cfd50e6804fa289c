#include <stdio.h>

#define MOTE_LOG_MODULE "parser"
#include <mote_guest.h>

MOTE_EXPORT(i32, Parse, (string, text))
{
	MOTE_SPAN("parse");
	MOTE_LOG_ERROR("an error: %s", text);
	MOTE_LOG_INFO("some information");
	MOTE_LOG_DEBUG("to debug");
	MOTE_EVENT("parsed");
	return 7;
}

MOTE_EXPORT(void, HalfLine, void)
{
	printf("half a line");
	fflush(stdout);
	MOTE_LOG_ERROR("a message");
}

MOTE_EXPORT(void, Chatter, (u32, count))
{
	for (uint32_t i = 0; i < count; i++)
		MOTE_LOG_WARN("message %u", i);
}

MOTE_EXPORT(void, Crash, void)
{
	MOTE_SPAN("crash");
	MOTE_LOG_INFO("last words");
	*(volatile int *)0 = 1;
}

int main(void)
{
	MOTE_SPAN("body");
	puts("main");
	return 3;
}
