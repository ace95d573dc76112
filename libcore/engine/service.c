#include "engine/service.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/timespan.h"
#include "engine/service_internal.h"

#define SERVICE_CONNECT_TIMEOUT_NS (5 * NS_PER_SEC)
#define SERVICE_TLS_TIMEOUT_NS     (5 * NS_PER_SEC)
#define SERVICE_ANSWER_TIMEOUT_NS  (5 * NS_PER_SEC)
#define SERVICE_LISTEN_NS          (300 * NS_PER_MS)

void service_config_default(struct service_config *config)
{
    *config = (struct service_config){
        .connect_timeout_ns = SERVICE_CONNECT_TIMEOUT_NS,
        .tls_timeout_ns = SERVICE_TLS_TIMEOUT_NS,
        .answer_timeout_ns = SERVICE_ANSWER_TIMEOUT_NS,
        .listen_ns = SERVICE_LISTEN_NS,
    };
}

bool service_is_http(const struct service *s)
{
    return !s->row || s->row->http_path;
}

enum cause_phase service_answer_phase(const struct service *s)
{
    return service_is_http(s) ? PHASE_HTTP : PHASE_BANNER;
}

int service_new(const struct service_config *config, int64_t now_ns, struct service **out)
{
    struct service *s = calloc(1, sizeof(*s));
    bool tls_port = false;
    int err;

    if (!s)
        return -ENOMEM;
    s->config = *config;
    s->cause.alert = -1;
    s->begun_ns = now_ns;
    s->row = config->protocol ? service_row_of_name(config->protocol)
                              : service_row_of_port(config->port, &tls_port);
    if (config->protocol && s->row)
        service_row_of_port(config->port, &tls_port);
    s->tls = config->tls == SERVICE_TLS_ALWAYS || (config->tls == SERVICE_TLS_AUTO && tls_port);
    s->get = s->row && s->row->in_body;
    err = config->protocol && !s->row ? -EINVAL : service_request(s);
    if (err) {
        service_free(s);
        return err;
    }
    service_try_again(s);
    *out = s;
    return 0;
}

void service_free(struct service *s)
{
    if (!s)
        return;
    service_drop_http(s);
    free(s->banner);
    free(s);
}

/* --- states ------------------------------------------------------------------------------------
 */

void service_finish(struct service *s)
{
    s->state = STATE_DONE;
    if (s->guessed_tls) /* it was not that: no handshake succeeded */
        s->tls = false;
    if (!s->old_tls && !s->guessed_tls)
        return;
    s->cause = s->first;
    if (s->timing.tls_ns >= 0)
        text_format(s->cause.detail, sizeof(s->cause.detail),
                    "the server speaks no TLS version after 1.1");
}

void service_fail(struct service *s, const char *code, enum cause_phase phase, const char *detail)
{
    cause_set(&s->cause, code, phase, "%s", detail);
    s->cause.offset = s->received;
    service_finish(s);
}

void service_try_again(struct service *s)
{
    service_drop_http(s);
    s->alpn_h2 = s->http1_reply = false;
    s->banner_len = s->raw_len = s->request_sent = 0;
    s->received = 0;
    s->acknowledged = s->answered = false;
    s->timing = (struct service_timing){-1, -1, -1, -1};
    s->tries++;
    s->state = STATE_CONNECT;
}

static void service_wait(struct service *s, enum service_state state, int64_t now_ns,
                         int64_t longest_ns)
{
    s->state = state;
    s->deadline_ns = time_add(now_ns, longest_ns);
}

void service_say_hello(struct service *s, int64_t now_ns)
{
    s->use_h2 =
        service_is_http(s) && (s->tls ? s->alpn_h2 : s->config.http2 == SERVICE_HTTP2_PRIOR);
    if (s->tls && s->config.http2 && service_is_http(s) && !s->use_h2)
        s->notes |= SERVICE_NOTE_NO_HTTP2;
    if (service_request(s) || (!s->use_h2 && service_reader(s)))
        service_fail(s, "local.request", service_answer_phase(s), "the request does not fit");
    else
        service_wait(s, STATE_HELLO, now_ns, s->config.answer_timeout_ns);
}

/* The connection stands, encrypted where it should be. */
static void service_talk(struct service *s, int64_t now_ns)
{
    if (s->row && s->row->speaks_first)
        service_wait(s, STATE_LISTEN, now_ns, s->config.answer_timeout_ns);
    else if (!s->row && !s->tls)
        service_wait(s, STATE_LISTEN, now_ns, s->config.listen_ns);
    else
        service_say_hello(s, now_ns);
}

static void service_step_send(struct service *s, int64_t now_ns, struct service_step *step)
{
    bool more = service_refill(s);

    if (s->state == STATE_HELLO && !more)
        service_wait(s, STATE_ANSWER, now_ns, s->config.answer_timeout_ns);
    step->want = more ? SERVICE_SEND : SERVICE_WAIT;
    step->bytes = s->request + s->request_sent;
    step->len = s->request_len - s->request_sent;
    step->wake_ns = s->deadline_ns;
}

