/* Static probes with arguments of all forms, written out as the notes that tracers read. */
#include <stdint.h>
#include <stdlib.h>

#define PROBE(name, semaphore, arguments, ...)                                              \
    __asm__ volatile("990: nop\n"                                                           \
                     ".pushsection .note.stapsdt,\"\",\"note\"\n"                           \
                     ".balign 4\n"                                                          \
                     ".4byte 992f-991f, 994f-993f, 3\n"                                     \
                     "991: .asciz \"stapsdt\"\n"                                            \
                     "992: .balign 4\n"                                                     \
                     "993: .8byte 990b, _.stapsdt.base, " semaphore "\n"                    \
                     ".asciz \"demo\"\n.asciz \"" name "\"\n.asciz \"" arguments "\"\n"     \
                     "994: .balign 4\n"                                                     \
                     ".popsection\n"                                                        \
                     ".ifndef _.stapsdt.base\n"                                             \
                     ".pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat\n" \
                     ".weak _.stapsdt.base\n.hidden _.stapsdt.base\n"                       \
                     "_.stapsdt.base: .space 1\n.size _.stapsdt.base, 1\n"                  \
                     ".popsection\n.endif\n" ::__VA_ARGS__ : "memory")

uint16_t enabled __asm__("demo_guarded_semaphore") __attribute__((section(".probes"), used));

static const char word[] = "static";

__attribute__((noinline)) static void fire(long n, int negative, const long *numbers)
{
    /* Register, register of 32 bits with sign, constant, memory, memory with index. */
    PROBE("all", "0", "8@%[n] -4@%k[neg] -4@$-7 8@8(%[base]) 8@(%[base],%[n],8) 8@%[word]",
          [n] "r"(n), [neg] "r"(negative), [base] "r"(numbers), [word] "r"(word));
    PROBE("plain", "0", "");
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
