// Reads and writes at a position, each in both forms, through the descriptor 70.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

int main(void) {
    char byte = 0;
    struct iovec part = {&byte, 1};
    dup2(open("/dev/null", O_RDWR), 70);
    syscall(SYS_pread64, 70, &byte, 1, 0);
    syscall(SYS_preadv, 70, &part, 1, 0, 0);
    syscall(SYS_pwrite64, 70, &byte, 1, 0);
    syscall(SYS_pwritev, 70, &part, 1, 0, 0);
    return 0;
}
