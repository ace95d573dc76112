/* Against tests/helpers/dns_server.py on loopback, and ports where nobody answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/timespan.h"
#include "io/asn.h"
#include "io/dns.h"
#include "io/privilege.h"

#define PYTHON "/usr/bin/python3"
#define SERVER "tests/helpers/dns_server.py"

struct server {
    pid_t pid;
    int input; /* closing it ends the server */
    int port;
};

static struct server server, failing; /* the second answers REFUSED to all */
static struct loop *loop;

static int server_start(struct server *s, const char *argument)
{
    int in[2], out[2];
    char text[16] = "";

    if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
        return -1;
    s->pid = fork();
    if (s->pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        execl(PYTHON, PYTHON, SERVER, argument, (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    s->input = in[1];
    ssize_t n = read(out[0], text, sizeof(text) - 1);

    close(out[0]);
    s->port = (int)strtol(text, NULL, 10);
    return n > 0 && s->port > 0 ? 0 : -1;
}

static void server_stop(struct server *s)
{
    close(s->input);
    waitpid(s->pid, NULL, 0);
}

static int setup(void **unused)
{
    (void)unused;
    if (server_start(&server, NULL) || server_start(&failing, "5"))
        return -1;
    return loop_new(&loop);
}

static int teardown(void **unused)
{
    (void)unused;
    loop_free(loop);
    server_stop(&server);
    server_stop(&failing);
    return 0;
}

struct answer {
    int calls;
    enum dns_status status;
    size_t count;
    struct address addresses[2]; /* the first ones */
    char text[1100];
};

static void on_addresses(void *context, enum dns_status status, const struct address *addresses,
                         size_t count)
{
    struct answer *a = context;

    a->calls++;
    a->status = status;
    a->count = count;
    for (size_t i = 0; i < count && i < 2; i++)
        a->addresses[i] = addresses[i];
}

static void on_text(void *context, enum dns_status status, const char *text)
{
    struct answer *a = context;

    a->calls++;
    a->status = status;
    snprintf(a->text, sizeof(a->text), "%s", text ? text : "");
}

static struct dns *open_dns(const char *servers, int64_t timeout_ns)
{
    struct dns_options options = {.servers = servers, .timeout_ns = timeout_ns, .tries = 2};
    struct dns *dns = NULL;

    assert_int_equal(dns_new(loop, &options, &dns), 0);
    return dns;
}

static struct dns *open_server(int64_t timeout_ns)
{
    char servers[64];

    snprintf(servers, sizeof(servers), "127.0.0.1:%d", server.port);
    return open_dns(servers, timeout_ns);
}

static void run(struct dns *dns)
{
    int64_t end_ns = loop_now(loop) + 5 * NS_PER_SEC;

    while (dns_pending(dns) && loop_now(loop) < end_ns)
        loop_wait(loop, end_ns);
    assert_int_equal(dns_pending(dns), 0);
}

static struct answer resolve(struct dns *dns, const char *name, int family)
{
    struct answer a = {0};

    assert_int_equal(dns_resolve(dns, name, family, on_addresses, &a), 0);
    run(dns);
    assert_int_equal(a.calls, 1);
    return a;
}

static struct answer txt(struct dns *dns, const char *name)
{
    struct answer a = {0};

    assert_int_equal(dns_txt(dns, name, on_text, &a), 0);
    run(dns);
    assert_int_equal(a.calls, 1);
    return a;
}

static struct answer reverse(struct dns *dns, const char *text)
{
    struct address address;
    struct answer a = {0};

    assert_int_equal(address_parse(text, &address), 0);
    assert_int_equal(dns_reverse(dns, &address, on_text, &a), 0);
    run(dns);
    assert_int_equal(a.calls, 1);
    return a;
}

static void assert_address(const struct address *a, const char *text)
{
    char out[ADDRESS_TEXT_SIZE];

    address_format(a, out);
    assert_string_equal(out, text);
}

static void test_addresses(void **unused)
{
    struct dns *dns = open_server(2 * NS_PER_SEC);
    struct answer a = resolve(dns, "plain.test", 0);

    (void)unused;
    assert_int_equal(a.status, DNS_OK);
    assert_int_equal(a.count, 2);
    a = resolve(dns, "plain.test", 4);
    assert_int_equal(a.count, 1);
    assert_address(&a.addresses[0], "192.0.2.1");
    a = resolve(dns, "PLAIN.test.", 6);
    assert_int_equal(a.count, 1);
    assert_address(&a.addresses[0], "2001:db8::1");
    a = resolve(dns, "v4only.test", 0);
    assert_int_equal(a.count, 1);
    a = resolve(dns, "chain.test", 4); /* and not the address of a stranger in the same message */
    assert_int_equal(a.count, 1);
    assert_address(&a.addresses[0], "192.0.2.9");
    dns_free(dns);
}

/* R21: each failure has a reason of its own. */
static void test_distinct_reasons(void **unused)
{
    static const struct {
        const char *name;
        enum dns_status status;
    } rows[] = {
        {"nxdomain.test", DNS_NXDOMAIN},    {"nodata.test", DNS_NODATA},
        {"servfail.test", DNS_SERVFAIL},    {"refused.test", DNS_REFUSED},
        {"silent.test", DNS_TIMEOUT},       {"cnameloop.test", DNS_BAD_ANSWER},
        {"badlength.test", DNS_BAD_ANSWER}, {"formerr.test", DNS_BAD_ANSWER},
    };
    struct dns *dns = open_server(NS_PER_SEC / 4);

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct answer a = resolve(dns, rows[i].name, 0);

        if (a.status != rows[i].status)
            print_error("%s: %s\n", rows[i].name, dns_status_code(a.status));
        assert_int_equal(a.status, rows[i].status);
        assert_int_equal(a.count, 0);
    }
    dns_free(dns);
}

static void test_truncated_goes_to_tcp(void **unused)
{
    struct dns *dns = open_server(2 * NS_PER_SEC);
    struct answer a = resolve(dns, "truncated.test", 4);

    (void)unused;
    assert_int_equal(a.status, DNS_OK);
    assert_address(&a.addresses[0], "192.0.2.1");
    a = resolve(dns, "many.test", 0);
    assert_int_equal(a.status, DNS_OK);
    assert_int_equal(a.count, 1000);
    assert_address(&a.addresses[1], "198.18.0.1");
    dns_free(dns);
}

/* A port where nobody listens answers with ICMP at once. */
static void test_unreachable(void **unused)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(in);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    char servers[64];

    (void)unused;
    assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
    close(fd);
    snprintf(servers, sizeof(servers), "127.0.0.1:%d", ntohs(in.sin_port));
    struct dns *dns = open_dns(servers, 2 * NS_PER_SEC);
    int64_t start_ns = loop_now(loop);

    assert_int_equal(resolve(dns, "plain.test", 4).status, DNS_UNREACHABLE);
    assert_true(loop_now(loop) - start_ns < NS_PER_SEC / 2);
    dns_free(dns);
}

/* R20: a silent resolver costs the deadline and no more, however many names are asked for. */
static void test_deadline(void **unused)
{
    struct dns *dns = open_server(NS_PER_SEC / 5);
    struct answer a[200] = {{0}};
    int64_t start_ns = loop_now(loop);

    (void)unused;
    for (size_t i = 0; i < 200; i++)
        assert_int_equal(dns_resolve(dns, "silent.test", 0, on_addresses, &a[i]), 0);
    assert_int_equal(dns_pending(dns), 200);
    run(dns);
    int64_t took_ns = loop_now(loop) - start_ns;

    assert_in_range(took_ns / NS_PER_MS, 195, 300);
    for (size_t i = 0; i < 200; i++) {
        assert_int_equal(a[i].calls, 1);
        assert_int_equal(a[i].status, DNS_TIMEOUT);
    }
    dns_free(dns);
}

/* One family's silence does not take the other's answer with it. */
static void test_half_an_answer(void **unused)
{
    struct dns *dns = open_server(NS_PER_SEC / 5);
    struct answer a = resolve(dns, "v6slow.test", 0);

    (void)unused;
    assert_int_equal(a.status, DNS_OK);
    assert_int_equal(a.count, 1);
    dns_free(dns);
}

static void test_free_cancels_at_once(void **unused)
{
    struct dns *dns = open_server(5 * NS_PER_SEC);
    struct answer a[100] = {{0}};
    int64_t start_ns = loop_now(loop);

    (void)unused;
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(dns_txt(dns, "silent.test", on_text, &a[i]), 0);
    dns_free(dns);
    assert_true(loop_now(loop) - start_ns < NS_PER_SEC / 10);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(a[i].calls, 1);
        assert_int_equal(a[i].status, DNS_CANCELLED);
    }
}

