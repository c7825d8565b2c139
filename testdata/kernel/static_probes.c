/* Static probes with arguments of all forms, written out as the notes that tracers read. */
#include <stdint.h>
#include <stdlib.h>

#define PROVIDER "demo"
#include "static_probe.h"

uint16_t enabled __asm__("demo_guarded_semaphore") __attribute__((section(".probes"), used));

static const char word[] = "static";

__attribute__((noinline)) static void fire(long n, int negative, const long *numbers)
{
    /* Register, register of 32 bits with sign, constant, memory, memory with index. */
    PROBE("all", "0", "8@%[n] -4@%k[neg] -4@$-7 8@8(%[base]) 8@(%[base],%[n],8) 8@%[word]",
          [n] "r"(n), [neg] "r"(negative), [base] "r"(numbers), [word] "r"(word));
    PROBE("plain", "0", "");
    /* The file has a base, but not of this one. */
    PROBE_OF("0", "unbased", "0", "");
}

int main(int argc, char **argv)
{
    long rounds = argc > 1 ? atol(argv[1]) : 1;
    const long numbers[] = {10, 11, 12, 13};
    /* Tracers cannot read a page that nobody has touched. */
    (void)*(const volatile char *)word;
    for (long i = 0; i < rounds; i++) {
        fire(i % 4, -5, numbers);
        if (enabled)
            PROBE("guarded", "demo_guarded_semaphore", "2@%w[on]", [on] "r"(enabled));
    }
    return 0;
}
