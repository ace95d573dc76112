#include "tools/service_capture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/timespan.h"
#include "io/privilege.h"
#include "tools/hash_table.h"
#include "tools/service_ports.h"
#include "tools/service_save.h"

#define CAPTURE_FRAMES_MAX   4096 /* read before connections get their turn */
#define CAPTURE_SNAPLEN      160  /* cooked header, IPv6 and TCP with all options: 140 */
#define CAPTURE_BUFFER       (4 * 1024 * 1024)
#define CAPTURE_SAVE_SNAPLEN 1800
#define CAPTURE_SAVE_BUFFER  (16 * 1024 * 1024)
#define CAPTURE_PORTS_EACH   4  /* ports for each connection at once: those before may linger */
#define CAPTURE_PORT_TRIES   32 /* ports that may be taken, or in TIME_WAIT with this very target */
#define CAPTURE_LINGER_NS    (300 * NS_PER_MS) /* Linux sends again after 200 ms and a round trip */
#define CAPTURE_RECEIVE_NS   (2 * NS_PER_MS)   /* the ring holds far more than can come by then */
#define CAPTURE_LOOK_NS      (10 * NS_PER_MS)
#define CAPTURE_FILTER_SIZE  512

/* Our own address is left out: the kernel chooses it with the SYN. */
struct wire_key {
    uint8_t address[16];
    uint16_t port, own_port;
    uint32_t family;
};

struct service_capture {
    struct netio *io;    /* owned; NULL: nothing is captured */
    int64_t received_ns; /* when it was read */
    struct service_ports ports;
    bool ring;                 /* of those kinds of captures (io/capture.h) */
    bool fixed;                /* the user named the ports: no others will do */
    struct service_save *save; /* owned; NULL: none */
    struct service_capture_flow *flows;
};

struct service_capture_flow {
    struct wire_key key;
    struct service_capture *wire;
    struct service_wire facts;
    struct service_packets packets;
    int64_t ended_ns; /* 0: the connection is in use */
    UT_hash_handle hh;
};

/* --- opening ------------------------------------------------------------------------------- */

/*
 * ICMP's type is in its first byte, the quoted TCP ports behind its 8 bytes and an IP header that
 * the kernel sent without options. What leaves through the loopback (ifindex 1) arrives again, and
 * only a ring's filter can tell.
 */
static void wire_filter(const struct service_capture *w, char out[CAPTURE_FILTER_SIZE])
{
    unsigned a = w->ports.first, b = w->ports.last;
    int len = snprintf(out, CAPTURE_FILTER_SIZE, "(tcp portrange %u-%u%s)", a, b,
                       w->ring ? " and not (outbound and ifindex 1)" : "");

    if (w->save)
        snprintf(out + len, CAPTURE_FILTER_SIZE - (size_t)len,
                 " or ((icmp[0] == 3 or icmp[0] == 11) and icmp[28:2] >= %u and icmp[28:2] <= %u)"
                 " or (ip6[6] == 58 and ip6[40] < 4 and ip6[88:2] >= %u and ip6[88:2] <= %u)",
                 a, b, a, b);
}

static int wire_open_raw(struct service_capture *w, const struct session *session,
                         const struct service_capture_options *options, char error[IO_ERROR_SIZE])
{
    const struct raw_options raw = {
        .interface = session->options->interface,
        .ring = !options->few,
        .snaplen = options->save ? CAPTURE_SAVE_SNAPLEN : CAPTURE_SNAPLEN,
        .buffer_bytes = options->save ? CAPTURE_SAVE_BUFFER : CAPTURE_BUFFER,
        .loopback_once = true,
    };

    return raw_open(session->loop, &raw, &w->io, error);
}

static int wire_refuse(struct failure *failure, int err, const char *error)
{
    if (err == -EPERM || err == -EACCES)
        return failure_set(failure, -EPERM, "permission", "cannot capture", privilege_advice());
    return failure_set(failure, err, err == -ENODEV ? "interface.unknown" : "network.open",
                       "cannot capture", *error ? error : strerror(-err));
}

/* Who may not capture is served all the same; anything else is said. */
static int wire_capture(struct service_capture *w, const struct session *session,
                        const struct service_capture_options *options, struct failure *failure)
{
    const struct common_options *o = session->options;
    bool insists = options->way == WAY_RAW || options->save;
    char error[IO_ERROR_SIZE] = "";
    int err = privilege_raise_net_raw();

    if (!err && !w->ports.first)
        service_ports_choose(&w->ports, options->few ? 0 : CAPTURE_PORTS_EACH * options->parallel,
                             session_seed(session));
    if (!err)
        err = w->ports.first ? wire_open_raw(w, session, options, error) : -EADDRINUSE;
    if (!err)
        return 0;
    if (insists || err == -ENODEV)
        return wire_refuse(failure, err, error);
    if (!options->first_port)
        w->ports = (struct service_ports){0};
    if (!o->quiet && (o->verbose || (err != -EPERM && err != -EACCES)))
        fprintf(stderr, "netdx %s: note: going on without a capture: %s\n", session->command,
                *error ? error : strerror(-err));
    return 0;
}

