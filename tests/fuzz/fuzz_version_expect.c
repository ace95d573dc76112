/* Expectations as users may write them. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/version_expect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char banner[] = "nginx/1.25 Apache/2.4.7 (Ubuntu) OpenSSL/1.1.1k x/1.0-foo";
    static struct version_list list;
    struct version_expectation expectation;
    struct version_expect_error error;
    char *text = malloc(size + 1);

    if (!text)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    if (!list.count)
        version_identify(VERSION_HTTP_SERVER, banner, sizeof(banner) - 1, &list);
    if (version_expect_parse(text, &expectation, &error)) {
        if (!error.column || error.column > strlen(text) + 1 || !error.message[0])
            abort();
    } else {
        struct version_verdict verdict = version_expect_judge_all(&expectation, &list);

        if ((verdict.result == VERSION_OPEN) != (verdict.reason != NULL))
            abort();
    }
    free(text);
    return 0;
}
