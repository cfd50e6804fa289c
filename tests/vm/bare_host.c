#include "vm/bare_host.h"

#include <stdlib.h>
#include <string.h>

#include "harness/unit.h"

static size_t append(char *to, size_t used, size_t size, const char *data,
		     size_t count)
{
	if (count > size - 1 - used)
		count = size - 1 - used;
	memcpy(to + used, data, count);
	to[used + count] = '\0';
	return used + count;
}

void bare_print(void *user, uint32_t stream, const char *data, size_t size)
{
	struct bare_output *output = user;

	if (stream == MOTE_STREAM_STDOUT)
		output->used = append(output->text, output->used,
				      sizeof(output->text), data, size);
	else
		output->errors_used =
			append(output->errors, output->errors_used,
			       sizeof(output->errors), data, size);
}

mote_image *bare_case_image(struct vm *vm, const char *path,
			    enum bare_case which)
{
	const size_t length = strlen(CASE_MARK);
	uint32_t number = which;
	mote_image *image;
	size_t size;
	unsigned char *file = vm_read_file(path, &size);
	unsigned char *mark = memmem(file, size, CASE_MARK, length);

	assert_non_null(mark);
	memcpy(mark + length + (0 - length) % sizeof(number), &number,
	       sizeof(number));
	vm_expect(mote_image_from_memory(vm->engine, file, size, &image,
					 &vm->err),
		  MOTE_OK, &vm->err);
	free(file);
	return image;
}

mote_sandbox_options bare_options(struct bare_output *output)
{
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;

	memset(output, 0, sizeof(*output));
	options.output = bare_print;
	options.output_user = output;
	options.deadline_ns = vm_patience_ns();
	return options;
}

uint32_t bare_run(mote_sandbox *box, mote_run_end end)
{
	mote_run_result result = MOTE_RUN_RESULT_INIT;
	mote_error err = MOTE_ERROR_INIT;

	vm_expect(mote_run(box, &result, &err), MOTE_OK, &err);
	assert_int_equal(result.end, end);
	return result.status;
}
