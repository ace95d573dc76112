/* What distributions and vendors append to the versions of others. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "engine/version_internal.h"
#include "engine/version_order.h"

enum split_rule {
    SPLIT_ANYWHERE,
    SPLIT_WORD,   /* no letter before it */
    SPLIT_NUMBER, /* no letter before it, a digit behind it */
    SPLIT_FIRST,  /* the tail begins with it */
};

static const struct split_mark {
    const char *text;
    enum split_rule rule;
    enum version_packager packager;
} split_marks[] = {
    {"ubuntu", SPLIT_ANYWHERE, VERSION_PACKAGED_DEB},
    {"debian", SPLIT_ANYWHERE, VERSION_PACKAGED_DEB},
    {"raspbian", SPLIT_ANYWHERE, VERSION_PACKAGED_DEB},
    {"deb", SPLIT_NUMBER, VERSION_PACKAGED_DEB},
    {"deb.sury.org", SPLIT_WORD, VERSION_PACKAGED_DEB},
    {"dfsg", SPLIT_WORD, VERSION_PACKAGED_DEB},
    {"bpo", SPLIT_NUMBER, VERSION_PACKAGED_DEB},
    {"sarge", SPLIT_WORD, VERSION_PACKAGED_DEB},
    {"etch", SPLIT_WORD, VERSION_PACKAGED_DEB},
    {"lenny", SPLIT_WORD, VERSION_PACKAGED_DEB},
    {"squeeze", SPLIT_WORD, VERSION_PACKAGED_DEB},
    {"wheezy", SPLIT_WORD, VERSION_PACKAGED_DEB},
    {"jessie", SPLIT_WORD, VERSION_PACKAGED_DEB},
    {"stretch", SPLIT_WORD, VERSION_PACKAGED_DEB},
    {"buster", SPLIT_WORD, VERSION_PACKAGED_DEB},
    {"bullseye", SPLIT_WORD, VERSION_PACKAGED_DEB},
    {"bookworm", SPLIT_WORD, VERSION_PACKAGED_DEB},
    {"el", SPLIT_NUMBER, VERSION_PACKAGED_RPM},
    {"fc", SPLIT_NUMBER, VERSION_PACKAGED_RPM},
    {"amzn", SPLIT_NUMBER, VERSION_PACKAGED_RPM},
    {"redhat", SPLIT_WORD, VERSION_PACKAGED_RPM},
    {"rh", SPLIT_FIRST, VERSION_PACKAGED_RPM},
    {"fedora", SPLIT_WORD, VERSION_PACKAGED_RPM},
    {"centos", SPLIT_WORD, VERSION_PACKAGED_RPM},
    {"suse", SPLIT_ANYWHERE, VERSION_PACKAGED_RPM},
    {"mdk", SPLIT_ANYWHERE, VERSION_PACKAGED_RPM},
    {"mdv", SPLIT_ANYWHERE, VERSION_PACKAGED_RPM},
    {"mga", SPLIT_NUMBER, VERSION_PACKAGED_RPM},
    {"hpn", SPLIT_FIRST, VERSION_PACKAGED_OTHER}, /* the HPN patches to OpenSSH */
    {"freebsd", SPLIT_FIRST, VERSION_PACKAGED_OTHER},
    {"netbsd", SPLIT_FIRST, VERSION_PACKAGED_OTHER},
    {"gke.", SPLIT_FIRST, VERSION_PACKAGED_OTHER},
    {"eks-", SPLIT_FIRST, VERSION_PACKAGED_OTHER},
    {"aliyun.", SPLIT_FIRST, VERSION_PACKAGED_OTHER},
    {"tke.", SPLIT_FIRST, VERSION_PACKAGED_OTHER},
};

#define SPLIT_MARKS (sizeof(split_marks) / sizeof(split_marks[0]))

static bool split_is_marked(const char *tail, const struct split_mark *mark)
{
    size_t len = strlen(mark->text);

    for (const char *at = tail; (at = strcasestr(at, mark->text)); at++) {
        bool first = at == tail, word = first || !version_is_letter(at[-1]);
        bool ends = !version_is_letter(at[len - 1]) || !version_is_letter(at[len]);

        if (mark->rule == SPLIT_ANYWHERE || (mark->rule == SPLIT_WORD && word) ||
            (mark->rule == SPLIT_NUMBER && word && version_is_digit(at[len])) ||
            (mark->rule == SPLIT_FIRST && first && ends))
            return true;
    }
    return false;
}

static enum version_packager split_packager(const char *tail)
{
    for (size_t i = 0; i < SPLIT_MARKS; i++)
        if (split_is_marked(tail, &split_marks[i]))
            return split_marks[i].packager;
    return VERSION_UPSTREAM;
}

/* An epoch belongs to the package, not to upstream: "1:9.2p1-2+deb12u3". */
static const char *split_epoch(const char *text)
{
    size_t digits = strspn(text, "0123456789");

    return digits && text[digits] == ':' ? text + digits + 1 : text;
}

int version_split(const char *text, struct version_parts *parts)
{
    const char *start = split_epoch(text);
    size_t len = strlen(text);

    if (len >= VERSION_TEXT_SIZE)
        return -ENAMETOOLONG;
    *parts = (struct version_parts){.packager = VERSION_UPSTREAM};
    for (const char *at = start; *(at += strcspn(at, "-+~_ ")); at++) {
        if (at == start || version_suffix_is_prerelease(at))
            continue;
        parts->packager = split_packager(at + 1);
        if (!parts->packager)
            continue;
        memcpy(parts->upstream, start, (size_t)(at - start));
        strncpy(parts->tail, at + 1, sizeof(parts->tail) - 1);
        return 0;
    }
    memcpy(parts->upstream, text, len);
    return 0;
}

bool version_names_distro(const char *comment)
{
    static const char *const names[] = {
        "debian",     "ubuntu",    "raspbian",  "red hat",  "red-hat",      "redhat",
        "centos",     "fedora",    "rocky",     "alma",     "oracle linux", "scientific linux",
        "amazon",     "suse",      "mandrake",  "mandriva", "mageia",       "gentoo",
        "alpine",     "conectiva", "pld/linux", "trustix",  "openeuler",    "unitedlinux",
        "cloudlinux", "almalinux",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcasestr(comment, names[i]))
            return true;
    return false;
}
