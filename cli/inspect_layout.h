/*
 * `mote inspect` of a snapshot, or of all snapshots in a layout.
 */
#ifndef CLI_INSPECT_LAYOUT_H
#define CLI_INSPECT_LAYOUT_H

#include <stdbool.h>

/* text is DIR or DIR:TAG. Exit status. */
int cli_inspect_layout(const char *text, bool json);

/* One line for each snapshot, or an array of objects. Exit status. */
int cli_list_layout(const char *text, bool json, const char *command);

#endif
