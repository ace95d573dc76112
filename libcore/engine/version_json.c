/* Bodies of version endpoints: JSON, the metrics of Prometheus, the page of HAProxy. */
#include <jansson.h>
#include <string.h>

#include "engine/version_internal.h"
#include "engine/version_product.h"

typedef void json_facts(enum version_kind kind, const json_t *document, struct version_list *list);

/* A member that is a string, or an empty span. */
static struct cursor json_member(const json_t *object, const char *key)
{
    const json_t *member = json_object_get(object, key);

    return cursor_init(json_string_value(member), json_string_length(member));
}

static void json_put(enum version_kind kind, const char *name, struct cursor version,
                     struct version_list *list)
{
    if (cursor_left(&version))
        version_put(list, kind, name, version, version);
}

/* Loads the body and lets `facts` look at it; a document that says nothing is not the one asked. */
static struct decode json_read(enum version_kind kind, struct cursor banner, json_facts *facts,
                               struct version_list *list)
{
    size_t len = cursor_left(&banner), before = list->count + list->dropped;
    const uint8_t *bytes = cursor_bytes(&banner, len);
    json_error_t error;
    json_t *document = json_loadb((const char *)bytes, len, JSON_DISABLE_EOF_CHECK, &error);

    if (!document)
        return decode_fail(DECODE_BAD, "not JSON", (size_t)error.position);
    facts(kind, document, list);
    json_decref(document);
    if (list->count + list->dropped == before)
        return decode_fail(DECODE_UNKNOWN, "JSON without a version", 0);
    return decode_ok();
}

/* version.Info of k8s.io/apimachinery. */
static void json_kubernetes(enum version_kind kind, const json_t *document,
                            struct version_list *list)
{
    json_put(kind, "Kubernetes", json_member(document, "gitVersion"), list);
}

struct decode version_read_kubernetes(enum version_kind kind, struct cursor banner,
                                      struct version_list *list)
{
    return json_read(kind, banner, json_kubernetes, list);
}

static const char *json_docker_name(struct cursor component)
{
    if (version_scan_equal(component, "Engine"))
        return "Docker";
    return version_scan_equal(component, "Podman Engine") ? "Podman" : NULL;
}

/* Docker Engine API, GET /version: the engine and what it runs on. */
static void json_docker(enum version_kind kind, const json_t *document, struct version_list *list)
{
    const json_t *components = json_object_get(document, "Components"), *component;
    size_t index;

    if (!json_array_size(components))
        json_put(kind, "Docker", json_member(document, "Version"), list);
    json_array_foreach(components, index, component)
    {
        struct cursor name = json_member(component, "Name");
        const char *known = json_docker_name(name);
        char text[VERSION_NAME_SIZE];

        version_set_text(text, sizeof(text), name);
        if (!*text)
            continue;
        json_put(kind, known ? known : text, json_member(component, "Version"), list);
    }
}

struct decode version_read_docker(enum version_kind kind, struct cursor banner,
                                  struct version_list *list)
{
    return json_read(kind, banner, json_docker, list);
}

/* OpenSearch says 7.10.2 where old clients must be pleased; its own versions begin with 1 to 3. */
static bool json_is_pleasing(bool opensearch, struct cursor number)
{
    return opensearch && version_scan_literal(&number, "7.10.2");
}

static void json_elasticsearch(enum version_kind kind, const json_t *document,
                               struct version_list *list)
{
    const json_t *version = json_object_get(document, "version");
    struct cursor number = json_member(version, "number");
    struct cursor tagline = json_member(document, "tagline");
    bool opensearch = version_scan_equal(json_member(version, "distribution"), "opensearch") ||
                      version_scan_literal(&tagline, "The OpenSearch Project");
    size_t first = list->count;

    if (json_is_pleasing(opensearch, number)) {
        version_put(list, kind, "OpenSearch", cursor_init("", 0), number);
        if (list->count > first)
            list->products[first].note = "7.10.2 is what it says for compatibility";
    } else {
        json_put(kind, opensearch ? "OpenSearch" : "Elasticsearch", number, list);
    }
    json_put(kind, "Lucene", json_member(version, "lucene_version"), list);
}

struct decode version_read_elasticsearch(enum version_kind kind, struct cursor banner,
                                         struct version_list *list)
{
    return json_read(kind, banner, json_elasticsearch, list);
}

static void json_prometheus(enum version_kind kind, const json_t *document,
                            struct version_list *list)
{
    const json_t *data = json_object_get(document, "data");
    struct cursor go = json_member(data, "goVersion");

    json_put(kind, "Prometheus", json_member(data, "version"), list);
    if (version_scan_literal(&go, "go"))
        json_put(kind, "Go", go, list);
}

/* prometheus_build_info{branch="HEAD",goversion="go1.21.1",version="2.47.0"} 1 */
static void json_metric(enum version_kind kind, struct cursor line, struct version_list *list)
{
    static const char suffix[] = "_build_info";
    struct cursor raw = line, name = version_scan_until(&line, "{ "), version;
    char text[VERSION_NAME_SIZE];

    if (name.len <= strlen(suffix) || version_scan_peek(&line, 0) != '{')
        return;
    version = name;
    cursor_skip(&version, name.len - strlen(suffix));
    if (!version_scan_equal(version, suffix))
        return;
    name.len -= strlen(suffix);
    version_set_text(text, sizeof(text), name);
    while (cursor_left(&line)) {
        cursor_skip(&line, 1); /* '{' or ',' */
        if (version_scan_literal(&line, "version=\"")) {
            version = version_scan_until(&line, "\"");
            version_put(list, kind, text, version, raw);
            return;
        }
        version_scan_until(&line, ",");
    }
}

struct decode version_read_prometheus(enum version_kind kind, struct cursor banner,
                                      struct version_list *list)
{
    struct cursor at = banner;

    version_scan_blanks(&at);
    if (version_scan_peek(&at, 0) == '{')
        return json_read(kind, banner, json_prometheus, list);
    while (cursor_left(&banner))
        json_metric(kind, version_scan_line(&banner), list);
    return decode_ok();
}

/* "HAProxy version 2.6.12-1+deb12u4, released 2023/12/16", unless "stats hide-version" is set. */
struct decode version_read_haproxy(enum version_kind kind, struct cursor banner,
                                   struct version_list *list)
{
    while (cursor_left(&banner)) {
        struct cursor raw = banner;

        if (version_scan_literal(&banner, "HAProxy version ")) {
            raw = version_scan_until(&raw, "<\r\n");
            version_put(list, kind, "HAProxy", version_scan_until(&banner, ",<\r\n"), raw);
            break;
        }
        cursor_skip(&banner, 1);
    }
    return decode_ok();
}
