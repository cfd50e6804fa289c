/*
 * See progress.h.
 */
#include "progress.h"

#include <stdio.h>
#include <unistd.h>

#include "cancel.h"
#include "terminal.h"
#include "timing.h"
#include "units.h"

#define NS_PER_MS UINT64_C(1000000)
#define PATIENCE_NS (300 * NS_PER_MS)
#define INTERVAL_NS (100 * NS_PER_MS)

void cli_progress_init(struct cli_progress *progress, const char *what)
{
	progress->what = what;
	progress->terminal = cli_is_terminal(STDERR_FILENO);
	progress->shown = false;
	progress->next_ns = cli_now_ns() + PATIENCE_NS;
}

int cli_progress_step(void *user, uint64_t done, uint64_t total)
{
	struct cli_progress *progress = user;
	uint64_t now = cli_now_ns();
	char size[32];

	if (cli_cancel_signal())
		return 1;
	if (!progress->terminal || total == 0 || now < progress->next_ns)
		return 0;
	cli_format_size(total, size, sizeof(size));
	fprintf(stderr, "\r%s: %3u%% of %s\033[K", progress->what,
		(unsigned int)((double)done * 100 / (double)total), size);
	progress->shown = true;
	progress->next_ns = now + INTERVAL_NS;
	return 0;
}

void cli_progress_end(struct cli_progress *progress)
{
	if (progress->shown)
		fputs("\r\033[K", stderr);
	progress->shown = false;
}
