/* A test puts other names of the same length in the place of these: of a function, an argument and a static probe. */
#define PROVIDER "demo"
#include "static_probe.h"

__attribute__((noinline)) int fAAAAAAAAAAAAAAAAA(int n)
{
    __asm__ volatile("" ::: "memory");
    return n + 1;
}

__attribute__((noinline)) int plain(int pAAAAAAAAAAAAAAAAA)
{
    PROBE("nAAAAAAAAAAAAAAAAA", "0", "");
    return pAAAAAAAAAAAAAAAAA + 1;
}

int main(void)
{
    return plain(fAAAAAAAAAAAAAAAAA(1));
}
