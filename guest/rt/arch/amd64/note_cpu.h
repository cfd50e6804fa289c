/* For note.S: the distance to a function, which may be absent. */
#define FUNCTION_DISTANCE(name) name@PLT
