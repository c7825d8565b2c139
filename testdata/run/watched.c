/* watched COUNT: writes COUNT times to a page at a fixed address, and calls the code in it as often. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PLACE ((char *)0x20000000)

int main(int argc, char **argv)
{
	int protection = PROT_READ | PROT_WRITE | PROT_EXEC;
	void *page = mmap(PLACE, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	if (page != PLACE)
		return 1;
	/* x86-64: ret */
	memset(PLACE + 64, 0xc3, 1);
	for (int i = atoi(argv[1]); i > 0; i--) {
		*(volatile long *)PLACE = i;
		((void (*)(void))(PLACE + 64))();
	}
	return 0;
}
