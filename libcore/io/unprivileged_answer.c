#include "io/unprivileged_answer.h"

#include <time.h> /* errqueue.h uses struct timespec without declaring it */

#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/timespan.h"
#include "base/writer.h"
#include "wire/checksum.h"
#include "wire/icmp.h"

#define IP4_HEADER_LEN 20
#define IP6_HEADER_LEN 40
#define ANSWER_TTL     64 /* where the kernel does not tell */
/* linux/errqueue.h since 5.10 */
#define ERROR_RFC4884_INVALID 1

int unprivileged_read_probe(const uint8_t *bytes, size_t len, struct unprivileged_probe *probe)
{
    struct packet packet;

    packet_decode_ip(bytes, len, len, &packet);
    if (!(packet.layers & LAYER_IP))
        return -EINVAL;
    *probe = (struct unprivileged_probe){.ip = packet.ip, .len = len};
    if (packet.layers & LAYER_UDP) {
        probe->source_port = packet.udp.source_port;
        probe->destination_port = packet.udp.destination_port;
    } else if (packet.layers & LAYER_TCP && packet.tcp.flags & TCP_SYN) {
        probe->source_port = packet.tcp.source_port;
        probe->destination_port = packet.tcp.destination_port;
        probe->tcp_seq = packet.tcp.seq;
        probe->has_timestamps = packet.tcp.has_timestamps;
        probe->tcp_tsval = packet.tcp.tsval;
    } else if ((packet.layers & LAYER_ICMP) &&
               packet.icmp.type == (packet.ip.version == 4 ? ICMP4_ECHO : ICMP6_ECHO)) {
        probe->icmp_id = packet.icmp.id;
        probe->icmp_seq = packet.icmp.seq;
    } else {
        return -EINVAL;
    }
    probe->payload_offset = len - packet.payload_len;
    probe->kept = len < sizeof(probe->bytes) ? len : sizeof(probe->bytes);
    memcpy(probe->bytes, bytes, probe->kept);
    return 0;
}

/* --- control messages -------------------------------------------------------- */

static void answer_read_stamp(const struct cmsghdr *c, struct unprivileged_control *control)
{
    struct timespec stamps[3]; /* struct scm_timestamping: the first is by software */

    if (c->cmsg_len < CMSG_LEN(sizeof(stamps)))
        return;
    memcpy(stamps, CMSG_DATA(c), sizeof(stamps));
    if (stamps[0].tv_sec < 0 || stamps[0].tv_sec >= INT64_MAX / NS_PER_SEC ||
        stamps[0].tv_nsec < 0 || stamps[0].tv_nsec >= NS_PER_SEC)
        return;
    control->stamp_unix_ns = (int64_t)stamps[0].tv_sec * NS_PER_SEC + stamps[0].tv_nsec;
    control->has_stamp = control->stamp_unix_ns != 0;
}

static struct address answer_offender(const struct cmsghdr *c)
{
    const uint8_t *at = CMSG_DATA(c) + sizeof(struct sock_extended_err);
    size_t left = c->cmsg_len - CMSG_LEN(sizeof(struct sock_extended_err));
    struct sockaddr_in in;
    struct sockaddr_in6 in6;

    if (left < sizeof(in))
        return (struct address){0};
    memcpy(&in, at, sizeof(in));
    if (in.sin_family == AF_INET)
        return address_from4((const uint8_t *)&in.sin_addr);
    if (in.sin_family != AF_INET6 || left < sizeof(in6))
        return (struct address){0};
    memcpy(&in6, at, sizeof(in6));
    struct address a = address_from6(in6.sin6_addr.s6_addr);

    a.scope = in6.sin6_scope_id;
    return a;
}

static void answer_read_error(const struct cmsghdr *c, struct unprivileged_control *control)
{
    struct sock_extended_err e;

    if (c->cmsg_len < CMSG_LEN(sizeof(e)))
        return;
    memcpy(&e, CMSG_DATA(c), sizeof(e));
    if (e.ee_origin == SO_EE_ORIGIN_TIMESTAMPING) {
        control->is_transmit = e.ee_info == SCM_TSTAMP_SND;
        control->key = e.ee_data;
        return;
    }
    if (e.ee_origin != SO_EE_ORIGIN_ICMP && e.ee_origin != SO_EE_ORIGIN_ICMP6)
        return;
    control->type = e.ee_type;
    control->code = e.ee_code;
    control->info = e.ee_info;
    control->offender = answer_offender(c);
    control->has_error = control->offender.family != 0;
    control->has_extensions = e.ee_rfc4884.len > 0 && !(e.ee_rfc4884.flags & ERROR_RFC4884_INVALID);
    control->extensions_offset = e.ee_rfc4884.len;
}

static bool answer_is(const struct cmsghdr *c, int type4, int type6)
{
    return (c->cmsg_level == IPPROTO_IP && c->cmsg_type == type4) ||
           (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == type6);
}

