/*
 * Plays the raw backend from the shell, inside a network namespace of the test's own. Prints
 * facts as `name=value` lines; packets are written by hand here, not by the code under test.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/timespan.h"
#include "io/raw.h"
#include "io/record.h"

#define ECHO_ID 0x4e58

static struct loop *loop;
static struct netio *io; /* what is used: raw, perhaps wrapped */
static struct netio *raw;
static struct raw_options options;
static const char *record_path;
static bool drop_capabilities;
static uint32_t leave_by;

static void die(const char *what, int error)
{
    printf("failed=%s error=%s\n", what, strerrorname_np(error < 0 ? -error : error));
    exit(1);
}

static long number(const char *text)
{
    return strtol(text, NULL, 10);
}

static uint16_t sum16(uint32_t sum, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i + 1 < len; i += 2)
        sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
    if (len % 2)
        sum += (uint32_t)bytes[len - 1] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static size_t echo4(uint8_t *p, const char *from, const char *to, unsigned seq, size_t len)
{
    memset(p, 0, len);
    p[0] = 0x45;
    put16(p + 4, 0x1000 + seq);
    p[6] = 0x40; /* DF */
    p[8] = 64;
    p[9] = 1;
    inet_pton(AF_INET, from, p + 12);
    inet_pton(AF_INET, to, p + 16);
    p[20] = 8;
    put16(p + 24, ECHO_ID);
    put16(p + 26, seq);
    put16(p + 22, sum16(0, p + 20, len - 20));
    return len;
}

static size_t echo6(uint8_t *p, const char *from, const char *to, unsigned seq, size_t len)
{
    memset(p, 0, len);
    p[0] = 0x60;
    put16(p + 4, (unsigned)len - 40);
    p[6] = 58;
    p[7] = 64;
    inet_pton(AF_INET6, from, p + 8);
    inet_pton(AF_INET6, to, p + 24);
    p[40] = 128;
    put16(p + 44, ECHO_ID);
    put16(p + 46, seq);
    /* pseudo-header: both addresses, the length, the next header */
    uint32_t pseudo = (uint32_t)len - 40 + 58;
    for (int i = 8; i < 40; i += 2)
        pseudo += (uint32_t)(p[i] << 8 | p[i + 1]);
    put16(p + 42, sum16(pseudo, p + 40, len - 40));
    return len;
}

static size_t echo(uint8_t *p, const char *from, const char *to, unsigned seq, size_t len)
{
    return strchr(to, ':') ? echo6(p, from, to, seq, len) : echo4(p, from, to, seq, len);
}

static void open_all(void)
{
    char error[IO_ERROR_SIZE];
    int code = loop_new(&loop);

    if (code)
        die("loop", code);
    code = raw_open(loop, &options, &raw, error);
    if (code) {
        printf("message=%s\n", error);
        die("open", code);
    }
    io = raw;
    if (record_path && (code = record_open(raw, record_path, &io)) != 0)
        die("record", code);
    if (drop_capabilities) {
        cap_t none = cap_init();
        if (cap_set_proc(none) < 0)
            die("cap_set_proc", errno);
        cap_free(none);
    }
}

static void filter(const char *expression)
{
    char error[IO_ERROR_SIZE];
    int code = raw_filter(raw, expression, error);

    if (code) {
        printf("message=%s\n", error);
        die("filter", code);
    }
}

static void show_counters(void)
{
    struct netio_counters c;

    netio_counters(io, &c);
    printf("sent=%lu received=%lu send_errors=%lu capture_dropped=%lu user_stamps=%lu\n", c.sent,
           c.received, c.send_errors, c.capture_dropped, c.user_stamps);
}

/* The sequence number of our own echo request (type 8, 128) or reply (0, 129) in a cooked frame. */
static int echo_seq(const struct netio_frame *f, bool *reply)
{
    const uint8_t *p = f->bytes + 20;
    size_t at = f->len > 60 && p[0] >> 4 == 6 ? 40 : 20;

    if (f->len < 20 + at + 8 || (p[at + 4] << 8 | p[at + 5]) != ECHO_ID)
        return -1;
    *reply = p[at] == 0 || p[at] == 129;
    return p[at + 6] << 8 | p[at + 7];
}

/* Reads for `ns`; fills the first outgoing request and incoming reply. */
static void collect(int seq, int64_t ns, struct netio_frame *out, struct netio_frame *in)
{
    int64_t until = netio_now(io) + ns;
    struct netio_frame f;

    *out = *in = (struct netio_frame){0};
    while (in->when_ns == 0 && netio_now(io) < until) {
        int got = netio_receive(io, &f);
        bool reply;
        if (got < 0)
            die("receive", got);
        if (got == 0) {
            netio_wait(io, until);
            continue;
        }
        if (echo_seq(&f, &reply) != seq)
            continue;
        if (!reply && f.direction == PACKET_OUTGOING && out->when_ns == 0)
            *out = f;
        if (reply && f.direction == PACKET_INCOMING)
            *in = f;
    }
}

