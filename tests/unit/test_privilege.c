/* Each case drops its privileges in a child; the child's exit status is its verdict. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/privilege.h"

/* In a child: says what is not so, and ends it. */
#define CHILD_CHECK(condition)                                                                     \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            dprintf(2, "%s:%d: %s (errno %d)\n", __FILE__, __LINE__, #condition, errno);           \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static void run_child(void (*body)(void))
{
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        body();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static bool is_root(void)
{
    return geteuid() == 0;
}

/* A line of /proc/self/status, opened before the drop: reads what is true at the time of reading.
 */
static bool status_says(int fd, const char *line)
{
    char text[8192];
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

    if (n <= 0)
        return false;
    text[n] = '\0';
    return strstr(text, line) != NULL;
}

static void child_gives_up_everything(void)
{
    struct privilege_state state;
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);

    CHILD_CHECK(fd >= 0);
    unsetenv("SUDO_UID");
    CHILD_CHECK(privilege_drop(SANDBOX_DEFAULT, &state) == 0);
    CHILD_CHECK(state.no_new_privs && state.capabilities_empty && state.seccomp);
    CHILD_CHECK(status_says(fd, "\nCapEff:\t0000000000000000\n"));
    CHILD_CHECK(status_says(fd, "\nCapPrm:\t0000000000000000\n"));
    CHILD_CHECK(status_says(fd, "\nCapInh:\t0000000000000000\n"));
    CHILD_CHECK(status_says(fd, "\nCapAmb:\t0000000000000000\n"));
    CHILD_CHECK(status_says(fd, "\nNoNewPrivs:\t1\n"));
    CHILD_CHECK(status_says(fd, "\nSeccomp:\t2\n"));
}

static void test_drop_empties_all_sets(void **unused)
{
    (void)unused;
    run_child(child_gives_up_everything);
}

static void child_root_becomes_nobody(void)
{
    struct privilege_state state;
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);

    unsetenv("SUDO_UID");
    CHILD_CHECK(privilege_drop(SANDBOX_DEFAULT, &state) == 0);
    CHILD_CHECK(state.user_switched && state.bounding_dropped);
    CHILD_CHECK(status_says(fd, "\nUid:\t65534\t65534\t65534\t65534\n"));
    CHILD_CHECK(status_says(fd, "\nGid:\t65534\t65534\t65534\t65534\n"));
    CHILD_CHECK(status_says(fd, "\nGroups:\t \n"));
    CHILD_CHECK(status_says(fd, "\nCapBnd:\t0000000000000000\n"));
    CHILD_CHECK(setuid(0) != 0);
}

static void test_drop_switches_user(void **unused)
{
    (void)unused;
    if (!is_root())
        skip();
    run_child(child_root_becomes_nobody);
}

static void expect_user(const char *uid, const char *gid, uid_t want_uid, gid_t want_gid)
{
    struct privilege_state state;
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        setenv("SUDO_UID", uid, 1);
        setenv("SUDO_GID", gid, 1);
        CHILD_CHECK(privilege_drop(SANDBOX_DEFAULT, &state) == 0);
        CHILD_CHECK(getuid() == want_uid && getgid() == want_gid);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void test_sudo_numbers_are_validated(void **unused)
{
    static const char *const bad[] = {
        "",  "0",          "00",         "-1",    "1000x",
        "x", "4294967295", "4294967296", " 1000", "99999999999999999999"};

    (void)unused;
    if (!is_root())
        skip();
    expect_user("1000", "1001", 1000, 1001);
    expect_user("4294967294", "7", 4294967294u, 7);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        expect_user(bad[i], "1000", 65534, 65534);
        expect_user("1000", bad[i], 65534, 65534);
    }
}

