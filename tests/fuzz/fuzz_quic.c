/* An answer to a QUIC probe whose connection IDs are seven letters a or b and a zero; an Alt-Svc
 * header. */
#include <stdlib.h>
#include <string.h>

#include "engine/altsvc.h"
#include "wire/quic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void promise(const uint8_t *data, size_t size)
{
    struct http_header header = {0, 7, 7, (uint32_t)size};
    struct http_facts facts = {.nheaders = 1, .headers = &header, .head_len = 7 + size};
    uint8_t *head = malloc(facts.head_len);
    uint16_t port = 0;

    if (!head)
        return;
    memcpy(head, "alt-svc", 7);
    if (size > 0)
        memcpy(head + 7, data, size);
    facts.head = head;
    if (altsvc_promises_h3(&facts, &port) && !port)
        abort();
    free(head);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct quic_ids ids = {{"aaaaaaa"}, {"bbbbbbb"}};
    struct quic_negotiation got;
    struct decode result = quic_decode_negotiation(data, size, &ids, &got);
    char name[QUIC_VERSION_TEXT_SIZE];
    uint8_t probe[QUIC_PROBE_SIZE];

    quic_probe(&ids, probe);
    if (quic_decode_negotiation(probe, sizeof(probe), &ids, &(struct quic_negotiation){0}).status !=
        DECODE_UNKNOWN)
        abort(); /* the probe thrown back is no answer */
    if (result.offset > size || (result.status == DECODE_OK) != (got.count > 0) ||
        got.kept > got.count || got.count > size / 4)
        abort();
    for (size_t i = 0; i < got.kept; i++)
        quic_version_format(got.versions[i], name);
    promise(data, size);
    return 0;
}
