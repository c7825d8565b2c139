/* subject: what bpftrace's tools look at, one kind of event a word, each a known number of times.
 * System calls are made by number where the C library would choose another one.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void ids(void) {
    syscall(SYS_setfsuid, 11);
    syscall(SYS_setresuid, 12, 12, 0);
    syscall(SYS_setuid, 13);
    syscall(SYS_setuid, 0);
}

static void *first_thread(void *unused) { return unused; }
static void *second_thread(void *unused) { return unused; }

static void threads(void) {
    pthread_t a, b;
    pthread_create(&a, NULL, first_thread, NULL), pthread_join(a, NULL);
    pthread_create(&b, NULL, second_thread, NULL), pthread_join(b, NULL);
    sleep(2); // a tracer reads symbols of a process that is there
}

static void unix_sockets(void) {
    int kinds[] = {SOCK_DGRAM, SOCK_STREAM}, pair[2];
    char text[32];
    for (int i = 0; i < 2; i++) {
        socketpair(AF_UNIX, kinds[i], 0, pair);
        if (write(pair[0], "one\ttwo\x01", 8) != 8 || read(pair[1], text, sizeof text) != 8) exit(1);
    }
}

static void stats(void) {
    char room[512];
    syscall(SYS_stat, "/etc/hosts", room);
    syscall(SYS_lstat, "no/such/file", room);
    syscall(SYS_statfs, "/proc", room);
    syscall(SYS_statx, AT_FDCWD, "/etc/passwd", 0, 0xfff, room);
}

static void kills(void) {
    int pid = getpid();
    signal(SIGUSR1, SIG_IGN);
    kill(pid, 0);
    kill(pid, SIGUSR1);
    kill(0x3ffffff, SIGTERM);
    syscall(SYS_tkill, pid, SIGUSR1);
    syscall(SYS_tgkill, pid, pid, SIGUSR1);
    signal(40, SIG_IGN);
    kill(pid, 40);
}

static void syncs(void) {
    int fd = open("synced", O_RDWR | O_CREAT, 0600);
    if (write(fd, "text", 4) != 4 || ftruncate(fd, 4096)) exit(1);
    void *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    fsync(fd), fsync(fd), fdatasync(fd), syncfs(fd);
    sync_file_range(fd, 0, 4, 0);
    msync(map, 4096, MS_ASYNC);
    sync();
}

static void nodes(void) {
    const char *names[] = {"one", "two", "three", "four", "five"};
    for (int i = 0; i < 5; i++) syscall(SYS_mknod, names[i], S_IFREG | 0600, 0);
}

static void naps(void) {
    struct timespec quarter = {0, 250000000}, more = {1, 5000000};
    syscall(SYS_nanosleep, &quarter, NULL);
    syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &more, NULL);
}

static void opens(void) {
    struct open_how how = {.flags = O_RDONLY};
    syscall(SYS_open, "/etc/hosts", O_RDONLY);
    syscall(SYS_open, "no-such-file", O_RDONLY);
    syscall(SYS_openat, AT_FDCWD, "../below", O_RDONLY);
    syscall(SYS_openat2, AT_FDCWD, "/no/such/folder", &how, sizeof how);
}

static void swaps(void) {
    size_t size = 12 << 20;
    char *room = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (size_t i = 0; i < size; i++) room[i] = rand();
    for (size_t i = 0; i < size; i += 4096) room[i]++;
}

static void eat(void) {
    for (;;) {
        char *room = malloc(1 << 20);
        if (room) memset(room, 1, 1 << 20);
    }
}

static void calls(void) {
    for (int i = 0; i < 20000; i++) syscall(SYS_getpgid, 0);
}

/* A connection whose next packet has no way to go. */
static void drop(void) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(7301), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int yes = 1, server = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(server, (struct sockaddr *)&to, sizeof to) || listen(server, 1)) exit(1);
    if (connect(client, (struct sockaddr *)&to, sizeof to) || system("/bin/ip link set lo down")) exit(1);
    if (write(client, "text", 4) != 4) exit(1);
    if (system("/bin/ip link set lo up")) exit(1);
}

int main(int argc, char **argv) {
    struct { const char *word; void (*act)(void); } all[] = {
        {"ids", ids}, {"threads", threads}, {"unix", unix_sockets}, {"stats", stats}, {"kills", kills},
        {"syncs", syncs}, {"naps", naps}, {"opens", opens}, {"swaps", swaps}, {"eat", eat}, {"calls", calls},
        {"drop", drop}, {"nodes", nodes},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (argc == 2 && !strcmp(argv[1], all[i].word)) return all[i].act(), 0;
    return 2;
}
