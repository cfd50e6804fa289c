/*
 * Static probes for perf, bpftrace and SystemTap, provider "mote": a nop and
 * a note in the file where <sys/sdt.h> was there at configure time, else
 * nothing. Their names and arguments are listed in docs/OBSERVABILITY.md.
 */
#ifndef MTI_OBS_PROBE_H
#define MTI_OBS_PROBE_H

#ifdef MTI_HAVE_SDT
#include <sys/sdt.h>
#define MTI_PROBE(name, a, b) DTRACE_PROBE2(mote, name, a, b)
#else
#define MTI_PROBE(name, a, b)      \
	do {                       \
		(void)(a);         \
		(void)(b);         \
	} while (0)
#endif

#endif
