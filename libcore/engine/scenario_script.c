/* Services that follow a script: what they send and how they end, inside TLS or not. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "engine/scenario_internal.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { SCRIPT_STEPS_MAX = 32, SCRIPT_BYTES_MAX = 65536 };

/* --- bytes ---------------------------------------------------------------------------------------
 */

static int script_keep(struct scenario_step *step, const void *bytes, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);

    if (!copy)
        return -ENOMEM;
    memcpy(copy, bytes, len);
    free(step->bytes);
    step->bytes = copy;
    step->len = len;
    return 0;
}

/* As YAML has it, NULs and all. */
static int script_read_send(struct scenario_reader *r, const yaml_node_t *node, void *at,
                            const struct scenario_field *field)
{
    (void)field;
    if (node->type != YAML_SCALAR_NODE)
        return document_fail(&r->yaml, node, NULL, "must be a single value");
    if (node->data.scalar.length > SCRIPT_BYTES_MAX)
        return document_fail(&r->yaml, node, NULL, "must have at most %d bytes", SCRIPT_BYTES_MAX);
    return script_keep(at, node->data.scalar.value, node->data.scalar.length);
}

static int script_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = c ? strchr(digits, c) : NULL;

    return found ? (int)(found - digits) : -1;
}

static int script_read_hex(struct scenario_reader *r, const yaml_node_t *node, void *at,
                           const struct scenario_field *field)
{
    const char *text = document_text(&r->yaml, node);
    uint8_t bytes[256];
    size_t len = 0;

    (void)field;
    if (!text)
        return -EINVAL;
    for (const char *c = text; *c; c += 2) {
        while (*c == ' ')
            c++;
        if (!*c)
            break;
        if (len == sizeof(bytes) || script_digit(c[0]) < 0 || script_digit(c[1]) < 0)
            return document_fail(&r->yaml, node, text, "is not 1 to %zu bytes like \"15 03 03\"",
                                 sizeof(bytes));
        bytes[len++] = (uint8_t)(script_digit(c[0]) << 4 | script_digit(c[1]));
    }
    return script_keep(at, bytes, len);
}

/* --- steps ---------------------------------------------------------------------------------------
 */

static int script_read_wait(struct scenario_reader *r, const yaml_node_t *node, void *at,
                            const struct scenario_field *field)
{
    static const struct scenario_word words[] = {{"any", WAIT_ANY}, {"request", WAIT_REQUEST}};
    int value = 0, error = scenario_read_word(r, node, words, COUNT(words), &value);

    (void)field;
    *(enum scenario_wait *)at = (enum scenario_wait)value;
    return error;
}

static int script_read_end(struct scenario_reader *r, const yaml_node_t *node, void *at,
                           const struct scenario_field *field)
{
    static const struct scenario_word words[] = {
        {"close", END_CLOSE}, {"cut", END_CUT}, {"reset", END_RESET}, {"hold", END_HOLD}};
    int value = 0, error = scenario_read_word(r, node, words, COUNT(words), &value);

    (void)field;
    *(enum scenario_end *)at = (enum scenario_end)value;
    return error;
}

#define STEP(member) offsetof(struct scenario_step, member)

static const struct scenario_field step_fields[] = {
    {"wait", script_read_wait, STEP(wait), 0, 0, 0},
    {"pause", scenario_read_duration, STEP(pause_ns), 0, 3600.0 * 1e9, 0},
    {"send", script_read_send, 0, 0, 0, 0},
    {"hex", script_read_hex, 0, 0, 0, 0},
    {"times", scenario_read_bytes, STEP(times), 1, 1e12, 0},
    {"drip", scenario_read_duration, STEP(drip_ns), 0, 60.0 * 1e9, 0},
    {"end", script_read_end, STEP(end), 0, 0, 0},
};

static int script_read_step(struct scenario_reader *r, const yaml_node_t *node, void *at)
{
    struct scenario_service *service = at;
    struct scenario_step *grown;

    if (service->nsteps == SCRIPT_STEPS_MAX)
        return document_fail(&r->yaml, node, NULL, "is one step too many (%d)", SCRIPT_STEPS_MAX);
    grown = reallocarray(service->steps, service->nsteps + 1, sizeof(*grown));
    if (!grown)
        return -ENOMEM;
    service->steps = grown;
    grown[service->nsteps] = (struct scenario_step){.times = 1};
    return scenario_mapping(r, node, step_fields, COUNT(step_fields), &grown[service->nsteps++]);
}

int scenario_read_steps(struct scenario_reader *r, const yaml_node_t *node, void *at,
                        const struct scenario_field *field)
{
    (void)field;
    return scenario_sequence(r, node, script_read_step, at);
}

void scenario_steps_release(struct scenario_service *service)
{
    for (size_t i = 0; i < service->nsteps; i++)
        free(service->steps[i].bytes);
    free(service->steps);
}

/* --- TLS -----------------------------------------------------------------------------------------
 */

static int script_read_certificate(struct scenario_reader *r, const yaml_node_t *node, void *at,
                                   const struct scenario_field *field)
{
    static const struct scenario_word words[] = {
        {"good", CERTIFICATE_GOOD},
        {"expired", CERTIFICATE_EXPIRED},
        {"not-yet-valid", CERTIFICATE_NOT_YET_VALID},
        {"expiring", CERTIFICATE_EXPIRING},
        {"wrong-name", CERTIFICATE_WRONG_NAME},
        {"self-signed", CERTIFICATE_SELF_SIGNED},
        {"self-signed-in-chain", CERTIFICATE_SELF_SIGNED_IN_CHAIN},
        {"untrusted", CERTIFICATE_UNTRUSTED},
        {"incomplete-chain", CERTIFICATE_INCOMPLETE_CHAIN},
        {"revoked", CERTIFICATE_REVOKED},
        {"weak-key", CERTIFICATE_WEAK_KEY},
        {"weak-signature", CERTIFICATE_WEAK_SIGNATURE},
        {"many-names", CERTIFICATE_MANY_NAMES},
    };
    int value = 0, error = scenario_read_word(r, node, words, COUNT(words), &value);

    (void)field;
    *(enum scenario_certificate *)at = (enum scenario_certificate)value;
    return error;
}

static int script_read_version(struct scenario_reader *r, const yaml_node_t *node, void *at,
                               const struct scenario_field *field)
{
    static const struct scenario_word words[] = {
        {"1.0", 10}, {"1.1", 11}, {"1.2", 12}, {"1.3", 13}};

    (void)field;
    return scenario_read_word(r, node, words, COUNT(words), at);
}

static int script_read_alpn(struct scenario_reader *r, const yaml_node_t *node, void *at,
                            const struct scenario_field *field)
{
    static const struct scenario_word words[] = {{"none", false}, {"h2", true}};
    int value = 0, error = scenario_read_word(r, node, words, COUNT(words), &value);

    (void)field;
    *(bool *)at = value;
    return error;
}

#define TLS(member) offsetof(struct scenario_tls, member)

static const struct scenario_field tls_fields[] = {
    {"certificate", script_read_certificate, TLS(certificate), 0, 0, 0},
    {"version", script_read_version, TLS(version), 0, 0, 0},
    {"alpn", script_read_alpn, TLS(h2), 0, 0, 0},
    {"client-certificate", scenario_read_bool, TLS(client_certificate), 0, 0, 0},
};

int scenario_read_tls(struct scenario_reader *r, const yaml_node_t *node, void *at,
                      const struct scenario_field *field)
{
    struct scenario_tls *tls = at;

    (void)field;
    tls->present = true;
    return scenario_mapping(r, node, tls_fields, COUNT(tls_fields), tls);
}
