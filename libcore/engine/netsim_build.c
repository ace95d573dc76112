/* From the scenario's path to nodes that know their neighbours. */
#include <errno.h>
#include <stdlib.h>

#include "engine/netsim_internal.h"

struct ends { /* the nodes a following element links to */
    size_t *nodes;
    size_t count;
    bool per_packet;
};

static int append(size_t **list, size_t *count, size_t value)
{
    size_t *grown = reallocarray(*list, *count + 1, sizeof(*grown));

    if (!grown)
        return -ENOMEM;
    grown[(*count)++] = value;
    *list = grown;
    return 0;
}

static int link_nodes(struct netsim *sim, const struct ends *before, size_t node)
{
    for (size_t i = 0; i < before->count; i++) {
        struct netsim_node *from = &sim->nodes[before->nodes[i]], *to = &sim->nodes[node];

        if (append(&from->next, &from->nnext, node) < 0 ||
            append(&to->previous, &to->nprevious, before->nodes[i]) < 0)
            return -ENOMEM;
        from->per_packet |= before->per_packet;
    }
    return 0;
}

static int replace_ends(struct ends *ends, size_t node)
{
    ends->count = 0;
    ends->per_packet = false;
    return append(&ends->nodes, &ends->count, node);
}

static int add_branch(struct netsim *sim, const struct scenario_branch *branch, struct ends *ends);

/* Every branch starts at the same ends; what follows starts at the ends of all of them. */
static int add_ecmp(struct netsim *sim, const struct scenario_element *ecmp, struct ends *ends)
{
    struct ends merged = {0};
    int error = 0;

    for (size_t i = 0; error == 0 && i < ecmp->nbranches; i++) {
        struct ends own = {.per_packet = ecmp->per_packet};

        for (size_t k = 0; error == 0 && k < ends->count; k++)
            error = append(&own.nodes, &own.count, ends->nodes[k]);
        if (error == 0)
            error = add_branch(sim, &ecmp->branches[i], &own);
        for (size_t k = 0; error == 0 && k < own.count; k++)
            error = append(&merged.nodes, &merged.count, own.nodes[k]);
        free(own.nodes);
    }
    free(ends->nodes);
    *ends = merged;
    return error;
}

static int add_router(struct netsim *sim, const struct scenario_element *router, struct ends *ends)
{
    size_t node = sim->nnodes++;

    sim->nodes[node].element = sim->nodes[node].now = router;
    sim->nodes[node].tokens_ns = INT64_MIN;
    sim->nodes[node].salt = random_u64(&sim->random);
    return link_nodes(sim, ends, node) < 0 ? -ENOMEM : replace_ends(ends, node);
}

static int add_branch(struct netsim *sim, const struct scenario_branch *branch, struct ends *ends)
{
    int error = 0;

    for (size_t i = 0; error == 0 && i < branch->nelements; i++) {
        const struct scenario_element *element = &branch->elements[i];

        error = element->kind == SCENARIO_ECMP ? add_ecmp(sim, element, ends)
                                               : add_router(sim, element, ends);
    }
    return error;
}

static size_t count_routers(const struct scenario_branch *branch)
{
    size_t count = 0;

    for (size_t i = 0; i < branch->nelements; i++) {
        count += branch->elements[i].kind == SCENARIO_ROUTER;
        for (size_t k = 0; k < branch->elements[i].nbranches; k++)
            count += count_routers(&branch->elements[i].branches[k]);
    }
    return count;
}

static void mark_dnat(struct netsim *sim)
{
    bool behind = false;

    for (size_t i = 1; i + 1 < sim->nnodes; i++) {
        sim->nodes[i].behind_dnat = behind;
        behind |= sim->nodes[i].element->dnat;
    }
}

int netsim_build(struct netsim *sim)
{
    const struct scenario *scenario = sim->scenario;
    struct ends ends = {0};
    struct netsim_node *server;
    int error;

    sim->nodes = calloc(count_routers(&scenario->path) + 2, sizeof(*sim->nodes));
    if (!sim->nodes)
        return -ENOMEM;
    sim->nnodes = 1;
    sim->nodes[NETSIM_HOST_CLIENT].salt = random_u64(&sim->random);
    error = replace_ends(&ends, NETSIM_HOST_CLIENT);
    if (error == 0)
        error = add_branch(sim, &scenario->path, &ends);
    server = &sim->nodes[sim->nnodes];
    server->to = scenario->last_to;
    server->from = scenario->last_from;
    server->salt = random_u64(&sim->random);
    if (error == 0)
        error = link_nodes(sim, &ends, sim->nnodes++);
    free(ends.nodes);
    if (error == 0)
        mark_dnat(sim);
    return error;
}
