/* Linux has all of libc/syscalls.h on this architecture. */
#ifndef MOTE_RT_SYSCALLS_CPU_H
#define MOTE_RT_SYSCALLS_CPU_H
#endif
