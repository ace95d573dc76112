#include "engine/scenario.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/timespan.h"
#include "engine/scenario_internal.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* --- mappings and sequences ---------------------------------------------------------- */

const yaml_node_t *scenario_key(struct scenario_reader *r, const yaml_node_t *node, const char *key)
{
    if (node->type != YAML_MAPPING_NODE)
        return NULL;
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *name = document_node(&r->yaml, pair->key);

        if (name && name->type == YAML_SCALAR_NODE &&
            strcmp((const char *)name->data.scalar.value, key) == 0)
            return document_node(&r->yaml, pair->value);
    }
    return NULL;
}

int scenario_keep_node(struct scenario_reader *r, const yaml_node_t *node, void *at,
                       const struct scenario_field *field)
{
    (void)r;
    (void)field;
    *(const yaml_node_t **)at = node;
    return 0;
}

static const struct scenario_field *find_field(const char *name,
                                               const struct scenario_field *fields, size_t count,
                                               uint64_t *seen, bool *twice)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(fields[i].name, name) != 0)
            continue;
        *twice = *seen >> i & 1;
        *seen |= UINT64_C(1) << i;
        return &fields[i];
    }
    return NULL;
}

static int read_pair(struct scenario_reader *r, const yaml_node_pair_t *pair,
                     const struct scenario_field *fields, size_t count, void *base, uint64_t *seen)
{
    const yaml_node_t *key = document_node(&r->yaml, pair->key),
                      *value = document_node(&r->yaml, pair->value);
    const struct scenario_field *field;
    const char *name;
    bool twice = false;
    size_t len;
    int error;

    name = document_text(&r->yaml, key);
    if (!name)
        return -EINVAL;
    field = find_field(name, fields, count, seen, &twice);
    if (!field)
        return document_fail(&r->yaml, key, name, "is not a field known here");
    if (twice)
        return document_fail(&r->yaml, key, name, "is given twice");
    len = document_enter(&r->yaml, name, 0);
    error = field->read(r, value, base ? (char *)base + field->offset : NULL, field);
    document_leave(&r->yaml, len);
    return error;
}

/* Aliases could make a small document endless: depth and the number of routers are bounded. */
static int enter(struct scenario_reader *r, const yaml_node_t *node)
{
    if (++r->depth > DOCUMENT_DEPTH_MAX)
        return document_fail(&r->yaml, node, NULL, "nested too deeply (at most %d)",
                             DOCUMENT_DEPTH_MAX);
    return 0;
}

int scenario_mapping(struct scenario_reader *r, const yaml_node_t *node,
                     const struct scenario_field *fields, size_t count, void *base)
{
    uint64_t seen = 0;
    int error;

    if (node->type != YAML_MAPPING_NODE)
        return document_fail(&r->yaml, node, NULL, "must be a mapping of fields");
    error = enter(r, node);
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         error == 0 && pair < node->data.mapping.pairs.top; pair++)
        error = read_pair(r, pair, fields, count, base, &seen);
    r->depth--;
    return error;
}

int scenario_sequence(struct scenario_reader *r, const yaml_node_t *node,
                      int (*read)(struct scenario_reader *r, const yaml_node_t *entry, void *at),
                      void *at)
{
    const yaml_node_item_t *items;
    int error;

    if (node->type != YAML_SEQUENCE_NODE)
        return document_fail(&r->yaml, node, NULL, "must be a list");
    items = node->data.sequence.items.start;
    error = enter(r, node);
    for (size_t i = 0; error == 0 && items + i < node->data.sequence.items.top; i++) {
        size_t len = document_enter(&r->yaml, NULL, i);

        error = read(r, document_node(&r->yaml, items[i]), at);
        document_leave(&r->yaml, len);
    }
    r->depth--;
    return error;
}

/* --- events -------------------------------------------------------------------------------- */

struct event_head {
    int64_t at_ns;
    char *element;
    const yaml_node_t *set;
};

static const struct scenario_field event_fields[] = {
    {"at", scenario_read_duration, offsetof(struct event_head, at_ns), 0, 86400.0 * 1e9, 0},
    {"element", scenario_read_string, offsetof(struct event_head, element), 1, 32, 0},
    {"set", scenario_keep_node, offsetof(struct event_head, set), 0, 0, 0},
};

