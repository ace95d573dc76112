/* What a scenario says of the kernels that play its hosts: settings of their namespaces. */
#include "tools/lab.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

static const char *lab_kernel_advice(int err, bool exists)
{
    switch (-err) {
    case ENOENT:
    case EINVAL:
    case ERANGE:
        return exists ? " (this kernel does not take that value)"
                      : " (this kernel has no such setting in a network namespace)";
    case EROFS:
    case EACCES:
    case EPERM:
        return " (/proc/sys must be writable)";
    default:
        return "";
    }
}

static int lab_kernel_write(const char *name, const char *value, bool *exists)
{
    char path[128];
    int fd, err = 0;

    text_format(path, sizeof(path), "/proc/sys/%s", name);
    for (char *at = path; *at; at++)
        if (*at == '.')
            *at = '/';
    fd = open(path, O_WRONLY | O_CLOEXEC);
    *exists = fd >= 0;
    if (fd < 0)
        return -errno;
    if (write(fd, value, strlen(value)) < 0)
        err = -errno;
    close(fd);
    return err;
}

static int lab_kernel_set(const char *name, const char *value, char error[LAB_ERROR_SIZE])
{
    bool exists;
    int err = lab_kernel_write(name, value, &exists);

    if (err)
        snprintf(error, LAB_ERROR_SIZE, "setting %s to \"%s\" failed: %s%s", name, value,
                 strerror(-err), lab_kernel_advice(err, exists));
    return err;
}

/* A kernel does for all its services what one of them asks for. */
static int lab_kernel_set_service(const struct scenario_handshake *handshake,
                                  char error[LAB_ERROR_SIZE])
{
    const struct {
        bool wanted;
        const char *name, *value;
    } settings[] = {
        {handshake->syn_cookies, "net.ipv4.tcp_syncookies", "2"},
        {handshake->fast_open, "net.ipv4.tcp_fastopen", "3"}, /* client 1, server 2 */
        {handshake->ecn == ECN_IGNORED, "net.ipv4.tcp_ecn", "0"},
        {handshake->without & SCENARIO_TIMESTAMPS, "net.ipv4.tcp_timestamps", "0"},
        {handshake->without & SCENARIO_SACK, "net.ipv4.tcp_sack", "0"},
        {handshake->without & SCENARIO_WSCALE, "net.ipv4.tcp_window_scaling", "0"},
        {!handshake->synack_retries, "net.ipv4.tcp_synack_retries", "0"},
    };
    int err = 0;

    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]) && !err; i++)
        if (settings[i].wanted)
            err = lab_kernel_set(settings[i].name, settings[i].value, error);
    return err;
}

int lab_kernel_apply(const struct scenario_host *host, char error[LAB_ERROR_SIZE])
{
    int err = 0;

    for (size_t i = 0; i < host->nservices && !err; i++)
        err = lab_kernel_set_service(&host->services[i].handshake, error);
    if (!err && host->echo_silent)
        err = lab_kernel_set("net.ipv4.icmp_echo_ignore_all", "1", error);
    if (!err && host->echo_silent)
        err = lab_kernel_set("net.ipv6.icmp.echo_ignore_all", "1", error);
    for (size_t i = 0; i < host->nsysctls && !err; i++)
        err = lab_kernel_set(host->sysctls[i].name, host->sysctls[i].value, error);
    return err;
}

void lab_kernel_note(const struct scenario_host *host, FILE *out)
{
    for (size_t i = 0; i < host->nservices; i++) {
        const struct scenario_handshake *handshake = &host->services[i].handshake;
        const struct {
            bool wanted;
            const char *name;
        } fields[] = {
            {handshake->ecn == ECN_ACCURATE, "\"ecn: accurate\""},
            {handshake->ip_id != IP_ID_ZERO, "\"ip-id\""},
            {handshake->without & SCENARIO_MSS, "\"without: [mss]\""},
        };

        for (size_t k = 0; k < sizeof(fields) / sizeof(fields[0]); k++)
            if (fields[k].wanted)
                fprintf(out,
                        "netdx lab: note: %s of port %u is for virtual time: this kernel cannot "
                        "be told to\n",
                        fields[k].name, host->services[i].port);
    }
}
