/* allocate: a known number of allocations from a known place.
 *   allocate COUNT BYTES       malloc(BYTES), COUNT times, each touched
 *   allocate -b COUNT BYTES    the heap grows by BYTES with a brk() call instead, COUNT times
 * With a third number it then says READY and waits that many seconds, so that a tracer can
 * still read its symbols.
 */
#define _DEFAULT_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static char *volatile kept;

/* One byte of a fresh page: a page fault with this function on top of the stack. */
void touch(char *at) { *(volatile char *)at = 1; }

void take(size_t bytes) {
    kept = malloc(bytes);
    touch(kept);
}

/* The plain system call: the C library's brk() breaks the chain of frame pointers. */
void grow(size_t bytes) {
    char *end = (char *)syscall(SYS_brk, 0);
    syscall(SYS_brk, end + bytes);
    touch(end);
}

void work(int brk, int count, size_t bytes) {
    for (int i = 0; i < count; i++) brk ? grow(bytes) : take(bytes);
}

int main(int argc, char **argv) {
    int brk = argc > 1 && strcmp(argv[1], "-b") == 0;
    argv += brk + 1;
    argc -= brk + 1;
    work(brk, argc > 0 ? atoi(argv[0]) : 10, argc > 1 ? (size_t)atol(argv[1]) : 100);
    if (argc > 2) {
        if (write(1, "READY\n", 6) == 6) sleep((unsigned)atoi(argv[2]));
    }
    return 0;
}
