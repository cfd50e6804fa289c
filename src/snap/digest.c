#include "snap/digest.h"

#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#define PREFIX "sha256:"

/* An EVP_MD_CTX by our own name, so that no header of OpenSSL is needed. */
static EVP_MD_CTX *context(struct mti_hash *hash)
{
	return (EVP_MD_CTX *)(void *)hash;
}

struct mti_hash *mti_hash_new(void)
{
	EVP_MD_CTX *made = EVP_MD_CTX_new();

	if (made && EVP_DigestInit_ex(made, EVP_sha256(), NULL) != 1) {
		EVP_MD_CTX_free(made);
		made = NULL;
	}
	return (struct mti_hash *)(void *)made;
}

bool mti_hash_add(struct mti_hash *hash, const void *data, size_t size)
{
	return EVP_DigestUpdate(context(hash), data, size) == 1;
}

bool mti_hash_end(struct mti_hash *hash, struct mti_digest *digest)
{
	return EVP_DigestFinal_ex(context(hash), digest->bytes, NULL) == 1;
}

void mti_hash_free(struct mti_hash *hash)
{
	EVP_MD_CTX_free(context(hash));
}

bool mti_digest_of(const void *data, size_t size, struct mti_digest *digest)
{
	return EVP_Digest(data, size, digest->bytes, NULL, EVP_sha256(),
			  NULL) == 1;
}

bool mti_digest_equal(const struct mti_digest *a, const struct mti_digest *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

void mti_digest_hex(const struct mti_digest *digest,
		    char hex[MTI_DIGEST_HEX_BYTES])
{
	size_t i;

	for (i = 0; i < MTI_DIGEST_SIZE; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest->bytes[i]);
}

void mti_digest_text(const struct mti_digest *digest,
		     char text[MTI_DIGEST_TEXT_BYTES])
{
	memcpy(text, PREFIX, strlen(PREFIX));
	mti_digest_hex(digest, text + strlen(PREFIX));
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

bool mti_digest_parse(const char *text, struct mti_digest *digest)
{
	struct mti_digest found;
	size_t i;

	if (strncmp(text, PREFIX, strlen(PREFIX)) != 0)
		return false;
	text += strlen(PREFIX);
	for (i = 0; i < MTI_DIGEST_SIZE; i++, text += 2) {
		int high = digit(text[0]);
		/* Not beyond a NUL. */
		int low = high < 0 ? -1 : digit(text[1]);

		if (low < 0)
			return false;
		found.bytes[i] = (uint8_t)(high << 4 | low);
	}
	if (*text != '\0')
		return false;
	*digest = found;
	return true;
}
