/* Variables of all kinds of storage, for `uaddr`. Each begins at a number of its own. */
int zeroed;
static volatile int hidden;
int data = 3;
static volatile int hidden_data = 4;
const volatile int constant = 5;
__attribute__((common)) int common;
__thread int of_thread;
__thread int of_thread_set = 7;
int big[1000];

__attribute__((noinline)) int work(int n)
{
	zeroed += n;
	hidden += 2 * n;
	common += 6 * n;
	of_thread += n;
	big[0] += 8 * n;
	return zeroed + hidden + data + hidden_data + constant + common + of_thread + of_thread_set + big[0];
}

__attribute__((noinline)) void ready(void)
{
	__asm__ volatile("" ::: "memory");
}

#include <unistd.h>

int main(int argc, char **argv)
{
	int sum = work(1);
	(void)argv;
	/* With an argument it goes on until it is ended. */
	do {
		ready();
		if (argc > 1)
			usleep(10000);
	} while (argc > 1);
	return sum == 0;
}
