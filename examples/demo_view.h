/*
 * How the demonstration looks: a column of labels, colour on a terminal only.
 */
#ifndef DEMO_VIEW_H
#define DEMO_VIEW_H

#include <stdint.h>

#include <mote/mote.h>

void view_init(void);
void view_title(const char *format, ...) MOTE_PRINTF(1, 2);

/* A line with a label; NULL for one more line of the last. */
void view_line(const char *label, const char *format, ...) MOTE_PRINTF(2, 3);
/* The same, marked as what the guest did wrong. */
void view_fault(const char *label, const char *format, ...) MOTE_PRINTF(2, 3);
void view_gap(void);

/* Three registers a line. */
void view_registers(const mote_fault *fault);

/* Something went wrong that should not: to standard error. */
void view_failure(const char *what, const mote_error *err);

#endif
