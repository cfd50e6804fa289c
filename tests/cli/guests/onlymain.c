/* No functions: everything after "--" is for main. */
#include <stdio.h>

#include <mote_guest.h>

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		printf("%s\n", argv[i]);
	return 0;
}
