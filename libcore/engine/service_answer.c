/* What was said: a banner, a response, or another protocol than was expected. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/timespan.h"
#include "engine/service_internal.h"
#include "wire/greeting.h"

#define REFUSAL_TEXT_MAX 120 /* bytes of it that are told */

/* False: it has failed, out of memory. */
static bool answer_keep(struct service *s, const uint8_t *bytes, size_t len)
{
    size_t room = SERVICE_BANNER_MAX - s->banner_len;

    if (!s->banner)
        s->banner = malloc(SERVICE_BANNER_MAX);
    if (!s->banner) {
        service_fail(s, "local.memory", service_answer_phase(s), "out of memory");
        return false;
    }
    len = len < room ? len : room;
    memcpy(s->banner + s->banner_len, bytes, len);
    s->banner_len += len;
    return true;
}

/* Another protocol speaks: its row reads on from what came so far. False: nobody we know. */
static bool answer_recognise(struct service *s, const char *name)
{
    const struct service_row *row = name ? service_row_of_name(name) : NULL;

    if (!row || !row->read || row == s->row || s->config.protocol)
        return false; /* its own row has said already that it is not whom it looks like */
    if (s->row)
        s->notes |= SERVICE_NOTE_UNEXPECTED;
    s->row = row;
    service_drop_http(s);
    return true;
}

static void answer_refuse(struct service *s)
{
    char text[TEXT_ESCAPED_SIZE(REFUSAL_TEXT_MAX)];
    size_t at = s->row->refusal ? s->row->refusal(s->banner, s->banner_len) : 0, len = 0;
    const uint8_t *words = s->banner + at;

    while (at + len < s->banner_len && len < REFUSAL_TEXT_MAX && !strchr("\r\n", words[len]))
        len++; /* to the end of the line, or a NUL */
    text_escape(text, sizeof(text), words, len);
    s->answered = true;
    cause_set(&s->cause, "banner.refused", PHASE_BANNER, "the server turns us away: %s", text);
    service_finish(s);
}

static void answer_read_banner(struct service *s)
{
    switch (s->row->read(s->banner, s->banner_len)) {
    case READING_WHOLE:
        s->answered = true;
        service_finish(s);
        break;
    case READING_REFUSED:
        answer_refuse(s);
        break;
    case READING_FOREIGN:
        if (answer_recognise(s, greeting_protocol(s->banner, s->banner_len)))
            answer_read_banner(s);
        else
            service_fail(s, "banner.malformed", PHASE_BANNER, "the answer is of no known form");
        break;
    case READING_MORE:
        if (s->banner_len < SERVICE_BANNER_MAX)
            break;
        s->answered = true;
        service_fail(s, "banner.too_large", PHASE_BANNER, "the banner does not end");
    }
}

/* An unknown port speaks before it was asked; who is known gets the time of an answer. */
static void answer_hear_unknown(struct service *s, int64_t now_ns)
{
    if (answer_recognise(s, greeting_protocol(s->banner, s->banner_len))) {
        s->deadline_ns = time_add(now_ns, s->config.answer_timeout_ns);
        answer_read_banner(s);
    } else if (s->banner_len == SERVICE_BANNER_MAX) {
        service_finish(s);
    }
}

/* --- HTTP --------------------------------------------------------------------------------------
 */

void service_http_facts(const struct service *s, struct http_facts *facts)
{
    if (s->http2)
        http2_facts(s->http2, facts);
    else
        http_facts(s->http, facts);
}

static const struct cause *answer_http_cause(const struct service *s)
{
    return s->http2 ? http2_cause(s->http2) : http_cause(s->http);
}

/* What nginx, Apache and Go say when a plain request reaches a port for TLS. */
static bool answer_says_tls_port(const struct http_facts *facts)
{
    static const char *const words[] = {
        "plain HTTP request was sent to HTTPS port",
        "speaking plain HTTP to an SSL-enabled server port",
        "Client sent an HTTP request to an HTTPS server",
    };

    for (size_t i = 0; facts->status == 400 && i < sizeof(words) / sizeof(words[0]); i++) {
        if (facts->body_kept && memmem(facts->body, facts->body_kept, words[i], strlen(words[i])))
            return true;
    }
    return false;
}

static bool answer_upgrade(struct service *s)
{
    s->notes |= SERVICE_NOTE_PLAIN_ON_TLS;
    if (s->tls || s->config.tls != SERVICE_TLS_AUTO || s->tries >= SERVICE_TRIES_MAX)
        return false;
    s->tls = true;
    s->get = s->row && s->row->in_body;
    service_try_again(s);
    return true;
}

