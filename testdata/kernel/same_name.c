/* Functions that share their names with those of same_name_other.c, and one that chooses another. */
#define _GNU_SOURCE
#include <sched.h>

void others(int rounds);

__attribute__((noinline)) long helper(long n) { __asm__ volatile("" ::: "memory"); return n + 1; }
__attribute__((noinline)) static long twice(long n) { __asm__ volatile("" ::: "memory"); return n + 2; }

__attribute__((noinline)) static long chosen(long n) { return n * 3; }
static long (*choose(void))(long) { return chosen; }
long triple(long n) __attribute__((ifunc("choose")));

int main(void)
{
    cpu_set_t set;
    for (int i = 0; i < 5; i++) {
        helper(i);
        triple(i);
        /* The C library has an older one, too. */
        sched_getaffinity(0, sizeof set, &set);
    }
    for (int i = 0; i < 2; i++)
        twice(i);
    others(3);
    return 0;
}
