/* A program whose functions and types are traced by its debug information. */
#include <stdio.h>

enum color { RED, GREEN = 5, BLUE };
struct point { int x, y; };
struct person {
    const char *name;
    int age;
    struct point at;
    enum color color;
    char tag[8];
    unsigned lo : 3, hi : 5;
    struct person *next;
    union { int number; char letter; };
    short small[3];
    double weight; enum color mix : 4; _Bool yes, bit : 1; unsigned char raw[4];
};

__attribute__((noinline)) int take(struct person *p, int n, double share, const char *text, long far, int last, char seventh, short eighth)
{
    int sum = p->age + n + text[0];
    sum += (int)share + (int)far; /* the second statement */
    return sum + last + seventh + eighth;
}

__attribute__((noinline)) struct person *after(struct person *p)
{
    __asm__ volatile("");
    return p->next;
}

int main(void)
{
    struct person bob = {"bob", 7, {3, 4}, BLUE, "second", 5, 21, 0, {'B'}, {7, 8, 9}, 2.5, BLUE, 1, 1, "raw"};
    struct person alice = {"alice", 30, {1, 2}, GREEN, "first", 3, 17, &bob, {'A'}, {-1, 2, 3}, 1.5, GREEN, 1, 0, "four"};
    int sum = 0;
    printf("%s %s\n", alice.name, bob.name);
    for (int n = 1; n <= 3; n++) {
        /* The compiler cannot know who reads them. */
        __asm__ volatile("" : : "r"(&alice), "r"(&bob) : "memory");
        sum += take(&alice, -n, 0.5, "text", 1l << 40, n, 'z', -3);
    }
    return after(&alice)->age + sum == 0;
}
