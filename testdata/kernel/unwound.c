/* unwound [ROUNDS]: so many times, 2 ms apart, calls down to a system call, once through the C library; then once more
   out of a signal's handler. Without a number it does that once; with 0 it computes there for a while.
   There are no frame pointers, however this is compiled, and frames of several sizes. */
#pragma GCC optimize("omit-frame-pointer", "no-optimize-sibling-calls")
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define KEPT __attribute__((noinline, noclone))

static volatile int steps;
static long spins;

KEPT void inner(int n)
{
	volatile char room[40];

	room[n & 31] = 1;
	for (long i = spins; i > 0; i--)
		steps += room[i & 31] & 1;
	getppid();
	steps += room[3];
}

KEPT void middle(int n)
{
	volatile char room[3000];

	room[n] = 1;
	inner(n + 1);
	steps += room[n];
}

KEPT int compare(const void *a, const void *b)
{
	int difference = *(const int *)a - *(const int *)b;

	middle(difference & 7);
	steps++;
	return difference;
}

KEPT void outer(int *numbers)
{
	qsort(numbers, 2, sizeof *numbers, compare);
	steps++;
}

KEPT void on_signal(int number)
{
	inner(number);
	steps++;
}

int main(int argc, char **argv)
{
	int numbers[] = {2, 1};
	int rounds = argc > 1 ? atoi(argv[1]) : 1;

	if (!rounds)
		spins = 200000000;
	do {
		outer(numbers);
		if (rounds > 1)
			usleep(2000);
	} while (--rounds > 0);
	signal(SIGUSR1, on_signal);
	spins = 0;
	raise(SIGUSR1);
	steps++;
	return 0;
}
