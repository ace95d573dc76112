/* How it ends before the answer is whole: closings, resets, time-outs. */
#include "engine/service_internal.h"

#include "base/timespan.h"

/* --- closed by the peer ------------------------------------------------------------------------
 */

/*
 * RFC 9293 3.10.7.4: a reset says nothing of why; the phase is what there is to tell. It may come
 * in place of an acknowledgment, and from somebody nearer than the peer.
 */
static void end_reset(struct service *s)
{
    if (s->state == STATE_SECURING)
        service_fail(s, "tcp.reset.after_client_hello", PHASE_TLS,
                     "the connection was reset within the TLS handshake");
    else if (s->received)
        service_fail(s, "tcp.reset.mid_response", service_answer_phase(s),
                     "the connection was reset within the answer");
    else if (s->request_sent)
        service_fail(s, "tcp.reset.after_request", service_answer_phase(s),
                     s->acknowledged
                         ? "the connection was reset after the request had been acknowledged"
                         : "the connection was reset before the request was acknowledged");
    else
        service_fail(s, "tcp.reset.on_accept", PHASE_CONNECT,
                     "the connection was reset as soon as it stood");
}

/* Nothing follows what came of a banner: `code` when it is not whole. */
static void end_within_banner(struct service *s, const char *code, const char *detail)
{
    s->answered = s->row != NULL;
    if (s->row && s->row->read && s->row->read(s->banner, s->banner_len) == READING_MORE)
        service_fail(s, code, PHASE_BANNER, detail);
    else
        service_finish(s);
}

static void end_of_banner(struct service *s)
{
    if (s->banner_len) {
        end_within_banner(s, "banner.truncated", "the connection was closed within the banner");
    } else if (s->request_sent) {
        service_fail(s, "tcp.closed.after_request", PHASE_BANNER,
                     "the connection was closed without an answer");
    } else {
        service_fail(s, "tcp.closed.on_accept", PHASE_CONNECT,
                     "the connection was closed without a byte");
    }
}

static void end_of_http(struct service *s, enum service_close how)
{
    struct http_facts facts;
    bool failed = (s->http ? http_end(s->http) : http2_end(s->http2)) == HTTP_FAILED;

    service_http_facts(s, &facts);
    if (how == SERVICE_CUT && (failed || facts.body_kind == HTTP_BODY_UNTIL_CLOSE))
        service_fail(s, "tls.truncated", PHASE_HTTP,
                     "the connection ended without TLS' close_notify");
    else
        service_http_judge(s);
}

void service_closed(struct service *s, enum service_close how, int64_t now_ns)
{
    if (s->state < STATE_CONNECTING || s->state == STATE_DONE)
        return;
    if (how == SERVICE_RESET)
        end_reset(s);
    else if (s->state == STATE_SECURE || s->state == STATE_SECURING)
        service_fail(s, "tcp.closed.after_client_hello", PHASE_TLS,
                     "the connection was closed within the TLS handshake");
    else if (s->http || s->http2)
        end_of_http(s, how);
    else
        end_of_banner(s);
    if (s->state == STATE_DONE)
        s->timing.total_ns = now_ns - s->begun_ns;
}

void service_broken(struct service *s, const struct cause *cause, int64_t now_ns)
{
    if (s->state <= STATE_CONNECTING || s->state == STATE_DONE)
        return; /* of a connection that was given up already */
    s->cause = *cause;
    service_finish(s);
    s->timing.total_ns = now_ns - s->begun_ns;
}

/* --- time-outs ---------------------------------------------------------------------------------
 */

static void expire_answer(struct service *s)
{
    const char *detail = s->acknowledged ? "the request was acknowledged and nothing came"
                                         : "the request was not acknowledged";

    if (s->received)
        detail = "the answer stopped in its middle";
    if (s->http2 && !http2_is_set_up(s->http2))
        service_fail(s, "h2.settings_timeout", PHASE_HTTP, "the server's SETTINGS never came");
    else
        service_fail(s, service_is_http(s) ? "http.timeout" : "banner.timeout",
                     service_answer_phase(s), detail);
}

/* An unknown port that kept silent is asked as HTTP; what said something unknown is kept. */
static void expire_listen(struct service *s, int64_t now_ns)
{
    if (!s->row && !s->banner_len)
        service_say_hello(s, now_ns);
    else if (s->banner_len)
        end_within_banner(s, "banner.timeout", "the banner stopped in its middle");
    else
        service_fail(s, "banner.timeout", PHASE_BANNER, "connected, and nothing was said");
}

void service_expire(struct service *s, int64_t now_ns)
{
    if (s->state == STATE_CONNECT || s->state == STATE_SECURE || s->state == STATE_DONE ||
        now_ns < s->deadline_ns)
        return;
    switch (s->state) {
    case STATE_CONNECTING:
        service_fail(s, "tcp.timed_out", PHASE_CONNECT, "no answer to the SYN");
        break;
    case STATE_SECURING:
        service_fail(s, s->acknowledged ? "tls.timeout" : "tls.client_hello_lost", PHASE_TLS,
                     s->acknowledged ? "the ClientHello was acknowledged and nothing came"
                                     : "the ClientHello was not acknowledged");
        break;
    case STATE_LISTEN:
        expire_listen(s, now_ns);
        break;
    default:
        expire_answer(s);
    }
    if (s->state == STATE_DONE)
        s->timing.total_ns = now_ns - s->begun_ns;
}

void service_stop(struct service *s, int64_t now_ns)
{
    if (s->state == STATE_DONE)
        return;
    service_fail(s, "local.interrupted", service_answer_phase(s), "the run ended first");
    s->timing.total_ns = now_ns - s->begun_ns;
}
