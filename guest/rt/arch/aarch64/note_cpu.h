/* For note.S: the distance to a function, 0 if it is absent. */
#define FUNCTION_DISTANCE(name) name - .
