/* Reads fingerprint files: expat for the XML, PCRE2 for the patterns. */
#include <errno.h>
#include <expat.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "engine/version_fingerprint_internal.h"
#include "engine/version_internal.h"

#define FILE_DESCRIPTION_MAX 128     /* bytes that are kept */
#define FILE_PATTERN_MAX     8192    /* bytes; Recog's longest has 1,500 */
#define FILE_LOADED_MAX      1000000 /* fingerprints in a set */

struct file_reader {
    XML_Parser parser;
    struct version_fingerprints *set;
    struct version_fingerprint_error *error;
    int err;
    bool inside;     /* the root element was seen */
    bool is_known;   /* what the file is for */
    bool reported;   /* *error is in use */
    bool describing; /* in <description> */
    enum version_kind kind;
    size_t described;
    char description[FILE_DESCRIPTION_MAX];
    struct fingerprint current; /* code NULL: none is open, or its pattern was refused */
};

static const struct {
    const char *matches;
    enum version_kind kind;
} file_kinds[] = {
    {"http_header.server", VERSION_HTTP_SERVER},
    {"http_header.x-powered-by", VERSION_HTTP_POWERED_BY},
    {"http_header.via", VERSION_HTTP_VIA},
    {"ssh.banner", VERSION_SSH},
    {"smtp.banner", VERSION_SMTP},
    {"ftp.banner", VERSION_FTP},
    {"pop.banner", VERSION_POP3},
    {"pop3.banner", VERSION_POP3},
    {"imap.banner", VERSION_IMAP},
    {"imap4.banner", VERSION_IMAP},
    {"mysql.banner", VERSION_MYSQL},
    {"mysql.banners", VERSION_MYSQL},
    {"dns.versionbind", VERSION_DNS},
};

static const char *const file_fields[FINGERPRINT_FIELDS] = {
    [FINGERPRINT_VENDOR] = "service.vendor",
    [FINGERPRINT_FAMILY] = "service.family",
    [FINGERPRINT_PRODUCT] = "service.product",
    [FINGERPRINT_VERSION] = "service.version",
    [FINGERPRINT_COMPONENT_PRODUCT] = "service.component.product",
    [FINGERPRINT_COMPONENT_VERSION] = "service.component.version",
    [FINGERPRINT_OS_VENDOR] = "os.vendor",
    [FINGERPRINT_OS_PRODUCT] = "os.product",
    [FINGERPRINT_OS_VERSION] = "os.version",
};

static void file_say(struct file_reader *r, const char *what, const char *detail)
{
    char safe[TEXT_ESCAPED_SIZE(24)];

    if (r->reported)
        return;
    r->reported = true;
    r->error->line = XML_GetCurrentLineNumber(r->parser);
    r->error->column = XML_GetCurrentColumnNumber(r->parser) + 1;
    text_escape(safe, sizeof(safe), detail, strnlen(detail, 80));
    text_format(r->error->message, sizeof(r->error->message), "%s%s%s", what, *detail ? ": " : "",
                safe);
}

/* What ends the file: it takes the place of a complaint about a single pattern. */
static void file_stop(struct file_reader *r, int err, const char *what)
{
    if (r->err)
        return;
    r->err = err;
    r->reported = false;
    file_say(r, what, "");
    XML_StopParser(r->parser, XML_FALSE);
}

static const char *file_attribute(const char **attributes, const char *name)
{
    for (; *attributes; attributes += 2)
        if (!strcmp(attributes[0], name))
            return attributes[1];
    return NULL;
}

/* --- elements --------------------------------------------------------------------------------- */

static void file_root(struct file_reader *r, const char *name, const char **attributes)
{
    const char *matches = file_attribute(attributes, "matches");

    r->inside = true;
    if (strcmp(name, "fingerprints") != 0 || !matches) {
        file_stop(r, -EINVAL,
                  "no list of fingerprints: its root is not <fingerprints matches=...>");
        return;
    }
    for (size_t i = 0; i < sizeof(file_kinds) / sizeof(file_kinds[0]); i++) {
        if (strcmp(file_kinds[i].matches, matches) != 0)
            continue;
        r->kind = file_kinds[i].kind;
        r->is_known = true;
    }
}

/* Recog's flags, as its own implementations read them. */
static uint32_t file_flags(const char *flags)
{
    uint32_t options = 0;

    if (!flags)
        return options;
    if (strstr(flags, "REG_ICASE"))
        options |= PCRE2_CASELESS;
    if (strstr(flags, "REG_DOT_NEWLINE"))
        options |= PCRE2_DOTALL;
    if (strstr(flags, "REG_MULTILINE"))
        options |= PCRE2_MULTILINE;
    return options;
}

