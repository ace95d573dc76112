#include "wire/checksum.h"
#include "wire/packet_internal.h"

#define EXTENSION_VERSION    2 /* RFC 4884 7 */
#define EXTENSION_HEADER_LEN 4
#define OBJECT_HEADER_LEN    4

enum { /* IANA ICMP extension object classes */
       CLASS_MPLS = 1,
       CLASS_INTERFACE = 2,
};

enum { /* RFC 5837 4.1: the c-type of an interface object says what it holds */
       INTERFACE_HAS_IFINDEX = 8,
       INTERFACE_HAS_ADDRESS = 4,
       INTERFACE_HAS_NAME = 2,
       INTERFACE_HAS_MTU = 1,
};

enum { AFI_IPV4 = 1, AFI_IPV6 = 2 }; /* IANA address family numbers */

static bool packet_extensions_mpls(struct cursor body, struct icmp_extensions *x)
{
    if (body.len % 4 != 0)
        return false;
    while (cursor_left(&body) > 0 && x->nmpls < ICMP_MPLS_MAX) {
        uint32_t word = cursor_u32(&body);

        x->mpls[x->nmpls++] = (struct mpls_entry){
            .label = word >> 12,
            .tc = word >> 9 & 7,
            .bottom = word >> 8 & 1,
            .ttl = (uint8_t)word,
        };
    }
    return true;
}

static bool packet_extensions_address(struct cursor *body, struct interface_info *info)
{
    uint16_t afi = cursor_u16(body);

    cursor_skip(body, 2); /* reserved */
    if (afi != AFI_IPV4 && afi != AFI_IPV6)
        return false;
    const uint8_t *bytes = cursor_bytes(body, afi == AFI_IPV4 ? 4 : 16);
    if (!bytes)
        return false;
    info->address = afi == AFI_IPV4 ? address_from4(bytes) : address_from6(bytes);
    info->has_address = true;
    return true;
}

/* RFC 5837 4.3: the length octet counts itself, is a multiple of 4 and at most 64. */
static bool packet_extensions_name(struct cursor *body, struct interface_info *info)
{
    size_t len = cursor_u8(body);

    if (len == 0 || len % 4 != 0 || len > ICMP_INTERFACE_NAME_MAX + 1)
        return false;
    cursor_copy(body, info->name, len - 1);
    if (body->failed)
        return false;
    while (len > 1 && info->name[len - 2] == '\0') /* padding */
        len--;
    info->name_len = (uint8_t)(len - 1);
    info->has_name = true;
    return true;
}

/* The parts come in this order, whichever of them are there. */
static bool packet_extensions_interface_parts(struct cursor *body, uint8_t ctype,
                                              struct interface_info *info)
{
    if (ctype & INTERFACE_HAS_IFINDEX) {
        info->ifindex = cursor_u32(body);
        info->has_ifindex = !body->failed;
    }
    if ((ctype & INTERFACE_HAS_ADDRESS) && !packet_extensions_address(body, info))
        return false;
    if ((ctype & INTERFACE_HAS_NAME) && !packet_extensions_name(body, info))
        return false;
    if (ctype & INTERFACE_HAS_MTU) {
        info->mtu = cursor_u32(body);
        info->has_mtu = !body->failed;
    }
    return !body->failed;
}

static bool packet_extensions_interface(struct cursor body, uint8_t ctype,
                                        struct icmp_extensions *x)
{
    struct interface_info info = {.role = (enum interface_role)(ctype >> 6)};

    if (!packet_extensions_interface_parts(&body, ctype, &info))
        return false;
    if (x->ninterfaces < ICMP_INTERFACES_MAX)
        x->interfaces[x->ninterfaces++] = info;
    return true;
}

static bool packet_extensions_object(uint8_t class, uint8_t ctype, struct cursor body,
                                     struct icmp_extensions *x)
{
    if (class == CLASS_MPLS && ctype == 1)
        return packet_extensions_mpls(body, x);
    if (class == CLASS_INTERFACE)
        return packet_extensions_interface(body, ctype, x);
    if (x->unknown < UINT8_MAX)
        x->unknown++;
    return true;
}

static bool packet_extensions_objects(struct span *s, struct icmp_extensions *x)
{
    while (cursor_left(&s->c) > 0) {
        size_t offset = s->c.pos;
        size_t len = cursor_u16(&s->c);
        uint8_t class = cursor_u8(&s->c);
        uint8_t ctype = cursor_u8(&s->c);

        if (s->c.failed)
            return span_short(s, offset, OBJECT_HEADER_LEN, "ICMP extension object incomplete");
        if (len < OBJECT_HEADER_LEN)
            return span_fail(s, DECODE_BAD, "ICMP extension object length below 4", offset);
        struct cursor body = cursor_sub(&s->c, len - OBJECT_HEADER_LEN);
        if (body.failed)
            return span_short(s, offset, len, "ICMP extension object incomplete");
        if (!packet_extensions_object(class, ctype, body, x))
            return span_fail(s, DECODE_BAD, "ICMP extension object malformed", offset);
    }
    return true;
}

/* What the four header bytes say; a cut structure cannot be summed and counts as right. */
static bool packet_extensions_checksum_ok(const struct span *s, size_t start, uint16_t checksum)
{
    if (checksum == 0 || s->c.len < s->end)
        return true;
    return checksum_finish(checksum_add(0, s->c.bytes + start, s->end - start)) == 0;
}

bool packet_extensions_decode(struct span *s, struct icmp_extensions *x)
{
    size_t start = s->c.pos;
    uint8_t version = cursor_u8(&s->c) >> 4;
    cursor_skip(&s->c, 1); /* reserved */
    uint16_t checksum = cursor_u16(&s->c);

    if (s->c.failed)
        return span_short(s, start, EXTENSION_HEADER_LEN, "ICMP extension header incomplete");
    if (version != EXTENSION_VERSION)
        return span_fail(s, DECODE_UNKNOWN, "ICMP extension version is not 2", start);
    x->present = true;
    x->checksum_ok = packet_extensions_checksum_ok(s, start, checksum);
    if (!x->checksum_ok)
        return span_fail(s, DECODE_BAD, "ICMP extension checksum wrong", start + 2);
    return packet_extensions_objects(s, x);
}

bool packet_extensions_proven(struct span s)
{
    size_t start = s.c.pos;
    uint8_t version = cursor_u8(&s.c) >> 4;
    cursor_skip(&s.c, 1);
    uint16_t checksum = cursor_u16(&s.c);

    return !s.c.failed && version == EXTENSION_VERSION && checksum != 0 && s.c.len == s.end &&
           packet_extensions_checksum_ok(&s, start, checksum);
}
