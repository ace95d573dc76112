/* Scenario files from anybody. */
#include <stddef.h>
#include <stdint.h>

#include "engine/scenario.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct scenario *scenario = NULL;
    struct document_error error;

    if (scenario_parse((const char *)data, size, &scenario, &error) == 0)
        scenario_free(scenario);
    return 0;
}