static void file_begin(struct file_reader *r, const char **attributes)
{
    const char *pattern = file_attribute(attributes, "pattern");
    PCRE2_UCHAR message[120];
    PCRE2_SIZE offset;
    int code;

    if (!pattern || strlen(pattern) > FILE_PATTERN_MAX) {
        r->set->counts.refused++;
        file_say(r, "fingerprint without a pattern, or with a very long one", "");
        return;
    }
    r->current = (struct fingerprint){.kind = r->kind};
    r->described = 0;
    r->current.code =
        pcre2_compile((PCRE2_SPTR)pattern, strlen(pattern),
                      file_flags(file_attribute(attributes, "flags")), &code, &offset, NULL);
    if (r->current.code)
        return;
    r->set->counts.refused++;
    pcre2_get_error_message(code, message, sizeof(message));
    file_say(r, "pattern is not understood", (const char *)message);
}

static void file_param(struct file_reader *r, const char **attributes)
{
    const char *name = file_attribute(attributes, "name");
    const char *pos = file_attribute(attributes, "pos");
    const char *value = file_attribute(attributes, "value");

    for (int i = 0; name && i < FINGERPRINT_FIELDS; i++) {
        struct fingerprint_param *param = &r->current.params[i];

        if (strcmp(file_fields[i], name) != 0)
            continue;
        param->group = pos ? (uint32_t)strtoul(pos, NULL, 10) : 0;
        free(param->value);
        param->value = value && !param->group ? strdup(value) : NULL;
        if (value && !param->group && !param->value)
            file_stop(r, -ENOMEM, "out of memory");
    }
}

static void file_keep(struct file_reader *r)
{
    struct version_fingerprints *set = r->set;
    char safe[TEXT_ESCAPED_SIZE(FILE_DESCRIPTION_MAX)];

    if (set->counts.loaded == FILE_LOADED_MAX) {
        file_stop(r, -EINVAL, "too many fingerprints (1000000)");
        return;
    }
    if (set->counts.loaded == set->size) {
        size_t size = set->size ? 2 * set->size : 256;
        struct fingerprint *grown = reallocarray(set->items, size, sizeof(*grown));

        if (!grown) {
            file_stop(r, -ENOMEM, "out of memory");
            return;
        }
        set->items = grown;
        set->size = size;
    }
    text_escape(safe, sizeof(safe), r->description, r->described);
    r->current.description = strdup(safe);
    set->items[set->counts.loaded++] = r->current;
    r->current = (struct fingerprint){0};
}

/* --- what expat calls ------------------------------------------------------------------------- */

static void XMLCALL file_on_start(void *context, const char *name, const char **attributes)
{
    struct file_reader *r = context;

    if (!r->inside)
        file_root(r, name, attributes);
    else if (!strcmp(name, "fingerprint") && !r->is_known)
        r->set->counts.passed++;
    else if (!strcmp(name, "fingerprint") && !r->current.code)
        file_begin(r, attributes);
    else if (!strcmp(name, "param") && r->current.code)
        file_param(r, attributes);
    r->describing = r->current.code && !strcmp(name, "description");
}

static void XMLCALL file_on_end(void *context, const char *name)
{
    struct file_reader *r = context;

    r->describing = false;
    if (!strcmp(name, "fingerprint") && r->current.code)
        file_keep(r);
}

static void XMLCALL file_on_text(void *context, const char *text, int len)
{
    struct file_reader *r = context;
    size_t room = sizeof(r->description) - r->described, taken = (size_t)len;

    if (!r->describing)
        return;
    if (taken > room)
        taken = room;
    memcpy(r->description + r->described, text, taken);
    r->described += taken;
}

/* Entities of its own are what hostile XML grows by; fingerprints need none. */
static void XMLCALL file_on_doctype(void *context, const char *name, const char *system,
                                    const char *public, int has_internal_subset)
{
    (void)name, (void)system, (void)public, (void)has_internal_subset;
    file_stop(context, -EINVAL, "has a document type, which fingerprints do without");
}

static int file_parse(struct file_reader *r, const char *xml, size_t len)
{
    XML_SetUserData(r->parser, r);
    XML_SetElementHandler(r->parser, file_on_start, file_on_end);
    XML_SetCharacterDataHandler(r->parser, file_on_text);
    XML_SetStartDoctypeDeclHandler(r->parser, file_on_doctype);
    if (len > INT_MAX) {
        file_stop(r, -EINVAL, "is too large (2 GiB)");
        return r->err;
    }
    if (XML_Parse(r->parser, xml, (int)len, XML_TRUE) == XML_STATUS_ERROR && !r->err) {
        r->reported = false;
        r->err = -EINVAL;
        file_say(r, "not well-formed", XML_ErrorString(XML_GetErrorCode(r->parser)));
    }
    return r->err;
}

int version_fingerprints_add(struct version_fingerprints *set, const char *xml, size_t len,
                             struct version_fingerprint_error *error)
{
    struct file_reader r = {.set = set, .error = error, .parser = XML_ParserCreate(NULL)};
    struct version_fingerprint_counts before = set->counts;

    *error = (struct version_fingerprint_error){0};
    if (!r.parser)
        return -ENOMEM;
    file_parse(&r, xml, len);
    version_fingerprint_release(&r.current);
    if (r.err) {
        while (set->counts.loaded > before.loaded)
            version_fingerprint_release(&set->items[--set->counts.loaded]);
        set->counts = before;
    }
    XML_ParserFree(r.parser);
    return r.err;
}
