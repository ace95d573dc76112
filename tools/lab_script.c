/* Services that follow a script, in TLS or not. */
#include "tools/lab.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LAB_SCRIPT_REQUEST 65536

struct lab_stream {
    int fd;   /* owned */
    SSL *ssl; /* owned; NULL: plain */
};

static bool lab_stream_send(const struct lab_stream *stream, const uint8_t *bytes, size_t len)
{
    if (!stream->ssl)
        return lab_serve_send(stream->fd, (const char *)bytes, len);
    return !len || SSL_write(stream->ssl, bytes, (int)len) > 0;
}

static size_t lab_stream_receive(const struct lab_stream *stream, char *bytes, size_t size)
{
    ssize_t len =
        stream->ssl ? SSL_read(stream->ssl, bytes, (int)size) : recv(stream->fd, bytes, size, 0);

    return len > 0 ? (size_t)len : 0;
}

/* False: the client goes, or says too much. */
static bool lab_script_wait(const struct lab_stream *stream, enum scenario_wait wait)
{
    static char request[LAB_SCRIPT_REQUEST];
    size_t len = 0, got;

    if (wait == WAIT_NOT)
        return true;
    do {
        got = lab_stream_receive(stream, request + len, sizeof(request) - len);
        len += got;
    } while (got && wait == WAIT_REQUEST && !memmem(request, len, "\r\n\r\n", 4));
    return got > 0;
}

static bool lab_script_drip(const struct lab_stream *stream, const struct scenario_step *step)
{
    for (size_t i = 0; i < step->len; i++) {
        if (!lab_stream_send(stream, step->bytes + i, 1))
            return false;
        lab_serve_sleep(step->drip_ns);
    }
    return true;
}

static bool lab_script_send(const struct lab_stream *stream, const struct scenario_step *step)
{
    bool sent = true;

    for (uint64_t i = 0; i < step->times && step->bytes && sent; i++)
        sent = step->drip_ns ? lab_script_drip(stream, step)
                             : lab_stream_send(stream, step->bytes, step->len);
    return sent;
}

static enum scenario_end lab_script_play(const struct lab_stream *stream,
                                         const struct scenario_service *service)
{
    for (size_t i = 0; i < service->nsteps; i++) {
        const struct scenario_step *step = &service->steps[i];

        if (!lab_script_wait(stream, step->wait))
            return END_CLOSE;
        lab_serve_sleep(step->pause_ns);
        if (!lab_script_send(stream, step))
            return END_CLOSE;
        if (step->end)
            return step->end;
    }
    return END_CLOSE;
}

static void lab_script_end(const struct lab_stream *stream, enum scenario_end end)
{
    if (end == END_HOLD)
        lab_serve_hold(stream->fd);
    if (end == END_CLOSE && stream->ssl)
        SSL_shutdown(stream->ssl);
    if (end == END_RESET) {
        lab_serve_settle(stream->fd);
        lab_serve_reset(stream->fd);
    } else {
        lab_serve_drain(stream->fd);
        close(stream->fd);
    }
}

void lab_script(int fd, const struct lab_listener *listener)
{
    struct lab_stream stream = {.fd = fd};
    int on = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* each step is seen as it is */
    if (listener->tls && !(stream.ssl = lab_tls_accept(listener->tls, fd)))
        lab_serve_drain(fd); /* the alert has been sent */
    else
        lab_script_end(&stream, lab_script_play(&stream, listener->service));
    SSL_free(stream.ssl);
}
