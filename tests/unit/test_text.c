#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"
#include "tests/unit/guard.h"

#include <string.h>

struct text_row {
    const char *in, *out;
};

static void test_escapes(void **state)
{
    static const struct text_row rows[] = {
        {"nginx/1.23.3",               "nginx/1.23.3"              },
        {"a\\b",                       "a\\\\b"                    },
        {"a\nb\tc\rd",                 "a\\x0ab\\x09c\\x0dd"       },
        {"\033[2J",                    "\\x1b[2J"                  },
        {"\177",                       "\\x7f"                     },
        {"\x9b",                       "\\x9b"                     }, /* a raw C1 CSI */
        {"\xc2\x9b",                   "\\xc2\\x9b"                }, /* the same as UTF-8 */
        {"M\xc3\xbcller \xe2\x82\xac", "M\xc3\xbcller \xe2\x82\xac"},
        {"\xf0\x9f\x98\x80",           "\xf0\x9f\x98\x80"          },
        {"\xe2\x80\xae"
         "txt",               "\\xe2\\x80\\xaetxt"        }, /* right-to-left override */
        {"a\xe2\x80\x8b"
         "b",                 "a\\xe2\\x80\\x8b"
         "b"                                 }, /* zero width space */
        {"\xef\xbb\xbf",               "\\xef\\xbb\\xbf"           }, /* byte order mark */
        {"\xc0\xaf",                   "\\xc0\\xaf"                }, /* overlong slash */
        {"\xed\xa0\x80",               "\\xed\\xa0\\x80"           }, /* surrogate */
        {"\xf4\x90\x80\x80",           "\\xf4\\x90\\x80\\x80"      }, /* over U+10FFFF */
        {"\xe2\x82",                   "\\xe2\\x82"                }, /* cut */
        {"\xf3\xa0\x81\x81",           "\\xf3\\xa0\\x81\\x81"      }, /* tag character */
    };
    char out[128];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const uint8_t *in = guard_copy(rows[i].in, strlen(rows[i].in));
        size_t len = text_escape(out, sizeof(out), in, strlen(rows[i].in));
        assert_string_equal(out, rows[i].out);
        assert_int_equal(len, strlen(rows[i].out));
        assert_int_equal(text_is_safe(in, strlen(rows[i].in)), !strcmp(rows[i].in, rows[i].out));
        guard_release(in);
    }
}

static void test_nul_is_a_byte_like_others(void **state)
{
    char out[32];

    (void)state;
    assert_int_equal(text_escape(out, sizeof(out), "a\0b", 3), 6);
    assert_string_equal(out, "a\\x00b");
}

/* A cut falls between characters: the escape or the UTF-8 sequence is whole or absent. */
static void test_cut_at_whole_characters(void **state)
{
    static const char *const expected[] = {"",
                                           "a",
                                           "a",
                                           "a",
                                           "a\xe2\x82\xac",
                                           "a\xe2\x82\xac",
                                           "a\xe2\x82\xac",
                                           "a\xe2\x82\xac",
                                           "a\xe2\x82\xac\\x01",
                                           "a\xe2\x82\xac\\x01z"};
    char out[16];

    (void)state;
    for (size_t size = 1; size <= 10; size++) {
        memset(out, 'X', sizeof(out));
        assert_int_equal(text_escape(out, size, "a\xe2\x82\xac\001z", 6), 9);
        assert_string_equal(out, expected[size - 1]);
        assert_int_equal(out[size], 'X');
    }
    assert_int_equal(text_escape(NULL, 0, "\n", 1), 4);
}

static void test_nothing_follows_a_piece_that_did_not_fit(void **state)
{
    char out[4];

    (void)state;
    assert_int_equal(text_escape(out, sizeof(out), "a\nb", 3), 6);
    assert_string_equal(out, "a");
}

static void test_columns(void **state)
{
    (void)state;
    assert_int_equal(text_columns(""), 0);
    assert_int_equal(text_columns("M\xc3\xbcller"), 6);
    assert_int_equal(text_columns("Mu\xcc\x88ller"), 6);
}

/* What was escaped reads back; what is no escape stays. */
static void test_unescape(void **state)
{
    static const uint8_t bytes[] = "a\\b\0\033[2J\xc2\x9b\\x41";
    static const struct text_row rows[] = {
        {"\\x4", "\\x4"}, {"\\x4g", "\\x4g"}, {"\\n", "\\n"}, {"\\", "\\"}, {"\\x4A\\x4a", "JJ"},
    };
    char escaped[TEXT_ESCAPED_SIZE(sizeof(bytes))], out[TEXT_ESCAPED_SIZE(sizeof(bytes))];
    size_t len = text_escape(escaped, sizeof(escaped), bytes, sizeof(bytes));

    (void)state;
    assert_int_equal(text_unescape(out, escaped, len), sizeof(bytes));
    assert_memory_equal(out, bytes, sizeof(bytes));
    assert_int_equal(text_unescape(escaped, escaped, len), sizeof(bytes)); /* in place */
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const uint8_t *in = guard_copy(rows[i].in, strlen(rows[i].in));

        assert_int_equal(text_unescape(out, (const char *)in, strlen(rows[i].in)),
                         strlen(rows[i].out));
        assert_memory_equal(out, rows[i].out, strlen(rows[i].out));
        guard_release(in);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_nul_is_a_byte_like_others),
        cmocka_unit_test(test_cut_at_whole_characters),
        cmocka_unit_test(test_nothing_follows_a_piece_that_did_not_fit),
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_unescape),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
