/* Static probes whose notes say, or do not say (SIGN), that their arguments have a sign. */
#include <stdint.h>

#ifndef SIGN
#define SIGN "-"
#endif

#define PROVIDER "signs"
#include "static_probe.h"

volatile int16_t small = -5;

int main(void)
{
    for (volatile int i = 0; i < 30; i++) {
        long below = -i;
        int negative = -i;
        unsigned long huge = ~0ul - i;
        PROBE("tick", "0", SIGN "8@%[b] " SIGN "2@%w[s] " SIGN "4@$-7 8@%[h] -4@$7",
              [b] "r"(below), [s] "r"(small), [h] "r"(huge));
        /* One name, two places: a sign at one of them, and an argument more. */
        if (i % 3 == 0)
            PROBE("twice", "0", "4@%k[i]", [i] "r"(i));
        else
            PROBE("twice", "0", SIGN "4@%k[n] " SIGN "4@%k[n]", [n] "r"(negative));
        PROBE("plain", "0", "8@%[h]", [h] "r"(huge));
    }
    return 0;
}
