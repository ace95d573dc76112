#include "io/link.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A request under construction: the header, what the type demands, attributes. */
struct link_request {
    _Alignas(NLMSG_ALIGNTO) uint8_t bytes[512];
    size_t len;
};

static void *link_put(struct link_request *request, const void *bytes, size_t len)
{
    uint8_t *place = request->bytes + request->len;

    if (len)
        memcpy(place, bytes, len);
    request->len += NLMSG_ALIGN(len);
    return place;
}

static void link_put_attribute(struct link_request *request, unsigned type, const void *bytes,
                               size_t len)
{
    struct rtattr header = {.rta_len = (unsigned short)RTA_LENGTH(len),
                            .rta_type = (unsigned short)type};

    link_put(request, &header, sizeof(header));
    link_put(request, bytes, len);
}

static void link_put_u32(struct link_request *request, unsigned type, uint32_t value)
{
    link_put_attribute(request, type, &value, sizeof(value));
}

/* Every request is a zeroed buffer long enough for the few attributes that are put here. */
static struct link_request link_begin(unsigned type, unsigned flags, const void *body, size_t len)
{
    struct link_request request = {.len = 0};
    struct nlmsghdr header = {.nlmsg_type = (unsigned short)type,
                              .nlmsg_flags = (unsigned short)(NLM_F_REQUEST | NLM_F_ACK | flags),
                              .nlmsg_seq = 1};

    link_put(&request, &header, sizeof(header));
    link_put(&request, body, len);
    return request;
}

/* The kernel's acknowledgement: 0 or its -errno. */
static int link_answer(int fd)
{
    struct {
        struct nlmsghdr header;
        struct nlmsgerr error;
        uint8_t rest[1024]; /* the request, which errors quote */
    } answer;
    ssize_t len = recv(fd, &answer, sizeof(answer), 0);

    if (len < 0)
        return -errno;
    if ((size_t)len < sizeof(answer.header) + sizeof(answer.error) ||
        answer.header.nlmsg_type != NLMSG_ERROR)
        return -EPROTO;
    return answer.error.error;
}

static int link_send(struct link_request *request)
{
    uint32_t len = (uint32_t)request->len;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    int err = 0;

    if (fd < 0)
        return -errno;
    memcpy(request->bytes + offsetof(struct nlmsghdr, nlmsg_len), &len, sizeof(len));
    if (send(fd, request->bytes, request->len, 0) < 0)
        err = -errno;
    else
        err = link_answer(fd);
    close(fd);
    return err;
}

/* IFLA_AF_SPEC { AF_INET6 { IFLA_INET6_ADDR_GEN_MODE: none } } */
static void link_put_no_link_local(struct link_request *request)
{
    struct link_request mode = {.len = 0}, inet6 = {.len = 0};
    uint8_t none = 1; /* IN6_ADDR_GEN_MODE_NONE */

    link_put_attribute(&mode, IFLA_INET6_ADDR_GEN_MODE, &none, sizeof(none));
    link_put_attribute(&inet6, AF_INET6 | NLA_F_NESTED, mode.bytes, mode.len);
    link_put_attribute(request, IFLA_AF_SPEC | NLA_F_NESTED, inet6.bytes, inet6.len);
}

/* Two requests: an interface that is up already would have its link-local address. */
int link_up(const char *name, unsigned mtu)
{
    struct ifinfomsg info = {.ifi_family = AF_UNSPEC, .ifi_index = (int)if_nametoindex(name)};
    struct link_request request;
    int err;

    if (!info.ifi_index)
        return -ENODEV;
    request = link_begin(RTM_NEWLINK, 0, &info, sizeof(info));
    if (mtu)
        link_put_u32(&request, IFLA_MTU, mtu);
    link_put_no_link_local(&request);
    err = link_send(&request);
    if (err && err != -EAFNOSUPPORT) /* a kernel without IPv6 */
        return err;
    info.ifi_flags = IFF_UP;
    info.ifi_change = IFF_UP | IFF_MULTICAST;
    request = link_begin(RTM_NEWLINK, 0, &info, sizeof(info));
    return link_send(&request);
}

int link_set_queue(const char *name, unsigned packets)
{
    struct ifinfomsg info = {.ifi_family = AF_UNSPEC, .ifi_index = (int)if_nametoindex(name)};
    struct link_request request;

    if (!info.ifi_index)
        return -ENODEV;
    request = link_begin(RTM_NEWLINK, 0, &info, sizeof(info));
    link_put_u32(&request, IFLA_TXQLEN, packets);
    return link_send(&request);
}

int link_add_address(const char *name, const struct address *address)
{
    struct ifaddrmsg info = {.ifa_family = address->family == 6 ? AF_INET6 : AF_INET,
                             .ifa_prefixlen = (uint8_t)(8 * address_len(address)),
                             .ifa_index = if_nametoindex(name)};
    struct link_request request;

    if (!info.ifa_index)
        return -ENODEV;
    request = link_begin(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &info, sizeof(info));
    link_put_attribute(&request, IFA_LOCAL, address->bytes, address_len(address));
    if (address->family == 6)
        link_put_u32(&request, IFA_FLAGS, IFA_F_NODAD);
    return link_send(&request);
}

int link_add_default_route(const char *name, const struct address *source)
{
    struct rtmsg info = {.rtm_family = source->family == 6 ? AF_INET6 : AF_INET,
                         .rtm_table = RT_TABLE_MAIN,
                         .rtm_protocol = RTPROT_STATIC,
                         .rtm_scope = source->family == 6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK,
                         .rtm_type = RTN_UNICAST};
    unsigned index = if_nametoindex(name);
    struct link_request request;

    if (!index)
        return -ENODEV;
    request = link_begin(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &info, sizeof(info));
    link_put_u32(&request, RTA_OIF, index);
    link_put_attribute(&request, RTA_PREFSRC, source->bytes, address_len(source));
    return link_send(&request);
}
