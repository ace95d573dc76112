#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/guard.h"
#include "tests/unit/packets.h"
#include "wire/icmp.h"

struct text {
    char *out;
    size_t len;
};

__attribute__((format(printf, 2, 3))) static void say(struct text *t, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int n = vsnprintf(t->out + t->len, PACKET_TEXT_SIZE - t->len, format, args);
    va_end(args);
    if (n > 0 && (size_t)n < PACKET_TEXT_SIZE - t->len)
        t->len += (size_t)n;
}

static void say_link(struct text *t, const struct link_facts *link)
{
    for (int i = 0; i < link->nvlans; i++)
        say(t, "%s%u", i ? "," : "vlan ", link->vlans[i]);
    if (link->nvlans)
        say(t, " ");
    if (link->direction != PACKET_DIRECTION_UNKNOWN)
        say(t, link->direction == PACKET_OUTGOING ? "out " : "in ");
    if (link->ifindex)
        say(t, "ifindex %u ", link->ifindex);
}

static void say_ip(struct text *t, const struct ip_facts *ip)
{
    char source[ADDRESS_TEXT_SIZE], destination[ADDRESS_TEXT_SIZE];

    address_format(&ip->source, source);
    address_format(&ip->destination, destination);
    say(t, "ip%u %s > %s ttl %u dscp %u ecn %u", ip->version, source, destination, ip->ttl,
        ip->dscp, ip->ecn);
    if (ip->version == 6) {
        say(t, " flow %u len %u", ip->flow_label, ip->total_len);
        if (ip->has_id)
            say(t, " id %u off %u%s", ip->id, ip->fragment_offset, ip->mf ? " mf" : "");
        return;
    }
    say(t, " proto %u id %u off %u%s%s", ip->protocol, ip->id, ip->fragment_offset,
        ip->df ? " df" : "", ip->mf ? " mf" : "");
    say(t, " len %u hlen %u sum %s", ip->total_len, ip->header_len, ip->checksum_ok ? "ok" : "bad");
}

static void say_tcp_options(struct text *t, const struct tcp_facts *tcp)
{
    for (int i = 0; i < tcp->nkinds; i++)
        say(t, "%s%u", i ? "," : " kinds ", tcp->kinds[i]);
    if (tcp->has_mss)
        say(t, " mss %u", tcp->mss);
    if (tcp->has_wscale)
        say(t, " wscale %u", tcp->wscale);
    if (tcp->sack_permitted)
        say(t, " sackok");
    if (tcp->has_timestamps)
        say(t, " ts %u/%u", tcp->tsval, tcp->tsecr);
    for (int i = 0; i < tcp->nsack; i++)
        say(t, "%s%u-%u", i ? "," : " sack ", tcp->sack[i].left, tcp->sack[i].right);
    if (tcp->has_fast_open) {
        say(t, " tfo %s", tcp->fast_open_len ? "" : "request");
        for (int i = 0; i < tcp->fast_open_len; i++)
            say(t, "%02x", tcp->fast_open[i]);
    }
    if (tcp->has_mptcp)
        say(t, " mptcp %u", tcp->mptcp_subtype);
    if (tcp->has_accecn)
        say(t, " accecn %u ", tcp->accecn_order);
    for (int i = 0; i < tcp->accecn_counters; i++)
        say(t, "%s%u", i ? "," : "", tcp->accecn[i]);
}

static void say_tcp(struct text *t, const struct tcp_facts *tcp, bool quoted)
{
    say(t, " tcp %u > %u seq %u ack %u flags %u win %u hlen %u", tcp->source_port,
        tcp->destination_port, tcp->seq, tcp->ack, tcp->flags, tcp->window, tcp->header_len);
    if (!quoted) /* tshark does not tell in quotes */
        say(t, " payload %u", tcp->payload_len);
    say_tcp_options(t, tcp);
}

static void say_udp(struct text *t, const struct udp_facts *udp)
{
    say(t, " udp %u > %u len %u sum %u", udp->source_port, udp->destination_port, udp->len,
        udp->checksum);
}

static void say_quote(struct text *t, const struct quote *q)
{
    say(t, " quote ");
    say_ip(t, &q->ip);
    if (q->has_tcp)
        say_tcp(t, &q->tcp, true);
    else if (q->has_udp)
        say_udp(t, &q->udp);
    else if (q->has_tcp_seq)
        say(t, " tcp8 %u > %u seq %u", q->source_port, q->destination_port, q->tcp_seq);
    else if (q->has_echo)
        say(t, " echo %u/%u id %u seq %u", q->icmp_type, q->icmp_code, q->icmp_id, q->icmp_seq);
}

static void say_interface(struct text *t, const struct interface_info *info)
{
    char address[ADDRESS_TEXT_SIZE];

    say(t, " interface %d", (int)info->role);
    if (info->has_ifindex)
        say(t, " index %u", info->ifindex);
    address_format(&info->address, address);
    if (info->has_address)
        say(t, " address %s", address);
    if (info->has_name)
        say(t, " name %.*s", info->name_len, (const char *)info->name);
    if (info->has_mtu)
        say(t, " mtu %u", info->mtu);
}

