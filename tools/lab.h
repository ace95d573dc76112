/*
 * The parts of `netdx lab`: lab.c (the command), lab_load.c (scenarios), lab_place.c (namespaces
 * and interfaces), lab_children.c (processes), lab_run.c (the network in real time), lab_log.c and
 * lab_capture.c (what is written down of it), lab_kernel.c (its settings), lab_services.c (who
 * listens), lab_serve.c and lab_script.c (what clients get), lab_tls.c and lab_certificate.c.
 */
#ifndef NETDX_TOOLS_LAB_H
#define NETDX_TOOLS_LAB_H

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include "base/quantile.h"
#include "engine/netsim.h"
#include "io/pcapng.h"

/* What the client and the server see of the network, as pcapng: their sides of it, by TUN. */

struct lab_capture {
    struct pcapng *files[2]; /* by enum netsim_side; owned; NULL: none */
    uint64_t frames[2];
    int64_t to_unix_ns; /* CLOCK_REALTIME - CLOCK_MONOTONIC when the lab began */
};

int lab_capture_open(struct lab_capture *capture, enum netsim_side side, const char *path);
/* `direction` is the host's: what it sends is outgoing. */
void lab_capture_frame(struct lab_capture *capture, enum netsim_side side,
                       enum packet_direction direction, const uint8_t *bytes, size_t len,
                       int64_t now_ns);
/* 0, or the -errno of a write. */
int lab_capture_close(struct lab_capture *capture);

/* The ground-truth log: one JSON line per event. */

struct lab_log {
    FILE *file;                        /* owned; NULL: no log */
    const struct lab_capture *capture; /* borrowed: its next frame is that of the event */
    int error;                         /* -errno of the first write that failed */
};

int lab_log_open(struct lab_log *log, const char *path); /* 0 or -errno */
/* `context` is a struct lab_log. */
void lab_log_event(void *context, const struct netsim_event *event);
void lab_log_flush(struct lab_log *log);
/* 0, or the -errno of a write: a log that is not whole must be said. */
int lab_log_close(struct lab_log *log);

/* The services behind the network. */

#define LAB_LISTENERS_MAX 64

struct lab_tls;       /* opaque: lab_tls.c */
struct lab_authority; /* opaque: lab_certificate.c */

struct lab_listener {
    int fd;     /* owned; of the network namespace it was opened in */
    int filler; /* owned; a socket there that fills the accept queue; -1: none */
    const struct scenario_service *service;
    struct lab_tls *tls; /* owned; NULL: none */
};

struct lab_services {
    size_t count;
    struct lab_listener listeners[LAB_LISTENERS_MAX];
    struct lab_authority *authority; /* owned; NULL: nobody speaks TLS */
};

/* Listens for IPv4 and IPv6. 0, or -errno with the service that could not be opened in *failed. */
int lab_services_open(struct lab_services *services, const struct scenario_host *host,
                      const struct scenario_service **failed);
void lab_services_close(struct lab_services *services);
/* Answers until it is killed. */
_Noreturn void lab_services_run(const struct lab_services *services);
/* What a client gets on its connection, which is closed in the end. */
void lab_serve(int fd, const struct lab_listener *listener);
/* Makes a datagram its own answer, never a longer one. The length, 0: there is none. */
size_t lab_serve_datagram(const struct scenario_service *service, uint8_t *bytes, size_t len);
const char *lab_services_name(const struct scenario_service *service); /* "http" */

/* What the ways to serve share. */
void lab_serve_sleep(int64_t delay_ns);
bool lab_serve_send(int fd, const char *bytes, size_t len); /* false: the client has gone */
void lab_serve_settle(int fd); /* until the client has acknowledged all, or has gone */
void lab_serve_reset(int fd);  /* closes */
void lab_serve_drain(int fd);  /* reads on until the client has closed, too */
void lab_serve_hold(int fd);   /* open, and silent, until the client goes */
void lab_script(int fd, const struct lab_listener *listener);

/* TLS of services, with certificates that are made when the lab begins. */

/* What a service shows: its own certificate comes first. */
struct lab_identity {
    struct x509_st *certificate, *issuer, *root; /* owned; NULL: is not sent along */
    struct evp_pkey_st *key;                     /* owned */
    uint8_t *staple;                             /* OCSP answer, of malloc; owned; NULL: none */
    size_t staple_len;
};

