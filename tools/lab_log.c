#include "tools/lab.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/timespan.h"
#include "wire/icmp.h"
#include "wire/packet.h"

int lab_log_open(struct lab_log *log, const char *path)
{
    log->file = fopen(path, "we");
    return log->file ? 0 : -errno;
}

/* Names are the scenario's: UTF-8 already, but with any character. */
static void lab_log_string(FILE *out, const char *name, const char *text)
{
    fprintf(out, ",\"%s\":\"", name);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fprintf(out, "\\%c", *text);
        else if ((unsigned char)*text < ' ' || *text == 0x7f)
            fprintf(out, "\\u%04x", (unsigned)*text);
        else
            fputc(*text, out);
    }
    fputc('"', out);
}

static void lab_log_icmp(FILE *out, const struct icmp_facts *icmp)
{
    fprintf(out, ",\"icmp_type\":%u,\"icmp_code\":%u", icmp->type, icmp->code);
    if (!icmp->is_error)
        fprintf(out, ",\"icmp_id\":%u,\"icmp_seq\":%u", icmp->id, icmp->seq);
}

static void lab_log_transport(FILE *out, const struct packet *packet)
{
    if (packet->layers & LAYER_TCP)
        fprintf(out, ",\"source_port\":%u,\"destination_port\":%u,\"tcp_seq\":%" PRIu32,
                packet->tcp.source_port, packet->tcp.destination_port, packet->tcp.seq);
    else if (packet->layers & LAYER_UDP)
        fprintf(out, ",\"source_port\":%u,\"destination_port\":%u,\"udp_checksum\":%u",
                packet->udp.source_port, packet->udp.destination_port, packet->udp.checksum);
    else if (packet->layers & LAYER_ICMP)
        lab_log_icmp(out, &packet->icmp);
}

static void lab_log_packet(FILE *out, const uint8_t *bytes, size_t len)
{
    char source[ADDRESS_TEXT_SIZE], destination[ADDRESS_TEXT_SIZE];
    struct packet packet;

    packet_decode_ip(bytes, len, len, &packet);
    if (!(packet.layers & LAYER_IP))
        return;
    address_format(&packet.ip.source, source);
    address_format(&packet.ip.destination, destination);
    fprintf(out, ",\"packet\":{\"source\":\"%s\",\"destination\":\"%s\",\"protocol\":%u,\"ttl\":%u",
            source, destination, packet.ip.protocol, packet.ip.ttl);
    if (packet.ip.has_id)
        fprintf(out, ",\"ip_id\":%" PRIu32, packet.ip.id);
    lab_log_transport(out, &packet);
    fprintf(out, ",\"len\":%zu}", len);
}

/* Events are stamped with the time they were due; what a delivery was late is told beside it. */
static void lab_log_delivery(FILE *out, const struct netsim_event *event)
{
    int64_t late = lab_now() - event->when_ns;

    fprintf(out, ",\"delay_ns\":%" PRId64 ",\"late_ns\":%" PRId64, event->delay_ns,
            late > 0 ? late : 0);
}

/* The packet's place in the capture of the side that it came in or out at. */
static void lab_log_frame(const struct lab_log *log, const struct netsim_event *event)
{
    bool in = event->action == NETSIM_ENTERED;
    enum netsim_side side = (event->side == NETSIM_SERVER) != in ? NETSIM_SERVER : NETSIM_CLIENT;

    if (!event->at_host || (!in && event->action != NETSIM_DELIVERED) || !log->capture->files[side])
        return;
    fprintf(log->file, ",\"frame\":%" PRIu64, log->capture->frames[side] + 1);
}

void lab_log_event(void *context, const struct netsim_event *event)
{
    struct lab_log *log = context;
    FILE *out = log->file;
    char time[TIME_RFC3339_SIZE];

    time_format_rfc3339(event->when_ns + log->capture->to_unix_ns, time);
    fprintf(out, "{\"time\":\"%s\",\"t_ns\":%" PRId64 ",\"action\":\"%s\",\"id\":%" PRIu64, time,
            event->when_ns, netsim_action_name(event->action), event->id);
    if (event->other)
        fprintf(out, ",\"other\":%" PRIu64, event->other);
    if (event->node && *event->node)
        lab_log_string(out, "node", event->node);
    fprintf(out, ",\"side\":\"%s\"", event->side == NETSIM_SERVER ? "server" : "client");
    if (event->copy)
        fprintf(out, ",\"copy\":%u", event->copy);
    if (event->action == NETSIM_DELIVERED)
        lab_log_delivery(out, event);
    lab_log_frame(log, event);
    if (event->len)
        lab_log_packet(out, event->bytes, event->len);
    fputs("}\n", out);
}

void lab_log_flush(struct lab_log *log)
{
    if (!log->file || log->error)
        return;
    if (fflush(log->file))
        log->error = -errno;
    else if (ferror(log->file)) /* a full buffer was written in between */
        log->error = -EIO;
}

int lab_log_close(struct lab_log *log)
{
    lab_log_flush(log);
    if (log->file && fclose(log->file) && !log->error)
        log->error = -errno;
    log->file = NULL;
    return log->error;
}
