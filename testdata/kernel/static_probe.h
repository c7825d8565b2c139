/* A static probe of PROVIDER, written out as the note that tracers read. */
#define PROBE(name, semaphore, arguments, ...) PROBE_OF("_.stapsdt.base", name, semaphore, arguments, __VA_ARGS__)

/* The same with another base: 0 for none. */
#define PROBE_OF(base, name, semaphore, arguments, ...)                                     \
    __asm__ volatile("990: nop\n"                                                           \
                     ".pushsection .note.stapsdt,\"\",\"note\"\n"                           \
                     ".balign 4\n"                                                          \
                     ".4byte 992f-991f, 994f-993f, 3\n"                                     \
                     "991: .asciz \"stapsdt\"\n"                                            \
                     "992: .balign 4\n"                                                     \
                     "993: .8byte 990b, " base ", " semaphore "\n"                          \
                     ".asciz \"" PROVIDER "\"\n.asciz \"" name "\"\n.asciz \"" arguments "\"\n"     \
                     "994: .balign 4\n"                                                     \
                     ".popsection\n"                                                        \
                     ".ifndef _.stapsdt.base\n"                                             \
                     ".pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat\n" \
                     ".weak _.stapsdt.base\n.hidden _.stapsdt.base\n"                       \
                     "_.stapsdt.base: .space 1\n.size _.stapsdt.base, 1\n"                  \
                     ".popsection\n.endif\n" ::__VA_ARGS__ : "memory")
