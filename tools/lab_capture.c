#include <time.h>

#include "base/timespan.h"
#include "tools/lab.h"

static int64_t lab_capture_clock(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return (int64_t)ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
}

int64_t lab_now(void)
{
    return lab_capture_clock(CLOCK_MONOTONIC);
}

int64_t lab_to_unix(void)
{
    return lab_capture_clock(CLOCK_REALTIME) - lab_now();
}

int lab_capture_open(struct lab_capture *capture, enum netsim_side side, const char *path)
{
    return pcapng_new(path, &capture->files[side]);
}

void lab_capture_frame(struct lab_capture *capture, enum netsim_side side,
                       enum packet_direction direction, const uint8_t *bytes, size_t len,
                       int64_t now_ns)
{
    struct netio_frame frame = {.when_ns = now_ns,
                                .link = LINK_RAW,
                                .direction = direction,
                                .bytes = bytes,
                                .len = len,
                                .wire_len = len};

    if (!capture->files[side])
        return;
    capture->frames[side]++;
    pcapng_frame(capture->files[side], &frame, now_ns + capture->to_unix_ns);
}

int lab_capture_close(struct lab_capture *capture)
{
    int err = 0;

    for (int side = 0; side < 2; side++) {
        if (capture->files[side] && !err)
            err = pcapng_error(capture->files[side]);
        pcapng_free(capture->files[side]);
        capture->files[side] = NULL;
    }
    return err;
}
