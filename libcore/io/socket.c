#include "io/socket.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <string.h>

#define SOCKET_ERRORS_MAX 16 /* in a row */

socklen_t socket_address(const struct address *address, uint16_t port, union socket_address *out)
{
    memset(out, 0, sizeof(*out));
    if (address->family == 6) {
        out->in6.sin6_family = AF_INET6;
        out->in6.sin6_port = htons(port);
        out->in6.sin6_scope_id = address->scope;
        memcpy(&out->in6.sin6_addr, address->bytes, 16);
        return sizeof(out->in6);
    }
    out->in.sin_family = AF_INET;
    out->in.sin_port = htons(port);
    memcpy(&out->in.sin_addr, address->bytes, 4);
    return sizeof(out->in);
}

int socket_prepare(int fd, int family, const char *interface)
{
    const int on = 1;

    if (family == 6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on));
    else
        setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on));
    if (interface &&
        setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface, (socklen_t)strlen(interface)) < 0)
        return -errno;
    return 0;
}

static struct address socket_own_address(int fd)
{
    union socket_address own = {0};
    socklen_t len = sizeof(own);

    if (getsockname(fd, &own.any, &len) < 0)
        return (struct address){0};
    if (own.any.sa_family == AF_INET6)
        return address_from6((const uint8_t *)&own.in6.sin6_addr);
    return address_from4((const uint8_t *)&own.in.sin_addr);
}

static bool socket_take_refusal(int fd, const struct cmsghdr *control,
                                struct connection_refusal *out)
{
    struct {
        struct sock_extended_err error;
        union socket_address sender;
    } message;
    struct address own = socket_own_address(fd);
    size_t len = control->cmsg_len - CMSG_LEN(0);

    memset(&message, 0, sizeof(message));
    memcpy(&message, CMSG_DATA(control), len < sizeof(message) ? len : sizeof(message));
    if (message.error.ee_origin != SO_EE_ORIGIN_ICMP &&
        message.error.ee_origin != SO_EE_ORIGIN_ICMP6)
        return false;
    out->icmp_type = message.error.ee_type;
    out->icmp_code = message.error.ee_code;
    if (message.sender.any.sa_family == AF_INET)
        out->sender = address_from4((const uint8_t *)&message.sender.in.sin_addr);
    else if (message.sender.any.sa_family == AF_INET6)
        out->sender = address_from6((const uint8_t *)&message.sender.in6.sin6_addr);
    out->own = address_equal(&own, &out->sender);
    return true;
}

bool socket_refusal(int fd, struct connection_refusal *out)
{
    bool refused = false;
    char data[64];
    union {
        struct cmsghdr align;
        char room[512];
    } control;
    struct iovec part = {.iov_base = data, .iov_len = sizeof(data)};

    for (int i = 0; i < SOCKET_ERRORS_MAX; i++) {
        struct msghdr message = {.msg_iov = &part,
                                 .msg_iovlen = 1,
                                 .msg_control = control.room,
                                 .msg_controllen = sizeof(control.room)};

        if (recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
            break;
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
            if ((c->cmsg_level == SOL_IP && c->cmsg_type == IP_RECVERR) ||
                (c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_RECVERR))
                refused |= socket_take_refusal(fd, c, out);
        }
    }
    return refused;
}
