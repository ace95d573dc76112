#include "tools/lab.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/timespan.h"

#define LAB_PACKET_MAX 65536
/* Packets read from one side before the other side and the clock get their turn. */
#define LAB_BATCH 32
/* timeout(1) sends its signal twice at once, to the process and to its group: that is one wish. */
#define LAB_PATIENCE_NS (500 * NS_PER_MS)

enum lab_source { LAB_CLIENT = NETSIM_CLIENT, LAB_SERVER = NETSIM_SERVER, LAB_TIMER, LAB_SIGNALS };

struct lab_loop {
    struct lab_run *run;
    int epoll, timer;
    int64_t armed_ns; /* what the timer is set to */
    int64_t asked_ns; /* when the command was first asked to end; 0: not yet */
    bool ended;       /* the command has */
    int status;
};

static int lab_run_watch(struct lab_loop *loop, int fd, enum lab_source source)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = source};

    return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static int lab_run_begin(struct lab_loop *loop)
{
    struct lab_run *run = loop->run;
    int err;

    /* prctl(2): the default lets the kernel wake us 50 us late to save power. */
    prctl(PR_SET_TIMERSLACK, 1UL);
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    loop->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (loop->epoll < 0 || loop->timer < 0)
        return -errno;
    err = lab_run_watch(loop, run->tun[NETSIM_CLIENT], LAB_CLIENT);
    if (!err)
        err = lab_run_watch(loop, run->tun[NETSIM_SERVER], LAB_SERVER);
    if (!err)
        err = lab_run_watch(loop, loop->timer, LAB_TIMER);
    return err ? err : lab_run_watch(loop, run->signals, LAB_SIGNALS);
}

static void lab_run_release(struct lab_loop *loop)
{
    if (loop->epoll >= 0)
        close(loop->epoll);
    if (loop->timer >= 0)
        close(loop->timer);
}

/* What a kernel sends enters the network; what is not an IP packet is none of its business. */
static int lab_run_read(struct lab_run *run, enum netsim_side side)
{
    static uint8_t packet[LAB_PACKET_MAX];
    int err;

    for (int i = 0; i < LAB_BATCH; i++) {
        ssize_t len = read(run->tun[side], packet, sizeof(packet));
        int64_t now_ns = lab_now();

        if (len < 0)
            return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        err = netsim_send(run->sim, side, packet, (size_t)len, now_ns);
        if (!err)
            lab_capture_frame(run->capture, side, PACKET_OUTGOING, packet, (size_t)len, now_ns);
        else if (err != -EINVAL)
            return err;
    }
    return 0;
}

static int lab_run_deliver(struct lab_run *run)
{
    struct netsim_packet packet;
    int err = 0;

    while (!err && netsim_receive(run->sim, lab_now(), &packet)) {
        int64_t now_ns = lab_now();
        double late_ns = (double)(now_ns - packet.when_ns);

        lab_capture_frame(run->capture, packet.side, PACKET_INCOMING, packet.bytes, packet.len,
                          now_ns);
        /* A host that does not exist has its interface down and takes nothing (EIO). */
        if (write(run->tun[packet.side], packet.bytes, packet.len) < 0)
            run->refused++;
        run->packets++;
        err = quantile_add(&run->late_us, late_ns > 0 ? late_ns / NS_PER_US : 0);
    }
    return err;
}

static int lab_run_arm(struct lab_loop *loop)
{
    int64_t next_ns = netsim_next_ns(loop->run->sim);
    struct itimerspec at = {0};

    if (next_ns == loop->armed_ns)
        return 0;
    loop->armed_ns = next_ns;
    if (next_ns != TIME_NEVER) {
        at.it_value.tv_sec = next_ns / NS_PER_SEC;
        at.it_value.tv_nsec = next_ns % NS_PER_SEC;
    }
    return timerfd_settime(loop->timer, TFD_TIMER_ABSTIME, &at, NULL) ? -errno : 0;
}

/* Orphans of the command are not ours: they end with their PID namespace. */
static void lab_run_reap(struct lab_loop *loop)
{
    if (waitpid(loop->run->command, &loop->status, WNOHANG) == loop->run->command)
        loop->ended = true;
}

/*
 * A signal typed at the terminal has reached the command as well; one sent to us is handed on. Who
 * asks again after a while means it, also to a command that does not listen.
 */
static void lab_run_hand_on(struct lab_loop *loop, const struct signalfd_siginfo *info)
{
    int64_t now = lab_now();
    bool asks = info->ssi_signo == SIGTERM || info->ssi_signo == SIGHUP;

    if (info->ssi_code == SI_KERNEL || loop->ended)
        return;
    if (asks && loop->asked_ns && now - loop->asked_ns > LAB_PATIENCE_NS)
        kill(loop->run->command, SIGKILL);
    else
        kill(loop->run->command, (int)info->ssi_signo);
    if (asks && !loop->asked_ns)
        loop->asked_ns = now;
}

static void lab_run_signals(struct lab_loop *loop)
{
    struct signalfd_siginfo info;

    while (read(loop->run->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGCHLD)
            lab_run_reap(loop);
        else
            lab_run_hand_on(loop, &info);
    }
}

static int lab_run_handle(struct lab_loop *loop, enum lab_source source)
{
    switch (source) {
    case LAB_CLIENT:
        return lab_run_read(loop->run, NETSIM_CLIENT);
    case LAB_SERVER:
        return lab_run_read(loop->run, NETSIM_SERVER);
    case LAB_TIMER:
        loop->armed_ns = -1; /* setting it anew clears what made it readable */
        break;
    case LAB_SIGNALS:
        lab_run_signals(loop);
        break;
    }
    return 0;
}

static int lab_run_once(struct lab_loop *loop)
{
    struct epoll_event events[4];
    int count, err = lab_run_arm(loop);

    if (err)
        return err;
    lab_log_flush(loop->run->log);
    count = epoll_wait(loop->epoll, events, 4, -1);
    if (count < 0)
        return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < count && !err; i++)
        err = lab_run_handle(loop, events[i].data.u32);
    return err ? err : lab_run_deliver(loop->run);
}

int lab_run(struct lab_run *run, int *status)
{
    struct lab_loop loop = {.run = run, .epoll = -1, .timer = -1, .armed_ns = TIME_NEVER};
    int err = lab_run_begin(&loop);

    if (!err)
        lab_run_reap(&loop); /* it may have ended before we listened */
    while (!err && !loop.ended)
        err = lab_run_once(&loop);
    lab_run_release(&loop);
    if (!err)
        *status = loop.status;
    return err;
}
