/* A neighbour of the tracer: code without a file at a fixed place, and calls of a function, for so many seconds. Its name
 * may be another than that of its file. */
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

__attribute__((noinline)) void tick(void) {
	__asm__ volatile("" ::: "memory");
}

int main(int argc, char **argv) {
	if (argc > 2)
		prctl(PR_SET_NAME, argv[2]);
	mmap((void *)0x10000000, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	for (int left = argc > 1 ? atoi(argv[1]) * 100 : 100; left > 0; left--) {
		tick();
		getppid();
		usleep(10000);
	}
	return 0;
}