static void say_extensions(struct text *t, const struct icmp_extensions *x)
{
    for (int i = 0; i < x->nmpls; i++)
        say(t, " mpls %u/%u/%d/%u", x->mpls[i].label, x->mpls[i].tc, x->mpls[i].bottom,
            x->mpls[i].ttl);
    for (int i = 0; i < x->ninterfaces; i++)
        say_interface(t, &x->interfaces[i]);
}

static void say_icmp(struct text *t, const struct packet *p)
{
    const struct icmp_facts *icmp = &p->icmp;
    char gateway[ADDRESS_TEXT_SIZE];

    say(t, " icmp %u/%u sum %s", icmp->type, icmp->code, icmp->checksum_ok ? "ok" : "bad");
    if (!icmp->is_error) {
        say(t, " id %u seq %u", icmp->id, icmp->seq);
        return;
    }
    if (icmp->mtu)
        say(t, " mtu %u", icmp->mtu);
    if (icmp->pointer)
        say(t, " pointer %u", icmp->pointer);
    address_format(&icmp->gateway, gateway);
    if (gateway[0])
        say(t, " gateway %s", gateway);
    if (p->layers & LAYER_QUOTE)
        say_quote(t, &icmp->quote);
    say_extensions(t, &icmp->extensions);
}

void packet_text(const struct packet *p, char out[PACKET_TEXT_SIZE])
{
    struct text t = {out, 0};

    out[0] = '\0';
    if (p->layers & LAYER_LINK)
        say_link(&t, &p->link);
    if (p->layers & LAYER_IP)
        say_ip(&t, &p->ip);
    if (p->layers & LAYER_TCP)
        say_tcp(&t, &p->tcp, false);
    if (p->layers & LAYER_UDP)
        say_udp(&t, &p->udp);
    if (p->layers & LAYER_ICMP)
        say_icmp(&t, p);
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

size_t packet_unhex(const char *hex, uint8_t out[PACKET_BYTES_MAX])
{
    size_t len = 0;

    for (; hex[0] && hex[1] && len < PACKET_BYTES_MAX; hex++) {
        if (hex[0] == ' ')
            continue;
        out[len++] = (uint8_t)(digit(hex[0]) << 4 | digit(hex[1]));
        hex++;
    }
    return len;
}

static void check_row(const struct packet_row *row)
{
    uint8_t bytes[PACKET_BYTES_MAX];
    char text[PACKET_TEXT_SIZE];
    struct packet p;
    size_t len = packet_unhex(row->hex, bytes);
    const uint8_t *copy = guard_copy(bytes, len);

    /* What a decoder leaves unset must not look like a fact. */
    memset(&p, 0xa5, sizeof(p));
    struct decode result = packet_decode(row->link, copy, len, len, &p);
    packet_text(&p, text);
    if (result.status != DECODE_OK || strcmp(text, row->text) != 0)
        print_error("%s: status %d, %s\n", row->name, (int)result.status,
                    result.reason ? result.reason : "no reason");
    assert_int_equal(result.status, DECODE_OK);
    assert_string_equal(text, row->text);
    guard_release(copy);
}

void packet_check_part(const char *part)
{
    size_t checked = 0;

    for (size_t i = 0; i < packet_rows_count; i++) {
        if (strcmp(packet_rows[i].part, part) != 0)
            continue;
        check_row(&packet_rows[i]);
        checked++;
    }
    assert_true(checked > 0);
}

static void check_fault(const struct packet_fault *fault)
{
    uint8_t bytes[PACKET_BYTES_MAX];
    struct packet p;
    size_t len = packet_unhex(fault->hex, bytes);
    const uint8_t *copy = guard_copy(bytes, len);

    memset(&p, 0xa5, sizeof(p));
    struct decode result = packet_decode(fault->link, copy, len, len + fault->missing, &p);
    const char *reason = result.reason ? result.reason : "none";
    const char *wanted = fault->reason ? fault->reason : "none";
    if (result.status != fault->status || strcmp(reason, wanted) != 0 ||
        result.offset != fault->offset || p.layers != fault->layers)
        print_error("%s: status %d, \"%s\" at %zu, layers %u\n", fault->name, (int)result.status,
                    reason, result.offset, p.layers);
    assert_string_equal(reason, wanted);
    assert_int_equal(result.status, fault->status);
    assert_int_equal(result.offset, fault->offset);
    assert_int_equal(p.layers, fault->layers);
    guard_release(copy);
}

void packet_check_faults(const struct packet_fault *faults, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check_fault(&faults[i]);
}

struct decode packet_from_hex(enum link_type link, const char *hex, struct packet *p)
{
    uint8_t bytes[PACKET_BYTES_MAX];
    size_t len = packet_unhex(hex, bytes);
    const uint8_t *copy = guard_copy(bytes, len);

    memset(p, 0xa5, sizeof(*p));
    struct decode result = packet_decode(link, copy, len, len, p);
    guard_release(copy);
    return result;
}
