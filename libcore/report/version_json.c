#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "base/text.h"
#include "report/version.h"

#define VERSION_SCHEMA    "netdx.version/1"
#define VERSION_TEXT_SEEN 256 /* bytes of an argument that are repeated */

/* The texts of products are escaped already; what is unknown is "" there and null here. */
static json_t *version_text(const char *safe)
{
    return safe && *safe ? json_string(safe) : json_null();
}

static json_t *version_escaped(const char *raw)
{
    char safe[TEXT_ESCAPED_SIZE(VERSION_TEXT_SEEN)];

    text_escape(safe, sizeof(safe), raw, strnlen(raw, VERSION_TEXT_SEEN));
    return json_string(safe);
}

static json_t *version_product(const struct version_product *product)
{
    json_t *object = json_object();

    json_object_set_new(object, "name", version_text(product->name));
    json_object_set_new(object, "version", version_text(product->version));
    json_object_set_new(object, "source", json_string(version_kind_source(product->kind)));
    json_object_set_new(object, "raw", version_text(product->raw));
    json_object_set_new(object, "comment", version_text(product->comment));
    json_object_set_new(object, "distro", version_text(product->distro));
    json_object_set_new(object, "distro_build", json_boolean(product->distro_build));
    json_object_set_new(object, "partial", json_boolean(product->partial));
    json_object_set_new(object, "lower_bound", json_boolean(version_is_lower_bound(product)));
    json_object_set_new(object, "scheme", json_string(version_scheme_names[product->scheme]));
    json_object_set_new(object, "family", version_text(product->family));
    json_object_set_new(object, "note", version_text(product->note));
    json_object_set_new(object, "fingerprint", version_text(product->fingerprint));
    return object;
}

struct json_t *report_version_products(const struct version_list *list)
{
    json_t *array = json_array();

    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(array, version_product(&list->products[i]));
    return array;
}

static json_t *version_verdict(const char *expectation, const struct version_verdict *verdict)
{
    const struct version_product *product = verdict->product;
    json_t *object = json_object();

    json_object_set_new(object, "expectation", version_escaped(expectation));
    json_object_set_new(object, "result", json_string(version_result_name(verdict->result)));
    json_object_set_new(object, "product", version_text(product ? product->name : NULL));
    json_object_set_new(object, "version", version_text(product ? product->version : NULL));
    json_object_set_new(object, "lower_bound", json_boolean(verdict->lower_bound));
    json_object_set_new(object, "may_be_patched", json_boolean(verdict->may_be_patched));
    json_object_set_new(object, "reason", version_text(verdict->reason));
    return object;
}

/* Why the banner could not be read as what it was said to be. */
static json_t *version_failure(const struct decode *result)
{
    static const char *const codes[] = {NULL, "banner.truncated", "banner.bad", "banner.unknown"};
    json_t *object;

    if (!result->status)
        return json_null();
    object = json_object();
    json_object_set_new(object, "code", json_string(codes[result->status]));
    json_object_set_new(object, "message", json_string(result->reason));
    json_object_set_new(object, "offset", json_integer((json_int_t)result->offset));
    return object;
}

static int version_write(FILE *out, json_t *value, size_t flags)
{
    int err = 0;

    if (!value)
        return -ENOMEM;
    errno = 0;
    if (json_dumpf(value, out, flags) || fputc('\n', out) == EOF)
        err = -(errno ? errno : ENOMEM);
    json_decref(value);
    return err;
}

int report_version_line(FILE *out, const struct report_version_line *line)
{
    json_t *object = json_object(), *verdicts = json_array();

    json_object_set_new(object, "line", json_integer((json_int_t)line->number));
    json_object_set_new(object, "cut", json_boolean(line->cut));
    json_object_set_new(object, "products", report_version_products(line->list));
    json_object_set_new(object, "dropped", json_integer((json_int_t)line->list->dropped));
    for (size_t i = 0; i < line->nverdicts; i++)
        json_array_append_new(verdicts, version_verdict(line->expectations[i], &line->verdicts[i]));
    json_object_set_new(object, "expectations", verdicts);
    json_object_set_new(object, "error", version_failure(&line->result));
    return version_write(out, object, JSON_COMPACT);
}

static json_t *version_head(void)
{
    json_t *document = json_object();

    json_object_set_new(document, "schema", json_string(VERSION_SCHEMA));
    json_object_set_new(document, "netdx", json_string(NETDX_VERSION));
    return document;
}

static json_t *version_side(const char *text)
{
    struct version_parts parts = {0};
    json_t *side = json_object();
    bool split = !version_split(text, &parts) && parts.packager;

    json_object_set_new(side, "text", version_escaped(text));
    json_object_set_new(side, "upstream", version_escaped(split ? parts.upstream : text));
    json_object_set_new(side, "distro", split ? version_escaped(parts.tail) : json_null());
    return side;
}

int report_version_comparison_json(FILE *out, const struct report_version_comparison *comparison)
{
    const struct version_answer *answer = &comparison->answer;
    json_t *document = version_head();
    bool has_scheme = answer->scheme != VERSION_AUTO;

    json_object_set_new(document, "a", version_side(comparison->a));
    json_object_set_new(document, "b", version_side(comparison->b));
    json_object_set_new(document, "answer", json_string(version_order_name(answer->order)));
    json_object_set_new(document, "scheme",
                        has_scheme ? json_string(version_scheme_names[answer->scheme])
                                   : json_null());
    json_object_set_new(document, "distro_build", json_boolean(answer->distro_build));
    json_object_set_new(document, "lower_bound", json_boolean(answer->distro_build));
    json_object_set_new(document, "reason", version_text(answer->reason));
    json_object_set_new(document, "error", json_null());
    return version_write(out, document, JSON_INDENT(2));
}

int report_version_error(FILE *out, const char *code, const char *message)
{
    json_t *document = version_head(), *error = json_object();

    json_object_set_new(error, "code", json_string(code));
    json_object_set_new(error, "message", json_string(message));
    json_object_set_new(document, "error", error);
    return version_write(out, document, JSON_INDENT(2));
}