static void child_cannot_exec_or_write(void)
{
    char path[] = "/tmp/netdx-privilege-XXXXXX";
    char *const argv[] = {(char[]){"true"}, NULL};
    int fd = mkstemp(path);

    CHILD_CHECK(fd >= 0);
    unlink(path);
    CHILD_CHECK(privilege_drop(SANDBOX_DEFAULT, NULL) == 0);
    CHILD_CHECK(write(fd, "x", 1) == 1); /* what is open goes on working */
    CHILD_CHECK(execv("/bin/true", argv) == -1 && errno == EPERM);
    CHILD_CHECK(fexecve(fd, argv, argv) == -1 && errno == EPERM);
    CHILD_CHECK(open("/dev/null", O_WRONLY) == -1);
    CHILD_CHECK(open("/dev/null", O_RDWR) == -1);
    CHILD_CHECK(open("/tmp", O_TMPFILE | O_WRONLY, 0600) == -1);
    CHILD_CHECK(open(path, O_RDONLY | O_CREAT, 0600) == -1);
    CHILD_CHECK(creat(path, 0600) == -1);
    CHILD_CHECK(unlink("/tmp/netdx-privilege-nothing") == -1 && errno == EPERM);
    CHILD_CHECK(fork() == -1 && errno == EPERM);
    CHILD_CHECK(kill(getppid(), 0) == -1 && errno == EPERM);
    CHILD_CHECK(ioctl(0, TIOCSTI, "x") == -1 && errno == EPERM);
    CHILD_CHECK(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
                MAP_FAILED);
    CHILD_CHECK(socket(AF_PACKET, SOCK_RAW, 0) == -1);
    CHILD_CHECK(socket(AF_INET, SOCK_RAW, 1) == -1);
    CHILD_CHECK(unshare(CLONE_NEWUSER) == -1 && errno == EPERM);
}

static void test_no_exec_no_open_for_writing(void **unused)
{
    (void)unused;
    run_child(child_cannot_exec_or_write);
}

static void *thread_body(void *argument)
{
    return argument;
}

/* What the tools do at work: sockets, batches, epoll, timers, memory, threads, signals. */
static void child_can_work(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(to);
    struct iovec iov = {(char[]){"x"}, 1};
    struct mmsghdr batch = {
        .msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}
    };
    struct epoll_event event = {.events = EPOLLIN};
    struct timespec nap = {0, 1000};
    pthread_t thread;
    void *joined = NULL;
    int seen = 0;

    CHILD_CHECK(privilege_drop(SANDBOX_DEFAULT, NULL) == 0);
    int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

    CHILD_CHECK(udp >= 0 && epoll >= 0 && timer >= 0);
    CHILD_CHECK(bind(udp, (struct sockaddr *)&to, sizeof(to)) == 0);
    CHILD_CHECK(getsockname(udp, (struct sockaddr *)&to, &len) == 0);
    CHILD_CHECK(connect(udp, (struct sockaddr *)&to, sizeof(to)) == 0);
    CHILD_CHECK(sendmmsg(udp, &batch, 1, 0) == 1);
    CHILD_CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, udp, &event) == 0);
    CHILD_CHECK(epoll_wait(epoll, &event, 1, 1000) == 1);
    CHILD_CHECK(recvmmsg(udp, &batch, 1, 0, NULL) == 1);
    CHILD_CHECK(ioctl(udp, FIONREAD, &seen) == 0);
    CHILD_CHECK(nanosleep(&nap, NULL) == 0);
    void *memory = malloc(64 << 20);

    CHILD_CHECK(memory != NULL);
    memset(memory, 1, 64 << 20);
    free(memory);
    CHILD_CHECK(pthread_create(&thread, NULL, thread_body, &seen) == 0);
    CHILD_CHECK(pthread_join(thread, &joined) == 0 && joined == &seen);
    CHILD_CHECK(signal(SIGTERM, SIG_IGN) != SIG_ERR && raise(SIGTERM) == 0);
    CHILD_CHECK(kill(getpid(), SIGTERM) == 0);
    CHILD_CHECK(isatty(0) == 0 || errno == 0);
}

static void test_work_goes_on(void **unused)
{
    (void)unused;
    run_child(child_can_work);
}

