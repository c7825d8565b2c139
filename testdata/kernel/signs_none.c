/* The same places without any sign. */
#define SIGN ""
#include "signs.c"