/* echo FROM TO COUNT [LENGTH] */
static int run_echo(char **arg)
{
    uint8_t bytes[9000];
    bool is6 = strchr(arg[1], ':');
    size_t len = arg[3] ? (size_t)number(arg[3]) : is6 ? 80 : 60;

    open_all();
    filter(is6 ? "icmp6" : "icmp");
    for (int seq = 1; seq <= number(arg[2]); seq++) {
        struct netio_packet p = {bytes, echo(bytes, arg[0], arg[1], (unsigned)seq, len), leave_by,
                                 0};
        struct netio_frame out, in;
        int64_t before = netio_now(io);
        int taken = netio_send(io, &p, 1);
        if (taken != 1 || p.error)
            die("send", taken < 0 ? taken : p.error);
        collect(seq, NS_PER_SEC, &out, &in);
        int64_t after = netio_now(io);
        bool sane = before <= out.when_ns && out.when_ns <= in.when_ns && in.when_ns <= after;
        printf("seq=%d rtt_ns=%ld ordered=%d ifindex=%u stamped=%d sent_unix_ns=%ld\n", seq,
               in.when_ns - out.when_ns, sane, in.ifindex, !out.user_stamp && !in.user_stamp,
               netio_to_unix(io, out.when_ns));
        fflush(stdout);
    }
    show_counters();
    return 0;
}

/* send FROM TO COUNT LENGTH: what the kernel says of each */
static int run_send(char **arg)
{
    static uint8_t bytes[70000];
    size_t count = (size_t)number(arg[2]);
    int errors[200] = {0};

    open_all();
    size_t len = echo(bytes, arg[0], arg[1], 1, (size_t)number(arg[3]));
    for (size_t i = 0; i < count; i++) {
        struct netio_packet p = {bytes, len, leave_by, 0};
        int taken = netio_send(io, &p, 1);
        errors[taken < 0 ? -taken : -p.error]++;
    }
    for (int e = 0; e < 200; e++)
        if (errors[e])
            printf("%s=%d\n", e ? strerrorname_np(e) : "OK", errors[e]);
    show_counters();
    return 0;
}

/* overflow FROM TO COUNT: captures without reading, then reads what is left */
static int run_overflow(char **arg)
{
    uint8_t bytes[1000];
    size_t count = (size_t)number(arg[2]);
    struct netio_packet batch[50];
    struct netio_frame f;

    open_all();
    filter("icmp");
    for (size_t i = 0; i < 50; i++)
        batch[i] = (struct netio_packet){bytes, echo(bytes, arg[0], arg[1], 1, 1000), 0, 0};
    for (size_t i = 0; i < count; i += 50)
        netio_send(io, batch, 50);
    usleep(50000);
    while (netio_receive(io, &f) == 1)
        ;
    show_counters();
    return 0;
}

/* link MILLISECONDS: waits for changes of the interface */
static int run_link(char **arg)
{
    open_all();
    filter("icmp");
    printf("ready=1\n");
    fflush(stdout);
    int64_t until = netio_now(io) + number(arg[0]) * NS_PER_MS;
    while (netio_now(io) < until) {
        struct netio_frame f;
        int got = netio_receive(io, &f);
        if (got < 0)
            printf("receive=%s\n", strerrorname_np(-got));
        else if (got > 0)
            printf("frame=%d\n", f.direction);
        else
            netio_wait(io, until);
        fflush(stdout);
    }
    return 0;
}

static long count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    long n = -3; /* ".", "..", and the directory's own */

    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

static long resident_kib(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

static void cycle(long n)
{
    while (n-- > 0) {
        open_all();
        filter("icmp");
        netio_close(io);
        loop_free(loop);
    }
}

/* cycles COUNT: opens and closes everything */
static int run_cycles(char **arg)
{
    cycle(20);
    long fds = count_fds(), kib = resident_kib();
    clock_t cpu = clock();
    long n = number(arg[0]);
    cycle(n);
    printf("descriptors_left=%ld grown_kib=%ld cpu_us_per_cycle=%ld\n", count_fds() - fds,
           resident_kib() - kib, (clock() - cpu) / (n ? n : 1));
    return 0;
}

/* cost: processor time and memory of one opening */
static int run_cost(char **arg)
{
    (void)arg;
    long kib = resident_kib();
    clock_t cpu = clock();
    open_all();
    filter("icmp");
    printf("cpu_us=%ld grown_kib=%ld\n", (clock() - cpu), resident_kib() - kib);
    return 0;
}

static const struct {
    const char *name;
    int (*run)(char **arg);
    int nargs;
} commands[] = {
    {"echo",     run_echo,     3},
    {"send",     run_send,     4},
    {"overflow", run_overflow, 3},
    {"link",     run_link,     1},
    {"cycles",   run_cycles,   1},
    {"cost",     run_cost,     0}
};

static void take_descriptors(long n)
{
    struct rlimit limit = {4096, 4096};

    setrlimit(RLIMIT_NOFILE, &limit);
    while (n-- > 0)
        if (open("/dev/null", O_RDONLY) < 0)
            die("open", errno);
}

int main(int argc, char **argv)
{
    for (int opt; (opt = getopt(argc, argv, "+i:b:s:w:F:x:Dr")) != -1;) {
        if (opt == 'i')
            options.interface = optarg;
        if (opt == 'b')
            options.buffer_bytes = (int)number(optarg);
        if (opt == 's')
            options.snaplen = (int)number(optarg);
        if (opt == 'w')
            record_path = optarg;
        if (opt == 'F')
            take_descriptors(number(optarg));
        if (opt == 'x')
            leave_by = if_nametoindex(optarg);
        if (opt == 'D')
            drop_capabilities = true;
        if (opt == 'r')
            options.ring = true;
    }
    for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
        if (optind < argc && strcmp(argv[optind], commands[i].name) == 0 &&
            argc - optind - 1 >= commands[i].nargs)
            return commands[i].run(argv + optind + 1);
    return 3;
}
