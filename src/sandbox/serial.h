/*
 * What a bare guest finds at the ports of its serial port: a 16550 that is
 * always ready to send, receives nothing, and has no interrupts. Its state is
 * MTI_SERIAL_BYTES, all zero at first. Pure.
 */
#ifndef MTI_SANDBOX_SERIAL_H
#define MTI_SANDBOX_SERIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "snap/snap.h"

/* number is that of a register, 0 to 7. */
uint8_t mti_serial_read(uint8_t state[MTI_SERIAL_BYTES], uint32_t number);
/* Whether value is a byte of output. */
bool mti_serial_write(uint8_t state[MTI_SERIAL_BYTES], uint32_t number,
		      uint8_t value);

#endif
