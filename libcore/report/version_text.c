#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "report/version.h"

#define VERSION_SHOWN 80 /* bytes of a version that are repeated */

static const char *version_relation(enum version_order order)
{
    static const char *const relations[] = {
        [VERSION_LT] = "is older than",
        [VERSION_EQ] = "is the same as",
        [VERSION_GT] = "is newer than",
        [VERSION_UNKNOWN] = "cannot be compared with",
        [VERSION_INCOMPARABLE] = "cannot be compared with",
    };

    return relations[order];
}

static void version_show(char *out, size_t size, const char *text)
{
    text_escape(out, size, text, strnlen(text, VERSION_SHOWN));
}

/* The answer first, alone before a colon, for scripts. */
int report_version_comparison_text(FILE *out, const struct report_version_comparison *comparison)
{
    const struct version_answer *answer = &comparison->answer;
    char a[TEXT_ESCAPED_SIZE(VERSION_SHOWN)], b[TEXT_ESCAPED_SIZE(VERSION_SHOWN)];
    bool has_scheme = answer->scheme != VERSION_AUTO;

    version_show(a, sizeof(a), comparison->a);
    version_show(b, sizeof(b), comparison->b);
    errno = 0;
    fprintf(out, "%s: \"%s\" %s \"%s\"", version_order_name(answer->order), a,
            version_relation(answer->order), b);
    if (has_scheme)
        fprintf(out, " (%s)", version_scheme_names[answer->scheme]);
    if (answer->reason)
        fprintf(out, ": %s", answer->reason);
    if (answer->distro_build)
        fputs("; distro build, a lower bound", out);
    return fputc('\n', out) == EOF || ferror(out) ? -(errno ? errno : EIO) : 0;
}
