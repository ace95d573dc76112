/* Error queue messages into packets: what is written must decode, and stay in its buffer. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "io/unprivileged_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Data offset and flags (RFC 9293 3.1), and the timestamps option behind two NOPs (RFC 7323 3.2).
 */
static void fuzz_syn(uint8_t *tcp, bool timestamps)
{
    static const uint8_t option[] = {1, 1, 8, 10};

    tcp[12] = (uint8_t)((timestamps ? 8 : 5) << 4);
    tcp[13] = TCP_SYN;
    if (timestamps)
        memcpy(tcp + 20, option, sizeof(option));
}

/* An IPv4 or IPv6 probe of any protocol, zeros behind what its headers need (RFC 791, RFC 8200). */
static void fuzz_probe(uint8_t selector, struct unprivileged_probe *probe)
{
    static const uint8_t protocols4[] = {17, 6, 1, 17}, protocols6[] = {17, 6, 58, 17};
    uint8_t bytes[200] = {0x45, 0, 0, 0, 0, 1, 0, 0, 5};
    bool six = selector & 1;
    uint8_t protocol = (six ? protocols6 : protocols4)[selector / 4 % 4];
    size_t header = six ? 40 : 20, len = selector & 2 ? sizeof(bytes) : 80;

    if (six)
        memset(bytes, 0, sizeof(bytes));
    bytes[0] = six ? 0x60 : 0x45;
    bytes[six ? 6 : 9] = protocol;
    bytes[six ? 5 : 3] = (uint8_t)(six ? len - header : len);
    if (protocol == 6)
        fuzz_syn(bytes + header, selector & 2);
    else if (protocol != 17)
        bytes[header] = six ? 128 : 8; /* echo request */
    if (unprivileged_read_probe(bytes, len, probe))
        abort();
}

static void fuzz_check(const uint8_t *bytes, size_t len)
{
    struct packet packet;

    if (len > UNPRIVILEGED_ANSWER_MAX)
        abort();
    if (len && packet_decode_ip(bytes, len, len, &packet).status == DECODE_OK &&
        !packet.ip.checksum_ok)
        abort();
}

/* First byte: which probe. Then 256 bytes of control messages (or fewer), then the data. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    union {
        struct cmsghdr align;
        uint8_t room[256];
    } control = {0};
    struct unprivileged_control read;
    struct unprivileged_probe probe;
    uint8_t out[UNPRIVILEGED_ANSWER_MAX];

    if (size < 1)
        return 0;
    uint8_t selector = data[0];
    size_t control_len = size - 1 < sizeof(control.room) ? size - 1 : sizeof(control.room);

    memcpy(control.room, data + 1, control_len);
    data += 1 + control_len;
    size -= 1 + control_len;
    struct msghdr message = {.msg_control = control.room, .msg_controllen = control_len};

    fuzz_probe(selector, &probe);
    unprivileged_read_control(&message, &read);
    fuzz_check(out, unprivileged_write_error(&probe, &read, data, size, out, sizeof(out)));
    fuzz_check(out, unprivileged_write_echo_reply(&probe, &probe.ip.destination, read.ttl, data,
                                                  size, out, sizeof(out)));
    fuzz_check(out, unprivileged_write_udp_reply(&probe, &probe.ip.destination, read.ttl, data,
                                                 size, out, sizeof(out)));
    fuzz_check(out, unprivileged_write_tcp_answer(&probe, TCP_SYN | TCP_ACK, out, sizeof(out)));
    unprivileged_read_probe(data, size, &probe);
    return 0;
}
