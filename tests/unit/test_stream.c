#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/stream.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* gzip 1.12 -9n and zstd 1.5.4 -19 of "netdx" */
static const uint8_t gzip[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02,
                               0x03, 0xcb, 0x4b, 0x2d, 0x49, 0xa9, 0x00, 0x00, 0x21,
                               0xae, 0x6f, 0xe0, 0x05, 0x00, 0x00, 0x00};
static const uint8_t zstd[] = {0x28, 0xb5, 0x2f, 0xfd, 0x04, 0x68, 0x29, 0x00, 0x00,
                               0x6e, 0x65, 0x74, 0x64, 0x78, 0x77, 0xf4, 0x00, 0x42};

static struct stream *open_bytes(const void *bytes, size_t len)
{
    struct stream *s = NULL;
    int fd = memfd_create("stream", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), (ssize_t)len);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    assert_int_equal(stream_new(fd, &s), 0);
    return s;
}

/* All of it, `step` bytes at a time; the last answer is returned. */
static ssize_t read_all(struct stream *s, char *out, size_t size, size_t step)
{
    size_t len = 0;
    ssize_t n = 1;

    while (n > 0 && len + step < size) {
        n = stream_read(s, out + len, step);
        len += n > 0 ? (size_t)n : 0;
    }
    out[len] = '\0';
    return n;
}

static void check(const void *bytes, size_t len, const char *text, const char *packing)
{
    char out[256];

    for (size_t step = 1; step < 16; step++) {
        struct stream *s = open_bytes(bytes, len);

        assert_int_equal(read_all(s, out, sizeof(out), step), 0);
        assert_string_equal(out, text);
        assert_int_equal(stream_read(s, out, 1), 0);
        assert_string_equal(stream_error(s), "");
        if (packing)
            assert_string_equal(stream_packing(s), packing);
        else
            assert_null(stream_packing(s));
        stream_free(s);
    }
}

static void test_plain(void **state)
{
    (void)state;
    check("", 0, "", NULL);
    check("\x1f", 1, "\x1f", NULL);
    check("plain text", 10, "plain text", NULL);
}

static void test_packed(void **state)
{
    (void)state;
    check(gzip, sizeof(gzip), "netdx", "gzip");
    check(zstd, sizeof(zstd), "netdx", "zstd");
}

/* As `cat a.gz b.gz` makes it; the padding that tapes leave behind is nothing. */
static void test_members(void **state)
{
    uint8_t twice[2 * sizeof(gzip) + 8] = {0}, frames[2 * sizeof(zstd)];

    (void)state;
    memcpy(twice, gzip, sizeof(gzip));
    memcpy(twice + sizeof(gzip), gzip, sizeof(gzip));
    check(twice, 2 * sizeof(gzip), "netdxnetdx", "gzip");
    check(twice, sizeof(twice), "netdxnetdx", "gzip");
    memcpy(frames, zstd, sizeof(zstd));
    memcpy(frames + sizeof(zstd), zstd, sizeof(zstd));
    check(frames, sizeof(frames), "netdxnetdx", "zstd");
}

/* A member that unpacks to nothing is no reason to go round in circles. */
static void test_empty_members(void **state)
{
    static const uint8_t empty[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03,
                                    0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00};
    uint8_t both[sizeof(empty) + sizeof(gzip)];

    (void)state;
    check(empty, sizeof(empty), "", "gzip");
    memcpy(both, empty, sizeof(empty));
    memcpy(both + sizeof(empty), gzip, sizeof(gzip));
    check(both, sizeof(both), "netdx", "gzip");
}

static void check_cuts(const uint8_t *bytes, size_t len, size_t magic, const char *name)
{
    char out[64];

    for (size_t cut = magic; cut < len; cut++) {
        struct stream *s = open_bytes(bytes, cut);

        assert_int_equal(read_all(s, out, sizeof(out), 16), -EPROTO);
        assert_non_null(strstr(stream_error(s), name));
        assert_non_null(strstr(stream_error(s), "ends too early"));
        assert_int_equal(stream_read(s, out, 1), -EPROTO);
        stream_free(s);
    }
}

static void test_cut(void **state)
{
    (void)state;
    check_cuts(gzip, sizeof(gzip), 2, "gzip");
    check_cuts(zstd, sizeof(zstd), 4, "zstd");
}

/* Every byte changed: an error, or (in fields that nothing depends on) the same text. */
static void check_damage(const uint8_t *bytes, size_t len, size_t magic)
{
    uint8_t copy[64];
    char out[4096];
    int errors = 0;

    for (size_t at = magic; at < len; at++) {
        for (int flip = 1; flip < 256; flip++) {
            memcpy(copy, bytes, len);
            copy[at] ^= (uint8_t)flip;
            struct stream *s = open_bytes(copy, len);
            ssize_t end = read_all(s, out, sizeof(out), 512);
            assert_true(end == 0 || end == -EPROTO);
            assert_int_equal(end < 0, *stream_error(s) != '\0');
            errors += end < 0;
            stream_free(s);
        }
    }
    assert_true(errors > (int)len * 100);
}

static void test_damaged(void **state)
{
    (void)state;
    check_damage(gzip, sizeof(gzip), 2);
    check_damage(zstd, sizeof(zstd), 4);
}

static void test_read_error(void **state)
{
    struct stream *s = NULL;
    char byte;

    (void)state;
    assert_int_equal(stream_new(-1, &s), 0);
    assert_int_equal(stream_read(s, &byte, 1), -EBADF);
    assert_int_equal(stream_read(s, &byte, 1), -EBADF);
    assert_true(strlen(stream_error(s)) > 0);
    stream_free(s);
    stream_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),      cmocka_unit_test(test_packed),
        cmocka_unit_test(test_members),    cmocka_unit_test(test_empty_members),
        cmocka_unit_test(test_cut),        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_read_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
