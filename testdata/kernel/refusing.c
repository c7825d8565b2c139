/* refusing: functions of which one begins with a breakpoint, where the kernel puts no other: its wildcard
 * attaches all but that one. The work begins once a line can be read. */
#include <stdio.h>

__attribute__((noinline)) int half_a(int n) { __asm__ volatile(""); return n + 1; }
__attribute__((noinline)) int half_b(int n) { __asm__ volatile(""); return n + 2; }
__attribute__((noinline)) int half_d(int n) { __asm__ volatile(""); return n + 4; }

/* int3; ret: never called. */
__asm__(".globl half_c\n.type half_c, @function\nhalf_c: .byte 0xcc, 0xc3\n.size half_c, 2\n");

int main(void)
{
	getchar();
	return half_a(1) + half_b(2) + half_d(3) == 0;
}
