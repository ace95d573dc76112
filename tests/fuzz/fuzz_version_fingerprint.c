/* Fingerprint files from anybody, and what they make of a banner. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "engine/version_fingerprint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char banner[] = "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3";
    struct version_fingerprints *set;
    struct version_fingerprint_error error;
    struct version_fingerprint_counts counts;
    struct version_list list = {0};

    if (version_fingerprints_new(&set))
        return 0;
    if (version_fingerprints_add(set, (const char *)data, size, &error)) {
        version_fingerprints_count(set, &counts);
        if (counts.loaded || counts.refused || !error.message[0])
            abort();
    }
    for (int kind = 0; kind < VERSION_KINDS; kind++)
        version_identify_with(set, (enum version_kind)kind, banner, sizeof(banner) - 1, &list);
    if (list.count > VERSION_PRODUCTS_MAX)
        abort();
    version_fingerprints_free(set);
    return 0;
}
