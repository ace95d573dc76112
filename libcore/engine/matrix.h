/*
 * A matrix of versions: components are its rows, environments its columns, services the targets in
 * its cells. Read from YAML by matrix_parse (the format is in netdx-versions(1)), filled with what
 * each address of each target has said, and judged: which environments differ, what breaks a rule,
 * what cannot be told. Pure: text is in memory, services are asked by somebody else.
 */
#ifndef NETDX_ENGINE_MATRIX_H
#define NETDX_ENGINE_MATRIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cause.h"
#include "engine/document.h"
#include "engine/version_expect.h"
#include "wire/address.h"

enum {
    MATRIX_ENVIRONMENTS_MAX = 64,
    MATRIX_COMPONENTS_MAX = 1000,
    MATRIX_TARGETS_MAX = 10000, /* of all cells */
    MATRIX_RULES_MAX = 16,      /* of a component */
    MATRIX_PAIRS_MAX = 256,
    MATRIX_NAME_MAX = 64, /* bytes of a component's or an environment's name */
    MATRIX_VALUES_MAX = 256,
};

/* --- what was declared ------------------------------------------------------------------------ */

struct matrix_target {
    char *text; /* owned, as all texts here */
    size_t line, column;
};

struct matrix_cell { /* without targets: the component is not in this environment */
    struct matrix_target *targets;
    size_t ntargets;
};

struct matrix_rule { /* of `require` */
    char *text;
    struct version_expectation expectation;
};

struct matrix_component {
    char *name;
    char *product;  /* the one that counts; NULL: all that are shown */
    char *protocol; /* a row of service_table.h; NULL: by port, and what speaks */
    uint16_t port;  /* of targets without one; 0: the run's own */
    bool may_differ;
    struct matrix_rule *rules;
    size_t nrules;
    struct matrix_cell *cells; /* one for each environment */
};

struct matrix_pair { /* must not be in one environment together */
    char *text;
    char *because; /* NULL: nobody said */
    struct version_expectation first, second;
};

struct matrix {
    char *name; /* NULL: none */
    char **environments;
    size_t nenvironments;
    struct matrix_component *components;
    size_t ncomponents;
    struct matrix_pair *pairs;
    size_t npairs;
};

/* 0, -EINVAL with *error, or -ENOMEM. */
int matrix_parse(const char *yaml, size_t len, struct matrix **out, struct document_error *error);
void matrix_free(struct matrix *matrix);

/* --- what was seen ---------------------------------------------------------------------------- */

enum matrix_state {
    MATRIX_ANSWERED,
    MATRIX_FAILED,     /* the target does not answer, or not as it should */
    MATRIX_UNMEASURED, /* it could not be asked, or not to the end */
};

/* One address behind a cell, or a target that has none. */
struct matrix_member {
    size_t component, environment, target;
    struct address address; /* family 0: none was found */
    uint16_t port;
    enum matrix_state state;
    const char *protocol;             /* static; NULL: unknown */
    char code[CAUSE_CODE_SIZE];       /* why there is no answer; "": there is one */
    char detail[CAUSE_DETAIL_SIZE];   /* safe text */
    struct version_product *products; /* owned by the matrix_seen that it is in */
    const char **names;               /* version_common_name of each; owned likewise */
    size_t nproducts;
};

struct matrix_seen { /* starts as {0} */
    struct matrix_member *members;
    size_t count, size;
};

/* A copy of the member with a copy of these products, which may be NULL. 0 or -ENOMEM. */
int matrix_seen_add(struct matrix_seen *seen, const struct matrix_member *member,
                    const struct version_list *products);
void matrix_seen_release(struct matrix_seen *seen);

/* --- what was seen before --------------------------------------------------------------------- */

struct matrix_baseline; /* opaque */

struct matrix_was { /* products of a cell in the baseline; version and distro "" where none */
    char *name, *version, *distro;
};

/* JSON that matrix_baseline_write made. 0, -EINVAL with *error, or -ENOMEM. */
int matrix_baseline_parse(const char *json, size_t len, struct matrix_baseline **out,
                          struct document_error *error);
