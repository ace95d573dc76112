#include "io/route.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef IP_UNICAST_IF
#define IP_UNICAST_IF 50 /* linux/in.h */
#endif
#ifndef IPV6_UNICAST_IF
#define IPV6_UNICAST_IF 76 /* linux/in6.h */
#endif

/* Any port does: connect() on a datagram socket only asks the routing table. */
#define ROUTE_PORT 33434

static socklen_t route_sockaddr(const struct address *a, uint16_t port, uint32_t ifindex,
                                struct sockaddr_storage *out)
{
    memset(out, 0, sizeof(*out));
    if (a->family == 4) {
        struct sockaddr_in *in = (struct sockaddr_in *)out;

        in->sin_family = AF_INET;
        in->sin_port = htons(port);
        memcpy(&in->sin_addr, a->bytes, 4);
        return sizeof(*in);
    }
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;

    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(port);
    memcpy(&in6->sin6_addr, a->bytes, 16);
    if (address_is_link_local(a) || address_is_multicast(a))
        in6->sin6_scope_id = a->scope ? a->scope : ifindex;
    return sizeof(*in6);
}

/* SO_BINDTODEVICE needs no privilege on a fresh socket since Linux 5.7; UNICAST_IF never does. */
static int route_bind_interface(int fd, uint8_t family, const char *interface, uint32_t ifindex)
{
    uint32_t index_be = htonl(ifindex);
    int rc;

    if (!setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface, (socklen_t)strlen(interface)))
        return 0;
    if (errno != EPERM)
        return -errno;
    if (family == 4)
        rc = setsockopt(fd, IPPROTO_IP, IP_UNICAST_IF, &index_be, sizeof(index_be));
    else
        rc = setsockopt(fd, IPPROTO_IPV6, IPV6_UNICAST_IF, &index_be, sizeof(index_be));
    return rc ? -errno : 0;
}

static int route_interface_index(const char *interface, uint32_t *ifindex)
{
    *ifindex = 0;
    if (!interface)
        return 0;
    if (!*interface || strlen(interface) >= IF_NAMESIZE)
        return -ENODEV;
    *ifindex = if_nametoindex(interface);
    return *ifindex ? 0 : -ENODEV;
}

static int route_local_address(int fd, const struct address *destination, struct address *source)
{
    struct sockaddr_storage local = {0};
    socklen_t len = sizeof(local);
    struct address a;

    if (getsockname(fd, (struct sockaddr *)&local, &len))
        return -errno;
    if (destination->family == 4) {
        a = address_from4((const uint8_t *)&((struct sockaddr_in *)&local)->sin_addr);
    } else {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&local;

        a = address_from6(in6->sin6_addr.s6_addr);
        a.scope = in6->sin6_scope_id;
    }
    if (address_is_unspecified(&a))
        return -EADDRNOTAVAIL;
    *source = a;
    return 0;
}

/* What connect() calls an unreachable destination differs by route type and family. */
static int route_error(int error)
{
    switch (error) {
    case EACCES: /* a "prohibit" route */
    case EINVAL: /* a "blackhole" route, or a link-local destination without a scope */
    case ENETDOWN:
        return -ENETUNREACH;
    default:
        return -error;
    }
}

/* A datagram socket that is connected there: *fd, the caller's; or -errno. */
static int route_connect(const struct address *destination, const char *interface, int *out)
{
    struct sockaddr_storage to;
    uint32_t ifindex;
    int on = 1;
    int rc = route_interface_index(interface, &ifindex);

    if (rc)
        return rc;
    if (destination->family != 4 && destination->family != 6)
        return -EINVAL;
    int fd = socket(destination->family == 4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) /* a kernel without this family has no route of it */
        return errno == EAFNOSUPPORT ? -ENETUNREACH : -errno;
    if (interface)
        rc = route_bind_interface(fd, destination->family, interface, ifindex);
    setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on));
    socklen_t len = route_sockaddr(destination, ROUTE_PORT, ifindex, &to);
    if (!rc && connect(fd, (struct sockaddr *)&to, len))
        rc = route_error(errno);
    if (rc)
        close(fd);
    else
        *out = fd;
    return rc;
}

int route_source(const struct address *destination, const char *interface, struct address *source)
{
    int fd, rc = route_connect(destination, interface, &fd);

    if (rc)
        return rc;
    rc = route_local_address(fd, destination, source);
    close(fd);
    return rc;
}

int route_mtu(const struct address *destination, const char *interface, uint32_t *mtu)
{
    bool is4 = destination->family == 4;
    int fd, value = 0, rc = route_connect(destination, interface, &fd);
    socklen_t len = sizeof(value);

    if (rc)
        return rc;
    if (getsockopt(fd, is4 ? IPPROTO_IP : IPPROTO_IPV6, is4 ? IP_MTU : IPV6_MTU, &value, &len))
        rc = -errno;
    else
        *mtu = (uint32_t)value;
    close(fd);
    return rc;
}

int route_check_source(const struct address *source)
{
    struct sockaddr_storage from;
    socklen_t len = route_sockaddr(source, 0, 0, &from);
    int fd = socket(source->family == 4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int rc;

    if (fd < 0)
        return -errno;
    rc = bind(fd, (struct sockaddr *)&from, len) ? -errno : 0;
    close(fd);
    return rc;
}

/* A zone is an interface name or its number (RFC 4007 11.2). */
static int route_zone(const char *zone, uint32_t *scope)
{
    char name[IF_NAMESIZE];
    uint64_t value = 0;

    *scope = if_nametoindex(zone);
    if (*scope)
        return 0;
    for (const char *p = zone; *p; p++) {
        if (*p < '0' || *p > '9' || value > INT32_MAX)
            return -ENODEV;
        value = value * 10 + (uint64_t)(*p - '0');
    }
    if (value == 0 || value > INT32_MAX || !if_indextoname((unsigned)value, name))
        return -ENODEV;
    *scope = (uint32_t)value;
    return 0;
}

int route_parse_address(const char *text, struct address *out)
{
    const char *percent = strchr(text, '%');
    char plain[ADDRESS_TEXT_SIZE];
    struct address a;
    uint32_t scope;

    if (!percent)
        return address_parse(text, out);
    size_t len = (size_t)(percent - text);
    if (len >= sizeof(plain))
        return -EINVAL;
    memcpy(plain, text, len);
    plain[len] = '\0';
    int rc = address_parse(plain, &a);
    if (rc)
        return rc;
    if (a.family != 6 || (!address_is_link_local(&a) && !address_is_multicast(&a)))
        return -EINVAL;
    if (!percent[1] || strlen(percent + 1) >= IF_NAMESIZE)
        return -ENODEV;
    rc = route_zone(percent + 1, &scope);
    if (rc)
        return rc;
    a.scope = scope;
    *out = a;
    return 0;
}
