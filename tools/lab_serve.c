/* What clients of the lab's services get, good or bad. One process per connection. */
#include "tools/lab.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/timespan.h"

#define LAB_REQUEST_MAX 8192
#define LAB_CHUNK       65536
/* A client that stays silent that long is gone. */
#define LAB_SILENCE_SECONDS 60
/* How often it is looked whether a client has everything. */
#define LAB_LOOK_NS (2 * NS_PER_MS)

void lab_serve_sleep(int64_t delay_ns)
{
    struct timespec left = {.tv_sec = delay_ns / NS_PER_SEC, .tv_nsec = delay_ns % NS_PER_SEC};

    while (nanosleep(&left, &left) && errno == EINTR)
        ;
}

bool lab_serve_send(int fd, const char *bytes, size_t len)
{
    while (len) {
        ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);

        if (sent <= 0)
            return false;
        bytes += sent;
        len -= (size_t)sent;
    }
    return true;
}

/* --- endings ------------------------------------------------------------------------------------
 */

/* socket(7): a connection that must not linger ends with a RST. */
void lab_serve_reset(int fd)
{
    const struct linger at_once = {.l_onoff = 1};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close(fd);
}

/* Until the client has acknowledged all, or is gone: what is not there yet a RST would take back.
 */
void lab_serve_settle(int fd)
{
    int left = 0;

    for (int64_t waited_ns = 0; waited_ns < LAB_SILENCE_SECONDS * NS_PER_SEC;
         waited_ns += LAB_LOOK_NS) {
        if (ioctl(fd, SIOCOUTQ, &left) || !left)
            return;
        lab_serve_sleep(LAB_LOOK_NS);
    }
}

/* Closing with unread bytes would make the kernel send a RST that may overtake the answer. */
void lab_serve_drain(int fd)
{
    char rest[4096];

    shutdown(fd, SHUT_WR);
    while (recv(fd, rest, sizeof(rest), 0) > 0)
        ;
}

/* Open, and silent, until the client goes. */
void lab_serve_hold(int fd)
{
    struct pollfd end = {.fd = fd, .events = POLLRDHUP};

    while (poll(&end, 1, -1) < 0 && errno == EINTR)
        ;
}

/* --- HTTP ----------------------------------------------------------------------------------------
 */

static const char *lab_serve_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {/* RFC 9110 (15) */
                   {200, "OK"},
                   {204, "No Content"},
                   {301, "Moved Permanently"},
                   {302, "Found"},
                   {400, "Bad Request"},
                   {401, "Unauthorized"},
                   {403, "Forbidden"},
                   {404, "Not Found"},
                   {429, "Too Many Requests"},
                   {502, "Bad Gateway"},
                   {503, "Service Unavailable"},
                   {504, "Gateway Timeout"},
                   {500, "Internal Server Error"}};

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Unnamed";
}

/* Reads up to the empty line. 0 at the end or when the client goes or says too much. */
static size_t lab_serve_request(int fd, char request[LAB_REQUEST_MAX])
{
    size_t len = 0;

    while (len < LAB_REQUEST_MAX) {
        ssize_t got = recv(fd, request + len, LAB_REQUEST_MAX - len, 0);

        if (got <= 0)
            return 0;
        len += (size_t)got;
        if (memmem(request, len, "\r\n\r\n", 4))
            return len;
    }
    return 0;
}

/* Waits for a request and leaves it where it is. */
static size_t lab_serve_peek(int fd, char request[LAB_REQUEST_MAX])
{
    ssize_t got = recv(fd, request, LAB_REQUEST_MAX, MSG_PEEK);

    return got > 0 ? (size_t)got : 0;
}

struct lab_body { /* text, or that many bytes made up */
    const char *text;
    uint64_t len;
};

static struct lab_body lab_serve_body(const struct scenario_service *service)
{
    const char *text = service->body ? service->body : "A page of the lab.\n";

    if (service->size_bytes)
        return (struct lab_body){.len = service->size_bytes};
    return (struct lab_body){text, strlen(text)};
}

static bool lab_serve_bytes(int fd, const struct lab_body *body, uint64_t len)
{
    static char made[LAB_CHUNK];

    if (body->text)
        return lab_serve_send(fd, body->text, len);
    memset(made, 'x', sizeof(made));
    while (len) {
        size_t chunk = len < sizeof(made) ? (size_t)len : sizeof(made);

        if (!lab_serve_send(fd, made, chunk))
            return false;
        len -= chunk;
    }
    return true;
}

static bool lab_serve_drip(int fd, const struct lab_body *body, uint64_t len, int64_t pause_ns)
{
    int on = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    for (uint64_t i = 0; i < len; i++) {
        if (i)
            lab_serve_sleep(pause_ns);
        if (!lab_serve_send(fd, body->text ? body->text + i : "x", 1))
            return false;
    }
    return true;
}

static bool lab_serve_head(int fd, const struct scenario_service *service, uint64_t len)
{
    const char *server = service->server ? service->server : "netdx-lab";
    int status = service->status ? service->status : 200;
    char head[1024];
    int head_len = snprintf(head, sizeof(head),
                            "HTTP/1.1 %d %s\r\nServer: %s\r\nContent-Type: text/plain\r\n"
                            "Content-Length: %llu\r\nConnection: close\r\n\r\n",
                            status, lab_serve_reason(status), server, (unsigned long long)len);

    return head_len > 0 && (size_t)head_len < sizeof(head) &&
           lab_serve_send(fd, head, (size_t)head_len);
}

