/* twin COUNT [WAIT]: does the same as its twin, in two threads: each makes COUNT system calls (getppid), calls of
 * marked(), static probes, writes to `cell`, first touches of a page, short sleeps, and keeps a CPU busy for a while.
 * With a second number it waits for SIGUSR1 first, with both threads there, having told the addresses of `cell` and marked().
 * A third thread is started when the work begins, and does the same as the others. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PROVIDER "twin"
#include "static_probe.h"

#define PAGE 4096
#define BUSY 100000000L

/* Not among what exec() clears. */
volatile long cell = -1;
static long count;
static pthread_barrier_t ready, go;

__attribute__((noinline)) void marked(long n)
{
	cell = n;
	PROBE("fired", "0", "");
}

static long nanoseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * 1000000000L + now.tv_nsec;
}

static void work(void)
{
	const struct timespec moment = {0, 1000};
	char *pages = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long end;

	madvise(pages, count * PAGE, MADV_NOHUGEPAGE);
	for (long i = 0; i < count; i++) {
		syscall(SYS_getppid);
		marked(i);
		pages[i * PAGE] = 1;
		nanosleep(&moment, NULL);
	}
	for (end = nanoseconds() + BUSY; nanoseconds() < end;)
		;
}

static void *waiting(void *unused)
{
	pthread_barrier_wait(&ready);
	pthread_barrier_wait(&go);
	work();
	return unused;
}

static void *late(void *unused)
{
	work();
	return unused;
}

int main(int argc, char **argv)
{
	pthread_t first, second;
	sigset_t set;
	int signal;

	count = argc > 1 ? atol(argv[1]) : 1;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	pthread_barrier_init(&ready, NULL, 2);
	pthread_barrier_init(&go, NULL, 2);
	pthread_create(&first, NULL, waiting, NULL);
	pthread_barrier_wait(&ready);
	if (argc > 2) {
		printf("%p %p\n", (void *)&cell, (void *)marked);
		fflush(stdout);
		sigwait(&set, &signal);
	}
	pthread_barrier_wait(&go);
	pthread_create(&second, NULL, late, NULL);
	work();
	pthread_join(first, NULL);
	pthread_join(second, NULL);
	return 0;
}
