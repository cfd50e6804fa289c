/*
 * Giving up what a run of a guest does not need, in case the guest finds a
 * way out of its VM into this process.
 */
#ifndef CLI_HARDEN_H
#define CLI_HARDEN_H

#include <stdbool.h>

/* At the start of every command: no new privileges by exec, ever. */
void cli_harden_start(void);

/*
 * Once all files are read: from here on only the system calls of making a
 * sandbox, of a call, of output and of tidying up; with debugger also those
 * of the sockets that gdb connects to, with emulator those of a CPU emulator:
 * it makes code, and is no isolation in any case. Other system calls fail with
 * EPERM. Returns 0, also where the command was built without libseccomp, or
 * the errno that says why nothing was given up.
 */
int cli_harden_run(bool debugger, bool emulator);

/* Tries that in a child process: 0 or errno. ENOTSUP if it is not built in. */
int cli_harden_try(void);

#endif
