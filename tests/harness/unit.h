/*
 * cmocka.h with what it needs before it.
 */
#ifndef HARNESS_UNIT_H
#define HARNESS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
