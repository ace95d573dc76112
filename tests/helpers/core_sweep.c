/*
 * Plays a sweep from the shell, inside a network namespace of the test's own: one line
 * `answer address port` for each answer, then facts as `name=value` lines.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/timespan.h"
#include "io/privilege.h"
#include "tools/syn_sweep.h"

#define RANGES_MAX 64
#define PORTS_MAX  64

static struct sweep_range ranges[RANGES_MAX];
static uint16_t ports[PORTS_MAX];
static struct sweep_config config = {.ranges = ranges, .ports = ports, .timeout_ns = NS_PER_SEC};
static struct raw_options options;
static bool drop_privileges;
static long senders = -1;

static long number(const char *text)
{
    return strtol(text, NULL, 10);
}

static void die(const char *what, const char *why)
{
    printf("failed=%s error=%s\n", what, why);
    exit(1);
}

static void add_range(const char *source, char *text)
{
    struct sweep_range *range = &ranges[config.nranges++];
    char *slash = strchr(text, '/');

    if (slash)
        *slash = '\0';
    if (address_parse(source, &range->source) || address_parse(text, &range->first))
        die("address", text);
    range->prefix_bits = (uint8_t)(slash ? number(slash + 1) : range->first.family == 4 ? 32 : 128);
}

static void add_ports(char *text)
{
    for (char *port = text; port; port = strchr(port, ',')) {
        port += *port == ',';
        ports[config.nports++] = (uint16_t)number(port);
    }
}

static int show(void *context, const struct sweep_observation *seen, int64_t when_ns)
{
    char address[ADDRESS_TEXT_SIZE], responder[ADDRESS_TEXT_SIZE];

    (void)context;
    (void)when_ns;
    address_format(&seen->address, address);
    address_format(&seen->responder, responder);
    printf("%s %s %u", sweep_answer_name(seen->answer), address, seen->port);
    if (seen->answer == SWEEP_UNREACHABLE)
        printf(" by %s type %u code %u", responder, seen->icmp_type, seen->icmp_code);
    putchar('\n');
    return ferror(stdout) ? -EIO : 0;
}

static void show_result(const struct syn_sweep_result *r)
{
    const struct sweep_counts *c = &r->counts;
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    printf("targets=%lu asked=%lu open=%lu refused=%lu unreachable=%lu silent=%lu pending=%lu\n",
           c->targets, c->asked, c->open, c->refused, c->unreachable, c->silent, c->pending);
    printf("sent=%lu repeated=%lu suspects=%lu foreign=%lu postponed=%lu failed=%lu\n", c->sent,
           c->repeated, c->suspects, c->foreign, c->postponed, c->failed);
    for (size_t i = 0; i < SWEEP_ERRORS_MAX && c->errors[i].count; i++)
        printf("%s=%lu\n", strerrorname_np(c->errors[i].error), c->errors[i].count);
    printf("achieved_pps=%.0f capture_dropped=%lu link_downs=%u interrupted=%d peak_kib=%ld\n",
           c->achieved_pps, r->capture_dropped, r->link_downs, c->interrupted, usage.ru_maxrss);
}

static void parse(int argc, char **argv)
{
    for (int opt; (opt = getopt(argc, argv, "i:r:n:t:s:b:T:D")) != -1;) {
        if (opt == 'i')
            options.interface = optarg;
        if (opt == 'r')
            config.rate_pps = strtod(optarg, NULL);
        if (opt == 'n')
            config.probes = (unsigned)number(optarg);
        if (opt == 't')
            config.timeout_ns = number(optarg) * NS_PER_MS;
        if (opt == 's')
            config.seed = (uint64_t)number(optarg);
        if (opt == 'b')
            options.buffer_bytes = (int)number(optarg);
        if (opt == 'T')
            senders = number(optarg);
        if (opt == 'D')
            drop_privileges = true;
    }
    if (argc - optind < 3)
        die("usage", "core_sweep [OPTIONS] SOURCE PORT,... RANGE...");
    add_ports(argv[optind + 1]);
    for (int i = optind + 2; i < argc && i - optind - 2 < RANGES_MAX; i++)
        add_range(argv[optind], argv[i]);
}

int main(int argc, char **argv)
{
    struct syn_sweep_network network = {0};
    struct syn_sweep_result result;
    char error[IO_ERROR_SIZE];
    int ring;

    parse(argc, argv);
    ring = options.buffer_bytes;
    syn_sweep_raw_options(config.rate_pps, &options);
    if (ring)
        options.buffer_bytes = ring;
    if (senders >= 0)
        options.senders = (unsigned)senders;
    if (loop_new(&network.loop) || loop_catch_signals(network.loop))
        die("loop", "no memory");
    if (raw_open(network.loop, &options, &network.raw, error))
        die("open", error);
    if (drop_privileges && privilege_drop(SANDBOX_STRICT, NULL))
        die("drop", "privileges");
    network.io = network.raw;
    const struct syn_sweep_output output = {.answer = show};
    int err = syn_sweep_run(&network, &config, NULL, &output, &result, error);
    if (err && err != -EINTR)
        printf("failed=run error=%s\n", error);
    show_result(&result);
    netio_close(network.io);
    loop_free(network.loop);
    return err != 0;
}
