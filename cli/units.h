/*
 * Durations, sizes and counts as people write them. Pure.
 *
 * Each function returns NULL, or what is wrong as the end of a sentence
 * that starts with the quoted text: "is not a duration; write 100ms, ...".
 */
#ifndef CLI_UNITS_H
#define CLI_UNITS_H

#include <stddef.h>
#include <stdint.h>

/* "100ms", "1.5s": ns, us, ms, s, m, h. More than 0, at most 365 days. */
const char *cli_parse_duration(const char *text, uint64_t *ns);

/* What a size or count beyond its limit gets: the caller can show that. */
extern const char cli_too_large[];

/* "65536", "64K", "16M", "1G", with K or KiB for 1024. From 1 to limit. */
const char *cli_parse_size(const char *text, uint64_t limit, uint64_t *bytes);

/* A decimal number from 1 to limit. */
const char *cli_parse_count(const char *text, uint64_t limit, uint64_t *count);

/* "850 ns", "25.1 us", "1.23 ms", "12.0 s" */
void cli_format_duration(uint64_t ns, char *buffer, size_t capacity);

/* "512 B", "34.2 KiB", "16 MiB" */
void cli_format_size(uint64_t bytes, char *buffer, size_t capacity);

/* As an option takes it, and exactly: "64M", "16385K", "1000". */
void cli_format_option_size(uint64_t bytes, char *buffer, size_t capacity);

#endif
