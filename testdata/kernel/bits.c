// Bit fields, some of which begin behind the unit of their type. `look` gets the address of a record.
struct __attribute__((packed)) tight { unsigned a : 3; unsigned b : 31; char c; unsigned long d : 56; unsigned e : 7; int f : 9; };
struct loose { long x : 33; int y : 7; short z : 9; unsigned char w : 1; };
volatile long sink;
__attribute__((noinline, noclone)) void look(struct tight *t, struct loose *l) { sink += t->a + l->x; }
int main(void) {
    struct tight t = {5, 0x7edcba98 & 0x7fffffff, 'c', 0xabcdef01234567, 99, -200};
    struct loose l = {-4000000000, -60, 200, 1};
    look(&t, &l);
    return 0;
}
