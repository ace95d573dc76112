#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cursor.h"
#include "tests/unit/guard.h"

#include <string.h>

static const uint8_t bytes[] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0xfe};

static void test_byte_orders(void **state)
{
    struct cursor c = cursor_init(bytes, sizeof(bytes));

    (void)state;
    assert_int_equal(cursor_u64(&c), UINT64_C(0x0123456789abcdef));
    assert_int_equal(cursor_u8(&c), 0xfe);
    cursor_seek(&c, 0);
    assert_int_equal(cursor_u16(&c), 0x0123);
    assert_int_equal(cursor_u24(&c), 0x456789);
    assert_int_equal(cursor_u32(&c), 0xabcdeffe);
    cursor_seek(&c, 1);
    assert_int_equal(cursor_u16le(&c), 0x4523);
    assert_int_equal(cursor_u32le(&c), 0xcdab8967);
    cursor_seek(&c, 0);
    uint32_t host;
    memcpy(&host, bytes, sizeof(host));
    assert_int_equal(cursor_u32host(&c), host);
    assert_false(c.failed);
}

/* At every length, reading past the end gives zero, moves to the end and stays failed. */
static void test_failure_is_sticky(void **state)
{
    (void)state;
    for (size_t len = 0; len < 8; len++) {
        const uint8_t *copy = guard_copy(bytes, len);
        struct cursor c = cursor_init(copy, len);
        assert_int_equal(cursor_u64(&c), 0);
        assert_true(c.failed);
        assert_int_equal(cursor_left(&c), 0);
        cursor_seek(&c, 0);
        assert_int_equal(cursor_u8(&c), 0);
        assert_null(cursor_bytes(&c, 0));
        guard_release(copy);
    }
}

static void test_huge_lengths_do_not_wrap(void **state)
{
    struct cursor c = cursor_init(bytes, sizeof(bytes));

    (void)state;
    cursor_u8(&c);
    assert_null(cursor_bytes(&c, SIZE_MAX));
    assert_true(c.failed);
    c = cursor_init(bytes, sizeof(bytes));
    cursor_seek(&c, sizeof(bytes));
    assert_false(c.failed);
    cursor_seek(&c, sizeof(bytes) + 1);
    assert_true(c.failed);
}

static void test_sub_cursor_is_confined(void **state)
{
    struct cursor c = cursor_init(bytes, sizeof(bytes));
    struct cursor sub = cursor_sub(&c, 2);

    (void)state;
    assert_int_equal(cursor_u32(&sub), 0);
    assert_true(sub.failed);
    assert_false(c.failed);
    assert_int_equal(cursor_u8(&c), 0x45);
    struct cursor rest = cursor_rest(&c);
    assert_int_equal(cursor_left(&rest), 6);
    assert_int_equal(cursor_left(&c), 0);
    sub = cursor_sub(&c, 1);
    assert_true(sub.failed && c.failed);
    assert_int_equal(sub.len, 0);
}

static void test_copy_zeroes_on_failure(void **state)
{
    uint8_t out[4] = {9, 9, 9, 9};
    struct cursor c = cursor_init(bytes, 3);

    (void)state;
    cursor_copy(&c, out, 4);
    assert_memory_equal(out, "\0\0\0\0", 4);
    c = cursor_init(NULL, 0);
    cursor_skip(&c, 0);
    cursor_copy(&c, out, 0);
    assert_false(c.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_byte_orders),
        cmocka_unit_test(test_failure_is_sticky),
        cmocka_unit_test(test_huge_lengths_do_not_wrap),
        cmocka_unit_test(test_sub_cursor_is_confined),
        cmocka_unit_test(test_copy_zeroes_on_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
