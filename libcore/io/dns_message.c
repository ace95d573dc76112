#include "io/dns_message.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cursor.h"
#include "base/writer.h"

#define DNS_CLASS_IN      1
#define DNS_HEADER_LEN    12
#define DNS_WIRE_NAME_MAX 255 /* octets (RFC 1035 2.3.4) */
#define DNS_CNAMES_MAX    16  /* longer chains are treated as circles */
#define DNS_POINTER       0xc0

/* An uncompressed name: length-prefixed labels, the root's zero left out, ASCII in lower case. */
struct dns_name {
    size_t len;
    uint8_t wire[DNS_WIRE_NAME_MAX];
};

struct dns_record {
    struct dns_name owner;
    uint16_t type, class;
    struct cursor data; /* of the record alone */
    size_t data_pos;    /* in the message, for compressed names inside */
};

static uint8_t dns_lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

/*
 * Reads a name at `c` and leaves `c` behind it. A pointer must lead to before the place where the
 * current piece started, so a walk always ends (RFC 1035 4.1.4: "a prior occurrence").
 */
static bool dns_read_name(struct cursor *c, struct dns_name *name, bool fold)
{
    struct cursor walk = *c;
    size_t piece = c->pos;
    bool jumped = false;

    name->len = 0;
    for (;;) {
        uint8_t head = cursor_u8(&walk);

        if ((head & DNS_POINTER) == DNS_POINTER) {
            size_t target = (size_t)(head & ~DNS_POINTER) << 8 | cursor_u8(&walk);

            if (walk.failed || target >= piece)
                return false;
            if (!jumped)
                cursor_seek(c, walk.pos);
            jumped = true;
            piece = target;
            cursor_seek(&walk, target);
            continue;
        }
        if (walk.failed || head > DNS_LABEL_MAX)
            return false;
        if (head == 0)
            break;
        const uint8_t *label = cursor_bytes(&walk, head);

        if (!label || name->len + 1 + head >= DNS_WIRE_NAME_MAX)
            return false;
        name->wire[name->len++] = head;
        for (size_t i = 0; i < head; i++)
            name->wire[name->len++] = fold ? dns_lower(label[i]) : label[i];
    }
    if (!jumped)
        cursor_seek(c, walk.pos);
    return true;
}

static bool dns_name_equal(const struct dns_name *a, const struct dns_name *b)
{
    return a->len == b->len && !memcmp(a->wire, b->wire, a->len);
}

/* Header and question; leaves the cursor at the first answer. */
static bool dns_read_head(struct cursor *c, struct dns_name *question, uint16_t *answers)
{
    cursor_skip(c, 4);
    uint16_t questions = cursor_u16(c);
    *answers = cursor_u16(c);
    cursor_skip(c, 4);
    if (c->failed || questions != 1 || !dns_read_name(c, question, true))
        return false;
    cursor_skip(c, 4);
    return !c->failed;
}

static bool dns_read_record(struct cursor *c, struct dns_record *r)
{
    if (!dns_read_name(c, &r->owner, true))
        return false;
    r->type = cursor_u16(c);
    r->class = cursor_u16(c);
    cursor_skip(c, 4);
    uint16_t len = cursor_u16(c);
    r->data_pos = c->pos;
    r->data = cursor_sub(c, len);
    return !c->failed;
}

/* A name inside record data may point anywhere before it but must itself end within the data. */
static bool dns_record_name(const uint8_t *bytes, size_t len, const struct dns_record *r,
                            struct dns_name *name, bool fold)
{
    struct cursor c = cursor_init(bytes, len);

    cursor_seek(&c, r->data_pos);
    return dns_read_name(&c, name, fold) && c.pos == r->data_pos + r->data.len;
}

enum dns_find { DNS_FOUND, DNS_ABSENT, DNS_BROKEN };

/* Replaces `name` by what its CNAME in this message says. */
static enum dns_find dns_follow_once(const uint8_t *bytes, size_t len, struct dns_name *name)
{
    struct cursor c = cursor_init(bytes, len);
    struct dns_name question;
    struct dns_record r;
    uint16_t answers;

    if (!dns_read_head(&c, &question, &answers))
        return DNS_BROKEN;
    for (uint16_t i = 0; i < answers; i++) {
        if (!dns_read_record(&c, &r))
            return DNS_BROKEN;
        if (r.type != DNS_TYPE_CNAME || r.class != DNS_CLASS_IN || !dns_name_equal(&r.owner, name))
            continue;
        return dns_record_name(bytes, len, &r, name, true) ? DNS_FOUND : DNS_BROKEN;
    }
    return DNS_ABSENT;
}

/* The name that the question leads to through CNAMEs (RFC 1034 3.6.2). */
static bool dns_canonical(const uint8_t *bytes, size_t len, struct dns_name *name)
{
    struct cursor c = cursor_init(bytes, len);
    uint16_t answers;

    if (!dns_read_head(&c, name, &answers))
        return false;
    for (int steps = 0; steps <= DNS_CNAMES_MAX; steps++) {
        enum dns_find found = dns_follow_once(bytes, len, name);

        if (found != DNS_FOUND)
            return found == DNS_ABSENT;
    }
    return false;
}

enum dns_message_status dns_message_addresses(const uint8_t *bytes, size_t len, enum dns_type type,
                                              struct address *out, size_t max, size_t *count)
{
    struct cursor c = cursor_init(bytes, len);
    size_t address_bytes = type == DNS_TYPE_A ? 4 : 16;
    struct dns_name canonical, question;
    struct dns_record r;
    uint16_t answers;
    size_t n = 0;

