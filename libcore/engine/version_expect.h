/*
 * What is expected of a product: "nginx>=1.23.3", "OpenSSH!=9.2p1", "nginx>=1.20,<1.25", or "nginx"
 * for any version of it.
 *
 *   expectation = name [term *("," term)]
 *   term        = (">=" / ">" / "<=" / "<" / "==" / "=" / "!=") version
 *
 * Blanks may stand anywhere between. All terms must hold.
 *
 * An expectation is met only when it is met whatever the true version is. A lower bound that meets
 * it does, one that does not leaves it open: of "Apache/2.4" nobody knows whether it is 2.4.50, and
 * a distribution's 2.4.7 violates ">=2.4.50" by its number and may have the fixes all the same.
 */
#ifndef NETDX_ENGINE_VERSION_EXPECT_H
#define NETDX_ENGINE_VERSION_EXPECT_H

#include "engine/version.h"

#define VERSION_TERMS_MAX 8

enum version_operator {
    VERSION_LESS,
    VERSION_AT_MOST,
    VERSION_EQUAL,
    VERSION_NOT_EQUAL,
    VERSION_AT_LEAST,
    VERSION_GREATER,
};

struct version_expectation {
    char name[VERSION_NAME_SIZE];
    size_t nterms; /* 0: the product is expected, whatever its version */
    struct version_term {
        enum version_operator operator;
        char version[VERSION_TEXT_SIZE];
    } terms[VERSION_TERMS_MAX];
};

struct version_expect_error {
    size_t column; /* from 1 */
    char message[96];
};

/* 0, or -EINVAL with *error. *out is set on success only. */
int version_expect_parse(const char *text, struct version_expectation *out,
                         struct version_expect_error *error);

/* In order of severity. */
enum version_result { VERSION_MET, VERSION_OPEN, VERSION_VIOLATED };

struct version_verdict {
    enum version_result result;
    bool lower_bound;                      /* the version that was judged is one */
    bool may_be_patched;                   /* violated by the number of a distribution's build */
    const char *reason;                    /* static; why it is open, or NULL */
    const struct version_product *product; /* that decided; borrowed; NULL: none has the name */
};

struct version_verdict version_expect_judge(const struct version_expectation *expectation,
                                            const struct version_product *product);

/* Of all products that bear the name the worst; open when there is none. */
struct version_verdict version_expect_judge_all(const struct version_expectation *expectation,
                                                const struct version_list *list);

const char *version_result_name(enum version_result result); /* "met", "unknown", "violated" */

#endif
