/* beyond: calls with more arguments than registers, and files with names longer than a map's key may be.
 * Each of two names is opened once and twice; they begin with the same 700 bytes. None exists. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FUTEX_WAKE_BITSET 10

/* Ten arguments: on x86-64 four of them are in memory, on others two. */
void many(int a, int b, int c, int d, int e, int f, long g, long h, long i, long j) {
    __asm__ volatile("" ::"r"(a), "r"(b), "r"(c), "r"(d), "r"(e), "r"(f), "r"(g), "r"(h), "r"(i), "r"(j) : "memory");
}

/* Through a pointer: no compiler makes a copy of its own of it. */
void (*volatile call)(int, int, int, int, int, int, long, long, long, long) = many;

int main(void) {
    int word = 0;
    char name[800] = "/no/such/";
    call(1, 2, 3, 4, 5, 6, -7, 8, 9, 10);
    /* The seventh argument of the kernel's function is the last one. */
    syscall(SYS_futex, &word, FUTEX_WAKE_BITSET, 1, 0L, 0L, 0x1234);
    for (int n = strlen(name); n < 700; n++) name[n] = n % 100 ? 'n' : '/';
    for (int n = 1; n <= 2; n++) {
        for (int i = 0; i < n; i++) {
            sprintf(name + 700, "/file%d", n);
            open(name, O_RDONLY);
        }
    }
    open("/no/such/short", O_RDONLY);
    return 0;
}
