/*
 * JSON for programs that run the command. Built with jansson; memory that
 * runs out ends the command with a message.
 */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include <jansson.h>

#include <mote/mote.h>

#include "failure.h"
#include "prototype.h"

/* Puts a new value into an object or array, which takes it over. */
void cli_json_set(json_t *object, const char *key, json_t *value);
void cli_json_append(json_t *array, json_t *value);

/* Text that need not be UTF-8: U+FFFD stands for each byte that is not. */
json_t *cli_json_text(const char *data, size_t size);

/* "0x0000000000401000" */
json_t *cli_json_address(uint64_t address);

/* {"rip": "0x0000000000401000", ...} */
json_t *cli_json_registers(const mote_fault *fault);

/* With its registers; null if its kind is NONE. */
json_t *cli_json_fault(const mote_fault *fault);

/* null if there is no failure. */
json_t *cli_json_failure(const struct cli_failure *failure);

/* {"name", "prototype", "result", "parameters": [{"name", "type"}]} */
json_t *cli_json_prototype(const struct cli_prototype *prototype);

/*
 * {"type": "u64", "value": 18446744073709551615} as text from malloc. All
 * integers are exact, which jansson's signed 64 bits cannot do; nan, inf
 * and -inf are strings; bytes are hex digits; a string that is not UTF-8
 * has its bytes in "hex" as well.
 */
char *cli_json_value(const mote_value *value);

/*
 * Prints the object and a newline on standard output; errno value. result,
 * if not NULL, is JSON text put in as the member "result".
 */
int cli_json_print(const json_t *object, const char *result);

#endif
