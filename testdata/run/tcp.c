/* tcp: one connection over the loopback interface.
 *   tcp 4|6 PORT CLIENT_PORT    accepts on PORT what it sends itself from CLIENT_PORT
 * With 6 the server listens for both families and the client comes by IPv4.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int bound(int family, int port) {
    int yes = 1, fd = socket(family, SOCK_STREAM, 0);
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    int wrong = family == AF_INET ? bind(fd, (struct sockaddr *)&v4, sizeof v4)
                                  : bind(fd, (struct sockaddr *)&v6, sizeof v6);
    if (fd < 0 || wrong) perror("tcp: bind"), exit(1);
    return fd;
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    int port = atoi(argv[2]);
    int server = bound(atoi(argv[1]) == 6 ? AF_INET6 : AF_INET, port), client = bound(AF_INET, atoi(argv[3]));
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    if (listen(server, 1) || connect(client, (struct sockaddr *)&to, sizeof to)) return perror("tcp: connect"), 1;
    int peer = accept(server, NULL, NULL);
    char text[8] = "";
    if (write(client, "hello", 5) != 5 || read(peer, text, 5) != 5 || strcmp(text, "hello")) return perror("tcp"), 1;
    printf("PID=%d\n", (int)getpid());
    return 0;
}
