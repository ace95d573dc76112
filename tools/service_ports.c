#include "tools/service_ports.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORTS_LEAST 64
#define PORTS_MOST  4096
#define PORTS_TRIES 8 /* ranges looked at; a busy host may have none that is free */

/* A look at a port is a socket: some of a range tell how the rest is, and a taken one is skipped.
 */
#define PORTS_LOOKS  128
#define PORTS_ENOUGH 0.9

/* Linux' own defaults, where /proc is not there (ip(7), ip_local_port_range). */
#define PORTS_FIRST 32768
#define PORTS_LAST  60999

static void ports_local_range(unsigned *first, unsigned *last)
{
    FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");

    *first = PORTS_FIRST;
    *last = PORTS_LAST;
    if (!file)
        return;
    if (fscanf(file, "%u %u", first, last) != 2 || *first < 1 || *last > UINT16_MAX ||
        *first >= *last) {
        *first = PORTS_FIRST;
        *last = PORTS_LAST;
    }
    fclose(file);
}

/* "8080,9000-9100": bits of ports that the administrator keeps for something else. */
static void ports_reserved(bool reserved[UINT16_MAX + 1])
{
    FILE *file = fopen("/proc/sys/net/ipv4/ip_local_reserved_ports", "re");
    unsigned first, last;
    int got;

    while (file && (got = fscanf(file, "%u-%u", &first, &last)) > 0) {
        last = got == 1 ? first : last;
        for (unsigned port = first; port <= last && port <= UINT16_MAX; port++)
            reserved[port] = true;
        if (fgetc(file) != ',')
            break;
    }
    if (file)
        fclose(file);
}

/* Without SO_REUSEADDR any other socket with this port is in the way. */
static bool ports_is_free(unsigned port)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_free = fd >= 0 && bind(fd, (const struct sockaddr *)&any, sizeof(any)) == 0;

    if (fd >= 0)
        close(fd);
    return is_free;
}

/* The share of free ports, by a sample; 0 when one is kept for something else. */
static double ports_free_share(unsigned first, unsigned count, const bool *reserved)
{
    unsigned step = (count + PORTS_LOOKS - 1) / PORTS_LOOKS, looks = 0, found = 0;

    for (unsigned port = first; port < first + count; port++)
        if (reserved[port])
            return 0;
    for (unsigned port = first; port < first + count; port += step, looks++)
        found += ports_is_free(port);
    return (double)found / looks;
}

void service_ports_set(struct service_ports *ports, uint16_t first, uint16_t last)
{
    *ports = (struct service_ports){.first = first, .last = last, .next = first};
}

void service_ports_choose(struct service_ports *ports, unsigned wanted, uint64_t random)
{
    bool *reserved = calloc(UINT16_MAX + 1, sizeof(*reserved));
    unsigned size = wanted < PORTS_LEAST ? PORTS_LEAST : wanted, first, last;
    double best = 0;

    *ports = (struct service_ports){0};
    if (!reserved)
        return;
    ports_reserved(reserved);
    ports_local_range(&first, &last);
    size = size > PORTS_MOST ? PORTS_MOST : size;
    size = size > last - first + 1 ? last - first + 1 : size;
    for (unsigned i = 0; i < PORTS_TRIES && best < PORTS_ENOUGH; i++) {
        unsigned places = last - first + 1 - size + 1;
        unsigned at = first + (unsigned)((random + i * (places / PORTS_TRIES)) % places);
        double share = ports_free_share(at, size, reserved);

        if (share <= best)
            continue;
        best = share;
        service_ports_set(ports, (uint16_t)at, (uint16_t)(at + size - 1));
    }
    free(reserved);
}

uint16_t service_ports_next(struct service_ports *ports)
{
    uint16_t port = ports->next;

    ports->next = port == ports->last ? ports->first : (uint16_t)(port + 1);
    return port;
}
