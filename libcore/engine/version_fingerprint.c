#include "engine/version_fingerprint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/version_fingerprint_internal.h"
#include "engine/version_product.h"

/*
 * Steps and memory of one match. Recog's patterns need some hundred steps on real banners; what
 * needs more has met a banner made for that.
 */
#define FINGERPRINT_STEPS       10000
#define FINGERPRINT_HEAP_KIB    1024
#define FINGERPRINT_SUBJECT_MAX 1024 /* bytes */

void version_fingerprint_release(struct fingerprint *fingerprint)
{
    pcre2_code_free(fingerprint->code);
    free(fingerprint->description);
    for (int i = 0; i < FINGERPRINT_FIELDS; i++)
        free(fingerprint->params[i].value);
    *fingerprint = (struct fingerprint){0};
}

int version_fingerprints_new(struct version_fingerprints **out)
{
    struct version_fingerprints *set = calloc(1, sizeof(*set));

    if (!set)
        return -ENOMEM;
    set->context = pcre2_match_context_create(NULL);
    set->match = pcre2_match_data_create(64, NULL);
    if (!set->context || !set->match) {
        version_fingerprints_free(set);
        return -ENOMEM;
    }
    pcre2_set_match_limit(set->context, FINGERPRINT_STEPS);
    pcre2_set_heap_limit(set->context, FINGERPRINT_HEAP_KIB);
    *out = set;
    return 0;
}

void version_fingerprints_free(struct version_fingerprints *set)
{
    if (!set)
        return;
    for (size_t i = 0; i < set->counts.loaded; i++)
        version_fingerprint_release(&set->items[i]);
    free(set->items);
    pcre2_match_data_free(set->match);
    pcre2_match_context_free(set->context);
    free(set);
}

void version_fingerprints_count(const struct version_fingerprints *set,
                                struct version_fingerprint_counts *counts)
{
    *counts = set->counts;
}

/* --- matching --------------------------------------------------------------------------------- */

static bool fingerprint_matches(struct version_fingerprints *set, const struct fingerprint *f,
                                struct cursor subject)
{
    int found = pcre2_match(f->code, subject.bytes + subject.pos, cursor_left(&subject), 0, 0,
                            set->match, set->context);

    set->counts.gave_up += found == PCRE2_ERROR_MATCHLIMIT || found == PCRE2_ERROR_HEAPLIMIT ||
                           found == PCRE2_ERROR_DEPTHLIMIT;
    return found >= 0;
}

static const struct fingerprint *fingerprint_find(struct version_fingerprints *set,
                                                  enum version_kind kind, struct cursor subject)
{
    for (size_t i = 0; i < set->counts.loaded; i++)
        if (set->items[i].kind == kind && fingerprint_matches(set, &set->items[i], subject))
            return &set->items[i];
    return NULL;
}

/* What a param says about the subject that has just matched. */
static struct cursor fingerprint_value(const struct version_fingerprints *set,
                                       const struct fingerprint *f, enum fingerprint_field field,
                                       struct cursor subject)
{
    const struct fingerprint_param *param = &f->params[field];
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(set->match);

    if (!param->group) {
        const char *value = param->value && !strchr(param->value, '{') ? param->value : "";

        return cursor_init(value, strlen(value));
    }
    if (param->group >= pcre2_get_ovector_count(set->match) ||
        at[2 * param->group] == PCRE2_UNSET || at[2 * param->group] > at[2 * param->group + 1])
        return cursor_init("", 0);
    cursor_skip(&subject, at[2 * param->group]);
    return cursor_sub(&subject, at[2 * param->group + 1] - at[2 * param->group]);
}

static void fingerprint_distro(const struct version_fingerprints *set, const struct fingerprint *f,
                               struct cursor subject, struct version_product *product)
{
    char vendor[VERSION_TEXT_SIZE];
    struct cursor version = fingerprint_value(set, f, FINGERPRINT_OS_VERSION, subject);

    version_set_text(vendor, sizeof(vendor),
                     fingerprint_value(set, f, FINGERPRINT_OS_VENDOR, subject));
    if (!version_names_distro(vendor))
        return;
    version_set_distro(product, cursor_init(vendor, strlen(vendor)));
    version_append_text(product->distro, sizeof(product->distro), " ", version);
}

static bool fingerprint_name(const struct version_fingerprints *set, const struct fingerprint *f,
                             struct cursor subject, struct version_product *product)
{
    static const enum fingerprint_field names[] = {FINGERPRINT_PRODUCT, FINGERPRINT_FAMILY,
                                                   FINGERPRINT_VENDOR};

    for (int i = 0; i < 3; i++) {
        struct cursor name = fingerprint_value(set, f, names[i], subject);

        if (!cursor_left(&name))
            continue;
        version_set_text(product->name, sizeof(product->name), name);
        return true;
    }
    return false;
}

/* False when the fingerprint is about hardware or an operating system only. */
static bool fingerprint_product(const struct version_fingerprints *set, const struct fingerprint *f,
                                struct cursor subject, struct version_product *product)
{
    *product = (struct version_product){
        .kind = f->kind, .scheme = VERSION_DOTTED, .fingerprint = f->description};
    if (!fingerprint_name(set, f, subject, product))
        return false;
    version_set_text(product->raw, sizeof(product->raw), subject);
    version_set_version(product, fingerprint_value(set, f, FINGERPRINT_VERSION, subject));
    fingerprint_distro(set, f, subject, product);
    version_settle(product);
    return true;
}