/* R30: sockets opened before keep what they were opened for. */
static void child_raw_goes_on(void)
{
    char error[PCAP_ERRBUF_SIZE];
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    /* IPv4 header and UDP to port 9, checksums left to the kernel (RFC 791, RFC 768) */
    static const uint8_t packet[] = {0x45, 0, 0,   28, 0, 1, 0,    0,    64, 17, 0, 0, 127, 0,
                                     0,    1, 127, 0,  0, 1, 0x30, 0x39, 0,  9,  0, 8, 0,   0};
    struct bpf_program program;
    struct pcap_pkthdr *header;
    const uint8_t *bytes;
    int rc = 0;

    CHILD_CHECK(privilege_raise_net_raw() == 0);
    int raw = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
    pcap_t *pcap = pcap_create("lo", error);

    CHILD_CHECK(raw >= 0 && pcap);
    pcap_set_immediate_mode(pcap, 1);
    CHILD_CHECK(pcap_activate(pcap) == 0);
    CHILD_CHECK(privilege_drop(SANDBOX_DEFAULT, NULL) == 0);
    CHILD_CHECK(pcap_compile(pcap, &program, "udp and src port 12345 and dst port 9", 1,
                             PCAP_NETMASK_UNKNOWN) == 0);
    CHILD_CHECK(pcap_setfilter(pcap, &program) == 0);
    CHILD_CHECK(pcap_setnonblock(pcap, 1, error) == 0);
    CHILD_CHECK(sendto(raw, packet, sizeof(packet), 0, (struct sockaddr *)&to, sizeof(to)) ==
                (ssize_t)sizeof(packet));
    for (int i = 0; i < 200 && rc == 0; i++) {
        rc = pcap_next_ex(pcap, &header, &bytes);
        usleep(rc == 0 ? 5000 : 0);
    }
    CHILD_CHECK(rc == 1);
    pcap_freecode(&program);
    pcap_close(pcap);
}

/* Loopback may be down in a fresh namespace; the host's is up. */
static void test_raw_sockets_go_on(void **unused)
{
    (void)unused;
    if (!is_root())
        skip();
    run_child(child_raw_goes_on);
}

static void child_strict(void)
{
    struct privilege_state state;
    int rc = privilege_drop(SANDBOX_STRICT, &state);

    if (state.landlock) /* where the kernel has it, strict is satisfied */
        CHILD_CHECK(rc == 0 && state.seccomp && open("/etc/passwd", O_RDONLY) == -1);
    else
        CHILD_CHECK(rc == -ENOSYS && !state.seccomp && state.capabilities_empty);
}

static void test_strict_fails_without_landlock(void **unused)
{
    (void)unused;
    run_child(child_strict);
}

static void child_off(void)
{
    struct privilege_state state;

    CHILD_CHECK(privilege_drop(SANDBOX_OFF, &state) == 0);
    CHILD_CHECK(!state.seccomp && !state.landlock && state.capabilities_empty);
    CHILD_CHECK(prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 0);
}

static void test_off_keeps_files(void **unused)
{
    (void)unused;
    run_child(child_off);
}

/* Root of a user namespace that maps nobody else, as rootless containers are. */
static void child_user_namespace(void)
{
    struct privilege_state state;

    if (unshare(CLONE_NEWUSER)) /* forbidden here: the rest is the same as without */
        _exit(0);
    int fd = open("/proc/self/setgroups", O_WRONLY);

    CHILD_CHECK(fd < 0 || write(fd, "deny", 4) == 4);
    close(fd);
    fd = open("/proc/self/uid_map", O_WRONLY);
    CHILD_CHECK(fd >= 0 && write(fd, "0 0 1", 5) == 5);
    close(fd);
    CHILD_CHECK(getuid() == 0);
    CHILD_CHECK(privilege_raise_net_raw() == -EPERM); /* the network is not its own */
    CHILD_CHECK(privilege_drop(SANDBOX_DEFAULT, &state) == 0);
    CHILD_CHECK(!state.user_switched && state.capabilities_empty && state.seccomp);
}