void matrix_baseline_free(struct matrix_baseline *baseline); /* NULL is fine */

/* NULL: the baseline knows nothing of this cell. */
const struct matrix_was *matrix_baseline_find(const struct matrix_baseline *baseline,
                                              const char *component, const char *environment,
                                              size_t *count);

struct matrix_result;

/*
 * The baseline after this run, as text for free(): cells that were not in `old` (which may be NULL)
 * are added; with `accept`, those that differ are replaced. Only cells whose members have all
 * answered count. *changed says whether it differs from `old`. NULL: out of memory.
 */
char *matrix_baseline_write(const struct matrix_result *result, const struct matrix_baseline *old,
                            bool accept, bool *changed);

/* --- judgement -------------------------------------------------------------------------------- */

/* Their order is that of the exit status: what is unknown is worse than what is known. */
enum matrix_severity { MATRIX_NOTICE, MATRIX_WARNING, MATRIX_CRITICAL, MATRIX_UNKNOWN };

enum matrix_finding_kind {
    MATRIX_REQUIRE,      /* a rule is broken, or nobody can tell */
    MATRIX_INCOMPATIBLE, /* two that must not be together, or may be */
    MATRIX_CHANGED,      /* other products or versions than in the baseline */
    MATRIX_DRIFT,        /* environments differ */
    MATRIX_MEMBERS,      /* addresses behind one cell differ */
    MATRIX_UNREACHABLE,  /* an address that does not answer */
    MATRIX_UNFINISHED,   /* an address that was not asked to the end */
    MATRIX_HIDDEN,       /* no version is shown */
    MATRIX_KINDS,
};

#define MATRIX_NONE SIZE_MAX /* no component, no environment */

struct matrix_finding {
    enum matrix_finding_kind kind;
    enum matrix_severity severity;
    size_t component, environment;
    const char *product;        /* DRIFT: its common name; NULL: the software itself differs */
    const char *rule;           /* REQUIRE, INCOMPATIBLE: as declared */
    const char *because;        /* INCOMPATIBLE; may be NULL */
    enum version_result result; /* REQUIRE, INCOMPATIBLE: open or violated */
    const char *reason;         /* static; why it is open, or NULL */
    bool may_be_patched;        /* by its number; a distribution's build may have the fix */
    const struct matrix_member *member, *other; /* that decided; may be NULL */
    const struct version_product *first, *second;
};

/* One product as the members of a cell show it. */
struct matrix_value {
    const struct version_product *product; /* NULL: members that show none of those that count */
    const char *name;                      /* version_common_name */
    size_t members;
};

struct matrix_cell_result {
    size_t first_member, nmembers; /* in the seen ones */
    size_t answered, failed, unmeasured;
    struct matrix_value *values; /* at most MATRIX_VALUES_MAX */
    size_t nvalues;
    unsigned marks; /* 1 << enum matrix_finding_kind */
    enum matrix_severity severity;
    const struct matrix_was *was; /* NULL: no baseline */
    size_t nwas;
};

struct matrix_result { /* borrows from all that it was made from */
    const struct matrix *matrix;
    const struct matrix_seen *seen;
    struct matrix_cell_result *cells; /* row by row */
    struct matrix_finding *findings;  /* in the order of kinds, rows and columns */
    size_t nfindings, size;
    size_t asked, answered, failed, unmeasured; /* members */
    enum matrix_severity severity;              /* the worst */
};

/* Puts the members in order. `baseline` may be NULL. 0 or -ENOMEM. */
int matrix_judge(const struct matrix *matrix, struct matrix_seen *seen,
                 const struct matrix_baseline *baseline, struct matrix_result **out);
void matrix_result_free(struct matrix_result *result);

const struct matrix_cell_result *matrix_result_cell(const struct matrix_result *result,
                                                    size_t component, size_t environment);

/* Whether a product counts in the component's row. */
bool matrix_counts(const struct matrix_component *component, const struct version_product *product);

const char *matrix_finding_id(enum matrix_finding_kind kind);    /* "versions.drift" */
const char *matrix_severity_name(enum matrix_severity severity); /* "warning" */

#endif
