/* System calls whose `int` arguments stand in registers with other bits above them. */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <unistd.h>

int main(void)
{
    const long above = 0x1234500000000L;

    for (long i = 0; i < 10; i++)
        syscall(SYS_lseek, above * i + 1000, 7L, above * i);
    syscall(SYS_kill, above | 0x80000001L, above);
    syscall(SYS_fchmodat, above | 0xffffff9cL, "/no/such/file", above | 0644L);
    syscall(SYS_lseek, 1000L, -3L, 0L);
    return 0;
}
