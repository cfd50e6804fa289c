/*
 * Ctrl-C: a first SIGINT or SIGTERM cancels the call that runs, so that all
 * that was asked for is still written; a second one ends the process as
 * without us. One per process: signals have no other place to keep it.
 */
#ifndef CLI_CANCEL_H
#define CLI_CANCEL_H

#include <signal.h>
#include <stdbool.h>

#include <mote/mote.h>

/*
 * Catches a signal, unless the program was started with it ignored, as with
 * nohup. *old is what there was.
 */
void cli_catch(int number, void (*handler)(int number), struct sigaction *old);

/*
 * From now on calls of the sandbox are cancelled. A signal that is ignored, as
 * with nohup, stays so. false, and nothing is changed, if there is no memory.
 */
bool cli_cancel_open(mote_sandbox *box);

/* Signals do again what they did before. */
void cli_cancel_close(void);

/* The signal that came, or 0. It stays after cli_cancel_close. */
int cli_cancel_signal(void);

/* "SIGINT", or "" if none came. */
const char *cli_cancel_name(void);

#endif