    if (!dns_canonical(bytes, len, &canonical) || !dns_read_head(&c, &question, &answers))
        return DNS_MESSAGE_BAD;
    for (uint16_t i = 0; i < answers && n < max; i++) {
        if (!dns_read_record(&c, &r))
            return DNS_MESSAGE_BAD;
        if (r.type != type || r.class != DNS_CLASS_IN || !dns_name_equal(&r.owner, &canonical))
            continue;
        const uint8_t *data = cursor_bytes(&r.data, address_bytes);

        if (!data || cursor_left(&r.data))
            return DNS_MESSAGE_BAD;
        out[n++] = type == DNS_TYPE_A ? address_from4(data) : address_from6(data);
    }
    *count = n;
    return n ? DNS_MESSAGE_OK : DNS_MESSAGE_NODATA;
}

static void dns_put_byte(struct writer *w, uint8_t byte, bool in_label)
{
    if (byte == 0) {
        writer_bytes(w, "\\000", 4);
        return;
    }
    if (in_label && (byte == '.' || byte == '\\'))
        writer_u8(w, '\\');
    writer_u8(w, byte);
}

static void dns_put_name(struct writer *w, const struct dns_name *name)
{
    struct cursor c = cursor_init(name->wire, name->len);

    while (cursor_left(&c)) {
        struct cursor label = cursor_sub(&c, cursor_u8(&c));

        if (w->len)
            writer_u8(w, '.');
        while (cursor_left(&label))
            dns_put_byte(w, cursor_u8(&label), true);
    }
}

static bool dns_put_strings(struct writer *w, struct cursor data)
{
    while (cursor_left(&data)) {
        struct cursor string = cursor_sub(&data, cursor_u8(&data));

        while (cursor_left(&string))
            dns_put_byte(w, cursor_u8(&string), false);
    }
    return !data.failed;
}

static enum dns_message_status dns_record_text(const uint8_t *bytes, size_t len,
                                               const struct dns_record *r, char *out, size_t size)
{
    struct writer w = writer_init(out, size - 1);
    struct dns_name name;

    if (r->type == DNS_TYPE_TXT) {
        if (!dns_put_strings(&w, r->data))
            return DNS_MESSAGE_BAD;
    } else {
        if (!dns_record_name(bytes, len, r, &name, false))
            return DNS_MESSAGE_BAD;
        dns_put_name(&w, &name);
    }
    out[w.len] = '\0';
    return w.len ? DNS_MESSAGE_OK : DNS_MESSAGE_NODATA;
}

enum dns_message_status dns_message_text(const uint8_t *bytes, size_t len, enum dns_type type,
                                         char *out, size_t size)
{
    struct cursor c = cursor_init(bytes, len);
    struct dns_name canonical, question;
    struct dns_record r;
    uint16_t answers;

    if (size == 0 || !dns_canonical(bytes, len, &canonical) ||
        !dns_read_head(&c, &question, &answers))
        return DNS_MESSAGE_BAD;
    for (uint16_t i = 0; i < answers; i++) {
        if (!dns_read_record(&c, &r))
            return DNS_MESSAGE_BAD;
        if (r.type == type && r.class == DNS_CLASS_IN && dns_name_equal(&r.owner, &canonical))
            return dns_record_text(bytes, len, &r, out, size);
    }
    return DNS_MESSAGE_NODATA;
}

static bool dns_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool dns_is_label_char(char c)
{
    return dns_is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '_';
}

/* Decimal, or 0x and hexadecimal digits: what inet_aton would take as part of an address. */
static bool dns_label_is_number(const char *label, size_t len)
{
    bool hex = len >= 2 && label[0] == '0' && (label[1] == 'x' || label[1] == 'X');

    for (size_t i = hex ? 2 : 0; i < len; i++) {
        bool letter = (label[i] >= 'a' && label[i] <= 'f') || (label[i] >= 'A' && label[i] <= 'F');

        if (!dns_is_digit(label[i]) && !(hex && letter))
            return false;
    }
    return true;
}

bool dns_name_is_valid(const char *name)
{
    const char *label = name;
    size_t len = strnlen(name, DNS_NAME_MAX + 2);

    if (len && name[len - 1] == '.')
        len--;
    if (len == 0 || len > DNS_NAME_MAX)
        return false;
    for (const char *p = name, *end = name + len; p <= end; p++) {
        if (p < end && *p != '.') {
            if (!dns_is_label_char(*p))
                return false;
            continue;
        }
        if (p == label || p - label > DNS_LABEL_MAX || *label == '-')
            return false;
        if (p == end)
            return !dns_label_is_number(label, (size_t)(p - label));
        label = p + 1;
    }
    return false;
}

int dns_reverse_name(const struct address *address, const char *suffix, char *out, size_t size)
{
    static const char hex[] = "0123456789abcdef";
    struct writer w = writer_init(out, size ? size - 1 : 0);
    const uint8_t *b = address->bytes;
    char quad[20];

    if (address->family == 4) {
        int n = snprintf(quad, sizeof(quad), "%u.%u.%u.%u.", b[3], b[2], b[1], b[0]);

        writer_bytes(&w, quad, (size_t)n);
    } else {
        for (int i = 15; i >= 0; i--) {
            const char nibbles[4] = {hex[b[i] & 15], '.', hex[b[i] >> 4], '.'};

            writer_bytes(&w, nibbles, sizeof(nibbles));
        }
    }
    if (!suffix)
        suffix = address->family == 4 ? "in-addr.arpa" : "ip6.arpa";
    writer_bytes(&w, suffix, strlen(suffix));
    if (w.failed || size == 0)
        return -ENAMETOOLONG;
    out[w.len] = '\0';
    return 0;
}
