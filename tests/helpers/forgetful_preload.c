/*
 * A sandbox that accepts socket options and forgets them, as gVisor does: no filter is attached, no
 * stamp comes, no RFC 4884 data is told of. Preloaded.
 */
#include <dlfcn.h>
#include <linux/in.h>
#include <sys/socket.h>

#define FORGOTTEN_RECVERR_RFC4884  26 /* linux/in.h since 5.9 */
#define FORGOTTEN_RECVERR6_RFC4884 31 /* linux/in6.h */

int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    int (*real)(int, int, int, const void *, socklen_t) = dlsym(RTLD_NEXT, "setsockopt");

    if (level == SOL_SOCKET && (name == SO_ATTACH_FILTER || name == SO_TIMESTAMPING))
        return 0;
    if ((level == IPPROTO_IP && name == FORGOTTEN_RECVERR_RFC4884) ||
        (level == IPPROTO_IPV6 && name == FORGOTTEN_RECVERR6_RFC4884))
        return 0;
    return real(fd, level, name, value, len);
}
