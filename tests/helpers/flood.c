/*
 * Sends UDP datagrams as fast as the kernel takes them: flood ADDRESS PORT COUNT. Prints how many
 * it took.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BATCH 64

int main(int argc, char **argv)
{
    static struct mmsghdr messages[BATCH];
    static char payload[] = "netdx flood";
    struct iovec part = {.iov_base = payload, .iov_len = sizeof(payload)};
    struct sockaddr_in to = {.sin_family = AF_INET};
    long sent = 0, count;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    if (argc != 4 || fd < 0 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1)
        return 1;
    to.sin_port = htons((uint16_t)strtol(argv[2], NULL, 10));
    count = strtol(argv[3], NULL, 10);
    for (int i = 0; i < BATCH; i++)
        messages[i].msg_hdr = (struct msghdr){
            .msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = &part, .msg_iovlen = 1};
    while (sent < count) {
        unsigned want = count - sent < BATCH ? (unsigned)(count - sent) : BATCH;
        int n = sendmmsg(fd, messages, want, 0);
        if (n < 0 && errno != EINTR && errno != ENOBUFS && errno != ECONNREFUSED)
            return 1;
        sent += n > 0 ? n : 0;
    }
    printf("%ld\n", sent);
    return 0;
}
