/*
 * Which kinds of guests a backend runs on this machine: it is tried, with
 * guests of some bytes.
 */
#ifndef CLI_PERSONALITY_H
#define CLI_PERSONALITY_H

#include <stdbool.h>
#include <stddef.h>

enum cli_personality {
	CLI_USER_AMD64,
	CLI_USER_AARCH64,
	CLI_BARE_UNPAGED,
	CLI_BARE_PAGED,
	CLI_BARE_LONG,
	CLI_PERSONALITIES
};

const char *cli_personality_name(size_t which);

void cli_personalities(const char *backend, bool runs[CLI_PERSONALITIES]);

#endif
