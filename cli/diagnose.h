/*
 * From facts to advice. Pure.
 */
#ifndef CLI_DIAGNOSE_H
#define CLI_DIAGNOSE_H

#include <stddef.h>

#include "facts.h"

#define CLI_ADVICE_MAX 8

struct cli_advice {
	/* Sentences, and commands to type, which begin with "$ ". */
	char lines[CLI_ADVICE_MAX][256];
	size_t count;
};

/* A word for why: "ready", "no_device", "no_permission", ... */
const char *cli_reason_name(uint32_t reason);

/* What keeps a backend from working and what to do; none if it is ready. */
void cli_diagnose(const struct cli_facts *facts, const mote_backend_info *info,
		  struct cli_advice *advice);

#endif
