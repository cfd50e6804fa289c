/*
 * See profile.h: time.
 */
#include "profile.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "flame.h"
#include "units.h"

bool cli_profile_init(struct cli_profile *profile)
{
	profile->period_ns = 1000000;
	return cli_stacks_init(&profile->stacks);
}

void cli_profile_fini(struct cli_profile *profile)
{
	cli_stacks_fini(&profile->stacks);
	cli_new_file_close(&profile->file);
}

void cli_profile_sample(void *user, const struct mote_frame *frames,
			size_t count)
{
	struct cli_profile *profile = user;
	uint32_t node = cli_stacks_add(&profile->stacks, frames, count);

	profile->stacks.places.nodes[node].value++;
	profile->samples++;
}

static void put(struct cli_profile *profile, const char *title, FILE *out)
{
	char subtitle[128];
	char period[32];
	const struct cli_flame flame = {
		.title = title,
		.subtitle = subtitle,
		.unit = profile->samples == 1 ? "sample" : "samples",
	};

	cli_format_duration(profile->period_ns, period, sizeof(period));
	snprintf(subtitle, sizeof(subtitle), "%" PRIu64 " %s, one every %s%s",
		 profile->samples, flame.unit, period,
		 profile->stacks.places.full ? "; there were too many stacks" :
					       "");
	if (cli_new_file_is(&profile->file, ".folded"))
		cli_flame_folded(&profile->stacks, out);
	else
		cli_flame_svg(&profile->stacks, &flame, out);
}

void cli_profile_write(struct cli_profile *profile, mote_image *image,
		       const char *title)
{
	char *data = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&data, &size);

	if (out && cli_stacks_name(&profile->stacks, image, false))
		put(profile, title, out);
	else
		snprintf(profile->file.error, sizeof(profile->file.error),
			 "out of memory");
	if (out && fclose(out) == 0 && !profile->file.error[0])
		cli_new_file_write(&profile->file, data, size);
	free(data);
}
