/* crowd: processes that share the CPUs and never wait.
 *   crowd PROCESSES COUNT    each calls hit(NUMBER, TEXT) COUNT times: its number, from 1, and a text of its own, which
 *                            is its letter 40 times
 */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile long sink;

long hit(long number, const char *text) {
    sink += text[0];
    return number;
}

int main(int argc, char **argv) {
    int processes = argc > 1 ? atoi(argv[1]) : 6;
    int count = argc > 2 ? atoi(argv[2]) : 1000;
    for (int n = 1; n <= processes; n++) {
        if (fork() == 0) {
            char text[41] = "";
            memset(text, 'a' + n - 1, 40);
            for (int i = 0; i < count; i++) hit(n, text);
            _exit(0);
        }
    }
    while (wait(NULL) > 0) {}
    return 0;
}
