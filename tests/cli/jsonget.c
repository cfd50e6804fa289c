/*
 * jsonget KEY... < JSON: prints a member of a JSON text: strings raw, the
 * rest as JSON. Fails unless standard input is exactly one JSON text. For
 * shell scripts.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static const json_t *member(const json_t *value, const char *key)
{
	if (json_is_array(value))
		return json_array_get(value, strtoul(key, NULL, 10));
	return json_object_get(value, key);
}

int main(int argc, char **argv)
{
	json_error_t error;
	json_t *root = json_loadf(stdin, 0, &error);
	const json_t *value = root;

	if (!root) {
		fprintf(stderr, "not JSON: %s\n", error.text);
		return 1;
	}
	for (int i = 1; i < argc && value; i++)
		value = member(value, argv[i]);
	if (!value)
		puts("(absent)");
	else if (json_is_string(value))
		printf("%s\n", json_string_value(value));
	else
		json_dumpf(value, stdout, JSON_ENCODE_ANY | JSON_COMPACT);
	json_decref(root);
	return 0;
}