static void test_many_at_once(void **unused)
{
    struct dns *dns = open_server(5 * NS_PER_SEC);
    static struct answer a[1000];

    (void)unused;
    memset(a, 0, sizeof(a));
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(dns_resolve(dns, "v4only.test", 4, on_addresses, &a[i]), 0);
    run(dns);
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(a[i].calls, 1);
        assert_int_equal(a[i].status, DNS_OK);
    }
    dns_free(dns);
}

/* A server that refuses is passed over; alone, its refusal is the answer. */
static void test_next_server(void **unused)
{
    char servers[64];

    (void)unused;
    snprintf(servers, sizeof(servers), "127.0.0.1:%d,127.0.0.1:%d", failing.port, server.port);
    struct dns *dns = open_dns(servers, 2 * NS_PER_SEC);
    struct answer a = resolve(dns, "plain.test", 4);

    assert_int_equal(a.status, DNS_OK);
    assert_int_equal(resolve(dns, "nxdomain.test", 4).status, DNS_NXDOMAIN);
    dns_free(dns);
    snprintf(servers, sizeof(servers), "127.0.0.1:%d", failing.port);
    dns = open_dns(servers, 2 * NS_PER_SEC);
    assert_int_equal(resolve(dns, "plain.test", 4).status, DNS_REFUSED);
    dns_free(dns);
}

