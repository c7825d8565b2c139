/* The user binary of the tests. Its debug information lies beside it, a file a section (x86-64, DWARF 5):
 *
 *   cc -g -O1 -fno-asynchronous-unwind-tables -ffile-prefix-map=$PWD=/src -shared -fPIC -o user.so user.c
 *   for s in info abbrev str line line_str rnglists; do objcopy --dump-section .debug_$s=debug_$s user.so; done
 */
enum color { RED, GREEN = 5, BLUE, BELOW = -1 };
typedef unsigned long size;
typedef struct { short s; long l; } untagged;
typedef struct person known;
struct opaque;

struct point { int x, y; };
struct mixed { double d; long n; };
struct large { long all[4]; };
struct list_head { int mine; };

struct person {
    const char *name;
    int age;
    struct point at;
    enum color color;
    char tag[8];
    unsigned lo : 3, hi : 5;
    known *next;
    union { int number; char letter; };
    short small[3];
    int table[2][3];
    struct { int inside; } inner;
    struct opaque *hidden;
    long (*call)(int);
    float weight;
};

__attribute__((noinline)) int plain(struct person *p, int n, const char *text, size u, enum color c, untagged *a, int seventh, char eighth)
{
    return p->age + n + text[0] + (int)u + c + a->s + seventh + eighth;
}

/* On x86-64 in: di; xmm0; si; xmm1 and dx; the stack; cx. */
__attribute__((noinline)) long passed(struct point p, double d, _Bool b, struct mixed m, struct large l, long last)
{
    return p.x + (long)d + b + m.n + l.all[0] + last;
}

/* The first register holds where the result goes. */
__attribute__((noinline)) struct large returned(long n)
{
    struct large l = {{n, n, n, n}};
    return l;
}

__attribute__((noinline)) int head(struct list_head *h, long double far, int behind, __int128 wide, unsigned char c)
{
    return h->mine + (int)far + behind + (int)wide + c;
}
