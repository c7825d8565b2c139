/* Functions that share their names, and one that chooses another. Compiled twice: with OTHER, a second source file is made of it. */
#define _GNU_SOURCE
#include <sched.h>

#define FUNCTION __attribute__((noinline))
#define BODY(value) { __asm__ volatile("" ::: "memory"); return value; }

#ifdef OTHER
FUNCTION static long helper(int m) BODY(m - 1)
FUNCTION static long twice(long n) BODY(n - 2)

void others(int rounds)
{
    for (int i = 0; i < rounds; i++)
        helper(i);
    for (int i = 0; i < rounds + 1; i++)
        twice(i);
}
#else
/* Alone it is a program, too. */
__attribute__((weak)) void others(int rounds);

FUNCTION long helper(long n) BODY(n + 1)
FUNCTION static long twice(long n) BODY(n + 2)

FUNCTION static long chosen(long n) BODY(n * 3)
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
    if (others)
        others(3);
    return 0;
}
#endif
