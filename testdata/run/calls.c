/* calls COUNT [x86]: makes some system calls under the name `busy`, with known results: umask() COUNT times, uname()
 * twice as often, fstat() three times; and, where it is asked to and the machine has them, 32-bit ones, whose
 * numbers mean other calls. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

/* getppid() of 32-bit programs; the number is that of semget() in others. */
static void getppid_32(void)
{
#ifdef __x86_64__
	long result = 64;

	__asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
#endif
}

int main(int argc, char **argv)
{
	long count = argc > 1 ? atol(argv[1]) : 1;
	int narrow = argc > 2 && strcmp(argv[2], "x86") == 0;
	struct utsname name;
	struct stat status;

	syscall(SYS_umask, 022);
	for (int i = 0; i < 3; i++)
		prctl(PR_SET_NAME, "busy");
	for (long i = 0; i < count; i++) {
		syscall(SYS_umask, 022);
		/* The kernel's own names of these are newuname and newfstat. */
		for (int j = 0; j < 2; j++)
			syscall(SYS_uname, &name);
		for (int j = 0; j < 3; j++)
			syscall(SYS_fstat, 1, &status);
		if (narrow)
			getppid_32();
	}
	_exit(0);
}
