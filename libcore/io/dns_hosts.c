#include "io/dns_hosts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "io/route.h"

#define HOSTS_BLANK " \t\r\v\f"

/* Reads to the end rather than trusting st_size: the file may be a pipe or grow. */
int dns_hosts_load(struct dns_hosts *hosts, const char *path)
{
    size_t size = 4096, len = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char *text;
    int rc = 0;

    *hosts = (struct dns_hosts){0};
    if (fd < 0)
        return 0;
    text = malloc(size);
    while (text && len < DNS_HOSTS_BYTES_MAX) {
        ssize_t n = read(fd, text + len, size - len);

        if (n <= 0)
            break;
        len += (size_t)n;
        if (len < size)
            continue;
        size *= 2;
        char *larger = realloc(text, size);

        if (!larger)
            free(text);
        text = larger;
    }
    if (!text)
        rc = -ENOMEM;
    else
        *hosts = (struct dns_hosts){text, len};
    close(fd);
    return rc;
}

void dns_hosts_release(struct dns_hosts *hosts)
{
    free(hosts->text);
    *hosts = (struct dns_hosts){0};
}

struct hosts_word {
    const char *text;
    size_t len;
};

/* The next line without its comment; false at the end. */
static bool hosts_line(const struct dns_hosts *hosts, size_t *pos, struct hosts_word *line)
{
    if (*pos >= hosts->len)
        return false;
    const char *start = hosts->text + *pos;
    const char *newline = memchr(start, '\n', hosts->len - *pos);
    size_t len = newline ? (size_t)(newline - start) : hosts->len - *pos;
    const char *comment = memchr(start, '#', len);

    *pos += len + 1;
    *line = (struct hosts_word){start, comment ? (size_t)(comment - start) : len};
    return true;
}

static bool hosts_is_blank(char c)
{
    return c != '\0' && strchr(HOSTS_BLANK, c);
}

static bool hosts_next_word(struct hosts_word *line, struct hosts_word *word)
{
    while (line->len && hosts_is_blank(*line->text)) {
        line->text++;
        line->len--;
    }
    word->text = line->text;
    word->len = 0;
    while (word->len < line->len && !hosts_is_blank(word->text[word->len]))
        word->len++;
    line->text += word->len;
    line->len -= word->len;
    return word->len > 0;
}

static bool hosts_address(struct hosts_word word, struct address *out)
{
    char text[ADDRESS_TEXT_SIZE];

    if (word.len >= sizeof(text))
        return false;
    memcpy(text, word.text, word.len);
    text[word.len] = '\0';
    return route_parse_address(text, out) == 0;
}

static bool hosts_line_names(struct hosts_word line, const char *name, size_t name_len)
{
    struct hosts_word word;

    while (hosts_next_word(&line, &word))
        if (word.len == name_len && !strncasecmp(word.text, name, name_len))
            return true;
    return false;
}

/* True when `name` is "localhost" or ends in it (RFC 6761 6.3): never asked of a server. */
static bool dns_hosts_is_localhost(const char *name)
{
    static const char localhost[] = "localhost";
    size_t len = strlen(name), want = sizeof(localhost) - 1;

    if (len && name[len - 1] == '.')
        len--;
    if (len < want || strncasecmp(name + len - want, localhost, want))
        return false;
    return len == want || name[len - want - 1] == '.';
}

static size_t dns_hosts_localhost(int family, struct address *out, size_t max)
{
    static const uint8_t loopback4[4] = {127, 0, 0, 1}, loopback6[16] = {[15] = 1};
    size_t n = 0;

    if (family != 4 && n < max)
        out[n++] = address_from6(loopback6);
    if (family != 6 && n < max)
        out[n++] = address_from4(loopback4);
    return n;
}

size_t dns_hosts_addresses(const struct dns_hosts *hosts, const char *name, int family,
                           struct address *out, size_t max)
{
    size_t name_len = strlen(name);
    struct hosts_word line, first;
    size_t pos = 0, n = 0;

    if (name_len && name[name_len - 1] == '.')
        name_len--;
    while (n < max && hosts_line(hosts, &pos, &line)) {
        struct address a;

        if (!hosts_next_word(&line, &first) || !hosts_line_names(line, name, name_len))
            continue;
        if (hosts_address(first, &a) && (family == 0 || family == a.family))
            out[n++] = a;
    }
    return n == 0 && dns_hosts_is_localhost(name) ? dns_hosts_localhost(family, out, max) : n;
}

bool dns_hosts_name(const struct dns_hosts *hosts, const struct address *address, char *out,
                    size_t size)
{
    struct hosts_word line, word;
    struct address a;
    size_t pos = 0;

    while (hosts_line(hosts, &pos, &line)) {
        if (!hosts_next_word(&line, &word) || !hosts_address(word, &a) ||
            !address_equal(&a, address))
            continue;
        if (!hosts_next_word(&line, &word) || word.len >= size)
            continue;
        memcpy(out, word.text, word.len);
        out[word.len] = '\0';
        return true;
    }
    return false;
}
