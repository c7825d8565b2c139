/* Calls functions with more arguments than any machine passes in registers, once each. */
#include <stdio.h>

__attribute__((noinline)) void many(int a, int b, int c, int d, int e, int f, long g, long h, long i, long j) {
    asm volatile("" ::"r"(a), "r"(b), "r"(c), "r"(d), "r"(e), "r"(f), "r"(g), "r"(h), "r"(i), "r"(j) : "memory");
}

int main(void) {
    many(1, 2, 3, 4, 5, 6, -7, 8, 9, 10);
    return 0;
}
