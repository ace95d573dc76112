/*
 * From what an ordinary socket says to the packet it stands for: pure, on values and bytes.
 * All writers return the packet's length, or 0 when it does not fit or makes no sense.
 */
#ifndef NETDX_IO_UNPRIVILEGED_ANSWER_H
#define NETDX_IO_UNPRIVILEGED_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/packet.h"

struct msghdr;

/* RFC 4884 5.1: an error with extensions quotes exactly this much or more; routers quote less. */
#define UNPRIVILEGED_QUOTE_MAX 128
/* Room for any packet written here. */
#define UNPRIVILEGED_ANSWER_MAX 1024

struct unprivileged_probe { /* one that was sent, as it was crafted */
    struct ip_facts ip;
    uint16_t source_port, destination_port; /* UDP, TCP */
    uint16_t icmp_id, icmp_seq;
    uint32_t tcp_seq;
    bool has_timestamps; /* TCP */
    uint32_t tcp_tsval;
    size_t payload_offset; /* after the transport header */
    size_t len, kept;      /* bytes in all, and those of them below */
    uint8_t bytes[UNPRIVILEGED_QUOTE_MAX];
};

/* Takes a crafted packet apart. 0, or -EINVAL when an ordinary socket cannot send it: of TCP, only
 * SYNs. */
int unprivileged_read_probe(const uint8_t *bytes, size_t len, struct unprivileged_probe *probe);

/* What came along with a message, from control messages of the kernel. */
struct unprivileged_control {
    bool has_stamp; /* and it is not zero: some sandboxes accept the option and forget it */
    int64_t stamp_unix_ns;
    bool has_ttl;
    uint8_t ttl;
    bool has_error;   /* an ICMP error */
    bool is_transmit; /* the stamp is that of sending, of the datagram numbered `key` */
    uint32_t key;
    uint8_t type, code;
    uint32_t info; /* the next hop's MTU */
    struct address offender;
    bool has_extensions;
    size_t extensions_offset; /* from the start of the message's data */
};

void unprivileged_read_control(struct msghdr *message, struct unprivileged_control *control);

/* The ICMP error, quoting the probe; `data` is the message's, of which the extensions are used. */
size_t unprivileged_write_error(const struct unprivileged_probe *probe,
                                const struct unprivileged_control *control, const uint8_t *data,
                                size_t data_len, uint8_t *out, size_t size);

/* An echo reply with the probe's identifier in place of the kernel's; `data` is from the ICMP
 * header on. */
size_t unprivileged_write_echo_reply(const struct unprivileged_probe *probe,
                                     const struct address *from, uint8_t ttl, const uint8_t *data,
                                     size_t data_len, uint8_t *out, size_t size);

size_t unprivileged_write_udp_reply(const struct unprivileged_probe *probe,
                                    const struct address *from, uint8_t ttl, const uint8_t *data,
                                    size_t data_len, uint8_t *out, size_t size);

/* TCP_SYN | TCP_ACK, or TCP_RST | TCP_ACK, acknowledging the probe. A SYN-ACK echoes its TSval. */
size_t unprivileged_write_tcp_answer(const struct unprivileged_probe *probe, uint16_t flags,
                                     uint8_t *out, size_t size);

#endif