static bool fingerprint_component(const struct version_fingerprints *set,
                                  const struct fingerprint *f, struct cursor subject,
                                  struct version_product *product)
{
    struct cursor name = fingerprint_value(set, f, FINGERPRINT_COMPONENT_PRODUCT, subject);

    *product = (struct version_product){
        .kind = f->kind, .scheme = VERSION_DOTTED, .fingerprint = f->description};
    if (!cursor_left(&name))
        return false;
    version_set_text(product->name, sizeof(product->name), name);
    version_set_text(product->raw, sizeof(product->raw), subject);
    version_set_version(product, fingerprint_value(set, f, FINGERPRINT_COMPONENT_VERSION, subject));
    version_settle(product);
    return true;
}

/* --- joining ---------------------------------------------------------------------------------- */

static bool fingerprint_is_about(const struct version_fingerprints *set,
                                 const struct fingerprint *f, struct cursor subject,
                                 const struct version_product *theirs,
                                 const struct version_product *ours)
{
    char family[VERSION_NAME_SIZE];

    version_set_text(family, sizeof(family),
                     fingerprint_value(set, f, FINGERPRINT_FAMILY, subject));
    return version_is_named(ours, theirs->name) || version_is_named(theirs, ours->name) ||
           !strcasecmp(ours->name, family) ||
           (ours->version[0] && !strcmp(ours->version, theirs->version));
}

/* What only our own reading knows stays. */
static void fingerprint_inherit(struct version_product *theirs, const struct version_product *ours)
{
    memcpy(theirs->comment, ours->comment, sizeof(theirs->comment));
    memcpy(theirs->raw, ours->raw, sizeof(theirs->raw));
    if (!theirs->version[0]) {
        memcpy(theirs->version, ours->version, sizeof(theirs->version));
        theirs->partial = ours->partial;
    }
    if (!theirs->distro[0]) {
        memcpy(theirs->distro, ours->distro, sizeof(theirs->distro));
        theirs->distro_build = ours->distro_build;
    }
    if (!theirs->note)
        theirs->note = ours->note;
    if (!theirs->family)
        theirs->family = ours->family;
    if (!version_known_find(theirs->name)) {
        theirs->scheme = ours->scheme;
        theirs->partial = ours->partial;
    }
}

/* In the place of our product, moved to the front of this banner's; or before them all. */
static void fingerprint_insert(struct version_list *list, size_t first, size_t about,
                               const struct version_product *product)
{
    if (about == list->count && list->count == VERSION_PRODUCTS_MAX) {
        about--;
        list->dropped++;
    } else if (about == list->count) {
        list->count++;
    }
    memmove(&list->products[first + 1], &list->products[first],
            (about - first) * sizeof(list->products[0]));
    list->products[first] = *product;
}

/*
 * The product of ours that theirs is another reading of, or the end. A first one that nothing is
 * known about, not even a version, is what we made of words that the fingerprint understands.
 */
static size_t fingerprint_about(const struct version_fingerprints *set, const struct fingerprint *f,
                                struct cursor subject, const struct version_list *list,
                                size_t first, const struct version_product *theirs)
{
    const struct version_product *ours = &list->products[first];

    for (size_t i = first; i < list->count; i++)
        if (fingerprint_is_about(set, f, subject, theirs, &list->products[i]))
            return i;
    if (first < list->count && !ours->version[0] && !ours->fingerprint &&
        !version_known_find(ours->name))
        return first;
    return list->count;
}

static void fingerprint_join(const struct version_fingerprints *set, const struct fingerprint *f,
                             struct cursor subject, struct version_list *list, size_t first)
{
    struct version_product product, component;
    size_t about = first;

    if (fingerprint_component(set, f, subject, &component)) {
        while (about < list->count && !version_is_named(&list->products[about], component.name))
            about++;
        if (about == list->count)
            fingerprint_insert(list, first, about, &component);
    }
    if (!fingerprint_product(set, f, subject, &product))
        return;
    about = fingerprint_about(set, f, subject, list, first, &product);
    if (about < list->count)
        fingerprint_inherit(&product, &list->products[about]);
    fingerprint_insert(list, first, about, &product);
}

struct decode version_identify_with(struct version_fingerprints *set, enum version_kind kind,
                                    const void *bytes, size_t len, struct version_list *list)
{
    size_t first = list->count;
    struct decode result = version_identify(kind, bytes, len, list);
    struct cursor banner = cursor_init(bytes, len), subject;

    while (set && first < VERSION_PRODUCTS_MAX && version_subject(kind, &banner, &subject)) {
        const struct fingerprint *f;

        if (cursor_left(&subject) > FINGERPRINT_SUBJECT_MAX)
            subject = cursor_sub(&subject, FINGERPRINT_SUBJECT_MAX);
        f = fingerprint_find(set, kind, subject);
        if (!f)
            continue;
        fingerprint_join(set, f, subject, list, first);
        break;
    }
    return result;
}
