// Calls take() with a struct that holds, and points at, others.
struct in {
    unsigned char uc;
    int v[3];
};
struct big {
    int id;
    char name[16];
    float f;
    struct in in;
    struct in *next;
    struct in pts[3];
};

__attribute__((noinline)) int take(struct big *b, int n) {
    __asm__ volatile("" : : "r"(b), "r"(n) : "memory");
    return n;
}

int main(void) {
    struct in other = {9, {4, 5, 6}};
    struct big b = {4, "hello", 1.5f, {200, {-1, -2, -3}}, &other, {{1, {0}}, {2, {7, 8, 9}}, {3, {0}}}};
    return take(&b, 3) - 3;
}
