/* ordered ROUNDS [PAUSE]: in each round one of every thing that a probe can sit on, with so many milliseconds between. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define WATCHED ((char *)0x20000000)

__attribute__((noinline)) int take(int n)
{
	__asm__ volatile("990: nop\n"
			 ".pushsection .note.stapsdt,\"\",\"note\"\n"
			 ".balign 4\n"
			 ".4byte 992f-991f, 994f-993f, 3\n"
			 "991: .asciz \"stapsdt\"\n"
			 "992: .balign 4\n"
			 "993: .8byte 990b, _.stapsdt.base, 0\n"
			 ".asciz \"demo\"\n.asciz \"taken\"\n.asciz \"\"\n"
			 "994: .balign 4\n"
			 ".popsection\n"
			 ".pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat\n"
			 ".weak _.stapsdt.base\n.hidden _.stapsdt.base\n"
			 "_.stapsdt.base: .space 1\n.size _.stapsdt.base, 1\n"
			 ".popsection\n" ::: "memory");
	return n + 1;
}

/* For wildcards: it is never called. */
__attribute__((noinline, used)) int take_other(int n)
{
	return n + 2;
}

int main(int argc, char **argv)
{
	long rounds = argc > 1 ? atol(argv[1]) : 1;
	long pause = argc > 2 ? atol(argv[2]) : 0;
	char folder[] = "/tmp/ordered-XXXXXX";
	int protection = PROT_READ | PROT_WRITE;
	volatile char *page = mmap(WATCHED, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	if ((char *)page != WATCHED || !mkdtemp(folder))
		return 1;
	rmdir(folder);
	for (long i = 0; rounds == 0 || i < rounds; i++) {
		struct timespec time = { pause / 1000, pause % 1000 * 1000000 };

		take(i);
		syscall(SYS_getppid);
		mkdir(folder, 0700);
		rmdir(folder);
		madvise((void *)page, 4096, MADV_DONTNEED);
		*(volatile long *)page = i;
		if (pause)
			nanosleep(&time, NULL);
	}
	return 0;
}
