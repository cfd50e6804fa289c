/*
 * See output.h.
 */
#include "output.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mote/mote.h>

#include "io.h"
#include "terminal.h"

static void stream_init(struct cli_stream *stream, int fd)
{
	memset(stream, 0, sizeof(*stream));
	stream->fd = fd;
	stream->terminal = cli_is_terminal(fd);
}

void cli_output_init(struct cli_output *output, bool capture)
{
	output->capture = capture;
	output->error = 0;
	stream_init(&output->out, STDOUT_FILENO);
	stream_init(&output->err, STDERR_FILENO);
}

void cli_output_fini(struct cli_output *output)
{
	free(output->out.kept);
	free(output->err.kept);
	output->out.kept = NULL;
	output->err.kept = NULL;
}

static void keep(struct cli_stream *stream, const char *data, size_t size)
{
	size_t room = CLI_CAPTURE_MAX - stream->kept_size;

	if (size > room) {
		size = room;
		stream->cut = true;
	}
	if (stream->kept_capacity - stream->kept_size < size) {
		size_t wanted = stream->kept_size + size;
		char *bigger;

		wanted = wanted < CLI_CAPTURE_MAX / 2 ? wanted * 2
						      : CLI_CAPTURE_MAX;
		bigger = realloc(stream->kept, wanted);
		if (!bigger) {
			stream->cut = true;
			return;
		}
		stream->kept = bigger;
		stream->kept_capacity = wanted;
	}
	if (size > 0)
		memcpy(stream->kept + stream->kept_size, data, size);
	stream->kept_size += size;
}

static int show_filtered(struct cli_stream *stream, const char *data,
			 size_t size)
{
	char out[CLI_FILTER_OUT(CLI_FILTER_CHUNK)];
	int error = 0;

	while (size > 0 && !error) {
		size_t part = size < CLI_FILTER_CHUNK ? size : CLI_FILTER_CHUNK;
		size_t length =
			cli_filter_run(&stream->filter, data, part, out);

		error = cli_write_all(stream->fd, out, length);
		data += part;
		size -= part;
	}
	return error;
}

static int show(struct cli_stream *stream, const char *data, size_t size)
{
	if (size == 0)
		return 0;
	stream->mid_line = data[size - 1] != '\n';
	if (stream->terminal)
		return show_filtered(stream, data, size);
	return cli_write_all(stream->fd, data, size);
}

void cli_output_write(void *user, uint32_t stream, const char *data,
		      size_t size)
{
	struct cli_output *output = user;
	struct cli_stream *to =
		stream == MOTE_STREAM_STDERR ? &output->err : &output->out;

	if (output->capture) {
		keep(to, data, size);
		return;
	}
	/* The call goes on: its result may still be wanted, and is limited. */
	if (!output->error)
		output->error = show(to, data, size);
}

static void end_stream(struct cli_output *output, struct cli_stream *stream)
{
	char out[CLI_FILTER_OUT(0)];
	size_t length;

	if (output->capture || !stream->terminal)
		return;
	length = cli_filter_end(&stream->filter, out);
	if (stream->mid_line)
		out[length++] = '\n';
	stream->mid_line = false;
	if (!output->error)
		output->error = cli_write_all(stream->fd, out, length);
}

void cli_output_end(struct cli_output *output)
{
	end_stream(output, &output->out);
	end_stream(output, &output->err);
}

int cli_output_show(struct cli_output *output, const char *data, size_t size)
{
	struct cli_stream *stream = &output->out;
	int error = show(stream, data, size);

	if (!error && stream->terminal) {
		char out[CLI_FILTER_OUT(0)];
		size_t length = cli_filter_end(&stream->filter, out);

		error = cli_write_all(stream->fd, out, length);
	}
	return error;
}
