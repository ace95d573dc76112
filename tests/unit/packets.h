/* Packets of other programs' making with other programs' reading, and netdx's reading as text. */
#ifndef NETDX_TESTS_PACKETS_H
#define NETDX_TESTS_PACKETS_H

#include <stddef.h>
#include <stdint.h>

#include "wire/packet.h"

struct packet_row {
    const char *part, *name;
    enum link_type link;
    const char *hex;
    const char *text; /* in packet_text()'s words */
};

extern const struct packet_row packet_rows[];
extern const size_t packet_rows_count;

#define PACKET_BYTES_MAX 2048
#define PACKET_TEXT_SIZE 2048

/* Bytes of a text of hexadecimal digits, in which spaces do not count. */
size_t packet_unhex(const char *hex, uint8_t out[PACKET_BYTES_MAX]);

/* The facts of all layers there are, in one line. */
void packet_text(const struct packet *p, char out[PACKET_TEXT_SIZE]);

/* Checks every row of a part with cmocka's assertions. */
void packet_check_part(const char *part);

/* A frame that is wrong somewhere, and what decode must say of it. */
struct packet_fault {
    const char *name;
    enum link_type link;
    const char *hex;
    size_t missing; /* bytes that were on the wire but not captured */
    enum decode_status status;
    const char *reason; /* NULL when OK */
    size_t offset;
    unsigned layers;
};

void packet_check_faults(const struct packet_fault *faults, size_t count);

/* Decodes hexadecimal digits at a guard page; borrowed pointers in `p` are not to be followed. */
struct decode packet_from_hex(enum link_type link, const char *hex, struct packet *p);

#endif
