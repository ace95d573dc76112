#include "engine/refusal.h"

#include <errno.h>

#include "base/timespan.h"

#define PAUSE_MIN_NS (1 * NS_PER_MS)
#define PAUSE_MAX_NS (50 * NS_PER_MS)

void refusal_init(struct refusal *refusal)
{
    *refusal = (struct refusal){.pause_ns = PAUSE_MIN_NS};
}

bool refusal_passes(int error)
{
    return error == -EAGAIN || error == -ENOBUFS;
}

int64_t refusal_pause(struct refusal *refusal, int64_t now_ns, int64_t patience_ns)
{
    int64_t pause_ns = refusal->pause_ns;

    if (!refusal->waiting) {
        refusal->waiting = true;
        refusal->since_ns = now_ns;
    }
    if (now_ns - refusal->since_ns > patience_ns)
        return -1;
    refusal->pause_ns = pause_ns * 2 > PAUSE_MAX_NS ? PAUSE_MAX_NS : pause_ns * 2;
    return pause_ns;
}

void refusal_over(struct refusal *refusal)
{
    refusal->waiting = false;
    refusal->pause_ns = PAUSE_MIN_NS;
}

void refusal_count(struct refusal *refusal, int error)
{
    for (size_t i = 0; i < REFUSAL_ERRNOS_MAX; i++) {
        if (refusal->errnos[i].count == 0)
            refusal->errnos[i].error = error;
        if (refusal->errnos[i].error != error && i + 1 < REFUSAL_ERRNOS_MAX)
            continue;
        refusal->errnos[i].count++;
        return;
    }
}
