/* Functions whose instructions have known lengths, for probes in the middle of them. */
#include <stdio.h>

/* nine: 5, 3 and 1 bytes. sizeless: the same, but nobody says how long it is. */
#if defined(__x86_64__)
__asm__(".text\n.globl nine\n.type nine, @function\nnine:\n"
	".byte 0xb8, 0x2a, 0, 0, 0\n.byte 0x48, 0x01, 0xf8\n.byte 0xc3\n.size nine, 9\n"
	".globl sizeless\n.type sizeless, @function\nsizeless:\n"
	".byte 0xb8, 0x2a, 0, 0, 0\n.byte 0x48, 0x01, 0xf8\n.byte 0xc3\n"
	/* undecodable: what begins with 6 is no instruction of 64-bit code. */
	".globl undecodable\n.type undecodable, @function\nundecodable:\n"
	".byte 0xc3\n.byte 0x06\n.byte 0x90\n.size undecodable, 3\n.skip 16, 0xcc\n");
#endif

long nine(long n);
long sizeless(long n);

int main(void)
{
	long sum = 0;
	for (int i = 0; i < 3; i++)
		sum += nine(i) + sizeless(i);
	printf("%ld\n", sum);
	return 0;
}
