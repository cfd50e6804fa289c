#include "sandbox/serial.h"

/* Registers of a 16550 by number, where they differ for reading. */
#define DATA 0u
#define INTERRUPT_ENABLE 1u
#define INTERRUPT_ID 2u
#define LINE_CONTROL 3u
#define MODEM_CONTROL 4u
#define LINE_STATUS 5u
#define MODEM_STATUS 6u
#define SCRATCH 7u

#define LINE_CONTROL_DIVISOR 0x80u
#define MODEM_CONTROL_LOOP 0x10u
#define LINE_STATUS_DATA 0x01u
#define LINE_STATUS_EMPTY 0x60u
#define MODEM_STATUS_READY 0xb0u
#define NO_INTERRUPT 0x01u

/* Where the state has what no register of the same number holds. */
#define STATE_DIVISOR_LOW INTERRUPT_ID
#define STATE_DIVISOR_HIGH LINE_STATUS
#define STATE_RECEIVED MODEM_STATUS /* in a loop: DATA is not read yet */

static bool is_divisor(const uint8_t *state)
{
	return (state[LINE_CONTROL] & LINE_CONTROL_DIVISOR) != 0;
}

static bool is_loop(const uint8_t *state)
{
	return (state[MODEM_CONTROL] & MODEM_CONTROL_LOOP) != 0;
}

/* In a loop the outputs are the inputs. */
static uint8_t modem_status(const uint8_t *state)
{
	uint32_t control = state[MODEM_CONTROL];

	if (!is_loop(state))
		return MODEM_STATUS_READY;
	return (uint8_t)((control & 1) << 5 | (control & 2) << 3 |
			 (control & 0xc) << 4);
}

uint8_t mti_serial_read(uint8_t state[MTI_SERIAL_BYTES], uint32_t number)
{
	switch (number) {
	case DATA:
		if (is_divisor(state))
			return state[STATE_DIVISOR_LOW];
		state[STATE_RECEIVED] = 0;
		return state[DATA];
	case INTERRUPT_ENABLE:
		return is_divisor(state) ? state[STATE_DIVISOR_HIGH] :
					   state[INTERRUPT_ENABLE];
	case INTERRUPT_ID:
		return NO_INTERRUPT;
	case LINE_STATUS:
		return (uint8_t)(LINE_STATUS_EMPTY |
				 (state[STATE_RECEIVED] ? LINE_STATUS_DATA :
							  0u));
	case MODEM_STATUS:
		return modem_status(state);
	case LINE_CONTROL:
	case MODEM_CONTROL:
	case SCRATCH:
	default:
		return state[number & SCRATCH];
	}
}

bool mti_serial_write(uint8_t state[MTI_SERIAL_BYTES], uint32_t number,
		      uint8_t value)
{
	switch (number) {
	case DATA:
		if (is_divisor(state)) {
			state[STATE_DIVISOR_LOW] = value;
			return false;
		}
		if (!is_loop(state))
			return true;
		state[DATA] = value;
		state[STATE_RECEIVED] = 1;
		return false;
	case INTERRUPT_ENABLE:
		if (is_divisor(state))
			state[STATE_DIVISOR_HIGH] = value;
		else
			state[INTERRUPT_ENABLE] = value & 0xf;
		return false;
	case LINE_CONTROL:
	case SCRATCH:
		state[number] = value;
		return false;
	case MODEM_CONTROL:
		state[number] = value & 0x1f;
		return false;
	default:
		/* FIFOs: there is always room. The rest cannot be written. */
		return false;
	}
}
