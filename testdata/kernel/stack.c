/* Calls a few functions down to a system call, and ends: at once, or after a pause of so many
   milliseconds before and after the call. One line a function, so that its line is certain. */
#include <stdlib.h>
#include <unistd.h>

/* A call is followed by something, so that the address behind it is in the same function. */
static volatile int steps;
#define KEEP steps++
#define NOINLINE __attribute__((noinline))

NOINLINE void leaf(void) { getppid(); KEEP; }
NOINLINE void middle(void) { leaf(); KEEP; }
static inline __attribute__((always_inline)) void swallowed(void) { middle(); KEEP; }
NOINLINE void outer(void) { swallowed(); KEEP; }

int main(int argc, char **argv)
{
	int pause = argc > 1 ? atoi(argv[1]) * 1000 : 0;

	if (pause)
		usleep(pause);
	outer();
	if (pause)
		usleep(pause);
	return 0;
}
