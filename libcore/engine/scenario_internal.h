/* How a scenario is read: a table of fields per mapping, each with the function that reads it. */
#ifndef NETDX_ENGINE_SCENARIO_INTERNAL_H
#define NETDX_ENGINE_SCENARIO_INTERNAL_H

#include "engine/document_reader.h"
#include "engine/scenario.h"

enum { SCENARIO_ELEMENTS_MAX = 1000 };

#define SCENARIO_ANY_OPTION                                                                        \
    (SCENARIO_MSS | SCENARIO_SACK | SCENARIO_TIMESTAMPS | SCENARIO_WSCALE | SCENARIO_FAST_OPEN)

struct scenario_reader {
    struct document_reader yaml;
    struct scenario *scenario;
    struct scenario_element defaults; /* what routers start from */
    size_t routers;                   /* so far: numbers names and addresses */
    size_t depth;
};

struct scenario_field {
    const char *name;
    int (*read)(struct scenario_reader *r, const yaml_node_t *node, void *at,
                const struct scenario_field *field);
    size_t offset; /* of the member in the structure that the table is for */
    double least, most;
    size_t size; /* of an integer member, bytes */
};

/* Reads a mapping by its table into `base`. */
int scenario_mapping(struct scenario_reader *r, const yaml_node_t *node,
                     const struct scenario_field *fields, size_t count, void *base);

/* Calls `read` for each entry of a sequence. */
int scenario_sequence(struct scenario_reader *r, const yaml_node_t *node,
                      int (*read)(struct scenario_reader *r, const yaml_node_t *entry, void *at),
                      void *at);

/* The value of a key of a mapping; NULL when there is none, or no mapping. */
const yaml_node_t *scenario_key(struct scenario_reader *r, const yaml_node_t *node,
                                const char *key);

/* Keeps the node itself for later: at is a const yaml_node_t **. */
int scenario_keep_node(struct scenario_reader *r, const yaml_node_t *node, void *at,
                       const struct scenario_field *field);

/* Values with units. All check least and most of their field. */
int scenario_read_duration(struct scenario_reader *r, const yaml_node_t *node, void *at,
                           const struct scenario_field *field); /* int64_t ns; limits in ns */
int scenario_read_share(struct scenario_reader *r, const yaml_node_t *node, void *at,
                        const struct scenario_field *field); /* double 0 to 1, from "5%" */
int scenario_read_number(struct scenario_reader *r, const yaml_node_t *node, void *at,
                         const struct scenario_field *field); /* unsigned integer of `size` */
int scenario_read_signed(struct scenario_reader *r, const yaml_node_t *node, void *at,
                         const struct scenario_field *field); /* int */
int scenario_read_real(struct scenario_reader *r, const yaml_node_t *node, void *at,
                       const struct scenario_field *field); /* double */
int scenario_read_bits(struct scenario_reader *r, const yaml_node_t *node, void *at,
                       const struct scenario_field *field); /* uint64_t bit/s, from "10mbit" */
int scenario_read_per_second(struct scenario_reader *r, const yaml_node_t *node, void *at,
                             const struct scenario_field *field); /* double, from "2/s" */
int scenario_read_bool(struct scenario_reader *r, const yaml_node_t *node, void *at,
                       const struct scenario_field *field);
int scenario_read_string(struct scenario_reader *r, const yaml_node_t *node, void *at,
                         const struct scenario_field *field); /* char *, owned; replaces */

struct scenario_word {
    const char *text;
    int value;
};

/* One of some words; the message names them all. */
int scenario_read_word(struct scenario_reader *r, const yaml_node_t *node,
                       const struct scenario_word *words, size_t count, int *value);

/* A list of TCP options by name; `most` is the set of those allowed. unsigned; replaces. */
int scenario_read_options(struct scenario_reader *r, const yaml_node_t *node, void *at,
                          const struct scenario_field *field);

int scenario_read_ip_id(struct scenario_reader *r, const yaml_node_t *node, void *at,
                        const struct scenario_field *field); /* enum scenario_ip_id */
int scenario_read_bytes(struct scenario_reader *r, const yaml_node_t *node, void *at,
                        const struct scenario_field *field); /* uint64_t, from "10mb" */

/* Hosts. */
int scenario_read_host(struct scenario_reader *r, const yaml_node_t *node, void *at,
                       const struct scenario_field *field); /* struct scenario_host */
int scenario_name_hosts(struct scenario *scenario); /* what the scenario left out; 0, -ENOMEM */
void scenario_host_release(struct scenario_host *host);

/* Scripts of services: struct scenario_service, struct scenario_tls. */
int scenario_read_steps(struct scenario_reader *r, const yaml_node_t *node, void *at,
                        const struct scenario_field *field);
int scenario_read_tls(struct scenario_reader *r, const yaml_node_t *node, void *at,
                      const struct scenario_field *field);
void scenario_steps_release(struct scenario_service *service);

/* Routers: their table and the sequence of elements that is a path. */
int scenario_read_path(struct scenario_reader *r, const yaml_node_t *node, void *at,
                       const struct scenario_field *field); /* struct scenario_branch */
int scenario_read_router(struct scenario_reader *r, const yaml_node_t *node,
                         struct scenario_element *router);
int scenario_read_addresses(struct scenario_reader *r, const yaml_node_t *node, void *at,
                            const struct scenario_field *field); /* struct address[2]: 4, 6 */
int scenario_read_link(struct scenario_reader *r, const yaml_node_t *node, void *at,
                       const struct scenario_field *field); /* struct scenario_link */
/* What a router does to flows: lists and maps of a struct scenario_element. */
int scenario_read_filters(struct scenario_reader *r, const yaml_node_t *node, void *at,
                          const struct scenario_field *field);
int scenario_read_syn_proxy(struct scenario_reader *r, const yaml_node_t *node, void *at,
                            const struct scenario_field *field);
int scenario_read_second_responder(struct scenario_reader *r, const yaml_node_t *node, void *at,
                                   const struct scenario_field *field);
int scenario_read_idle(struct scenario_reader *r, const yaml_node_t *node, void *at,
                       const struct scenario_field *field);
void scenario_branch_release(struct scenario_branch *branch);

#endif