/* libc checks the length of every control message but the first. */
static bool answer_fits(const struct msghdr *message, const struct cmsghdr *c)
{
    size_t before = (size_t)((const uint8_t *)c - (const uint8_t *)message->msg_control);

    return c->cmsg_len >= CMSG_LEN(0) && c->cmsg_len <= message->msg_controllen - before;
}

void unprivileged_read_control(struct msghdr *message, struct unprivileged_control *control)
{
    *control = (struct unprivileged_control){.ttl = ANSWER_TTL};
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (!answer_fits(message, c))
            return;
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPING) {
            answer_read_stamp(c, control);
        } else if (answer_is(c, IP_RECVERR, IPV6_RECVERR)) {
            answer_read_error(c, control);
        } else if (answer_is(c, IP_TTL, IPV6_HOPLIMIT) && c->cmsg_len >= CMSG_LEN(sizeof(int))) {
            int ttl;

            memcpy(&ttl, CMSG_DATA(c), sizeof(ttl));
            control->has_ttl = ttl > 0 && ttl <= 255;
            if (control->has_ttl)
                control->ttl = (uint8_t)ttl;
        }
    }
}

/* --- packets ----------------------------------------------------------------- */

static uint8_t answer_icmp_protocol(const struct unprivileged_probe *probe)
{
    return probe->ip.version == 4 ? PROTO_ICMP : PROTO_ICMPV6;
}

/* The IP header of an answer to the probe; its length and checksum are filled in at the end. */
static void answer_write_ip(struct writer *w, const struct unprivileged_probe *probe,
                            const struct address *from, uint8_t ttl, uint8_t protocol)
{
    if (probe->ip.version == 4) {
        writer_u16(w, 0x4500);
        writer_zero(w, 6); /* length, identification, no fragment */
        writer_u8(w, ttl);
        writer_u8(w, protocol);
        writer_u16(w, 0);
        writer_bytes(w, from->bytes, 4);
        writer_bytes(w, probe->ip.source.bytes, 4);
        return;
    }
    writer_u32(w, UINT32_C(6) << 28);
    writer_u16(w, 0);
    writer_u8(w, protocol);
    writer_u8(w, ttl);
    writer_bytes(w, from->bytes, 16);
    writer_bytes(w, probe->ip.source.bytes, 16);
}

/* Length and checksums; `at` is the place of the transport checksum behind the IP header. */
static size_t answer_finish(struct writer *w, const struct unprivileged_probe *probe,
                            const struct address *from, uint8_t protocol, size_t at)
{
    bool is4 = probe->ip.version == 4;
    size_t header = is4 ? IP4_HEADER_LEN : IP6_HEADER_LEN;
    uint32_t sum = 0;

    if (w->failed || w->len < header + at + 2)
        return 0;
    size_t upper = w->len - header;

    if (protocol != PROTO_ICMP)
        sum = checksum_pseudo(from, &probe->ip.source, protocol, (uint32_t)upper);
    uint16_t checksum = checksum_finish(checksum_add(sum, w->bytes + header, upper));

    if (protocol == PROTO_UDP && checksum == 0)
        checksum = 0xffff; /* RFC 768: zero says that there is none */
    writer_patch_u16(w, header + at, checksum);
    writer_patch_u16(w, is4 ? 2 : 4, (uint16_t)(is4 ? w->len : upper));
    if (is4)
        writer_patch_u16(w, 10, checksum_finish(checksum_add(0, w->bytes, header)));
    return w->len;
}

static bool answer_families_agree(const struct unprivileged_probe *probe, const struct address *a)
{
    return a->family == probe->ip.version;
}

/* The second word of the ICMP header: RFC 4884's length, and the MTU where the type has one. */
static void answer_write_error_word(struct writer *w, const struct unprivileged_probe *probe,
                                    const struct unprivileged_control *control, bool extended)
{
    if (probe->ip.version == 6) {
        if (control->type == ICMP6_PACKET_TOO_BIG || control->type == ICMP6_PARAMETER_PROBLEM) {
            writer_u32(w, control->info);
            return;
        }
        writer_u8(w, extended ? UNPRIVILEGED_QUOTE_MAX / 8 : 0); /* in units of 8 bytes */
        writer_zero(w, 3);
        return;
    }
    bool has_mtu =
        control->type == ICMP4_UNREACHABLE && control->code == ICMP4_FRAGMENTATION_NEEDED;

    writer_u8(w, control->type == ICMP4_PARAMETER_PROBLEM ? (uint8_t)control->info : 0);
    writer_u8(w, extended ? UNPRIVILEGED_QUOTE_MAX / 4 : 0);
    writer_u16(w, has_mtu ? (uint16_t)control->info : 0);
}

/*
 * The TTL that the quoted packet had left. The kernel does not hand it out: a time-out means 1,
 * and of any other error 0 says that nobody knows (nothing is forwarded with it).
 */
static uint8_t answer_quoted_ttl(const struct unprivileged_probe *probe,
                                 const struct unprivileged_control *control)
{
    uint8_t exceeded = probe->ip.version == 4 ? ICMP4_TIME_EXCEEDED : ICMP6_TIME_EXCEEDED;

    return control->type == exceeded ? 1 : 0;
}

