#include "tests/unit/segment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

size_t segment_from_hex(const char *text, uint8_t bytes[SEGMENT_MAX])
{
    size_t len = strlen(text) / 2;

    assert_true(len <= SEGMENT_MAX);
    for (size_t i = 0; i < len; i++) {
        unsigned value;
        assert_int_equal(sscanf(text + 2 * i, "%2x", &value), 1);
        bytes[i] = (uint8_t)value;
    }
    return len;
}

size_t segment_header_len(const uint8_t *packet)
{
    return packet[0] >> 4 == 6 ? 40 : 20;
}

uint32_t segment_get32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

unsigned segment_sum(const uint8_t *packet, size_t len)
{
    size_t header = segment_header_len(packet), addresses = header == 40 ? 8 : 12;
    unsigned long sum = 6 + (unsigned long)(len - header);

    for (size_t i = addresses; i < header; i++)
        sum += (unsigned long)packet[i] << (i % 2 ? 0 : 8);
    for (size_t i = header; i < len; i++)
        sum += (unsigned long)packet[i] << ((i - header) % 2 ? 0 : 8);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (unsigned)sum;
}

uint8_t *segment_option(uint8_t *packet, unsigned kind)
{
    uint8_t *tcp = packet + segment_header_len(packet);

    for (size_t i = 20; i < (tcp[12] >> 4) * 4u && tcp[i];) {
        if (tcp[i] == kind)
            return tcp + i;
        i += tcp[i] == 1 ? 1 : tcp[i + 1];
    }
    return NULL;
}
