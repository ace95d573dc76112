#include "engine/version.h"

#include <string.h>

#include "engine/version_product.h"

static const struct {
    const char *source;
    version_reader *read;
} kinds[VERSION_KINDS] = {
    [VERSION_HTTP_SERVER] = {"server", version_read_http},
    [VERSION_HTTP_POWERED_BY] = {"x-powered-by", version_read_http},
    [VERSION_HTTP_VIA] = {"via", version_read_via},
    [VERSION_HTTP_GENERATOR] = {"x-generator", version_read_http},
    [VERSION_HTTP_ASPNET] = {"x-aspnet-version", version_read_aspnet},
    [VERSION_HTTP_ASPNETMVC] = {"x-aspnetmvc-version", version_read_aspnet},
    [VERSION_SSH] = {"ssh", version_read_ssh},
    [VERSION_SMTP] = {"smtp", version_read_greeting},
    [VERSION_FTP] = {"ftp", version_read_greeting},
    [VERSION_POP3] = {"pop3", version_read_greeting},
    [VERSION_IMAP] = {"imap", version_read_greeting},
    [VERSION_MYSQL] = {"mysql", version_read_mysql},
    [VERSION_REDIS_INFO] = {"redis-info", version_read_redis},
    [VERSION_MEMCACHED] = {"memcached", version_read_memcached},
    [VERSION_DNS] = {"version.bind", version_read_dns},
    [VERSION_KUBERNETES] = {"/version", version_read_kubernetes},
    [VERSION_DOCKER] = {"/version", version_read_docker},
    [VERSION_ELASTICSEARCH] = {"/", version_read_elasticsearch},
    [VERSION_PROMETHEUS] = {"/api/v1/status/buildinfo", version_read_prometheus},
    [VERSION_HAPROXY] = {"/stats", version_read_haproxy},
};

const char *const version_kind_names[] = {
    [VERSION_HTTP_SERVER] = "http-server",
    [VERSION_HTTP_POWERED_BY] = "http-powered-by",
    [VERSION_HTTP_VIA] = "http-via",
    [VERSION_HTTP_GENERATOR] = "http-generator",
    [VERSION_HTTP_ASPNET] = "http-aspnet",
    [VERSION_HTTP_ASPNETMVC] = "http-aspnetmvc",
    [VERSION_SSH] = "ssh",
    [VERSION_SMTP] = "smtp",
    [VERSION_FTP] = "ftp",
    [VERSION_POP3] = "pop3",
    [VERSION_IMAP] = "imap",
    [VERSION_MYSQL] = "mysql",
    [VERSION_REDIS_INFO] = "redis-info",
    [VERSION_MEMCACHED] = "memcached",
    [VERSION_DNS] = "dns-version",
    [VERSION_KUBERNETES] = "kubernetes-version",
    [VERSION_DOCKER] = "docker-version",
    [VERSION_ELASTICSEARCH] = "elasticsearch",
    [VERSION_PROMETHEUS] = "prometheus",
    [VERSION_HAPROXY] = "haproxy-stats",
    [VERSION_KINDS] = NULL,
};

const char *version_kind_source(enum version_kind kind)
{
    return kinds[kind].source;
}

struct decode version_identify(enum version_kind kind, const void *bytes, size_t len,
                               struct version_list *list)
{
    return kinds[kind].read(kind, cursor_init(bytes, len), list);
}

bool version_subject(enum version_kind kind, struct cursor *banner, struct cursor *subject)
{
    if (!cursor_left(banner))
        return false;
    if (kind == VERSION_MYSQL)
        return version_mysql_text(banner, subject);
    *subject = version_scan_line(banner);
    if (kind >= VERSION_SSH && kind <= VERSION_IMAP)
        version_skip_status(kind, subject);
    version_scan_blanks(subject);
    return true;
}

/* The version as it was before its tail was taken off, so that tails of two can be compared. */
struct version_answer version_compare_product(const struct version_product *product,
                                              const char *version)
{
    char full[2 * VERSION_TEXT_SIZE];
    struct version_answer answer;
    size_t len = strlen(product->version), tail = strlen(product->distro);

    memcpy(full, product->version, len + 1);
    if (product->distro_build && len + 1 + tail < VERSION_TEXT_SIZE) {
        full[len] = ' ';
        memcpy(full + len + 1, product->distro, tail + 1);
    }
    answer = version_compare_loosely(product->scheme, full, version);
    answer.distro_build |= product->distro_build;
    return answer;
}