/* The router as it is just before this event: earlier events count. */
static const struct scenario_element *state_before(const struct scenario *scenario,
                                                   const struct scenario_element *element)
{
    for (size_t i = scenario->nevents; i > 0; i--)
        if (scenario->events[i - 1].element == element)
            return &scenario->events[i - 1].values;
    return element;
}

static int add_event(struct scenario_reader *r, const yaml_node_t *node,
                     const struct event_head *head)
{
    struct scenario *scenario = r->scenario;
    const struct scenario_element *element = scenario_find(scenario, head->element);
    struct scenario_event event = {.at_ns = head->at_ns, .element = element}, *grown;
    char *own_loop = NULL;
    int error;

    if (!element || element->kind != SCENARIO_ROUTER)
        return document_fail(&r->yaml, node, head->element, "is not a router of this scenario");
    if (scenario->nevents > 0 && scenario->events[scenario->nevents - 1].at_ns > head->at_ns)
        return document_fail(&r->yaml, node, NULL, "events must be in the order of time");
    event.values = *state_before(scenario, element);
    event.values.name = NULL; /* so that reading cannot free what is borrowed */
    event.values.loop_to = NULL;
    error = scenario_read_router(r, head->set, &event.values);
    own_loop = event.values.loop_to;
    if (error == 0 && event.values.name)
        error = document_fail(&r->yaml, head->set, event.values.name, "a router keeps its name");
    free(event.values.name);
    event.values.name = element->name;
    event.loop_to = own_loop;
    event.values.loop_to = own_loop ? own_loop : state_before(scenario, element)->loop_to;
    grown =
        error == 0 ? reallocarray(scenario->events, scenario->nevents + 1, sizeof(*grown)) : NULL;
    if (!grown) {
        free(own_loop);
        return error < 0 ? error : -ENOMEM;
    }
    scenario->events = grown;
    scenario->events[scenario->nevents++] = event;
    return 0;
}

static int read_event(struct scenario_reader *r, const yaml_node_t *node, void *at)
{
    struct event_head head = {0};
    int error = scenario_mapping(r, node, event_fields, COUNT(event_fields), &head);

    (void)at;
    if (error == 0 && (!head.element || !head.set))
        error =
            document_fail(&r->yaml, node, NULL, "an event needs \"at\", \"element\" and \"set\"");
    if (error == 0)
        error = add_event(r, node, &head);
    free(head.element);
    return error;
}

/* --- expectations ----------------------------------------------------------------------------- */

static int read_finding(struct scenario_reader *r, const yaml_node_t *node, void *at)
{
    static const struct scenario_field text = {.most = 64, .least = 1};
    struct scenario_expectation *expectation = at;
    char **grown = reallocarray(expectation->findings, expectation->nfindings + 1, sizeof(*grown));

    if (!grown)
        return -ENOMEM;
    expectation->findings = grown;
    expectation->findings[expectation->nfindings] = NULL;
    return scenario_read_string(r, node, &expectation->findings[expectation->nfindings++], &text);
}

static int read_findings(struct scenario_reader *r, const yaml_node_t *node, void *at,
                         const struct scenario_field *field)
{
    (void)field;
    return scenario_sequence(r, node, read_finding, at);
}

static int read_forged(struct scenario_reader *r, const yaml_node_t *node, void *at,
                       const struct scenario_field *field)
{
    struct scenario_reset_truth *truth = at;

    truth->forged_given = true;
    return scenario_read_bool(r, node, &truth->forged, field);
}

static const struct scenario_field reset_fields[] = {
    {"phase", scenario_read_string, offsetof(struct scenario_reset_truth, phase), 1, 32, 0},
    {"by", scenario_read_string, offsetof(struct scenario_reset_truth, by), 1, 32, 0},
    {"origin", scenario_read_string, offsetof(struct scenario_reset_truth, origin), 1, 32, 0},
    {"forged", read_forged, 0, 0, 0, 0},
};

