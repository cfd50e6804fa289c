/*
 * What start.c does at its start, for the guest and its test.
 */
#ifndef GUESTS_START_H
#define GUESTS_START_H

#define START_WELL 0
#define START_CRASH 1
#define START_SPIN 2

#endif
