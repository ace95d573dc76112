#include "io/linkstats.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cursor.h"

/* IFLA_STATS64 has been there since Linux 2.6.35; the bytes come from the kernel, in its order. */
static void linkstats_add(struct cursor stats, uint64_t *dropped)
{
    struct rtnl_link_stats64 s = {0};

    cursor_copy(&stats, &s, stats.len < sizeof(s) ? stats.len : sizeof(s));
    *dropped += s.rx_missed_errors + s.rx_fifo_errors;
}

/* struct ifinfomsg, then attributes. */
static void linkstats_link(struct cursor body, uint64_t *dropped)
{
    cursor_skip(&body, sizeof(struct ifinfomsg));
    while (cursor_left(&body) >= sizeof(struct rtattr)) {
        uint16_t header[2];

        cursor_copy(&body, header, sizeof(header)); /* length, type */
        if (header[0] < sizeof(struct rtattr))
            return;
        size_t len = header[0] - sizeof(struct rtattr);
        struct cursor value = cursor_sub(&body, len);
        if (header[1] == IFLA_STATS64 && !value.failed)
            linkstats_add(value, dropped);
        cursor_skip(&body, RTA_ALIGN(len) - len);
    }
}

int linkstats_message(const void *bytes, size_t len, uint64_t *dropped)
{
    struct cursor c = cursor_init(bytes, len);
    bool many = false;

    while (cursor_left(&c) >= sizeof(struct nlmsghdr)) {
        struct nlmsghdr header;

        cursor_copy(&c, &header, sizeof(header));
        if (header.nlmsg_len < sizeof(header))
            return -EPROTO;
        size_t body_len = header.nlmsg_len - sizeof(header);
        struct cursor body = cursor_sub(&c, body_len);
        if (body.failed)
            return -EPROTO;
        if (header.nlmsg_type == NLMSG_ERROR)
            return (int32_t)cursor_u32host(&body);
        if (header.nlmsg_type == NLMSG_DONE)
            return 0;
        if (header.nlmsg_type == RTM_NEWLINK)
            linkstats_link(body, dropped);
        many = many || header.nlmsg_flags & NLM_F_MULTI;
        cursor_skip(&c, NLMSG_ALIGN(body_len) - body_len);
    }
    return many;
}

static int linkstats_ask(int fd, uint32_t ifindex, uint64_t *dropped)
{
    struct {
        struct nlmsghdr header;
        struct ifinfomsg info;
    } request = {
        .header = {.nlmsg_len = sizeof(request),
                   .nlmsg_type = RTM_GETLINK,
                   .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | (ifindex ? 0 : NLM_F_DUMP))},
        .info = {.ifi_index = (int)ifindex},
    };
    uint8_t buffer[32768]; /* what the kernel fills at most for a dump (netlink(7)) */
    int more = 1;

    if (send(fd, &request, sizeof(request), 0) < 0)
        return -errno;
    while (more > 0) {
        ssize_t len = recv(fd, buffer, sizeof(buffer), 0);

        if (len < 0)
            return -errno;
        more = linkstats_message(buffer, (size_t)len, dropped);
    }
    return more;
}

int linkstats_dropped(const uint32_t *ifindexes, size_t count, uint64_t *dropped)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    uint64_t sum = 0;
    int err = fd < 0 ? -errno : 0;

    if (!err && !count)
        err = linkstats_ask(fd, 0, &sum);
    for (size_t i = 0; i < count && !err; i++)
        err = linkstats_ask(fd, ifindexes[i], &sum);
    if (fd >= 0)
        close(fd);
    if (!err)
        *dropped = sum;
    return err;
}
