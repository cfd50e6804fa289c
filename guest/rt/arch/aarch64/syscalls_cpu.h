/*
 * What Linux does not have on this architecture gets a number that it never
 * uses, so that there is one table for all of them.
 */
#ifndef MOTE_RT_SYSCALLS_CPU_H
#define MOTE_RT_SYSCALLS_CPU_H

#define SYS_access 0x10000
#define SYS_arch_prctl 0x10001
#define SYS_creat 0x10002
#define SYS_getpgrp 0x10003
#define SYS_lstat 0x10004
#define SYS_mkdir 0x10005
#define SYS_open 0x10006
#define SYS_readlink 0x10007
#define SYS_rename 0x10008
#define SYS_rmdir 0x10009
#define SYS_stat 0x1000a
#define SYS_time 0x1000b
#define SYS_unlink 0x1000c

#endif
