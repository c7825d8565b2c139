/* allocate: a known number of allocations from a known place.
 *   allocate COUNT BYTES     malloc(BYTES), COUNT times, each touched
 *   allocate -b COUNT BYTES  sbrk(BYTES) instead, COUNT times
 */
#define _DEFAULT_SOURCE
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *volatile kept;

void take(size_t bytes) { kept = malloc(bytes); memset(kept, 1, bytes); }

void grow(size_t bytes) { kept = sbrk((long)bytes); memset(kept, 1, bytes); }

int main(int argc, char **argv) {
    int brk = argc > 1 && strcmp(argv[1], "-b") == 0;
    int count = argc > brk + 2 ? atoi(argv[brk + 1]) : 10;
    size_t bytes = argc > brk + 2 ? (size_t)atol(argv[brk + 2]) : 100;
    for (int i = 0; i < count; i++) brk ? grow(bytes) : take(bytes);
    return 0;
}
