#include "tools/lab.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/link.h"
#include "io/namespace.h"
#include "io/tun.h"

#define LAB_INTERFACE "lab0"
#define LAB_MTU       1500
#define LAB_QUEUE     10000 /* packets: a burst is the network's to drop, not the device's */
#define LAB_MTU_LEAST 1280  /* RFC 8200 (5): below it the kernel turns IPv6 off */

/* Names come from the scenario alone; asking anybody fails at once instead of after seconds. */
static const char lab_resolver[] = "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n";

static int lab_place_failed(char error[LAB_ERROR_SIZE], int err, const char *what)
{
    snprintf(error, LAB_ERROR_SIZE, "%s failed: %s", what, strerror(-err));
    return err;
}

static int lab_place_tun(int *fd, char error[LAB_ERROR_SIZE])
{
    int err = tun_create(LAB_INTERFACE, fd);
    const char *advice = "";

    if (!err)
        return 0;
    if (err == -ENOENT || err == -ENODEV || err == -ENXIO)
        advice = " (load the module tun; a container needs --device /dev/net/tun)";
    else if (err == -EACCES || err == -EPERM)
        advice = " (needs the right to read and write /dev/net/tun: root, or mode 0666)";
    snprintf(error, LAB_ERROR_SIZE, "opening a TUN device failed: %s%s", strerror(-err), advice);
    return err;
}

static int lab_place_address(const struct address *address)
{
    int err;

    if (!address->family)
        return 0;
    err = link_add_address(LAB_INTERFACE, address);
    return err ? err : link_add_default_route(LAB_INTERFACE, address);
}

/*
 * The network in between is what a scenario limits; a host that counts its own ICMP errors would
 * look like a router that does. Where /proc/sys is not writable the kernel's limits stay.
 */
static void lab_place_unlimit_icmp(void)
{
    static const char *const limits[] = {"/proc/sys/net/ipv4/icmp_ratelimit",
                                         "/proc/sys/net/ipv6/icmp/ratelimit"};

    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        int fd = open(limits[i], O_WRONLY | O_CLOEXEC);

        if (fd < 0)
            continue;
        if (write(fd, "0", 1) != 1) {
            /* Best effort, as said above. */
        }
        close(fd);
    }
}

/* A TUN device in the current network namespace, with a host's addresses and default routes. */
static int lab_place_host(const struct scenario_host *host, unsigned mtu, int *fd,
                          char error[LAB_ERROR_SIZE])
{
    int err = lab_place_tun(fd, error);

    if (err)
        return err;
    err = link_up("lo", 0);
    if (err)
        return lab_place_failed(error, err, "bringing the loopback interface up");
    lab_place_unlimit_icmp();
    err = lab_kernel_apply(host, error);
    if (err || host->dead)
        return err;
    mtu = mtu ? mtu : LAB_MTU;
    err = link_set_queue(LAB_INTERFACE, LAB_QUEUE);
    if (!err)
        err = link_up(LAB_INTERFACE, mtu < LAB_MTU_LEAST ? LAB_MTU_LEAST : mtu);
    if (!err)
        err = lab_place_address(&host->address4);
    if (!err)
        err = lab_place_address(&host->address6);
    return err ? lab_place_failed(error, err, "configuring interface \"" LAB_INTERFACE "\"") : 0;
}

static void lab_place_name(FILE *out, const struct address *address, const char *name,
                           const char *domain)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789-_.";
    char text[ADDRESS_TEXT_SIZE];

    if (!address->family || !name || !*name || name[strspn(name, allowed)])
        return;
    address_format(address, text);
    fprintf(out, "%s %s%s\n", text, name, domain);
}

/* A name with one address, for what cannot be told which family to take. */
static void lab_place_alias(FILE *out, const struct address *address, const char *prefix,
                            const char *name)
{
    char alias[80];

    snprintf(alias, sizeof(alias), "%s.%s", prefix, name);
    lab_place_name(out, address, alias, "");
}

static void lab_place_names(FILE *out, const struct scenario_branch *branch)
{
    for (size_t i = 0; i < branch->nelements; i++) {
        const struct scenario_element *element = &branch->elements[i];

        if (element->kind == SCENARIO_ROUTER) {
            lab_place_name(out, &element->address4, element->name, ".lab");
            lab_place_name(out, &element->address6, element->name, ".lab");
        }
        for (size_t j = 0; j < element->nbranches; j++)
            lab_place_names(out, &element->branches[j]);
    }
}

/* The text of /etc/hosts; the caller frees it. NULL: out of memory. */
static char *lab_place_hosts(const struct scenario *scenario)
{
    const struct scenario_host *hosts[] = {&scenario->client, &scenario->server};
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    if (!out)
        return NULL;
    fputs("127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n", out);
    for (size_t i = 0; i < 2; i++) {
        lab_place_name(out, &hosts[i]->address4, hosts[i]->name, "");
        lab_place_name(out, &hosts[i]->address6, hosts[i]->name, "");
        lab_place_alias(out, &hosts[i]->address4, "ipv4", hosts[i]->name);
        lab_place_alias(out, &hosts[i]->address6, "ipv6", hosts[i]->name);
    }
    lab_place_names(out, &scenario->path);
    if (fclose(out)) {
        free(text);
        return NULL;
    }
    return text;
}

static int lab_place_files(const struct scenario *scenario, char error[LAB_ERROR_SIZE])
{
    char ignored[IO_ERROR_SIZE], *hosts = lab_place_hosts(scenario);
    int err;

    if (!hosts)
        return lab_place_failed(error, -ENOMEM, "writing names");
    err = namespace_replace_file("/etc/hosts", hosts, error);
    free(hosts);
    if (err)
        return err;
    err = namespace_replace_file("/etc/resolv.conf", lab_resolver, ignored);
    if (err && err != -ENOENT) /* without the file there is no resolver to keep out */
        return lab_place_failed(error, err, "replacing \"/etc/resolv.conf\"");
    return 0;
}

static int lab_place_services(struct lab_place *place, const struct scenario_host *host,
                              char error[LAB_ERROR_SIZE])
{
    const struct scenario_service *failed = NULL;
    int err = lab_services_open(&place->services, host, &failed);

    if (err)
        snprintf(error, LAB_ERROR_SIZE, "listening for service %s on port %u failed: %s",
                 lab_services_name(failed), failed->port, strerror(-err));
    return err;
}

/* What the first link lets through is what the client's own interface knows of. */
static unsigned lab_place_client_mtu(const struct scenario *scenario)
{
    const struct scenario_branch *path = &scenario->path;

    return path->nelements ? path->elements[0].to.mtu : 0;
}

int lab_place_enter(struct lab_place *place, const struct scenario *scenario,
                    char error[LAB_ERROR_SIZE])
{
    int err;

    *place = (struct lab_place){.tun = {-1, -1}};
    err = namespace_enter(error);
    if (!err)
        err = lab_place_files(scenario, error);
    if (!err)
        err = lab_place_host(&scenario->server, scenario->last_to.mtu, &place->tun[NETSIM_SERVER],
                             error);
    if (!err)
        err = lab_place_services(place, &scenario->server, error);
    if (!err)
        err = namespace_new_network(error);
    if (err)
        return err;
    return lab_place_host(&scenario->client, lab_place_client_mtu(scenario),
                          &place->tun[NETSIM_CLIENT], error);
}

void lab_place_release(struct lab_place *place)
{
    lab_services_close(&place->services);
    for (int i = 0; i < 2; i++) {
        if (place->tun[i] >= 0)
            close(place->tun[i]);
        place->tun[i] = -1;
    }
}