/* Roots, intermediates and the file of those to be trusted. 0 or -errno. */
int lab_authority_new(const struct scenario_host *host, struct lab_authority **out);
void lab_authority_free(struct lab_authority *authority);
/* A path to what is to be trusted, in PEM, for whoever inherits the lab's descriptors. */
const char *lab_authority_path(const struct lab_authority *authority);
int lab_authority_identity(struct lab_authority *authority, enum scenario_certificate kind,
                           struct lab_identity *out);
void lab_identity_release(struct lab_identity *identity);

int lab_tls_new(struct lab_authority *authority, const struct scenario_tls *config,
                struct lab_tls **out); /* 0 or -errno */
void lab_tls_free(struct lab_tls *tls);
struct ssl_st *lab_tls_accept(struct lab_tls *tls, int fd); /* NULL: the handshake failed */

/* Scenarios. */

#define LAB_ERROR_SIZE 512

struct builtin_scenario;
const struct builtin_scenario *lab_load_builtin(const char *name); /* NULL: there is none */
/* A built-in name, or a file's where it has a "." or "/". 0, or -errno and a message. */
int lab_load_name(const char *name, struct scenario **out, char error[LAB_ERROR_SIZE]);
int lab_load_file(const char *path, struct scenario **out, char error[LAB_ERROR_SIZE]);

/* What scenarios ask of a host's kernel. */

/* In the host's network namespace, before its services listen. 0, or -errno and a message. */
int lab_kernel_apply(const struct scenario_host *host, char error[LAB_ERROR_SIZE]);
/* Says what no kernel can be told to do. */
void lab_kernel_note(const struct scenario_host *host, FILE *out);

/* Where it takes place. */

struct lab_place {
    int tun[2];                   /* by enum netsim_side; owned; -1: none */
    struct lab_services services; /* listening in the server's namespace */
};

/*
 * Moves the caller to the client's side of a new place: namespaces, interfaces, names. On failure
 * -errno and a message; release in any case.
 */
int lab_place_enter(struct lab_place *place, const struct scenario *scenario,
                    char error[LAB_ERROR_SIZE]);
void lab_place_release(struct lab_place *place);

/* Its processes. */

/*
 * Three children of the lab, in a PID namespace of their own. The first one there, the keeper,
 * takes all others along when it ends, and it ends when the lab does, however that comes about:
 * it sleeps on a pipe whose other end the lab alone holds.
 */
struct lab_children {
    pid_t keeper, services, command;
    int alive[2];      /* pipe; owned */
    int signals;       /* signalfd: SIGCHLD, and what is handed on to the command; owned */
    sigset_t blocked;  /* before we blocked ours; the command gets it back */
    bool foreground;   /* the terminal was ours; it is again in the end */
    const char *trust; /* the command's SSL_CERT_FILE; borrowed from the place; NULL: its own */
};

int lab_children_init(struct lab_children *children); /* blocks signals; 0 or -errno */
/* The keeper, and the services. 0 or -errno. */
int lab_children_start(struct lab_children *children, const struct lab_place *place);
/* A shell gets the terminal, if there is one. 0 or -errno. */
int lab_children_command(struct lab_children *children, char **argv, bool shell);
void lab_children_release(struct lab_children *children); /* nothing is left */

/* The network in real time. */

struct lab_run {
    struct netsim *sim;          /* borrowed */
    struct lab_log *log;         /* borrowed */
    struct lab_capture *capture; /* borrowed */
    int tun[2];                  /* by enum netsim_side; borrowed */
    int signals;                 /* signalfd: SIGCHLD and what is to be handed on; borrowed */
    pid_t command;               /* ends the run when it ends */
    struct quantile late_us;     /* how late packets came out */
    uint64_t packets, refused;   /* given to a kernel; refused by it */
};

/* Plays the network until the command has ended. 0 and its wait status, or -errno. */
int lab_run(struct lab_run *run, int *status);

int64_t lab_now(void);     /* CLOCK_MONOTONIC */
int64_t lab_to_unix(void); /* CLOCK_REALTIME - CLOCK_MONOTONIC now */

#endif
