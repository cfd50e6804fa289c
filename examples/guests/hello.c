#include <stdio.h>

#include <mote_guest.h>

MOTE_IMPORT(string, GetWeekday, void);

MOTE_EXPORT(string, SayHello, (string, name))
{
	printf("greeting %s\n", name);
	return mote_format("Hello %s, it is %s", name, GetWeekday());
}
