// Threads that call `hit` at the same moment, the even ones on the first CPU, the odd ones on the second: in round r
// thread t of n gives n * r + (t + r) % n. When all have, one calls `seen` with the greatest so far, n * r + n - 1, and
// with how many calls there have been. With a third argument both are calls of the kernel too, which change nothing:
// lseek(-1, number, round) and readahead(-1, greatest, calls), and before each a page is lost and touched again.
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static long threads, rounds, arrived, calls_too;

__attribute__((noinline)) void hit(long number, long round) {
    __asm__ volatile("" : : "r"(number), "r"(round) : "memory");
}

__attribute__((noinline)) void seen(long greatest, long calls, long round) {
    __asm__ volatile("" : : "r"(greatest), "r"(calls), "r"(round) : "memory");
}

// Waits until all threads have come here for the nth time. Who waits for long leaves the CPU: the other one may be a CPU of an
// emulated machine that needs the same real one.
static void meet(long n) {
    __atomic_add_fetch(&arrived, 1, __ATOMIC_SEQ_CST);
    for (long spins = 0; __atomic_load_n(&arrived, __ATOMIC_SEQ_CST) < n * threads; spins++) {
        if (spins > 20000) {
            usleep(100);
        } else if (spins % 1000 == 999) {
            sched_yield();
        }
    }
}

static void *run(void *arg) {
    long t = (long)arg;
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(t % 2, &cpus);
    sched_setaffinity(0, sizeof(cpus), &cpus);
    volatile char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (long r = 0; r < rounds; r++) {
        meet(2 * r + 1);
        hit(threads * r + (t + r) % threads, r);
        if (calls_too) {
            madvise((void *)page, 4096, MADV_DONTNEED);
            *page = 1;
            syscall(SYS_lseek, -1, threads * r + (t + r) % threads, r);
        }
        meet(2 * r + 2);
        if (t == 0) {
            seen(threads * r + threads - 1, threads * (r + 1), r);
            if (calls_too) {
                syscall(SYS_readahead, -1, threads * r + threads - 1, threads * (r + 1));
            }
        }
    }
    return NULL;
}

int main(int argc, char **argv) {
    pthread_t ids[64];
    threads = argc > 1 ? atol(argv[1]) : 2;
    rounds = argc > 2 ? atol(argv[2]) : 10000;
    calls_too = argc > 3;
    if (threads < 1 || threads > 64) {
        return 1;
    }
    for (long t = 0; t < threads; t++) {
        pthread_create(&ids[t], NULL, run, (void *)t);
    }
    for (long t = 0; t < threads; t++) {
        pthread_join(ids[t], NULL);
    }
    return 0;
}