/* Many a server closes without a word when a plain request reaches its port for TLS. */
static bool answer_guess_tls(struct service *s, const struct cause *cause)
{
    bool suspect = !strcmp(cause->code, "http.no_response") && !(s->notes & SERVICE_NOTE_NOT_TLS);

    if (!suspect || s->tls || s->config.tls != SERVICE_TLS_AUTO || s->tries >= SERVICE_TRIES_MAX)
        return false;
    s->tls = s->guessed_tls = true;
    s->first = *cause;
    s->get = s->row && s->row->in_body;
    s->notes &= ~(unsigned)SERVICE_NOTE_HEAD_REFUSED;
    service_try_again(s);
    return true;
}

/* Servers that refuse HEAD, with a status or by breaking, may still answer GET. */
static bool answer_get_instead(struct service *s)
{
    if (s->get || s->config.method || s->config.body_limit || s->tries >= SERVICE_TRIES_MAX)
        return false;
    s->get = true;
    s->notes |= SERVICE_NOTE_HEAD_REFUSED;
    service_try_again(s);
    return true;
}

/* Unless it said that the port is for TLS. */
static void answer_fail_http1(struct service *s)
{
    if (!*s->cause.code)
        service_fail(s, "h2.http1_reply", PHASE_HTTP, "the server answers HTTP/2 in HTTP/1");
}

static void answer_judge_failure(struct service *s)
{
    static const char foreign[] = "http.not_http.";
    struct cause cause = *answer_http_cause(s);
    const char *other = !strncmp(cause.code, foreign, sizeof(foreign) - 1)
                            ? cause.code + sizeof(foreign) - 1
                            : NULL;

    if (other && !strcmp(other, "tls")) {
        if (answer_upgrade(s))
            return;
        cause_set(&cause, "http.plain_on_tls", PHASE_HTTP, "a TLS alert answers the request");
    } else if (other && answer_recognise(s, other)) {
        if (answer_keep(s, s->raw, s->raw_len))
            answer_read_banner(s);
        return;
    } else if (!other && s->http1_reply) {
        answer_fail_http1(s);
        return;
    } else if (!other && (answer_get_instead(s) || answer_guess_tls(s, &cause))) {
        return;
    }
    s->cause = cause;
    service_finish(s);
}

void service_http_judge(struct service *s)
{
    struct http_facts facts;

    service_http_facts(s, &facts);
    if (*answer_http_cause(s)->code) {
        answer_judge_failure(s);
        return;
    }
    if (answer_says_tls_port(&facts)) {
        if (answer_upgrade(s))
            return;
        service_fail(s, "http.plain_on_tls", PHASE_HTTP, "the server says this port is for TLS");
    }
    if (s->http1_reply) {
        answer_fail_http1(s);
        return;
    }
    if ((facts.status == 400 || facts.status == 405 || facts.status == 501) &&
        answer_get_instead(s))
        return;
    if (!s->row)
        s->row = service_row_of_name("http");
    s->answered = true;
    service_finish(s);
}

/* HTTP/1 in answer to HTTP/2: read as such, for what it says of who answers. */
static void answer_read_http1(struct service *s, const uint8_t *bytes, size_t len)
{
    size_t before = (size_t)(s->received - len); /* a few bytes, too few to tell */

    s->http1_reply = true;
    if (service_reader(s)) {
        service_fail(s, "local.memory", PHASE_HTTP, "out of memory");
        return;
    }
    if (before)
        http_receive(s->http, s->raw, before);
    if (http_receive(s->http, bytes, len) >= HTTP_DONE)
        service_http_judge(s);
}

static void answer_hear_http2(struct service *s, const uint8_t *bytes, size_t len)
{
    if (http2_receive(s->http2, bytes, len) < HTTP_DONE)
        return;
    if (!strcmp(http2_cause(s->http2)->code, "h2.http1_reply"))
        answer_read_http1(s, bytes, len);
    else
        service_http_judge(s);
}

void service_hear(struct service *s, const uint8_t *bytes, size_t len, int64_t now_ns)
{
    if (s->http2) {
        answer_hear_http2(s, bytes, len);
        return;
    }
    if (s->http) {
        if (http_receive(s->http, bytes, len) >= HTTP_DONE)
            service_http_judge(s);
        return;
    }
    if (!answer_keep(s, bytes, len))
        return;
    if (s->row && s->row->read)
        answer_read_banner(s);
    else
        answer_hear_unknown(s, now_ns);
}