static int read_reset(struct scenario_reader *r, const yaml_node_t *node, void *at,
                      const struct scenario_field *field)
{
    (void)field;
    return scenario_mapping(r, node, reset_fields, COUNT(reset_fields), at);
}

static const struct scenario_field expectation_fields[] = {
    {"command", scenario_read_string, offsetof(struct scenario_expectation, command), 1, 32, 0},
    {"arguments", scenario_read_string, offsetof(struct scenario_expectation, arguments), 0, 256,
     0},
    {"run", scenario_read_string, offsetof(struct scenario_expectation, run), 1, 512, 0},
    {"capture", scenario_read_string, offsetof(struct scenario_expectation, capture), 1, 32, 0},
    {"target", scenario_read_string, offsetof(struct scenario_expectation, target), 1, 256, 0},
    {"end", scenario_read_string, offsetof(struct scenario_expectation, end), 1, 32, 0},
    {"code", scenario_read_string, offsetof(struct scenario_expectation, code), 1, 64, 0},
    {"reset", read_reset, offsetof(struct scenario_expectation, reset), 0, 0, 0},
    {"findings", read_findings, 0, 0, 0, 0},
};

static int read_expectation(struct scenario_reader *r, const yaml_node_t *node, void *at)
{
    struct scenario *scenario = r->scenario;
    struct scenario_expectation *grown =
        reallocarray(scenario->expectations, scenario->nexpectations + 1, sizeof(*grown));

    (void)at;
    if (!grown)
        return -ENOMEM;
    scenario->expectations = grown;
    grown[scenario->nexpectations] = (struct scenario_expectation){0};
    return scenario_mapping(r, node, expectation_fields, COUNT(expectation_fields),
                            &grown[scenario->nexpectations++]);
}

static int read_expectations(struct scenario_reader *r, const yaml_node_t *node, void *at,
                             const struct scenario_field *field)
{
    (void)field;
    return scenario_sequence(r, node, read_expectation, at);
}

/* --- the whole -----------------------------------------------------------------------------------
 */

static int read_defaults(struct scenario_reader *r, const yaml_node_t *node, void *at,
                         const struct scenario_field *field)
{
    (void)at;
    (void)field;
    if (scenario_read_router(r, node, &r->defaults) < 0)
        return -EINVAL;
    if (r->defaults.name || r->defaults.loop_to || r->defaults.address4.family ||
        r->defaults.address6.family)
        return document_fail(&r->yaml, node, NULL, "names, addresses and loops cannot be defaults");
    r->scenario->last_to = r->defaults.to;
    r->scenario->last_from = r->defaults.from;
    return 0;
}

static int skip(struct scenario_reader *r, const yaml_node_t *node, void *at,
                const struct scenario_field *field)
{
    (void)r;
    (void)node;
    (void)at;
    (void)field;
    return 0;
}

static int read_events(struct scenario_reader *r, const yaml_node_t *node, void *at,
                       const struct scenario_field *field)
{
    (void)field;
    return scenario_sequence(r, node, read_event, at);
}

/* In the order of reading, whatever the order of writing: what others build on comes first. */
static const struct scenario_field sections[] = {
    {"name", scenario_read_string, offsetof(struct scenario, name), 1, 64, 0},
    {"summary", scenario_read_string, offsetof(struct scenario, summary), 1, 200, 0},
    {"defaults", read_defaults, 0, 0, 0, 0},
    {"client", scenario_read_host, offsetof(struct scenario, client), 0, 0, 0},
    {"server", scenario_read_host, offsetof(struct scenario, server), 0, 0, 0},
    {"path", scenario_read_path, offsetof(struct scenario, path), 0, 0, 0},
    {"events", read_events, 0, 0, 0, 0},
    {"expect", read_expectations, 0, 0, 0, 0},
};

static int check_sections(struct scenario_reader *r, const yaml_node_t *root)
{
    struct scenario_field known[COUNT(sections)];

    for (size_t i = 0; i < COUNT(sections); i++) {
        known[i] = sections[i];
        known[i].read = skip;
    }
    return scenario_mapping(r, root, known, COUNT(known), NULL);
}

