/*
 * Whether a service is as it should be: reachable, answering in time, with a status that was asked
 * for, a certificate that will do and the right version. The worst finding decides; what could not
 * be told outweighs a warning and no failure. Levels are numbered as the Monitoring Plugins
 * Development Guidelines have it, so that a level is an exit status, too.
 */
#ifndef NETDX_ENGINE_CHECK_H
#define NETDX_ENGINE_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/service.h"
#include "engine/version_expect.h"
#include "wire/tls_facts.h"

#define CHECK_FINDINGS_MAX     32
#define CHECK_EXPECTATIONS_MAX 16
#define CHECK_STATUS_MAX       599
#define CHECK_DETAIL_SIZE      256

enum check_level { CHECK_OK, CHECK_WARNING, CHECK_CRITICAL, CHECK_UNKNOWN };

const char *check_level_name(enum check_level level); /* "ok", "warning", "critical", "unknown" */

struct check_limits {
    bool statuses[CHECK_STATUS_MAX + 1]; /* HTTP statuses that are fine */
    int64_t warn_ns, crit_ns;            /* of the whole answer; 0: no limit */
    enum check_level distrust;           /* what a certificate is that cannot be trusted */
    size_t nexpectations;
    struct version_expectation expectations[CHECK_EXPECTATIONS_MAX];
    const char *texts[CHECK_EXPECTATIONS_MAX]; /* of the expectations; borrowed */
};

/* "200-399", "200,301-302"; 0, or -EINVAL: not of this form, or beyond 100 to 599. */
int check_statuses_parse(const char *text, bool statuses[CHECK_STATUS_MAX + 1]);

struct check_facts {                     /* all borrowed */
    const struct service_facts *service; /* NULL: it did not come to that */
    const struct tls_facts *tls;         /* NULL: no TLS */
    const struct version_list *products; /* may be NULL */
    const char *error_code;              /* of what comes before the service; NULL: none */
    const char *error_message;           /* safe */
    enum check_level error_level;
    const char *redirect_code; /* NULL: none */
    int64_t unix_seconds;      /* now */
};

struct check_finding {
    enum check_level level;
    char code[CAUSE_CODE_SIZE];     /* a failure code, or one of check.* */
    char detail[CHECK_DETAIL_SIZE]; /* safe */
};

struct check_verdict {
    enum check_level level;
    size_t nfindings;
    struct check_finding findings[CHECK_FINDINGS_MAX]; /* the worst first */
    bool has_cert_days;
    int64_t cert_days; /* until the certificate expires; below 0: since it has */
};

void check_judge(const struct check_limits *limits, const struct check_facts *facts,
                 struct check_verdict *verdict);

#endif
