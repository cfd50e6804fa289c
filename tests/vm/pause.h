/*
 * Pause points: the steps of the library between which something shall happen
 * are functions of other files, which the linker wraps (see
 * CMakeLists.txt). What a test puts into pause_at runs there, on the thread
 * that comes by, once.
 */
#ifndef VM_PAUSE_H
#define VM_PAUSE_H

#include <stdatomic.h>
#include <stddef.h>

typedef void (*pause_fn)(void);

extern struct pause_points {
	pause_fn begin; /* before the call can be cancelled */
	pause_fn before_entry;
	pause_fn after_exit;
	pause_fn end; /* before it no longer can */
	pause_fn after_end;
	pause_fn before_signal; /* the canceller: it has struck */
} pause_at;

extern _Atomic size_t pause_signals_sent;

#endif
