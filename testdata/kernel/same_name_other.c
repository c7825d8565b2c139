/* See same_name.c. */
__attribute__((noinline)) static long helper(int m) { __asm__ volatile("" ::: "memory"); return m - 1; }
__attribute__((noinline)) static long twice(long n) { __asm__ volatile("" ::: "memory"); return n - 2; }

void others(int rounds)
{
    for (int i = 0; i < rounds; i++)
        helper(i);
    for (int i = 0; i < rounds + 1; i++)
        twice(i);
}
