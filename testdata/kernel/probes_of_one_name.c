/* One static probe at two places, as a macro or an inlined function leaves it. */
#define PROVIDER "demo"
#include "static_probe.h"

__attribute__((noinline)) static void first(long n) { PROBE("both", "0", "8@%[n]", [n] "r"(n)); }
__attribute__((noinline)) static void second(long n) { n *= 100; PROBE("both", "0", "8@%[n]", [n] "r"(n)); }

int main(void)
{
    for (long i = 0; i < 10; i++)
        first(i);
    for (long i = 0; i < 5; i++)
        second(i);
    return 0;
}
