/* For a 32-bit program without a C library, that begins at main(): makes getppid() system calls seven times and ends. */
#define GETPPID 64
#define EXIT 1

static long call(long number, long first)
{
	long result;

	__asm__ volatile("int $0x80" : "=a"(result) : "0"(number), "b"(first) : "memory");
	return result;
}

int main(void)
{
	for (int i = 0; i < 7; i++)
		call(GETPPID, 0);
	call(EXIT, 0);
	return 0;
}
