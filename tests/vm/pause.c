#include "vm/pause.h"

#include <errno.h>

#include "os/os.h"
#include "sandbox/interrupt.h"

struct pause_points pause_at;
_Atomic size_t pause_signals_sent;

static void pass(pause_fn *point)
{
	pause_fn step = *point;

	*point = NULL;
	if (step)
		step();
}

void __real_mti_interrupt_begin(struct mote_interrupt *self, int32_t thread);
void __wrap_mti_interrupt_begin(struct mote_interrupt *self, int32_t thread);
bool __real_mti_interrupt_end(struct mote_interrupt *self);
bool __wrap_mti_interrupt_end(struct mote_interrupt *self);
int __real_mti_os_run(int fd, unsigned long request);
int __wrap_mti_os_run(int fd, unsigned long request);
int __real_mti_os_thread_signal(int32_t thread, int signal);
int __wrap_mti_os_thread_signal(int32_t thread, int signal);

void __wrap_mti_interrupt_begin(struct mote_interrupt *self, int32_t thread)
{
	pass(&pause_at.begin);
	__real_mti_interrupt_begin(self, thread);
}

bool __wrap_mti_interrupt_end(struct mote_interrupt *self)
{
	bool cancelled;

	pass(&pause_at.end);
	cancelled = __real_mti_interrupt_end(self);
	pass(&pause_at.after_end);
	return cancelled;
}

int __wrap_mti_os_run(int fd, unsigned long request)
{
	int status;

	pass(&pause_at.before_entry);
	status = __real_mti_os_run(fd, request);
	/* Else it may be one that has only completed an instruction. */
	if (status != -EINTR)
		pass(&pause_at.after_exit);
	return status;
}

int __wrap_mti_os_thread_signal(int32_t thread, int number)
{
	atomic_fetch_add(&pause_signals_sent, 1);
	pass(&pause_at.before_signal);
	return __real_mti_os_thread_signal(thread, number);
}
