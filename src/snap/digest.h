/*
 * SHA-256, and how OCI writes it: "sha256:" and 64 lower-case hexadecimal
 * digits.
 */
#ifndef MTI_SNAP_DIGEST_H
#define MTI_SNAP_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MTI_DIGEST_SIZE 32
#define MTI_DIGEST_HEX_BYTES (2 * MTI_DIGEST_SIZE + 1)
/* "sha256:", the digits, NUL. */
#define MTI_DIGEST_TEXT_BYTES (7 + MTI_DIGEST_HEX_BYTES)

struct mti_digest {
	uint8_t bytes[MTI_DIGEST_SIZE];
};

/* A digest in the making; NULL: no memory. The rest returns false for that. */
struct mti_hash;
struct mti_hash *mti_hash_new(void);
bool mti_hash_add(struct mti_hash *hash, const void *data, size_t size);
bool mti_hash_end(struct mti_hash *hash, struct mti_digest *digest);
void mti_hash_free(struct mti_hash *hash);

bool mti_digest_of(const void *data, size_t size, struct mti_digest *digest);
bool mti_digest_equal(const struct mti_digest *a, const struct mti_digest *b);

void mti_digest_hex(const struct mti_digest *digest,
		    char hex[MTI_DIGEST_HEX_BYTES]);
void mti_digest_text(const struct mti_digest *digest,
		     char text[MTI_DIGEST_TEXT_BYTES]);
/* Exactly that form; false for any other. */
bool mti_digest_parse(const char *text, struct mti_digest *digest);

#endif
