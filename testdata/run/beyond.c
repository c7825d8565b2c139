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

/* So many bytes there. */
void bytes(const char *data, long length) { __asm__ volatile("" ::"r"(data), "r"(length) : "memory"); }

/* Through a pointer: no compiler makes a copy of its own of it. */
void (*volatile call)(int, int, int, int, int, int, long, long, long, long) = many;

void (*volatile hand)(const char *, long) = bytes;

/* What is alike to its 512th byte and beyond: zeros of two lengths, and texts of one length; and something short. */
static void hand_over(void) {
    static char data[1000];
    hand(data, 600), hand(data, 700), hand(data, 600);
    memset(data, 'x', 700);
    for (int n = 0; n < 3; n++) {
        data[699] = n ? '2' : '1';
        hand(data, 700);
    }
    memcpy(data, "ab\0cd", 6);
    hand(data, 5);
}

int main(void) {
    int word = 0;
    char name[800] = "/no/such/";
    call(1, 2, 3, 4, 5, 6, -7, 8, 9, 10);
    hand_over();
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