static void test_user_namespace(void **unused)
{
    (void)unused;
    if (!is_root())
        skip();
    run_child(child_user_namespace);
}

/* A container with all capabilities dropped, still user 0. */
static void child_root_without_capabilities(void)
{
    struct privilege_state state;
    cap_t empty = cap_init();

    for (int c = 0; c < cap_max_bits(); c++)
        prctl(PR_CAPBSET_DROP, c, 0, 0, 0);
    CHILD_CHECK(cap_set_proc(empty) == 0);
    cap_free(empty);
    CHILD_CHECK(privilege_raise_net_raw() == -EPERM);
    CHILD_CHECK(privilege_drop(SANDBOX_DEFAULT, &state) == 0);
    CHILD_CHECK(!state.user_switched && state.capabilities_empty && state.seccomp);
}

static void test_root_without_capabilities(void **unused)
{
    (void)unused;
    if (!is_root())
        skip();
    run_child(child_root_without_capabilities);
}

/* `setcap cap_net_raw+p`: permitted, not effective. */
static void child_permitted_only(void)
{
    cap_value_t raw = CAP_NET_RAW;
    cap_t caps = cap_init();

    CHILD_CHECK(cap_set_flag(caps, CAP_PERMITTED, 1, &raw, CAP_SET) == 0);
    CHILD_CHECK(cap_set_proc(caps) == 0);
    cap_free(caps);
    CHILD_CHECK(socket(AF_INET, SOCK_RAW, IPPROTO_RAW) == -1);
    CHILD_CHECK(privilege_raise_net_raw() == 0);
    CHILD_CHECK(socket(AF_INET, SOCK_RAW, IPPROTO_RAW) >= 0);
}

static void test_raises_from_permitted(void **unused)
{
    (void)unused;
    if (!is_root())
        skip();
    run_child(child_permitted_only);
}

static void child_fills_descriptors(void)
{
    int before = dup(2);

    CHILD_CHECK(before > 2);
    close(0);
    close(2);
    CHILD_CHECK(privilege_fill_descriptors() == 0);
    CHILD_CHECK(socket(AF_INET, SOCK_DGRAM, 0) > 2);
    CHILD_CHECK(write(2, "x", 1) == -1);
    CHILD_CHECK(read(0, &(char){0}, 1) == -1);
    dup2(before, 2);
}

static void test_closed_descriptors(void **unused)
{
    (void)unused;
    run_child(child_fills_descriptors);
}

/* Without a sanitizer the whole drop must be cheap: it is part of every start. */
static void child_cost(void)
{
    struct rusage before, after;

    getrusage(RUSAGE_SELF, &before);
    CHILD_CHECK(privilege_drop(SANDBOX_DEFAULT, NULL) == 0);
    getrusage(RUSAGE_SELF, &after);
    long us = (after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1000000 + after.ru_utime.tv_usec -
              before.ru_utime.tv_usec + (after.ru_stime.tv_sec - before.ru_stime.tv_sec) * 1000000 +
              after.ru_stime.tv_usec - before.ru_stime.tv_usec;

    dprintf(2, "# privilege_drop: %ld us of processor time\n", us);
    CHILD_CHECK(us < 100000);
}

static void test_cost(void **unused)
{
    (void)unused;
    run_child(child_cost);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_drop_empties_all_sets),
        cmocka_unit_test(test_drop_switches_user),
        cmocka_unit_test(test_sudo_numbers_are_validated),
        cmocka_unit_test(test_no_exec_no_open_for_writing),
        cmocka_unit_test(test_work_goes_on),
        cmocka_unit_test(test_raw_sockets_go_on),
        cmocka_unit_test(test_strict_fails_without_landlock),
        cmocka_unit_test(test_off_keeps_files),
        cmocka_unit_test(test_user_namespace),
        cmocka_unit_test(test_root_without_capabilities),
        cmocka_unit_test(test_raises_from_permitted),
        cmocka_unit_test(test_closed_descriptors),
        cmocka_unit_test(test_cost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
