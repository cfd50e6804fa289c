/* A C program that has never heard of Mote. */
#include <stdio.h>

int main(int argc, char **argv)
{
	printf("%s: %d\n", argv[0], argc);
	return 3;
}
