/* First byte: the record type asked for. The rest: a response; and, as text, a name to ask for. */
#include <stdlib.h>
#include <string.h>

#include "io/dns_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_addresses(enum dns_type type, const uint8_t *bytes, size_t len)
{
    struct address addresses[16];
    char name[DNS_NAME_MAX + 1];
    size_t count = 0;

    if (dns_message_addresses(bytes, len, type, addresses, 16, &count) != DNS_MESSAGE_OK)
        return;
    if (count == 0 || count > 16)
        abort();
    if (dns_reverse_name(&addresses[0], NULL, name, sizeof(name)) || !dns_name_is_valid(name))
        abort();
}

static void fuzz_text(enum dns_type type, const uint8_t *bytes, size_t len)
{
    char text[64];

    if (dns_message_text(bytes, len, type, text, sizeof(text)) == DNS_MESSAGE_OK &&
        strnlen(text, sizeof(text)) == sizeof(text))
        abort();
}

/* What may be asked for is plain letters, whatever they are. */
static void fuzz_name(const uint8_t *bytes, size_t len)
{
    char *name = calloc(1, len + 1), reverse[DNS_NAME_MAX + 1];
    struct address loopback = address_from4((uint8_t[]){127, 0, 0, 1});

    if (!name)
        return;
    memcpy(name, bytes, len);
    if (dns_name_is_valid(name) &&
        (strlen(name) > DNS_NAME_MAX + 1 || strpbrk(name, " \t\r\n\\\"$%/@:") || *name == '-'))
        abort();
    if (!dns_reverse_name(&loopback, name, reverse, sizeof(reverse)) &&
        strlen(reverse) != strlen("1.0.0.127.") + strlen(name))
        abort();
    free(name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    fuzz_addresses(data[0] & 1 ? DNS_TYPE_A : DNS_TYPE_AAAA, data + 1, size - 1);
    fuzz_text(data[0] & 1 ? DNS_TYPE_PTR : DNS_TYPE_TXT, data + 1, size - 1);
    fuzz_name(data + 1, size - 1);
    return 0;
}