static void answer_write_quote(struct writer *w, const struct unprivileged_probe *probe,
                               uint8_t ttl)
{
    uint8_t quote[UNPRIVILEGED_QUOTE_MAX];

    memcpy(quote, probe->bytes, probe->kept);
    if (probe->ip.version == 4) {
        uint16_t before = (uint16_t)(quote[8] << 8 | quote[9]);
        uint16_t after = (uint16_t)(ttl << 8 | quote[9]);
        uint16_t sum = checksum_update(probe->ip.checksum, before, after);

        quote[8] = ttl;
        quote[10] = (uint8_t)(sum >> 8);
        quote[11] = (uint8_t)sum;
    } else {
        quote[7] = ttl;
    }
    writer_bytes(w, quote, probe->kept);
}

size_t unprivileged_write_error(const struct unprivileged_probe *probe,
                                const struct unprivileged_control *control, const uint8_t *data,
                                size_t data_len, uint8_t *out, size_t size)
{
    struct writer w = writer_init(out, size);
    uint8_t protocol = answer_icmp_protocol(probe);
    bool extended = control->has_extensions && control->extensions_offset < data_len;

    if (!control->has_error || !answer_families_agree(probe, &control->offender))
        return 0;
    answer_write_ip(&w, probe, &control->offender, control->ttl, protocol);
    writer_u8(&w, control->type);
    writer_u8(&w, control->code);
    writer_u16(&w, 0);
    answer_write_error_word(&w, probe, control, extended);
    answer_write_quote(&w, probe, answer_quoted_ttl(probe, control));
    if (extended) {
        size_t len = data_len - control->extensions_offset;

        writer_zero(&w, UNPRIVILEGED_QUOTE_MAX - probe->kept);
        writer_bytes(&w, data + control->extensions_offset, len < size / 2 ? len : size / 2);
    }
    return answer_finish(&w, probe, &control->offender, protocol, 2);
}

/* As much as fits: the engines look at headers, not at an echoed payload's end. */
static void answer_write_some(struct writer *w, const uint8_t *data, size_t len)
{
    size_t room = w->size - w->len;

    writer_bytes(w, data, len < room ? len : room);
}

size_t unprivileged_write_echo_reply(const struct unprivileged_probe *probe,
                                     const struct address *from, uint8_t ttl, const uint8_t *data,
                                     size_t data_len, uint8_t *out, size_t size)
{
    struct writer w = writer_init(out, size);
    uint8_t protocol = answer_icmp_protocol(probe);

    if (data_len < 8 || !answer_families_agree(probe, from))
        return 0;
    answer_write_ip(&w, probe, from, ttl, protocol);
    writer_u8(&w, data[0]);
    writer_u8(&w, data[1]);
    writer_u16(&w, 0);
    writer_u16(&w, probe->icmp_id);
    answer_write_some(&w, data + 6, data_len - 6);
    return answer_finish(&w, probe, from, protocol, 2);
}

size_t unprivileged_write_udp_reply(const struct unprivileged_probe *probe,
                                    const struct address *from, uint8_t ttl, const uint8_t *data,
                                    size_t data_len, uint8_t *out, size_t size)
{
    struct writer w = writer_init(out, size);
    size_t header = probe->ip.version == 4 ? IP4_HEADER_LEN : IP6_HEADER_LEN;

    if (!answer_families_agree(probe, from))
        return 0;
    answer_write_ip(&w, probe, from, ttl, PROTO_UDP);
    writer_u16(&w, probe->destination_port);
    writer_u16(&w, probe->source_port);
    writer_u32(&w, 0);
    answer_write_some(&w, data, data_len);
    if (!w.failed)
        writer_patch_u16(&w, header + 4, (uint16_t)(w.len - header));
    return answer_finish(&w, probe, from, PROTO_UDP, 6);
}

/* RFC 7323 3.2, behind two NOPs; the peer's own clock is not known. */
static void answer_write_timestamps(struct writer *w, uint32_t tsecr)
{
    writer_u32(w, 0x0101080a);
    writer_u32(w, 0);
    writer_u32(w, tsecr);
}

size_t unprivileged_write_tcp_answer(const struct unprivileged_probe *probe, uint16_t flags,
                                     uint8_t *out, size_t size)
{
    bool timestamps = probe->has_timestamps && flags & TCP_SYN;
    struct writer w = writer_init(out, size);

    answer_write_ip(&w, probe, &probe->ip.destination, ANSWER_TTL, PROTO_TCP);
    writer_u16(&w, probe->destination_port);
    writer_u16(&w, probe->source_port);
    writer_u32(&w, 0);
    writer_u32(&w, probe->tcp_seq + 1);
    writer_u8(&w, (timestamps ? 8 : 5) << 4);
    writer_u8(&w, (uint8_t)flags);
    writer_zero(&w, 6);
    if (timestamps)
        answer_write_timestamps(&w, probe->tcp_tsval);
    return answer_finish(&w, probe, &probe->ip.destination, PROTO_TCP, 16);
}
