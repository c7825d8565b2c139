// Arrays of all kinds of bytes, for `look`.
#include <stdbool.h>
#include <stdint.h>

typedef unsigned char octet;
typedef char letter;

struct bytes {
    uint8_t u8[6]; int8_t i8[2]; unsigned char uc[4]; signed char sc[4]; char c[4]; bool b[3];
    octet o[3]; letter l[3]; const uint8_t cu[2]; uint8_t two[2][2]; char words[2][3];
};

enum level { LOW = -1, HIGH = 2 };
signed char small = -8;
short medium = -300;
int number = -7;
unsigned count = 4000000000u;
unsigned long most = ~0ul;
enum level level = LOW;

__attribute__((noinline)) void look(struct bytes *p) { __asm__ volatile("" : : "r"(p) : "memory"); }

int main(void) {
    struct bytes bytes = {
        {170, 0, 0, 0, 0, 85}, {-2, 66}, "uc", "sc", "c", {1, 0, 1}, {65, 0, 66}, {'l', 0, 'm'}, {0, 7}, {{1, 0}, {2, 3}}, {"x", "yz"},
    };
    look(&bytes);
    return 0;
}
