/* Error queue messages into packets: what is written must decode, and stay in its buffer. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "io/unprivileged_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An IPv4 or IPv6 UDP probe with zeros behind it (RFC 791, RFC 8200, RFC 768). */
static void fuzz_probe(uint8_t selector, struct unprivileged_probe *probe)
{
    uint8_t bytes[200] = {0x45, 0, 0, 0, 0, 1, 0, 0, 5, 17};

    if (selector & 1) {
        memset(bytes, 0, sizeof(bytes));
        bytes[0] = 0x60;
        bytes[6] = 17;
    }
    size_t len = selector & 2 ? sizeof(bytes) : 60;

    if (selector & 1)
        bytes[5] = (uint8_t)(len - 40);
    else
        bytes[3] = (uint8_t)len;
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
    unprivileged_read_probe(data, size, &probe);
    return 0;
}
