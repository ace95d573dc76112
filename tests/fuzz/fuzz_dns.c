/* First byte: the record type asked for. The rest: a response. */
#include <stdlib.h>
#include <string.h>

#include "io/dns_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct address addresses[16];
    char text[64];
    size_t count = 0;

    if (size < 1)
        return 0;
    enum dns_type type = data[0] & 1 ? DNS_TYPE_A : DNS_TYPE_AAAA;

    if (dns_message_addresses(data + 1, size - 1, type, addresses, 16, &count) == DNS_MESSAGE_OK &&
        (count == 0 || count > 16))
        abort();
    type = data[0] & 1 ? DNS_TYPE_PTR : DNS_TYPE_TXT;
    if (dns_message_text(data + 1, size - 1, type, text, sizeof(text)) == DNS_MESSAGE_OK &&
        strnlen(text, sizeof(text)) == sizeof(text))
        abort();
    return 0;
}