/* As much of the body as is to be sent. */
static uint64_t lab_serve_share(const struct scenario_service *service, uint64_t len)
{
    if (service->reset == SERVICE_RESET_MID_RESPONSE)
        return len / 2;
    return service->stalls && service->stall_bytes < len ? service->stall_bytes : len;
}

static bool lab_serve_response(int fd, const struct scenario_service *service, bool head_only)
{
    struct lab_body body = lab_serve_body(service);
    uint64_t len = head_only ? 0 : lab_serve_share(service, body.len);

    if (!lab_serve_head(fd, service, body.len))
        return false;
    return service->drip_ns ? lab_serve_drip(fd, &body, len, service->drip_ns)
                            : lab_serve_bytes(fd, &body, len);
}

static void lab_serve_http(int fd, const struct scenario_service *service)
{
    char request[LAB_REQUEST_MAX];
    size_t len = service->reset == SERVICE_RESET_UNREAD ? lab_serve_peek(fd, request)
                                                        : lab_serve_request(fd, request);

    if (!len)
        return;
    if (service->reset == SERVICE_RESET_AFTER_REQUEST) {
        lab_serve_reset(fd);
        return;
    }
    lab_serve_sleep(service->delay_ns);
    if (!lab_serve_response(fd, service, len >= 5 && !memcmp(request, "HEAD ", 5)))
        return;
    if (service->reset)
        lab_serve_settle(fd);
    if (service->reset == SERVICE_RESET_MID_RESPONSE)
        lab_serve_reset(fd);
    else if (service->reset == SERVICE_RESET_UNREAD || service->reset == SERVICE_RESET_AFTER_CLOSE)
        close(
            fd); /* tcp(7): with data left unread, that is a RST; what comes later is answered so */
    else if (service->stalls)
        lab_serve_hold(fd);
    else
        lab_serve_drain(fd);
}

/* --- other services ------------------------------------------------------------------------------
 */

static void lab_serve_echo(int fd, const struct scenario_service *service)
{
    char bytes[LAB_REQUEST_MAX];
    ssize_t len;

    while ((len = recv(fd, bytes, sizeof(bytes), 0)) > 0) {
        if (service->reset == SERVICE_RESET_AFTER_REQUEST) {
            lab_serve_reset(fd);
            return;
        }
        lab_serve_sleep(service->delay_ns);
        lab_serve_send(fd, bytes, (size_t)len);
    }
}

static void lab_serve_sink(int fd, const struct scenario_service *service)
{
    static char bytes[LAB_CHUNK];
    uint64_t before_pause = service->pause_ns ? service->pause_bytes : UINT64_MAX;
    ssize_t len = 1;

    while (len > 0) {
        size_t most = before_pause < sizeof(bytes) ? (size_t)before_pause : sizeof(bytes);

        if (!before_pause) {
            lab_serve_sleep(service->pause_ns);
            before_pause = UINT64_MAX;
            continue;
        }
        len = recv(fd, bytes, most, 0);
        if (len > 0 && service->reset == SERVICE_RESET_AFTER_REQUEST) {
            lab_serve_reset(fd);
            return;
        }
        if (len > 0 && before_pause != UINT64_MAX)
            before_pause -= (uint64_t)len;
    }
}

/* RFC 1035 4.1.1: the query, marked as an answer. */
static size_t lab_serve_dns(const struct scenario_service *service, uint8_t *query, size_t len)
{
    enum { HEADER_LEN = 12, FLAGS = 2, QR = 0x80, RA = 0x80 };

    if (len < HEADER_LEN || service->rcode == SCENARIO_DNS_SILENT)
        return 0;
    query[FLAGS] |= QR;
    query[FLAGS + 1] = RA | (uint8_t)service->rcode;
    return len;
}

/* RFC 8999 6: a Version Negotiation packet has both IDs the other way round. Versions 1 and 2. */
static size_t lab_serve_quic(uint8_t *packet, size_t len)
{
    static const uint8_t versions[] = {0, 0, 0, 1, 0x6b, 0x33, 0x43, 0xcf};
    enum { LONG_HEADER = 0x80, IDS = 5 };
    size_t to = len > IDS ? packet[IDS] : 0, from = len > IDS + 1 + to ? packet[IDS + 1 + to] : 0;
    size_t ids = 2 + to + from;
    uint8_t swapped[512];

    if (len < IDS + ids + sizeof(versions) || !(packet[0] & LONG_HEADER) || ids > sizeof(swapped))
        return 0;
    memcpy(swapped, packet + IDS + 1 + to, 1 + from);
    memcpy(swapped + 1 + from, packet + IDS, 1 + to);
    memcpy(packet + IDS, swapped, ids);
    memset(packet + 1, 0, 4);
    memcpy(packet + IDS + ids, versions, sizeof(versions));
    return IDS + ids + sizeof(versions);
}

size_t lab_serve_datagram(const struct scenario_service *service, uint8_t *bytes, size_t len)
{
    if (service->kind == SERVICE_DNS)
        return lab_serve_dns(service, bytes, len);
    return service->kind == SERVICE_QUIC ? lab_serve_quic(bytes, len) : len;
}

void lab_serve(int fd, const struct lab_listener *listener)
{
    const struct scenario_service *service = listener->service;
    const struct timeval silence = {.tv_sec = LAB_SILENCE_SECONDS};

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof(silence));
    if (service->reset == SERVICE_RESET_ON_ACCEPT)
        lab_serve_reset(fd);
    else if (service->kind == SERVICE_SCRIPT)
        lab_script(fd, listener);
    else if (service->kind == SERVICE_HTTP)
        lab_serve_http(fd, service);
    else if (service->kind == SERVICE_TCP_SINK)
        lab_serve_sink(fd, service);
    else
        lab_serve_echo(fd, service);
}
