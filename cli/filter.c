/*
 * See filter.h.
 */
#include "filter.h"

#include <string.h>

#include "utf8.h"

static const char digits[] = "0123456789abcdef";

static size_t put_byte(char *out, char byte)
{
	unsigned char value = (unsigned char)byte;

	out[0] = '\\';
	out[1] = 'x';
	out[2] = digits[value >> 4];
	out[3] = digits[value & 15];
	return 4;
}

/*
 * Code points from U+0080 take two bytes or more in UTF-8, so even the
 * longest form here is within 4 bytes of output a byte of input.
 */
static size_t put_code(char *out, uint32_t code)
{
	int width = code > 0xffff ? 6 : 4;
	size_t length = 0;

	if (code < 0x80)
		return put_byte(out, (char)code);
	out[length++] = '\\';
	out[length++] = 'u';
	for (int i = width - 1; i >= 0; i--)
		out[length++] = digits[code >> (4 * i) & 15];
	return length;
}

/* Newline and tab, as C writes them. */
static size_t put_blank(char *out, uint32_t code)
{
	out[0] = '\\';
	out[1] = code == '\n' ? 'n' : 't';
	return 2;
}

/* One character or broken byte; 0 if the rest of a character is to come. */
static size_t take(const struct cli_filter *filter, const char *data,
		   size_t size, char *out, size_t *made)
{
	uint32_t code = 0;
	int length = cli_utf8_next(data, size, &code);
	bool blank = code == '\n' || code == '\t';

	if (length == CLI_UTF8_MORE)
		return 0;
	if (length == 0) {
		*made = put_byte(out, data[0]);
		return 1;
	}
	if (blank && filter->one_line) {
		*made = put_blank(out, code);
	} else if (cli_code_unsafe(code) && !blank) {
		*made = put_code(out, code);
	} else {
		memcpy(out, data, (size_t)length);
		*made = (size_t)length;
	}
	return (size_t)length;
}

/*
 * Completes the carried character with bytes of data; returns how many of
 * them were used.
 */
static size_t take_partial(struct cli_filter *filter, const char *data,
			   size_t size, char *out, size_t *made)
{
	size_t used = 0;

	while (filter->partial_size > 0) {
		size_t length = 0;
		size_t taken = take(filter, filter->partial,
				    filter->partial_size, out + *made, &length);

		if (taken == 0) {
			if (used == size)
				return used;
			filter->partial[filter->partial_size++] = data[used++];
			continue;
		}
		*made += length;
		filter->partial_size -= taken;
		memmove(filter->partial, filter->partial + taken,
			filter->partial_size);
	}
	return used;
}

size_t cli_filter_run(struct cli_filter *filter, const char *data, size_t size,
		      char *out)
{
	size_t made = 0;
	size_t done = take_partial(filter, data, size, out, &made);

	while (done < size) {
		size_t length = 0;
		size_t taken = take(filter, data + done, size - done,
				    out + made, &length);

		if (taken == 0) {
			filter->partial_size = size - done;
			memcpy(filter->partial, data + done, size - done);
			break;
		}
		done += taken;
		made += length;
	}
	return made;
}

size_t cli_filter_end(struct cli_filter *filter, char *out)
{
	size_t made = 0;

	for (size_t i = 0; i < filter->partial_size; i++)
		made += put_byte(out + made, filter->partial[i]);
	filter->partial_size = 0;
	return made;
}