/* R2: bytes as sent, but never a cut name or a dot that is none. */
static void test_reverse(void **unused)
{
    struct dns *dns = open_server(2 * NS_PER_SEC);
    struct answer a = reverse(dns, "192.0.2.1");

    (void)unused;
    assert_int_equal(a.status, DNS_OK);
    assert_string_equal(a.text, "host.example");
    a = reverse(dns, "192.0.2.66");
    assert_int_equal(a.status, DNS_OK);
    assert_string_equal(a.text, "\x1b[31mred.a\\.b.nul\\000.\xff");
    assert_int_equal(reverse(dns, "192.0.2.2").status, DNS_NXDOMAIN);
    assert_int_equal(reverse(dns, "127.0.0.1").status, DNS_OK); /* the hosts file's */
    dns_free(dns);
}

static void test_txt(void **unused)
{
    struct dns *dns = open_server(2 * NS_PER_SEC);
    struct answer a = txt(dns, "txt2.test");

    (void)unused;
    assert_int_equal(a.status, DNS_OK);
    assert_string_equal(a.text, "one two\\000");
    assert_int_equal(txt(dns, "nodata.test").status, DNS_NODATA);
    assert_int_equal(txt(dns, "nxdomain.test").status, DNS_NXDOMAIN);
    dns_free(dns);
}

/* R32: what is no name is never asked for; a literal is never looked up. */
static void test_names_and_literals(void **unused)
{
    static const char *const bad[] = {"",
                                      ".",
                                      "a..b",
                                      "-oX",
                                      "$(reboot)",
                                      "a b",
                                      "a\nb",
                                      "%eth0",
                                      "0x7f.1",
                                      "10.1",
                                      "1.2.3.4.5",
                                      ("b\xc3\xbc"
                                       "cher.example"),
                                      "1.2.3.04",
                                      "::1::"};
    struct dns *dns = open_server(2 * NS_PER_SEC);
    static char big[65537];
    struct answer a;

    (void)unused;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(resolve(dns, bad[i], 0).status, DNS_BAD_NAME);
    memset(big, 'a', sizeof(big) - 1);
    assert_int_equal(resolve(dns, big, 0).status, DNS_BAD_NAME);
    a = resolve(dns, "192.0.2.77", 0);
    assert_int_equal(a.status, DNS_OK);
    assert_address(&a.addresses[0], "192.0.2.77");
    assert_int_equal(resolve(dns, "192.0.2.77", 6).status, DNS_NODATA);
    a = resolve(dns, "fe80::1%lo", 0);
    assert_int_equal(a.status, DNS_OK);
    assert_int_equal(a.addresses[0].scope, 1);
    a = resolve(dns, "localhost", 4);
    assert_address(&a.addresses[0], "127.0.0.1");
    a = resolve(dns, "foo.localhost", 4);
    assert_address(&a.addresses[0], "127.0.0.1");
    dns_free(dns);
}

/* The longest name there is goes out, one more character does not. */
static void test_longest_name(void **unused)
{
    struct dns *dns = open_server(2 * NS_PER_SEC);
    char name[256];

    (void)unused;
    for (int i = 0; i < 254; i++)
        name[i] = i % 64 == 63 ? '.' : 'a';
    name[253] = '\0';
    assert_int_equal(resolve(dns, name, 4).status, DNS_NXDOMAIN);
    name[253] = 'a';
    name[254] = '\0';
    assert_int_equal(resolve(dns, name, 4).status, DNS_BAD_NAME);
    dns_free(dns);
}

static void test_bad_servers(void **unused)
{
    struct dns_options options = {.servers = "not-an-address"};
    struct dns *dns;

    (void)unused;
    assert_int_equal(dns_new(loop, &options, &dns), -EINVAL);
}

