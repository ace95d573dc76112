#include "io/tap_socket.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <sys/socket.h>
#include <unistd.h>

int tap_socket_share(int fd, int group)
{
    uint32_t type = PACKET_FANOUT_HASH | (group < 0 ? PACKET_FANOUT_FLAG_UNIQUEID : 0);
    uint32_t value = type << 16 | (group < 0 ? 0 : (uint32_t)group);
    socklen_t len = sizeof(value);

    if (setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &value, sizeof(value)) < 0 ||
        getsockopt(fd, SOL_PACKET, PACKET_FANOUT, &value, &len) < 0)
        return -errno;
    return (int)(value & 0xffff);
}

int tap_socket_promiscuous(const uint32_t *ifindexes, size_t count)
{
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0); /* protocol 0 hears nothing itself */

    if (fd < 0)
        return -errno;
    for (size_t i = 0; i < count; i++) {
        struct packet_mreq request = {.mr_ifindex = (int)ifindexes[i],
                                      .mr_type = PACKET_MR_PROMISC};

        if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof(request)) < 0) {
            int error = -errno;

            close(fd);
            return error;
        }
    }
    return fd;
}

/* Not through libpcap, which would apply a new filter to what waits in the ring as well. */
int tap_socket_deafen(int fd)
{
    struct sock_filter reject = BPF_STMT(BPF_RET | BPF_K, 0);
    struct sock_fprog program = {.len = 1, .filter = &reject};

    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) ? -errno : 0;
}
