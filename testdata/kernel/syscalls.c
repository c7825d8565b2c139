/* Makes as many getppid() system calls as its argument says: a load that tests can trace. */
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	long count = argc > 1 ? atol(argv[1]) : 1;

	for (long i = 0; i < count; i++)
		syscall(SYS_getppid);
	return 0;
}