static int wire_open_save(struct service_capture *w, const struct service_capture_options *options,
                          struct failure *failure)
{
    char complaint[128];
    int err;

    if (!options->save)
        return 0;
    err = service_save_new(options->save, options->parallel, &w->save);
    if (!err)
        return 0;
    snprintf(complaint, sizeof(complaint), "cannot be written: %s", strerror(-err));
    return failure_refuse(failure, err, "file.open", "capture file", options->save, complaint);
}

int service_capture_open(struct session *session, const struct service_capture_options *options,
                         struct service_capture **out, struct failure *failure)
{
    struct service_capture *w = calloc(1, sizeof(*w));
    int err = 0;

    if (!w)
        return failure_set(failure, -ENOMEM, "memory", "cannot start", strerror(ENOMEM));
    if (options->first_port)
        service_ports_set(&w->ports, options->first_port, options->last_port);
    w->fixed = options->first_port != 0;
    w->ring = !options->few;
    if (options->way == WAY_NONE && options->save)
        err = wire_refuse(failure, -EPERM, "");
    else if (options->way != WAY_NONE)
        err = wire_capture(w, session, options, failure);
    if (!err)
        err = wire_open_save(w, options, failure);
    if (err)
        service_capture_free(w);
    else
        *out = w;
    return err;
}

int service_capture_start(struct service_capture *w, struct failure *failure)
{
    char error[IO_ERROR_SIZE] = "";
    char filter[CAPTURE_FILTER_SIZE];
    int err = 0;

    if (w && w->io) {
        wire_filter(w, filter);
        err = raw_filter(w->io, filter, error);
    }
    return err ? wire_refuse(failure, err, error) : 0;
}

void service_capture_free(struct service_capture *w)
{
    struct service_capture_flow *flow, *next;

    if (!w)
        return;
    HASH_ITER(hh, w->flows, flow, next)
    service_capture_flow_end(flow, false);
    service_save_free(w->save);
    netio_close(w->io);
    free(w);
}

const char *service_capture_privilege(const struct service_capture *w)
{
    return w && w->io ? w->io->privilege : "unprivileged";
}

bool service_capture_counts(struct service_capture *w, struct service_capture_counts *counts)
{
    struct netio_counters counters;

    if (!w || !w->io || netio_counters(w->io, &counters))
        return false;
    *counts = (struct service_capture_counts){
        .captured = counters.received,
        .dropped = counters.capture_dropped,
        .cut = w->save ? service_save_cut(w->save) : 0,
    };
    return true;
}

int service_capture_save_error(const struct service_capture *w)
{
    return w && w->save ? service_save_error(w->save) : 0;
}

/* --- packets ------------------------------------------------------------------------------- */

static void wire_key_set(struct wire_key *key, uint8_t family, const uint8_t *address,
                         uint16_t port, uint16_t own_port)
{
    memset(key, 0, sizeof(*key));
    memcpy(key->address, address, family == 6 ? 16 : 4);
    key->family = family;
    key->port = port;
    key->own_port = own_port;
}

static struct service_capture_flow *wire_find(const struct service_capture *w, uint8_t family,
                                              const uint8_t *address, uint16_t port,
                                              uint16_t own_port)
{
    struct service_capture_flow *flow = NULL;
    struct wire_key key;

    wire_key_set(&key, family, address, port, own_port);
    HASH_FIND(hh, w->flows, &key, sizeof(key), flow);
    return flow;
}

static struct service_capture_flow *wire_find_segment(const struct service_capture *w,
                                                      const struct segment *s)
{
    struct service_capture_flow *flow =
        wire_find(w, s->family, s->destination, s->destination_port, s->source_port);

    return flow ? flow : wire_find(w, s->family, s->source, s->source_port, s->destination_port);
}

/* An ICMP message is a flow's when it quotes one of our segments. */
static struct service_capture_flow *wire_find_quote(const struct service_capture *w,
                                                    const struct netio_frame *frame)
{
    const struct quote *quote;
    struct packet packet;

    packet_decode(frame->link, frame->bytes, frame->len, frame->wire_len, &packet);
    quote = &packet.icmp.quote;
    if (!(packet.layers & LAYER_QUOTE) || !quote->has_ports || quote->ip.protocol != PROTO_TCP)
        return NULL;
    return wire_find(w, quote->ip.version, quote->ip.destination.bytes, quote->destination_port,
                     quote->source_port);
}

