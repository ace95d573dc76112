#include "tools/service_progress.h"

#include "base/timespan.h"

int64_t service_progress_draw(struct output *output, bool *drawn, uint64_t done, uint64_t total,
                              int64_t now_ns)
{
    char words[64];

    if (!output->progress || total < 2)
        return TIME_NEVER;
    if (output_may_draw(output, now_ns)) {
        snprintf(words, sizeof(words), "%llu of %llu services", (unsigned long long)done,
                 (unsigned long long)total);
        output_progress(done < total ? done : total, total, words);
        *drawn = true;
    }
    return output->next_draw_ns;
}

void service_progress_clear(bool *drawn)
{
    if (*drawn)
        output_progress_end();
    *drawn = false;
}