static int read_sections(struct scenario_reader *r, const yaml_node_t *root)
{
    int error = check_sections(r, root);

    for (size_t i = 0; error == 0 && i < COUNT(sections); i++) {
        const yaml_node_t *node = scenario_key(r, root, sections[i].name);
        size_t len;

        if (!node)
            continue;
        len = document_enter(&r->yaml, sections[i].name, 0);
        error = sections[i].read(r, node, (char *)r->scenario + sections[i].offset, &sections[i]);
        document_leave(&r->yaml, len);
    }
    return error;
}

static int check_unique(struct scenario_reader *r, const yaml_node_t *root,
                        const struct scenario_branch *branch)
{
    for (size_t i = 0; i < branch->nelements; i++) {
        const struct scenario_element *element = &branch->elements[i];

        for (size_t k = 0; k < element->nbranches; k++)
            if (check_unique(r, root, &element->branches[k]) < 0)
                return -EINVAL;
        if (element->name && scenario_find(r->scenario, element->name) != element)
            return document_fail(&r->yaml, root, element->name, "names two elements");
        if (element->loop_to && !scenario_find(r->scenario, element->loop_to))
            return document_fail(&r->yaml, root, element->loop_to, "is no router to loop to");
    }
    return 0;
}

static int read_root(void *context, const yaml_node_t *root)
{
    struct scenario_reader *r = context;
    struct scenario *scenario = r->scenario;
    int error = read_sections(r, root);

    if (error < 0)
        return error;
    if (!scenario->name)
        return document_fail(&r->yaml, root, NULL, "needs a \"name\"");
    if (scenario->path.nelements == 0)
        return document_fail(&r->yaml, root, NULL, "needs a \"path\" of at least one router");
    error = check_unique(r, root, &scenario->path);
    return error < 0 ? error : scenario_name_hosts(scenario);
}

int scenario_parse(const char *yaml, size_t len, struct scenario **out,
                   struct document_error *error)
{
    struct scenario_reader r = {
        .yaml.error = error,
        .scenario = calloc(1, sizeof(*r.scenario)),
        .defaults = {.rewrite_dscp = -1, .rewrite_ecn = -1, .icmp_burst = 1}};
    int result;

    *error = (struct document_error){0};
    if (!r.scenario)
        return -ENOMEM;
    result = document_read(&r.yaml, yaml, len, read_root, &r);
    free(r.defaults.name);
    free(r.defaults.loop_to);
    if (result < 0)
        scenario_free(r.scenario);
    else
        *out = r.scenario;
    return result;
}

static void expectation_release(struct scenario_expectation *expectation)
{
    for (size_t i = 0; i < expectation->nfindings; i++)
        free(expectation->findings[i]);
    free(expectation->findings);
    free(expectation->command);
    free(expectation->arguments);
    free(expectation->run);
    free(expectation->capture);
    free(expectation->target);
    free(expectation->end);
    free(expectation->code);
    free(expectation->reset.phase);
    free(expectation->reset.by);
    free(expectation->reset.origin);
}

void scenario_free(struct scenario *scenario)
{
    if (!scenario)
        return;
    for (size_t i = 0; i < scenario->nevents; i++)
        free(scenario->events[i].loop_to);
    for (size_t i = 0; i < scenario->nexpectations; i++)
        expectation_release(&scenario->expectations[i]);
    scenario_branch_release(&scenario->path);
    scenario_host_release(&scenario->client);
    scenario_host_release(&scenario->server);
    free(scenario->events);
    free(scenario->expectations);
    free(scenario->name);
    free(scenario->summary);
    free(scenario);
}

static struct scenario_element *find_in(const struct scenario_branch *branch, const char *name)
{
    for (size_t i = 0; i < branch->nelements; i++) {
        struct scenario_element *element = &branch->elements[i], *found;

        if (element->name && strcmp(element->name, name) == 0)
            return element;
        for (size_t k = 0; k < element->nbranches; k++) {
            found = find_in(&element->branches[k], name);
            if (found)
                return found;
        }
    }
    return NULL;
}

struct scenario_element *scenario_find(const struct scenario *scenario, const char *name)
{
    return find_in(&scenario->path, name);
}
