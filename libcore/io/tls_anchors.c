/*
 * The system's trust anchors. They are read when a context is made, as the sandbox lets nobody do
 * so later, which is when OpenSSL would look for them; and they become certificates with the first
 * connection, as that takes longer than a run without TLS.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "io/tls_internal.h"

#define ANCHORS_FILE_MAX (16 * 1024 * 1024) /* bytes; the usual bundle has 0.2 million */

struct tls_anchors {
    struct tls_anchors *next; /* owned */
    unsigned long hash;       /* of the subject, by the name of a directory's file */
    bool hashed;
    size_t len;
    char text[]; /* PEM */
};

/* As `openssl rehash` names what is in a directory: "4a6481c9.0". */
static bool anchors_hash(const char *name, unsigned long *hash)
{
    char *end;

    if (strspn(name, "0123456789abcdef") != 8 || name[8] != '.' || !name[9] ||
        name[9 + strspn(name + 9, "0123456789")])
        return false;
    *hash = strtoul(name, &end, 16);
    return true;
}

static size_t anchors_fill(int fd, char *text, size_t size)
{
    size_t len = 0;
    ssize_t got;

    while (len < size && (got = read(fd, text + len, size - len)) > 0)
        len += (size_t)got;
    return len;
}

/* What cannot be read is no anchor. */
static struct tls_anchors *anchors_read(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct tls_anchors *file = NULL;
    struct stat status;

    if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
        status.st_size <= ANCHORS_FILE_MAX)
        file = calloc(1, sizeof(*file) + (size_t)status.st_size);
    if (file)
        file->len = anchors_fill(fd, file->text, (size_t)status.st_size);
    if (fd >= 0)
        close(fd);
    return file;
}

static void anchors_read_directory(struct tls_anchors **end, const char *path)
{
    DIR *directory = opendir(path);
    char file[PATH_MAX];
    struct dirent *entry;
    unsigned long hash;

    while (directory && (entry = readdir(directory))) {
        if (!anchors_hash(entry->d_name, &hash) ||
            strlen(path) + 1 + strlen(entry->d_name) >= sizeof(file))
            continue;
        text_format(file, sizeof(file), "%s/%s", path, entry->d_name);
        *end = anchors_read(file);
        if (!*end)
            continue;
        (*end)->hash = hash;
        (*end)->hashed = true;
        end = &(*end)->next;
    }
    if (directory)
        closedir(directory);
}

struct tls_anchors *tls_anchors_read(void)
{
    const char *file = secure_getenv(X509_get_default_cert_file_env());
    const char *directory = secure_getenv(X509_get_default_cert_dir_env());
    struct tls_anchors *first = anchors_read(file ? file : X509_get_default_cert_file());

    anchors_read_directory(first ? &first->next : &first,
                           directory ? directory : X509_get_default_cert_dir());
    return first;
}

void tls_anchors_free(struct tls_anchors *anchors)
{
    while (anchors) {
        struct tls_anchors *next = anchors->next;

        free(anchors);
        anchors = next;
    }
}

/* The hashes of the subjects that are there; 0 at the end. */
static unsigned long *anchors_hashes(X509_STORE *store)
{
    const STACK_OF(X509_OBJECT) *there = X509_STORE_get0_objects(store);
    unsigned long *hashes = calloc((size_t)sk_X509_OBJECT_num(there) + 1, sizeof(*hashes));
    size_t n = 0;

    for (int i = 0; hashes && i < sk_X509_OBJECT_num(there); i++) {
        X509 *anchor = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(there, i));

        if (anchor)
            hashes[n++] = X509_subject_name_hash(anchor);
    }
    return hashes;
}

static bool anchors_has(const unsigned long *hashes, unsigned long hash)
{
    for (; hashes && *hashes; hashes++)
        if (*hashes == hash)
            return true;
    return false;
}

static void anchors_add(X509_STORE *store, const struct tls_anchors *file)
{
    BIO *in = BIO_new_mem_buf(file->text, (int)file->len);
    STACK_OF(X509_INFO) *found = in ? PEM_X509_INFO_read_bio(in, NULL, NULL, NULL) : NULL;

    for (int i = 0; i < sk_X509_INFO_num(found); i++) {
        const X509_INFO *info = sk_X509_INFO_value(found, i);

        if (info->x509)
            X509_STORE_add_cert(store, info->x509);
        if (info->crl)
            X509_STORE_add_crl(store, info->crl);
    }
    sk_X509_INFO_pop_free(found, X509_INFO_free);
    BIO_free(in);
}

/* Most of a directory is in the file as well, and not decoded again. */
void tls_anchors_trust(const struct tls_anchors *anchors, X509_STORE *store)
{
    unsigned long *hashes = NULL;

    for (; anchors; anchors = anchors->next) {
        if (anchors->hashed && !hashes)
            hashes = anchors_hashes(store);
        if (!anchors->hashed || !anchors_has(hashes, anchors->hash))
            anchors_add(store, anchors);
    }
    free(hashes);
}