void service_next(struct service *s, int64_t now_ns, struct service_step *step)
{
    *step = (struct service_step){.wake_ns = TIME_NEVER};
    service_expire(s, now_ns);
    switch (s->state) {
    case STATE_CONNECT:
        s->begun_ns = now_ns;
        service_wait(s, STATE_CONNECTING, now_ns, s->config.connect_timeout_ns);
        step->want = SERVICE_CONNECT;
        break;
    case STATE_SECURE:
        service_wait(s, STATE_SECURING, now_ns, s->config.tls_timeout_ns);
        step->want = SERVICE_START_TLS;
        step->old_tls = s->old_tls;
        break;
    case STATE_HELLO:
    case STATE_ANSWER:
        service_step_send(s, now_ns, step);
        break;
    case STATE_DONE:
        step->want = SERVICE_DONE;
        break;
    default:
        step->want = SERVICE_WAIT;
        step->wake_ns = s->deadline_ns;
    }
}

/* --- what happened -----------------------------------------------------------------------------
 */

void service_refused(struct service *s, const char *code)
{
    s->refusal = code;
}

void service_connected(struct service *s, int error, int64_t now_ns)
{
    if (s->state != STATE_CONNECTING)
        return;
    if (error) {
        service_fail(s, s->refusal ? s->refusal : cause_of_connect(error), PHASE_CONNECT,
                     strerrordesc_np(error));
        s->cause.error = error;
        s->timing.total_ns = now_ns - s->begun_ns;
        return;
    }
    s->timing.connect_ns = now_ns - s->begun_ns;
    if (s->tls)
        s->state = STATE_SECURE;
    else
        service_talk(s, now_ns);
}

/* Something else answers on a TLS port: asked again without TLS, as what it is. */
static bool service_downgrade(struct service *s, const char *code)
{
    static const char not_tls[] = "tls.not_tls.";
    const struct service_row *row;

    if (s->config.tls != SERVICE_TLS_AUTO || s->tries >= SERVICE_TRIES_MAX ||
        strncmp(code, not_tls, sizeof(not_tls) - 1) != 0)
        return false;
    row = service_row_of_name(code + sizeof(not_tls) - 1);
    if (row && row->http_path && s->row && s->row->http_path)
        row = s->row; /* a version endpoint without TLS */
    if (!row || (s->config.protocol && row != s->row))
        return false;
    s->row = row;
    s->tls = false;
    s->notes |= SERVICE_NOTE_NOT_TLS;
    service_try_again(s);
    return true;
}

void service_alpn(struct service *s, const char *protocol)
{
    s->alpn_h2 = s->config.http2 && !strcmp(protocol, "h2");
}

/* Who shakes hands, or refuses our versions, speaks TLS: what was guessed is known. */
static void service_confirm_tls(struct service *s)
{
    if (!s->guessed_tls)
        return;
    s->guessed_tls = false;
    s->notes |= SERVICE_NOTE_PLAIN_ON_TLS;
}

/* A server without our versions is asked again with old ones, for what it speaks and says. */
static bool service_try_old_tls(struct service *s, const struct cause *cause)
{
    if (s->old_tls || s->tries >= SERVICE_TRIES_MAX ||
        strcmp(cause->code, "tls.version_mismatch") != 0)
        return false;
    service_confirm_tls(s);
    s->old_tls = true;
    s->first = *cause;
    service_try_again(s);
    return true;
}

void service_secured(struct service *s, const struct cause *cause, int64_t now_ns)
{
    if (s->state != STATE_SECURING)
        return;
    if (!cause) {
        service_confirm_tls(s);
        s->timing.tls_ns = now_ns - s->begun_ns;
        service_talk(s, now_ns);
    } else if (!service_downgrade(s, cause->code) && !service_try_old_tls(s, cause)) {
        s->cause = *cause;
        service_finish(s);
        s->timing.total_ns = now_ns - s->begun_ns;
    }
}

void service_sent(struct service *s, size_t len, int64_t now_ns)
{
    if ((s->state != STATE_HELLO && s->state != STATE_ANSWER) ||
        len > s->request_len - s->request_sent)
        return;
    s->request_sent += len;
    if (s->state == STATE_HELLO && s->request_sent == s->request_len)
        service_wait(s, STATE_ANSWER, now_ns, s->config.answer_timeout_ns);
}

void service_receive(struct service *s, const uint8_t *bytes, size_t len, int64_t now_ns)
{
    size_t kept = SERVICE_RAW_MAX - s->raw_len;

    if ((s->state != STATE_LISTEN && s->state != STATE_HELLO && s->state != STATE_ANSWER) || !len)
        return;
    if (s->timing.first_byte_ns < 0)
        s->timing.first_byte_ns = now_ns - s->begun_ns;
    kept = len < kept ? len : kept;
    memcpy(s->raw + s->raw_len, bytes, kept);
    s->raw_len += kept;
    s->received += len;
    service_hear(s, bytes, len, now_ns);
    if (s->state == STATE_DONE)
        s->timing.total_ns = now_ns - s->begun_ns;
}

void service_acknowledged(struct service *s, bool all)
{
    s->acknowledged = all;
}

/* --- facts -------------------------------------------------------------------------------------
 */

void service_facts(const struct service *s, struct service_facts *facts)
{
    *facts = (struct service_facts){
        .protocol = s->answered && s->row ? s->row->name : NULL,
        .tls = s->tls,
        .tries = s->tries,
        .notes = s->notes,
        .cause = s->cause,
        .timing = s->timing,
        .has_http = s->http || s->http2,
        .banner = s->banner,
        .banner_len = s->banner_len,
        .raw = s->raw,
        .raw_len = s->raw_len,
    };
    if (facts->has_http)
        service_http_facts(s, &facts->http);
}
