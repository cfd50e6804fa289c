/*
 * Reading JSON that is not trusted, and writing it.
 *
 * A node is a place in a document with the path that leads there, for error
 * texts. The first thing that is wrong fills the error; from then on every
 * function returns something harmless, so that a reader need look at the
 * status only at its end, and before it allocates by what it has read.
 *
 * Memory is libc's: jansson knows one allocator for the whole process.
 */
#ifndef MTI_SNAP_JSON_H
#define MTI_SNAP_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include <mote/error.h>

/* Of a document, read or written. */
#define MTI_JSON_MAX (UINT64_C(1) << 20)
#define MTI_JSON_DEPTH_MAX 16
/* Values in a document; more are refused before they take memory. */
#define MTI_JSON_VALUES_MAX 65536
/* What every JSON reader can hold exactly. */
#define MTI_JSON_NUMBER_MAX ((UINT64_C(1) << 53) - 1)

struct mti_json_reader {
	const char *operation; /* static, for errors */
	const char *document;  /* its name, for errors; static */
	mote_error *err;
	mote_status status;
};

struct mti_json_node {
	struct mti_json_reader *reader;
	const json_t *value; /* NULL: absent, or something is wrong */
	char path[80];
};

/*
 * An object with no key twice. The result is a reference, json_decref; NULL
 * if something is wrong.
 */
json_t *mti_json_parse(struct mti_json_reader *reader, const void *data,
		       size_t size);
struct mti_json_node mti_json_root(struct mti_json_reader *reader,
				   const json_t *root);

/* Says what is wrong at node. */
void mti_json_fail(const struct mti_json_node *node, const char *format, ...)
	MOTE_PRINTF(2, 3);
/* There is no memory. */
void mti_json_no_memory(struct mti_json_reader *reader);

/* A member that must be there, and is of that type. */
struct mti_json_node mti_json_get(const struct mti_json_node *object,
				  const char *key, json_type type);
/* One that may be absent: value is NULL then. */
struct mti_json_node mti_json_find(const struct mti_json_node *object,
				   const char *key, json_type type);
struct mti_json_node mti_json_item(const struct mti_json_node *array,
				   size_t index, json_type type);
/* 0 if there is none. */
size_t mti_json_count(const struct mti_json_node *array);

/* An integer from 0 to max. */
uint64_t mti_json_number(const struct mti_json_node *object, const char *key,
			 uint64_t max);
/* "0x1f": lower case, no zeros before it. At most max. */
uint64_t mti_json_hex(const struct mti_json_node *object, const char *key,
		      uint64_t max);
/* Never NULL; lives as long as the document. */
const char *mti_json_text(const struct mti_json_node *object, const char *key);
/* That text and no other; says both otherwise. */
void mti_json_expect(const struct mti_json_node *object, const char *key,
		     const char *text);
/* No member but those of a list that ends with NULL. */
void mti_json_only(const struct mti_json_node *object, const char *const *keys);

/* A new string "0x1f", or NULL. */
json_t *mti_json_hex_new(uint64_t number);

/*
 * The text of a document in a block of malloc. MOTE_E_SNAPSHOT if it is
 * larger than what is read.
 */
mote_status mti_json_write(const json_t *root, const char *operation,
			   const char *document, char **text, size_t *size,
			   mote_error *err);

#endif
