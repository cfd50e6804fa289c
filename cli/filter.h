/*
 * What an untrusted guest prints, made safe for a terminal: escape
 * sequences could retitle it, rewrite what was printed before, or make it
 * type commands. Newline and tab pass, other controls and bytes that are
 * not UTF-8 become visible escapes. What is to stay within a line has no
 * newline nor tab: else a name could forge the lines below it. Pure; the state
 * carries a character that was cut by the end of a piece.
 */
#ifndef CLI_FILTER_H
#define CLI_FILTER_H

#include <stdbool.h>
#include <stddef.h>

struct cli_filter {
	char partial[4];
	size_t partial_size;
	bool one_line;
};

#define CLI_FILTER_INIT                                                        \
	{                                                                      \
		{ 0 }, 0, false                                                \
	}

/* Handy size for the pieces of a long text. */
#define CLI_FILTER_CHUNK 512

/*
 * Room that size bytes of input may need: "\x1b" for each of them and of
 * those carried over.
 */
#define CLI_FILTER_OUT(size) (4 * ((size) + 4))

/* Filters data into out, of CLI_FILTER_OUT(size) bytes; returns the length. */
size_t cli_filter_run(struct cli_filter *filter, const char *data, size_t size,
		      char *out);

/* The input is over: what a cut character becomes. CLI_FILTER_OUT(0) bytes. */
size_t cli_filter_end(struct cli_filter *filter, char *out);

#endif