static void wire_frame(struct service_capture *w, const struct netio_frame *frame)
{
    struct segment segment = {.ifindex = frame->ifindex, .direction = (uint8_t)frame->direction};
    struct service_capture_flow *flow;

    if (segment_decode(frame->link, frame->bytes, frame->len, frame->wire_len, &segment) ==
        SEGMENT_TCP) {
        segment.when_ns = frame->when_ns;
        flow = wire_find_segment(w, &segment);
        if (flow)
            service_wire_receive(&flow->facts, &segment);
    } else {
        flow = w->save ? wire_find_quote(w, frame) : NULL;
    }
    if (flow && w->save)
        service_packets_add(w->save, &flow->packets, frame, netio_to_unix(w->io, frame->when_ns));
}

static void wire_receive(struct service_capture *w)
{
    struct netio_frame frame;

    w->received_ns = netio_now(w->io);
    for (int i = 0; i < CAPTURE_FRAMES_MAX && netio_receive(w->io, &frame) == 1; i++)
        wire_frame(w, &frame);
}

void service_capture_receive(struct service_capture *w)
{
    if (w && w->io && netio_now(w->io) - w->received_ns > CAPTURE_RECEIVE_NS)
        wire_receive(w);
}

/* --- connections --------------------------------------------------------------------------- */

static struct service_capture_flow *wire_watch(struct service_capture *w,
                                               const struct connection_options *options)
{
    const struct address *to = &options->destination;
    struct service_capture_flow *flow;

    if (!w->io || wire_find(w, to->family, to->bytes, options->port, options->source_port))
        return NULL;
    flow = malloc(sizeof(*flow));
    if (!flow)
        return NULL;
    flow->packets = (struct service_packets){0};
    flow->ended_ns = 0;
    wire_key_set(&flow->key, to->family, to->bytes, options->port, options->source_port);
    flow->wire = w;
    service_wire_init(&flow->facts, options->source_port);
    HASH_ADD(hh, w->flows, key, sizeof(flow->key), flow);
    return flow;
}

static int wire_try(struct loop *loop, const struct connection_options *options,
                    const struct connection_events *events, void *context,
                    struct connection **connection)
{
    int err = connection_open(loop, options, events, context, connection);

    if (!err && (err = connection_connect(*connection)) != 0) {
        connection_close(*connection);
        *connection = NULL;
    }
    return err;
}

int service_capture_connect(struct service_capture *w, struct loop *loop,
                            const struct connection_options *options,
                            const struct connection_events *events, void *context,
                            struct connection **connection, struct service_capture_flow **flow)
{
    struct connection_options own = *options;

    *connection = NULL;
    *flow = NULL;
    service_capture_receive(w);
    for (int i = 0; w && w->ports.first && i < CAPTURE_PORT_TRIES; i++) {
        own.source_port = service_ports_next(&w->ports);
        *flow = wire_watch(w, &own);
        if (w->io && !*flow)
            continue; /* the same ends are still being looked at */
        int err = wire_try(loop, &own, events, context, connection);
        if (err != -EADDRINUSE && err != -EADDRNOTAVAIL)
            return err;
        service_capture_flow_end(*flow, false);
        *flow = NULL;
    }
    if (w && w->fixed)
        return -EADDRNOTAVAIL;
    own.source_port = 0;
    return wire_try(loop, &own, events, context, connection);
}

/* RFC 9293 (3.10.7.3): a RST in answer to a SYN leaves nothing that could go on. */
static bool wire_may_be_forged(struct service_capture_flow *flow)
{
    struct service_wire_facts facts;

    service_wire_facts(&flow->facts, &facts);
    return facts.has_reset && facts.reset.phase != FLOW_RESET_REFUSED &&
           !(facts.reset.reasons & FLOW_REASON_HOST_GOES_ON);
}

int64_t service_capture_flow_wait(struct service_capture_flow *flow, bool failed, int64_t now_ns)
{
    if (!flow)
        return 0;
    if (failed || !flow->facts.answered)
        wire_receive(flow->wire);
    if (!flow->ended_ns)
        flow->ended_ns = now_ns;
    if (!failed || now_ns - flow->ended_ns >= CAPTURE_LINGER_NS || !flow->facts.answered)
        return 0;
    if (wire_may_be_forged(flow) || (flow->wire->save && !service_wire_is_over(&flow->facts)))
        return now_ns + CAPTURE_LOOK_NS;
    return 0;
}

bool service_capture_flow_facts(struct service_capture_flow *flow, struct service_wire_facts *facts)
{
    if (!flow)
        return false;
    service_wire_facts(&flow->facts, facts);
    return facts->seen;
}

void service_capture_flow_end(struct service_capture_flow *flow, bool failed)
{
    if (!flow)
        return;
    if (failed && flow->wire->save)
        service_packets_write(flow->wire->save, &flow->packets);
    HASH_DEL(flow->wire->flows, flow);
    service_packets_release(&flow->packets);
    service_wire_release(&flow->facts);
    free(flow);
}
