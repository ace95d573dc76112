#include "io/expression.h"

#include <ctype.h>
#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define EXPRESSION_SNAPLEN 262144
#define EXPRESSION_SHOWN   40 /* bytes of the text worth repeating */

static const enum link_type expression_links[] = {
    LINK_ETHERNET,  LINK_RAW,        LINK_NULL, LINK_LOOP,
    LINK_LINUX_SLL, LINK_LINUX_SLL2, LINK_IPV4, LINK_IPV6,
};

#define EXPRESSION_LINKS (sizeof(expression_links) / sizeof(expression_links[0]))

struct expression {
    struct {
        struct bpf_program program;
        bool compiled;
        char message[PCAP_ERRBUF_SIZE];
    } links[EXPRESSION_LINKS];
};

/* LINKTYPE_RAW is 101 in files and DLT_RAW here (pcap/dlt.h). */
static int expression_dlt(enum link_type link)
{
    return link == LINK_RAW ? DLT_RAW : (int)link;
}

static bool expression_compile(enum link_type link, const char *text, struct bpf_program *program,
                               char message[PCAP_ERRBUF_SIZE])
{
    pcap_t *dead = pcap_open_dead(expression_dlt(link), EXPRESSION_SNAPLEN);

    if (!dead) {
        snprintf(message, PCAP_ERRBUF_SIZE, "%s", strerror(ENOMEM));
        return false;
    }
    bool compiled = !pcap_compile(dead, program, text, 1, PCAP_NETMASK_UNKNOWN);
    if (!compiled)
        snprintf(message, PCAP_ERRBUF_SIZE, "%s", pcap_geterr(dead));
    pcap_close(dead);
    return compiled;
}

/* --- where it goes wrong ---------------------------------------------------------- */

/*
 * Whether `text` could be the beginning of a filter: libpcap does not say where it gave up, but it
 * compiles what is right up to there once something fitting follows.
 */
static bool expression_could_begin(const char *text, size_t len)
{
    static const char *const ends[] = {
        "",
        " tcp",
        " 1",
        " 1-2",
        " 127.0.0.1",
        " localhost",
        " == 1",
        " port 1",
        " host ::1",
        " proto 6",
        " ether 1:2:3:4:5:6",
        "1] == 1",
        ":1] == 1",
        "] == 1",
        "0] == 1",
        " net 10/8",
        " 1 == 1",
        " 1:2:3:4:5:6",
        "0.0.1",
    };
    char attempt[512], message[PCAP_ERRBUF_SIZE];
    struct bpf_program program;
    int open = 0;

    for (size_t i = 0; i < len; i++)
        open += (text[i] == '(') - (text[i] == ')');
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        size_t n = text_format(attempt, sizeof(attempt), "%.*s%s", (int)len, text, ends[i]);

        for (int j = 0; j < open && n + 1 < sizeof(attempt); j++)
            attempt[n++] = ')';
        attempt[n] = '\0';
        if (expression_compile(LINK_ETHERNET, attempt, &program, message)) {
            pcap_freecode(&program);
            return true;
        }
    }
    return false;
}

static size_t expression_word(const char *text)
{
    size_t len = 0;

    if (!isalnum((unsigned char)*text)) /* an operator: != <= >= << >> && || or one character */
        return (*text != '\0') +
               (*text && text[1] && strchr("!<>&|=", *text) && strchr("<>&|=", text[1]));
    while (isalnum((unsigned char)text[len]) || (text[len] && strchr(".:-_/", text[len])))
        len++;
    return len;
}

/* Offset of the first word that nothing could follow; the length when it just ends too early. */
static size_t expression_position(const char *text)
{
    size_t at = 0;

    while (text[at]) {
        at += strspn(text + at, " \t\r\n");
        size_t len = expression_word(text + at);

        if (!len || !expression_could_begin(text, at + len))
            break;
        at += len;
    }
    return at;
}

static void expression_explain(const char *text, const char *message, char error[IO_ERROR_SIZE])
{
    char shown[TEXT_ESCAPED_SIZE(EXPRESSION_SHOWN)], word[TEXT_ESCAPED_SIZE(EXPRESSION_SHOWN)];
    size_t at = expression_position(text);
    size_t len = expression_word(text + at);

    text_escape(shown, sizeof(shown), text, strnlen(text, EXPRESSION_SHOWN));
    text_escape(word, sizeof(word), text + at, len < EXPRESSION_SHOWN ? len : EXPRESSION_SHOWN);
    if (len)
        text_format(error, IO_ERROR_SIZE, "filter \"%s\": %.120s, at column %zu: \"%s\"", shown,
                    message, at + 1, word);
    else
        text_format(error, IO_ERROR_SIZE, "filter \"%s\": %.120s, at its end", shown, message);
}

/* ---------------------------------------------------------------------------------- */

int expression_new(const char *text, struct expression **out, char error[IO_ERROR_SIZE])
{
    struct expression *e = calloc(1, sizeof(*e));
    size_t compiled = 0;

    error[0] = '\0';
    if (!e) {
        text_format(error, IO_ERROR_SIZE, "filter: %s", strerror(ENOMEM));
        return -ENOMEM;
    }
    for (size_t i = 0; i < EXPRESSION_LINKS; i++) {
        e->links[i].compiled = expression_compile(expression_links[i], text, &e->links[i].program,
                                                  e->links[i].message);
        compiled += e->links[i].compiled;
    }
    if (compiled) {
        *out = e;
        return 0;
    }
    expression_explain(text, e->links[0].message, error);
    expression_free(e);
    return -EINVAL;
}

void expression_free(struct expression *e)
{
    for (size_t i = 0; e && i < EXPRESSION_LINKS; i++)
        if (e->links[i].compiled)
            pcap_freecode(&e->links[i].program);
    free(e);
}

struct bpf_program *expression_program(struct expression *e, enum link_type link,
                                       const char **message)
{
    *message = "filters are not compiled for this link type";
    for (size_t i = 0; i < EXPRESSION_LINKS; i++) {
        if (expression_links[i] != link)
            continue;
        *message = e->links[i].message;
        return e->links[i].compiled ? &e->links[i].program : NULL;
    }
    return NULL;
}
