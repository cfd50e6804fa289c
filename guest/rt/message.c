/*
 * Writing messages (abi/call.h).
 */
#include "rt/rt.h"

#include <string.h>

/* The numbers of mote/value.h. */
uint32_t mote_rt_type_of(char letter)
{
	switch (letter) {
	case 'i':
		return 1;
	case 'u':
		return 2;
	case 'I':
		return 3;
	case 'U':
		return 4;
	case 'f':
		return 5;
	case 'd':
		return 6;
	case 'b':
		return 7;
	case 's':
		return 8;
	case 'y':
		return 9;
	default:
		return 0;
	}
}

/* Places the data of one string or bytes slot at *at and moves *at on. */
static bool put_data(unsigned char *buffer, size_t capacity, size_t *at,
		     struct mote_abi_slot *slot, const struct mote_slot_ *from)
{
	const char *data = (const char *)(uintptr_t)from->value;
	bool text = slot->type == mote_rt_type_of('s');
	size_t length = from->size;
	size_t end;

	if (text)
		length = data != NULL ? strlen(data) : 0;
	if (length > UINT32_MAX || length >= capacity)
		return false;
	end = *at + length + text;
	if (round_up(end, 8) > capacity)
		return false;
	if (length > 0)
		memcpy(buffer + *at, data, length);
	if (text)
		buffer[*at + length] = '\0';
	slot->length = (uint32_t)length;
	slot->value = *at;
	*at = round_up(end, 8);
	return true;
}

size_t mote_rt_encode(void *buffer, size_t capacity,
		      const struct mote_rt_head *head, const char *letters,
		      const struct mote_slot_ *slots)
{
	struct mote_abi_message *message = buffer;
	struct mote_abi_slot *slot = (struct mote_abi_slot *)(message + 1);
	uint32_t count = 0;
	size_t at;
	uint32_t i;

	while (letters[count] != ')' && letters[count] != '\0')
		count++;
	at = sizeof(*message) + count * sizeof(*slot);
	if (at > capacity)
		return 0;
	for (i = 0; i < count; i++) {
		slot[i].type = mote_rt_type_of(letters[i]);
		slot[i].length = 0;
		slot[i].value = slots[i].value;
		if (slot[i].type < mote_rt_type_of('s'))
			continue;
		if (!put_data(buffer, capacity, &at, &slot[i], &slots[i]))
			return 0;
	}
	message->version = MOTE_MESSAGE_VERSION;
	message->kind = head->kind;
	message->size = (uint32_t)at;
	message->id = head->id;
	message->function = head->function;
	message->count = count;
	message->code = head->code;
	message->reserved = 0;
	return at;
}
