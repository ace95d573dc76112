#include "io/linkwatch.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cursor.h"

int linkwatch_open(struct linkwatch *watch, uint32_t ifindex)
{
    struct sockaddr_nl group = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};

    *watch = (struct linkwatch){.fd = -1, .ifindex = ifindex};
    watch->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (watch->fd < 0)
        return -errno;
    if (bind(watch->fd, (struct sockaddr *)&group, sizeof(group)) < 0) {
        int error = -errno;
        linkwatch_close(watch);
        return error;
    }
    return 0;
}

int linkwatch_open_named(struct linkwatch *watch, const char *name, char error[IO_ERROR_SIZE])
{
    struct ifreq request = {0};
    char what[IF_NAMESIZE + 32];
    uint32_t ifindex = strlen(name) < IF_NAMESIZE ? if_nametoindex(name) : 0;

    *watch = (struct linkwatch){.fd = -1};
    snprintf(what, sizeof(what), "interface '%.*s'", IF_NAMESIZE, name);
    if (ifindex == 0)
        return io_fail(error, -ENODEV, what, "no such interface");
    int code = linkwatch_open(watch, ifindex);
    if (code)
        return io_fail(error, code, "rtnetlink socket", strerror(-code));
    memcpy(request.ifr_name, name, strlen(name));
    /* Any socket will do, and this one hears of what changes from now on. */
    if (ioctl(watch->fd, SIOCGIFFLAGS, &request) < 0)
        return io_fail(error, -errno, what, strerror(errno));
    if (!(request.ifr_flags & IFF_UP))
        return io_fail(error, -ENETDOWN, what, "is down");
    return 0;
}

void linkwatch_close(struct linkwatch *watch)
{
    if (watch->fd >= 0)
        close(watch->fd);
    watch->fd = -1;
}

/* struct ifinfomsg: family, padding, type, index, flags, change. */
static int linkwatch_link(struct linkwatch *watch, uint16_t type, struct cursor body)
{
    bool was_down = watch->down;

    cursor_skip(&body, 4);
    uint32_t ifindex = cursor_u32host(&body);
    uint32_t flags = cursor_u32host(&body);
    if (body.failed || ifindex != watch->ifindex || watch->removed)
        return 0;
    if (type == RTM_DELLINK) {
        watch->down = watch->removed = true;
        return -ENODEV;
    }
    watch->down = !(flags & IFF_UP);
    return watch->down && !was_down ? -ENETDOWN : 0;
}

int linkwatch_message(struct linkwatch *watch, const void *bytes, size_t len)
{
    struct cursor c = cursor_init(bytes, len);
    int told = 0;

    while (cursor_left(&c) >= sizeof(struct nlmsghdr)) {
        uint32_t message_len = cursor_u32host(&c);
        uint32_t type_and_flags = cursor_u32host(&c);
        cursor_skip(&c, 8);
        if (message_len < sizeof(struct nlmsghdr))
            break;
        size_t body_len = message_len - sizeof(struct nlmsghdr);
        struct cursor body = cursor_sub(&c, body_len);
        uint16_t type;
        __builtin_memcpy(&type, &type_and_flags, sizeof(type));
        if (type == RTM_NEWLINK || type == RTM_DELLINK) {
            int change = linkwatch_link(watch, type, body);
            told = change ? change : told;
        }
        if (c.failed)
            break;
        cursor_skip(&c, NLMSG_ALIGN(body_len) - body_len);
    }
    return told;
}

int linkwatch_poll(struct linkwatch *watch)
{
    uint8_t buffer[8192];
    int told = 0;

    for (;;) {
        ssize_t len = recv(watch->fd, buffer, sizeof(buffer), 0);
        if (len <= 0)
            return told; /* nothing more; or an overrun, after which the next change tells */
        int change = linkwatch_message(watch, buffer, (size_t)len);
        told = change ? change : told;
    }
}
