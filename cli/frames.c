/*
 * See frames.h.
 */
#include "frames.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "terminal.h"

/* Of a deep recursion its end and its start are shown. */
#define SHOWN_FIRST 24
#define SHOWN_LAST 8
/* As many frames of one line follow each other before they are counted. */
#define REPEATED_MIN 4
/* Programs that want more than that read a core file. */
#define JSON_MAX 256

static bool begins_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool make_room(struct cli_frames *frames)
{
	memset(frames, 0, sizeof(*frames));
	frames->frames = calloc(MOTE_BACKTRACE_MAX, sizeof(*frames->frames));
	return frames->frames != NULL;
}

void cli_frames_fini(struct cli_frames *frames)
{
	free(frames->frames);
	memset(frames, 0, sizeof(*frames));
}

void cli_frames_of_sandbox(struct cli_frames *frames, mote_sandbox *box)
{
	if (!make_room(frames) ||
	    mote_sandbox_backtrace(box, frames->frames, MOTE_BACKTRACE_MAX,
				   &frames->count, NULL) != MOTE_OK)
		frames->count = 0;
	frames->cut = frames->count == MOTE_BACKTRACE_MAX;
}

void cli_frames_of_place(struct cli_frames *frames, mote_image *image,
			 uint64_t pc)
{
	if (!make_room(frames))
		return;
	frames->frames[0].pc = pc;
	if (mote_image_symbolize(image, frames->frames, 1, NULL) == MOTE_OK)
		frames->count = 1;
}

bool cli_frames_of_core(struct cli_frames *frames, const mote_core *core,
			mote_image *image, mote_error *err)
{
	bool known;

	if (!make_room(frames))
		return false;
	known = mote_core_backtrace(core, image, frames->frames,
				    MOTE_BACKTRACE_MAX, &frames->count,
				    err) == MOTE_OK;
	if (!known)
		frames->count = 0;
	frames->cut = frames->count == MOTE_BACKTRACE_MAX;
	return known;
}

/*
 * A small exported function is inlined into what mote_guest.h makes to call
 * it. Nobody wrote that name.
 */
const char *cli_frame_name(const mote_frame *frame, bool *inlined)
{
	static const char prefix[] = "mote_invoke_";
	const size_t length = sizeof(prefix) - 1;

	*inlined = begins_with(frame->name, prefix) && frame->name[length];
	return frame->name + (*inlined ? length : 0);
}

/* That of the runtime around the frame before it. */
static bool is_wrapper(const struct cli_frames *frames, size_t i)
{
	bool inlined;
	const char *name = cli_frame_name(&frames->frames[i], &inlined);

	return inlined && i > 0 &&
	       strcmp(name, frames->frames[i - 1].name) == 0;
}

static bool is_runtime(const mote_frame *frame)
{
	return begins_with(frame->name, "mote_rt_") ||
	       begins_with(frame->name, "mote_libc_");
}

/* The way out of the guest is not worth showing, if there is more. */
static size_t own_start(const struct cli_frames *frames, size_t end)
{
	size_t i = 0;

	while (i < end && is_runtime(&frames->frames[i]))
		i++;
	return i < end ? i : 0;
}

/* How many are worth showing: what called the guest's code is not. */
static size_t own_count(const struct cli_frames *frames)
{
	size_t count = frames->count;

	if (frames->cut)
		return count;
	while (count > 1 && (is_runtime(&frames->frames[count - 1]) ||
			     is_wrapper(frames, count - 1)))
		count--;
	return count;
}

static void add_clean(struct cli_text *text, const char *data)
{
	cli_text_clean(text, data, strlen(data));
}

void cli_frame_add_place(struct cli_text *text, const mote_frame *frame)
{
	bool inlined;
	const char *name = cli_frame_name(frame, &inlined);

	if (name[0]) {
		cli_text_add(text, "in ");
		add_clean(text, name);
		if (frame->line == 0 && !inlined)
			cli_text_add(text, "+0x%" PRIx64,
				     frame->pc - frame->function);
	}
	if (frame->line == 0)
		return;
	cli_text_add(text, "%sat ", name[0] ? " " : "");
	add_clean(text, frame->file[0] ? frame->file : "?");
	cli_text_add(text, ":%" PRIu32, frame->line);
}

static void print_one(const struct cli_frames *frames, size_t i, FILE *file,
		      bool colour)
{
	const mote_frame *frame = &frames->frames[i];
	/* Each byte may become four, or six. */
	char buffer[6 * sizeof(*frame)];
	struct cli_text text;

	cli_text_init(&text, buffer, sizeof(buffer));
	cli_frame_add_place(&text, frame);
	fprintf(file, "  #%-3zu 0x%016" PRIx64 "%s%s%s%s\n", i, frame->pc,
		text.used > 0 ? " " : "", colour ? CLI_BOLD : "", buffer,
		colour ? CLI_PLAIN : "");
}

/* How many frames from i on are the same line of the same function. */
static size_t repeated(const struct cli_frames *frames, size_t i, size_t end)
{
	const mote_frame *first = &frames->frames[i];
	size_t k = i + 1;

	while (k < end && frames->frames[k].function == first->function &&
	       frames->frames[k].function != 0 &&
	       frames->frames[k].line == first->line)
		k++;
	return k - i;
}

static void print_more(size_t count, const char *what, FILE *file)
{
	fprintf(file, "  ...  %zu more%s\n", count, what);
}

void cli_frames_print(const struct cli_frames *frames, FILE *file,
		      bool colour)
{
	size_t end = own_count(frames);
	size_t i = own_start(frames, end);
	size_t shown = 0;

	while (i < end) {
		const bool first = shown == 0 && colour;
		size_t same = repeated(frames, i, end);

		if (is_wrapper(frames, i)) {
			i++;
			continue;
		}
		if (shown == SHOWN_FIRST && end - i > SHOWN_LAST) {
			print_more(end - i - SHOWN_LAST, "", file);
			i = end - SHOWN_LAST;
			continue;
		}
		print_one(frames, i, file, first);
		shown++;
		if (same >= REPEATED_MIN) {
			print_more(same - 1, " of the same", file);
			i += same;
		} else {
			i++;
		}
	}
	if (frames->cut)
		fprintf(file, "  ...  and so on\n");
}

static json_t *json_frame(const mote_frame *frame)
{
	json_t *object = json_object();
	bool inlined;
	const char *name = cli_frame_name(frame, &inlined);

	cli_json_set(object, "pc", cli_json_address(frame->pc));
	cli_json_set(object, "function",
		     name[0] ? cli_json_text(name, strlen(name)) : json_null());
	cli_json_set(object, "function_offset",
		     name[0] && !inlined
			     ? cli_json_address(frame->pc - frame->function)
			     : json_null());
	cli_json_set(object, "file",
		     frame->file[0]
			     ? cli_json_text(frame->file, strlen(frame->file))
			     : json_null());
	cli_json_set(object, "line",
		     frame->line ? json_integer((json_int_t)frame->line)
				 : json_null());
	return object;
}

json_t *cli_frames_json(const struct cli_frames *frames)
{
	json_t *list = json_array();

	for (size_t i = 0; i < frames->count && i < JSON_MAX; i++)
		cli_json_append(list, json_frame(&frames->frames[i]));
	return list;
}
