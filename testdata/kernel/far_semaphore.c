/* Static probes of which one has its counter where no part of the file is mapped: no tracer can switch it on. */
#include <stdint.h>
#include <stdlib.h>

#define PROVIDER "demo"
#include "static_probe.h"

/* Zeros are in no file. */
uint16_t counters[65536] __asm__("demo_counters");

int main(int argc, char **argv)
{
    long rounds = argc > 1 ? atol(argv[1]) : 1;
    for (long i = 0; i < rounds; i++) {
        PROBE("near", "0", "");
        if (*(volatile uint16_t *)&counters[65000])
            PROBE("far", "demo_counters + 130000", "");
    }
    return 0;
}
