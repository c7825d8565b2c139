/* Static probes whose notes say, or do not say (SIGN), that their arguments have a sign. */
#include <stdint.h>

#ifndef SIGN
#define SIGN "-"
#endif

#define PROBE(name, arguments, ...)                                                          \
    __asm__ volatile("990: nop\n"                                                           \
                     ".pushsection .note.stapsdt,\"\",\"note\"\n"                           \
                     ".balign 4\n"                                                          \
                     ".4byte 992f-991f, 994f-993f, 3\n"                                     \
                     "991: .asciz \"stapsdt\"\n"                                            \
                     "992: .balign 4\n"                                                     \
                     "993: .8byte 990b, _.stapsdt.base, 0\n"                                \
                     ".asciz \"signs\"\n.asciz \"" name "\"\n.asciz \"" arguments "\"\n"    \
                     "994: .balign 4\n"                                                     \
                     ".popsection\n"                                                        \
                     ".ifndef _.stapsdt.base\n"                                             \
                     ".pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat\n" \
                     ".weak _.stapsdt.base\n.hidden _.stapsdt.base\n"                       \
                     "_.stapsdt.base: .space 1\n.size _.stapsdt.base, 1\n"                  \
                     ".popsection\n.endif\n" ::__VA_ARGS__ : "memory")

volatile int16_t small = -5;

int main(void)
{
    for (volatile int i = 0; i < 30; i++) {
        long below = -i;
        int negative = -i;
        unsigned long huge = ~0ul - i;
        PROBE("tick", SIGN "8@%[b] " SIGN "2@%w[s] " SIGN "4@$-7 8@%[h] -4@$7",
              [b] "r"(below), [s] "r"(small), [h] "r"(huge));
        /* One name, two places: a sign at one of them, and an argument more. */
        if (i % 3 == 0)
            PROBE("twice", "4@%k[i]", [i] "r"(i));
        else
            PROBE("twice", SIGN "4@%k[n] " SIGN "4@%k[n]", [n] "r"(negative));
        PROBE("plain", "8@%[h]", [h] "r"(huge));
    }
    return 0;
}