/* What was opened before the sandbox is enough afterwards. */
static void test_behind_the_sandbox(void **unused)
{
    struct dns *dns = open_server(2 * NS_PER_SEC);
    int status;
    pid_t pid = fork();

    (void)unused;
    if (pid == 0) {
        struct loop *own;
        struct dns_options options = {.timeout_ns = 2 * NS_PER_SEC};
        char servers[64];
        struct answer a = {0};

        snprintf(servers, sizeof(servers), "127.0.0.1:%d", server.port);
        options.servers = servers;
        if (loop_new(&own) || dns_new(own, &options, &dns) || privilege_drop(SANDBOX_DEFAULT, NULL))
            _exit(1);
        dns_resolve(dns, "many.test", 4, on_addresses, &a); /* UDP, then TCP */
        while (dns_pending(dns))
            loop_wait(own, loop_now(own) + NS_PER_SEC);
        if (a.status != DNS_OK || a.count != 1000)
            _exit(2);
        dns_resolve(dns, "localhost", 4, on_addresses, &a);
        _exit(a.status == DNS_OK && a.calls == 2 ? 0 : 3);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    dns_free(dns);
}

static struct answer lookup_asn(struct asn *asn, struct dns *dns, const char *text)
{
    struct address address;
    struct answer a = {0};

    assert_int_equal(address_parse(text, &address), 0);
    assert_int_equal(asn_lookup(asn, &address, on_text, &a), 0);
    run(dns);
    assert_int_equal(a.calls, 1);
    return a;
}

/* The server fails from its third question for IPv4 on, so the neighbours must come from memory. */
static void test_asn_by_dns(void **unused)
{
    struct dns *dns = open_server(2 * NS_PER_SEC);
    struct asn *asn;
    char text[ADDRESS_TEXT_SIZE];

    (void)unused;
    assert_int_equal(asn_new(dns, NULL, "origin.test", &asn), 0);
    for (int i = 1; i < 20; i++) {
        snprintf(text, sizeof(text), "192.0.2.%d", i);
        assert_string_equal(lookup_asn(asn, dns, text).text, "AS64500");
    }
    assert_string_equal(lookup_asn(asn, dns, "2001:db8::1").text, "AS64506");
    assert_int_equal(lookup_asn(asn, dns, "9.9.9.9").status, DNS_NXDOMAIN);
    assert_int_equal(lookup_asn(asn, dns, "198.51.100.66").status, DNS_NODATA); /* hostile text */
    assert_int_equal(lookup_asn(asn, dns, "127.0.0.1").status, DNS_NODATA);
    asn_free(asn);
    dns_free(dns);
}

static void test_asn_free_cancels(void **unused)
{
    struct dns *dns = open_server(5 * NS_PER_SEC);
    struct address address = {.family = 4, .bytes = {192, 0, 2, 1}};
    struct answer a = {0};
    struct asn *asn;

    (void)unused;
    assert_int_equal(asn_new(dns, NULL, "silent.test", &asn), 0);
    assert_int_equal(asn_lookup(asn, &address, on_text, &a), 0);
    asn_free(asn);
    assert_int_equal(a.calls, 1);
    assert_int_equal(a.status, DNS_CANCELLED);
    dns_free(dns);
    assert_int_equal(a.calls, 1);
}

static void test_words(void **unused)
{
    (void)unused;
    assert_string_equal(dns_status_code(DNS_NXDOMAIN), "dns.nxdomain");
    assert_string_equal(dns_status_text(DNS_NXDOMAIN), "no such name (NXDOMAIN)");
    for (int i = DNS_OK; i <= DNS_NO_MEMORY; i++) {
        assert_string_not_equal(dns_status_text((enum dns_status)i), "unknown");
        assert_string_not_equal(dns_status_code((enum dns_status)i), "dns.unknown");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_distinct_reasons),
        cmocka_unit_test(test_truncated_goes_to_tcp),
        cmocka_unit_test(test_unreachable),
        cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_half_an_answer),
        cmocka_unit_test(test_free_cancels_at_once),
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_next_server),
        cmocka_unit_test(test_reverse),
        cmocka_unit_test(test_txt),
        cmocka_unit_test(test_names_and_literals),
        cmocka_unit_test(test_longest_name),
        cmocka_unit_test(test_bad_servers),
        cmocka_unit_test(test_behind_the_sandbox),
        cmocka_unit_test(test_asn_by_dns),
        cmocka_unit_test(test_asn_free_cancels),
        cmocka_unit_test(test_words),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
