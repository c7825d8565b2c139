/* syscalls COUNT [RATE]: makes COUNT getppid() system calls, a load that tests can trace: as fast as
 * it goes, or RATE a second in a burst every millisecond. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The next millisecond; what was missed is made up for. */
static void pause_until(struct timespec *tick)
{
	tick->tv_nsec += 1000000;
	if (tick->tv_nsec >= 1000000000) {
		tick->tv_nsec -= 1000000000;
		tick->tv_sec++;
	}
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, tick, NULL);
}

int main(int argc, char **argv)
{
	long count = argc > 1 ? atol(argv[1]) : 1;
	long rate = argc > 2 ? atol(argv[2]) : 0;
	long burst = rate > 1000 ? rate / 1000 : 1;
	struct timespec tick;

	clock_gettime(CLOCK_MONOTONIC, &tick);
	for (long i = 0; i < count; i++) {
		syscall(SYS_getppid);
		if (rate && i % burst == burst - 1)
			pause_until(&tick);
	}
	return 0;
}
